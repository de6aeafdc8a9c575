import { SEG_FLAT, SEG_FS, SEG_GS } from '../layout.js';
import { PREFIXES, SIZE_66, SIZE_PLAIN, SIZE_W, encodingsOf, type Encoding } from './encoding.js';
import {
  STRING_ADDRESS_32,
  STRING_REP,
  STRING_REPNE,
  STRING_SOURCE,
  formsOf,
  immediateBytes,
  knownForms,
} from './forms.js';
import type { Form, Insn, Operand } from './insn.js';
import { cursor, readStringSource, readerOf, type Reader } from './operands.js';
import { MAPS, MAP_0F, MAP_0F38, MAP_0F3A, MAP_PRIMARY, TABLE } from './table.js';

/** No instruction: #UD. */
export const DECODE_INVALID = -1;
/** Bytes from `end` on are needed. */
export const DECODE_TRUNCATED = -2;
/** Longer than 15 bytes: #GP. */
export const DECODE_TOO_LONG = -3;
export const MAX_INSN_LENGTH = 15;

/** An encoding for one operand size, with a register or memory by r/m. */
interface Variant {
  readonly readers: readonly Reader[];
  readonly forms: readonly (Form | undefined)[];
  readonly immediateBytes: number;
  readonly encoding: Encoding;
  readonly hidden: boolean;
}

/** An encoding's variants, at size * 2 + mod (0 memory, 1 register). */
type Variants = readonly (Variant | undefined)[];

/**
 * Where an opcode's encodings lie: cells from `base` on, as many as the fields that matter to it span. A field that
 * does not matter has stride 0.
 */
interface Dispatch {
  readonly modrm: boolean;
  readonly cells: readonly (Variants | undefined)[];
  readonly prefixStride: number;
  readonly regStride: number;
  readonly modStride: number;
  readonly rmStride: number;
  readonly wStride: number;
  readonly bStride: number;
}

function variantOf(encoding: Encoding, size: number, memory: boolean): Variant {
  return {
    readers: encoding.operands.map((pattern) => readerOf(pattern, size, memory)),
    forms: formsOf(encoding, size, memory),
    immediateBytes: immediateBytes(encoding, size),
    encoding,
    hidden: encoding.operands.some((pattern) => pattern.hidden),
  };
}

function variantsOf(encoding: Encoding): Variants {
  const variants: (Variant | undefined)[] = [];
  for (const size of [SIZE_PLAIN, SIZE_66, SIZE_W]) {
    if (encoding.w === 0 && size === SIZE_W) continue;
    if (encoding.w === 1 && size !== SIZE_W) continue;
    for (const mod of [0, 1]) {
      if (encoding.mod === 1 - mod || (!encoding.modrm && mod === 0)) continue;
      variants[size * 2 + mod] = variantOf(encoding, size, encoding.modrm && mod === 0);
    }
  }
  return variants;
}

/** The fields of a cell, in the order of the strides. */
interface Fields {
  prefix: number;
  reg: number;
  mod: number;
  rm: number;
  w: number;
  b: number;
}

const accepts = (wanted: number, value: number) => wanted < 0 || wanted === value;

function matches(encoding: Encoding, fields: Fields): boolean {
  return (
    accepts(encoding.reg, fields.reg) &&
    accepts(encoding.mod, fields.mod) &&
    accepts(encoding.rm, fields.rm) &&
    accepts(encoding.w, fields.w) &&
    accepts(encoding.b, fields.b)
  );
}

/** The first encoding that asks for the very prefix, else the first that takes any. */
function choose(encodings: readonly Encoding[], fields: Fields): Encoding | undefined {
  const prefix = PREFIXES[fields.prefix];
  const fitting = encodings.filter((encoding) => matches(encoding, fields));
  return (
    fitting.find((encoding) => encoding.prefix === prefix) ??
    fitting.find((encoding) => encoding.prefix === null)
  );
}

function dispatchOf(encodings: readonly Encoding[], variants: Map<Encoding, Variants>): Dispatch {
  const counts: Fields = {
    prefix: encodings.some((e) => e.prefix !== null) ? PREFIXES.length : 1,
    reg: encodings.some((e) => e.reg >= 0) ? 8 : 1,
    mod: encodings.some((e) => e.mod >= 0) ? 2 : 1,
    rm: encodings.some((e) => e.rm >= 0) ? 8 : 1,
    w: encodings.some((e) => e.w >= 0) ? 2 : 1,
    b: encodings.some((e) => e.b >= 0) ? 2 : 1,
  };
  const cells: (Variants | undefined)[] = [];
  const fields: Fields = { prefix: 0, reg: 0, mod: 0, rm: 0, w: 0, b: 0 };
  const strides: Fields = { ...fields };
  const names = ['b', 'w', 'rm', 'mod', 'reg', 'prefix'] as const;
  let total = 1;
  for (const name of names) {
    strides[name] = counts[name] === 1 ? 0 : total;
    total *= counts[name];
  }
  for (let cell = 0; cell < total; cell++) {
    for (const name of names)
      fields[name] = strides[name] === 0 ? 0 : Math.floor(cell / strides[name]) % counts[name];
    const encoding = choose(encodings, fields);
    cells.push(encoding === undefined ? undefined : variants.get(encoding));
  }
  return {
    modrm: encodings[0].modrm,
    cells,
    prefixStride: strides.prefix,
    regStride: strides.reg,
    modStride: strides.mod,
    rmStride: strides.rm,
    wStride: strides.w,
    bStride: strides.b,
  };
}

