import { SEG_FLAT, SEG_FS, SEG_GS } from '../layout.js';
import { compileAll, dispatchOf, variantAt, type Dispatch, type Variant } from './dispatch.js';
import { SIZE_66, SIZE_PLAIN, SIZE_W, type Encoding } from './encoding.js';
import { STRING_ADDRESS_32, STRING_REP, STRING_REPNE, STRING_SOURCE, knownForms } from './forms.js';
import type { Form, Insn, Operand } from './insn.js';
import { cursor, readStringSource } from './operands.js';
import { MAP_0F, MAP_0F38, MAP_0F3A, MAP_PRIMARY, MAP_VEX, MAP_VEX_256 } from './table.js';

/** No instruction: #UD. */
export const DECODE_INVALID = -1;
/** Bytes from `end` on are needed. */
export const DECODE_TRUNCATED = -2;
/** Longer than 15 bytes: #GP. */
export const DECODE_TOO_LONG = -3;
export const MAX_INSN_LENGTH = 15;

/** Every form that `decode` can return. Compiles the whole table, and so is for tests and generators. */
export function allForms(): readonly Form[] {
  compileAll();
  return knownForms();
}

/** What a byte does in front of an opcode. */
export const NOT_PREFIX = 0;
export const IS_REX = 1;
const IS_IGNORED = 2;
export const IS_LOCK = 3;
export const IS_REP = 4;
export const IS_66 = 5;
export const IS_67 = 6;
export const IS_SEGMENT = 7;
export const PREFIX_KIND = new Uint8Array(256);
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
/** VEX.pp, which counts as PREFIXES does. */
let $pp = 0;

/** Reads all prefixes and gives the first byte that is none. REX counts only right before the opcode. */
function readPrefixes(): number {
  $lock = $has66 = false;
  $rep = 0;
  cursor.rex = 0;
  cursor.hasRex = false;
  cursor.segment = SEG_FLAT;
  cursor.address32 = false;
  cursor.vvvv = -1;
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

export const VEX_3 = 0xc4;
export const VEX_2 = 0xc5;
const NO_OPCODE = -1;

/**
 * Reads what follows C4 or C5, the opcode included. The bits that extend registers are inverted; with REX, or a prefix that
 * VEX has within, it is no instruction.
 */
function readVex(first: number): number {
  if ($lock || $rep !== 0 || $has66 || cursor.hasRex) return NO_OPCODE;
  const second = cursor.byte();
  const last = first === VEX_3 ? cursor.byte() : second;
  const escape = first === VEX_3 ? second & 31 : 1;
  const extension = first === VEX_3 ? (~second >> 5) & 7 : (~second >> 5) & 4;
  cursor.hasRex = true;
  cursor.rex = extension | (first === VEX_3 ? (last >> 4) & 8 : 0);
  cursor.vvvv = (~last >> 3) & 15;
  $pp = last & 3;
  if (escape < 1 || escape > 3) return NO_OPCODE;
  return ((last & 4 ? MAP_VEX_256 : MAP_VEX) + escape - 1) * 256 + cursor.byte();
}

/** Reads the rest of the opcode; map * 256 + opcode. */
function readOpcode(first: number): number {
  if (first === VEX_2 || first === VEX_3) return readVex(first);
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
  cursor.vectorIndex = -1;
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
  cursor.vectorIndex = index;
  cursor.vectorScale = sib >> 6;
  if (index !== 4) {
    cursor.index = index;
    cursor.scale = sib >> 6;
  }
  cursor.base = (sib & 7) === 5 && mod === 0 ? -1 : (sib & 7) | ((cursor.rex & 1) << 3);
}

function findVariant(dispatch: Dispatch): Variant | undefined {
  const { strides } = dispatch;
  const prefix = cursor.vvvv >= 0 ? $pp : $rep === 0xf3 ? 2 : $rep === 0xf2 ? 3 : $has66 ? 1 : 0;
  const w = cursor.rex >> 3;
  const mod = cursor.mod === 3 ? 1 : 0;
  const cell =
    dispatch.cells[
      prefix * strides.prefix +
        (cursor.reg & 7) * strides.reg +
        mod * strides.mod +
        (cursor.rm & 7) * strides.rm +
        w * strides.w +
        (cursor.rex & 1) * strides.b
    ];
  return cell === undefined
    ? undefined
    : variantAt(cell, w === 1 ? SIZE_W : $has66 ? SIZE_66 : SIZE_PLAIN, mod);
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

/** A gather's index must come from a sib byte, its three registers differ, and its address have 64 bits. */
function isGather([target, memory, mask]: readonly Operand[]): boolean {
  if (target?.kind !== 'xmm' || memory?.kind !== 'vsib' || mask?.kind !== 'xmm') return false;
  const { index, addressSize } = memory;
  return index >= 0 && addressSize === 8 && new Set([target.index, index, mask.index]).size === 3;
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
  if (operands[1]?.kind === 'vsib' && !isGather(operands)) return undefined;
  const form = variant.forms[index];
  if (form === undefined) return undefined;
  if (cursor.vvvv > 0 && !encoding.vvvv) return undefined;
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
  const dispatch = dispatchOf(opcode);
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