/** Dispatches by map * 256 + opcode. */
function compile(): readonly (Dispatch | undefined)[] {
  const dispatches: (Dispatch | undefined)[] = new Array<undefined>(MAPS * 256).fill(undefined);
  TABLE.forEach((rows, map) => {
    const byOpcode = new Map<number, Encoding[]>();
    const variants = new Map<Encoding, Variants>();
    for (const encoding of rows.flatMap(encodingsOf)) {
      variants.set(encoding, variantsOf(encoding));
      for (const opcode of encoding.opcodes) {
        const list = byOpcode.get(opcode);
        if (list === undefined) byOpcode.set(opcode, [encoding]);
        else list.push(encoding);
      }
    }
    for (const [opcode, list] of byOpcode) dispatches[map * 256 + opcode] = dispatchOf(list, variants);
  });
  return dispatches;
}

const DISPATCHES = compile();

/** Every form that `decode` can return, by its id. */
export function allForms(): readonly Form[] {
  return knownForms();
}

/** What a byte does in front of an opcode. */
const NOT_PREFIX = 0;
const IS_REX = 1;
const IS_IGNORED = 2;
const IS_LOCK = 3;
const IS_REP = 4;
const IS_66 = 5;
const IS_67 = 6;
const IS_SEGMENT = 7;
const PREFIX_KIND = new Uint8Array(256);
PREFIX_KIND.fill(IS_REX, 0x40, 0x50);
for (const byte of [0x26, 0x2e, 0x36, 0x3e]) PREFIX_KIND[byte] = IS_IGNORED;
PREFIX_KIND[0xf0] = IS_LOCK;
PREFIX_KIND[0xf2] = PREFIX_KIND[0xf3] = IS_REP;
PREFIX_KIND[0x66] = IS_66;
PREFIX_KIND[0x67] = IS_67;
PREFIX_KIND[0x64] = PREFIX_KIND[0x65] = IS_SEGMENT;

/** Prefixes of the instruction being decoded, beyond those that the cursor holds. */
let $lock = false;
let $rep = 0;
let $has66 = false;

/** Reads all prefixes and gives the first byte that is none. REX counts only right before the opcode. */
function readPrefixes(): number {
  $lock = $has66 = false;
  $rep = 0;
  cursor.rex = 0;
  cursor.hasRex = false;
  cursor.segment = SEG_FLAT;
  cursor.address32 = false;
  for (;;) {
    const byte = cursor.byte();
    const kind = PREFIX_KIND[byte];
    if (kind === NOT_PREFIX) return byte;
    cursor.hasRex = kind === IS_REX;
    cursor.rex = kind === IS_REX ? byte & 15 : 0;
    if (kind === IS_LOCK) $lock = true;
    else if (kind === IS_REP) $rep = byte;
    else if (kind === IS_66) $has66 = true;
    else if (kind === IS_67) cursor.address32 = true;
    else if (kind === IS_SEGMENT) cursor.segment = byte === 0x64 ? SEG_FS : SEG_GS;
  }
}

/** Reads the rest of the opcode; map * 256 + opcode. */
function readOpcode(first: number): number {
  if (first !== 0x0f) return MAP_PRIMARY * 256 + first;
  const second = cursor.byte();
  if (second === 0x38) return MAP_0F38 * 256 + cursor.byte();
  if (second === 0x3a) return MAP_0F3A * 256 + cursor.byte();
  return MAP_0F * 256 + second;
}

/** Reads modrm, and the address where it means memory. */
function readModrm(): void {
  const modrm = cursor.byte();
  const mod = modrm >> 6;
  cursor.mod = mod;
  cursor.reg = ((modrm >> 3) & 7) | ((cursor.rex & 4) << 1);
  cursor.rm = (modrm & 7) | ((cursor.rex & 1) << 3);
  if (mod === 3) return;
  cursor.index = -1;
  cursor.scale = 0;
  cursor.base = cursor.rm;
  cursor.disp = 0;
  if ((modrm & 7) === 4) readSib(mod);
  else if (mod === 0 && (modrm & 7) === 5) cursor.base = RIP_RELATIVE;
  if (mod === 1) cursor.disp = (cursor.byte() << 24) >> 24;
  else if (mod === 2 || cursor.base < 0) cursor.disp = cursor.dword();
}

/** A base that is resolved before the operand is made. */
const RIP_RELATIVE = -2;

function readSib(mod: number): void {
  const sib = cursor.byte();
  const index = ((sib >> 3) & 7) | ((cursor.rex & 2) << 2);
  if (index !== 4) {
    cursor.index = index;
    cursor.scale = sib >> 6;
  }
  cursor.base = (sib & 7) === 5 && mod === 0 ? -1 : (sib & 7) | ((cursor.rex & 1) << 3);
}

function findVariant(dispatch: Dispatch): Variant | undefined {
  const prefix = $rep === 0xf3 ? 2 : $rep === 0xf2 ? 3 : $has66 ? 1 : 0;
  const w = cursor.rex >> 3;
  const mod = cursor.mod === 3 ? 1 : 0;
  const variants =
    dispatch.cells[
      prefix * dispatch.prefixStride +
        (cursor.reg & 7) * dispatch.regStride +
        mod * dispatch.modStride +
        (cursor.rm & 7) * dispatch.rmStride +
        w * dispatch.wStride +
        (cursor.rex & 1) * dispatch.bStride
    ];
  if (variants === undefined) return undefined;
  return variants[(w === 1 ? SIZE_W : $has66 ? SIZE_66 : SIZE_PLAIN) * 2 + mod];
}

function readOperands(variant: Variant): Operand[] {
  const operands: Operand[] = [];
  for (let k = 0; k < variant.readers.length; k++) operands.push(variant.readers[k]());
  return operands;
}

/** The form's place among a string instruction's, or a loop's. */
function stringIndex(encoding: Encoding): number {
  let index = cursor.address32 ? STRING_ADDRESS_32 : 0;
  if (encoding.source && cursor.segment !== SEG_FLAT) index |= STRING_SOURCE;
  if (encoding.rep === '' || $rep === 0) return index;
  return index | (encoding.rep === 'repcc' && $rep === 0xf2 ? STRING_REPNE : STRING_REP);
}

function highMask(operands: readonly Operand[]): number {
  let mask = 0;
  for (let k = 0; k < operands.length; k++) if (operands[k].kind === 'high') mask |= 1 << k;
  return mask;
}

/** What to answer when no instruction fits the bytes read, or they are not all there. */
function failure(limitIsEnd: boolean): number {
  if (cursor.pos <= cursor.limit) return DECODE_INVALID;
  return limitIsEnd ? DECODE_TRUNCATED : DECODE_TOO_LONG;
}

function finish(variant: Variant, offset: number, address: number): Insn | undefined {
  const { encoding } = variant;
  cursor.next = address + (cursor.pos - offset) + variant.immediateBytes;
  if (cursor.base === RIP_RELATIVE) {
    cursor.base = -1;
    cursor.disp += cursor.next;
  }
  let operands = readOperands(variant);
  const index = encoding.addressSizeMatters ? stringIndex(encoding) : highMask(operands);
  if (variant.hidden) operands = [];
  else if (encoding.addressSizeMatters && (index & STRING_SOURCE) !== 0) operands.push(readStringSource());
  const form = variant.forms[index];
  if (form === undefined) return undefined;
  if ($lock && !(encoding.lock && operands[0].kind === 'mem')) return undefined;
  return { form, address, length: cursor.pos - offset, operands, lock: $lock };
}

/**
 * Decodes the instruction at bytes[offset], which lies at `address` in the guest; bytes from `end` on may not be read.
 * Gives DECODE_INVALID, DECODE_TRUNCATED or DECODE_TOO_LONG where there is none. 66 before a near branch is ignored, as
 * Intel has it.
 */
export function decode(bytes: Uint8Array, offset: number, end: number, address: number): Insn | number {
  const limitIsEnd = end < offset + MAX_INSN_LENGTH;
  cursor.bytes = bytes;
  cursor.pos = offset;
  cursor.limit = limitIsEnd ? end : offset + MAX_INSN_LENGTH;
  const opcode = readOpcode(readPrefixes());
  cursor.opcode = opcode & 255;
  const dispatch = DISPATCHES[opcode];
  if (dispatch === undefined) return failure(limitIsEnd);
  cursor.mod = 3;
  cursor.reg = cursor.rm = 0;
  cursor.base = -1;
  if (dispatch.modrm) readModrm();
  const variant = findVariant(dispatch);
  if (variant === undefined) return failure(limitIsEnd);
  const insn = finish(variant, offset, address);
  return insn === undefined || cursor.pos > cursor.limit ? failure(limitIsEnd) : insn;
}
