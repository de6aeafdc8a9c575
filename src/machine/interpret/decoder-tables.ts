import { ByteWriter } from '../wasm/bytes.js';
import { DECODER, DECODER_END, RBX } from '../layout.js';
import { NOT_PREFIX, PREFIX_KIND } from '../x86/decode.js';
import {
  FIELD_NAMES,
  dispatchOf,
  eachVariant,
  type Cell,
  type Dispatch,
  type Variant,
} from '../x86/dispatch.js';
import { FIXED, type OperandPattern } from '../x86/encoding.js';
import { STRING_REP, STRING_REPNE, STRING_SOURCE, STRING_ADDRESS_32, isMemory } from '../x86/forms.js';
import type { RegisterOperand } from '../x86/insn.js';
import { MAPS } from '../x86/table.js';
import { FLAGS_KEPT } from './handler-emitter.js';
import type { HandlerTable } from './handler-table.js';
import { flagsClass, type HandlerInfo } from './handlers.js';
import { registerField } from './record.js';

/**
 * The instruction table as the core module's decoder reads it (decoder.ts): bytes for the memory, from DECODER on. An opcode
 * leads to a cell by prefix and modrm, as in x86/dispatch.ts; the cell and the operand size to a variant; that says how the
 * operands are read and which handlers there are.
 */

/** Where each table lies in the memory. */
export interface TablePlaces {
  /** By byte, u8: 1 << kind (PREFIX_KIND), or 0. */
  readonly prefixes: number;
  /** By map * 256 + opcode, eight u16: OPCODE_*, the first cell, strides in the order of FIELD_NAMES. */
  readonly opcodes: number;
  /** u16: the cell's row; 0: no instruction. */
  readonly cells: number;
  /** Six u16, by size * 2 + mod: the variant's number. */
  readonly rows: number;
  /** u8 VARIANT_*, u8 bytes of immediates, u16 handlers (or first of `strings`), u8 readers, ended by 0. */
  readonly variants: number;
  /** u16, by STRING_* bits: handlers. */
  readonly strings: number;
  /** By handler, u8: the flags' class behind it (handlers.ts) or CLASS_KEPT; HANDLER_ENDS. */
  readonly handlers: number;
}

export const OPCODE_SIZE = 16;
export const OPCODE_KNOWN = 1;
export const OPCODE_MODRM = 2;
/** More than one cell. */
export const OPCODE_MANY = 4;
export const OPCODE_CELL = 2;
export const OPCODE_STRIDES = 4;
export const ROW_SIZE = 12;
export const VARIANT_SIZE = 10;
export const VARIANT_LOCK = 1;
export const VARIANT_STRING = 2;
export const VARIANT_SOURCE = 4;
export const VARIANT_REP = 8;
export const VARIANT_REPCC = 16;
/** VEX.vvvv need not be 1111. */
export const VARIANT_VVVV = 32;
export const VARIANT_IMMEDIATES = 1;
export const VARIANT_HANDLERS = 2;
export const VARIANT_READERS = 4;
const MOST_READERS = VARIANT_SIZE - VARIANT_READERS - 1;
const STRING_FORMS = (STRING_SOURCE | STRING_ADDRESS_32 | STRING_REP | STRING_REPNE) + 1;
export const CLASS_MASK = 15;
export const CLASS_KEPT = 15;
export const HANDLER_ENDS = 16;

export type RegisterSource = 'rm' | 'reg' | 'opcode' | 'vvvv';

/** How one operand is read. */
export type Reader =
  /** A register: where its number is, how many bits of it count, and what its field is. */
  | { readonly kind: 'register'; from: RegisterSource; mask: number; base: number; stride: number }
  /** One of the byte registers, which without REX are ah, ch, dh, bh, too. */
  | { readonly kind: 'byte'; from: RegisterSource }
  | { readonly kind: 'field'; field: number }
  /** The fourth register, by an immediate's high half. */
  | { readonly kind: 'fourth'; base: number; stride: number }
  | { readonly kind: 'memory' }
  /** Memory by a vector of indices. */
  | { readonly kind: 'vector'; base: number; stride: number }
  | { readonly kind: 'absolute' }
  | { readonly kind: 'base'; register: number }
  | { readonly kind: 'immediate'; bytes: number; signed: boolean; order: number }
  | { readonly kind: 'value'; value: number; order: number }
  | { readonly kind: 'target'; bytes: number; order: number }
  /** No operand for the record, but so many bytes. */
  | { readonly kind: 'skipped'; bytes: number };

const METHODS: Readonly<Record<string, [RegisterSource, RegisterOperand['kind'], number]>> = {
  E: ['rm', 'gpr', 15],
  R: ['rm', 'gpr', 15],
  G: ['reg', 'gpr', 15],
  Z: ['opcode', 'gpr', 15],
  W: ['rm', 'xmm', 15],
  U: ['rm', 'xmm', 15],
  V: ['reg', 'xmm', 15],
  H: ['vvvv', 'xmm', 15],
  T: ['vvvv', 'gpr', 15],
  Q: ['rm', 'mmx', 7],
  N: ['rm', 'mmx', 7],
  P: ['reg', 'mmx', 7],
  S: ['reg', 'seg', 7],
  STi: ['rm', 'st', 7],
};

/** The counterpart of readerOf (x86/operands.ts); `order`: how many immediates come before. */
function readerOf(pattern: OperandPattern, size: number, memory: boolean, order: number): Reader {
  const { method, signed } = pattern;
  const bytes = pattern.bytes[size] as number;
  if (method === 'J') return { kind: 'target', bytes, order };
  if (method === 'I') return { kind: 'immediate', bytes, signed, order };
  if (method === 'O') return { kind: 'absolute' };
  if (method === 'B') return { kind: 'base', register: RBX };
  if (isMemory(pattern, memory) && method !== 'X') return { kind: 'memory' };
  const fixed = FIXED[method];
  if (fixed?.kind === 'imm') return { kind: 'value', value: fixed.index, order };
  if (fixed !== undefined)
    return { kind: 'field', field: registerField({ kind: fixed.kind, index: fixed.index }) };
  const stride = (kind: RegisterOperand['kind']) =>
    registerField({ kind, index: 1 }) - registerField({ kind, index: 0 });
  const vectors = { base: registerField({ kind: 'xmm', index: 0 }), stride: stride('xmm') };
  if (method === 'L') return { kind: 'fourth', ...vectors };
  if (method === 'X') return { kind: 'vector', ...vectors };
  const [from, kind, mask] = METHODS[method] as (typeof METHODS)[string];
  if (kind === 'gpr' && method !== 'R' && pattern.sizes[0] === 1) return { kind: 'byte', from };
  return {
    kind: 'register',
    from,
    mask,
    base: registerField({ kind, index: 0 }),
    stride: stride(kind),
  };
}

const ORDERED = new Set(['immediate', 'value', 'target']);

/** Puts the tables together. */
export class DecoderTables {
  /** By their number in variants, less 1. */
  readonly readers: Reader[] = [];
  private readonly readerNumbers = new Map<string, number>();
  private readonly rowNumbers = new Map<Cell, number>();
  private readonly variantNumbers = new Map<string, number>();
  private readonly opcodes = new Uint16Array(MAPS * 256 * (OPCODE_SIZE / 2));
  private readonly cells: number[] = [];
  /** Row and variant 0 are none. */
  private readonly rows: number[] = new Array<number>(ROW_SIZE / 2).fill(0);
  private readonly variants: number[] = new Array<number>(VARIANT_SIZE).fill(0);
  private readonly strings: number[] = [];
  readonly bytes: Uint8Array;
  readonly places: TablePlaces;

  constructor(
    private readonly handlers: HandlerTable,
    infos: readonly HandlerInfo[],
  ) {
    for (let opcode = 0; opcode < MAPS * 256; opcode++) {
      const dispatch = dispatchOf(opcode);
      if (dispatch !== undefined) this.addOpcode(opcode, dispatch);
    }
    const writer = new ByteWriter();
    const place = (table: Iterable<number>, size: 1 | 2): number => {
      const at = DECODER + writer.length;
      for (const value of table) {
        if (!(value < 1 << (8 * size))) throw new Error(`${value} is too large for the decoder’s tables`);
        writer.u8(value);
        if (size === 2) writer.u8(value >> 8);
      }
      return at;
    };
    this.places = {
      prefixes: place([...PREFIX_KIND].map(prefixBit), 1),
      opcodes: place(this.opcodes, 2),
      cells: place(this.cells, 2),
      rows: place(this.rows, 2),
      variants: place(this.variants, 1),
      strings: place(this.strings, 2),
      handlers: place(infos.map(handlerByte), 1),
    };
    this.bytes = writer.view();
    if (this.bytes.length > DECODER_END - DECODER) throw new Error('no room for the decoder’s tables');
  }

  private addOpcode(opcode: number, { modrm, cells, strides }: Dispatch): void {
    const many = cells.length > 1 ? OPCODE_MANY : 0;
    const info = OPCODE_KNOWN | (modrm ? OPCODE_MODRM : 0) | many;
    const fields = [info, this.cells.length, ...FIELD_NAMES.map((name) => strides[name])];
    this.opcodes.set(fields, opcode * (OPCODE_SIZE / 2));
    for (const cell of cells) this.cells.push(cell === undefined ? 0 : this.rowOf(cell));
  }

  private rowOf(cell: Cell): number {
    const known = this.rowNumbers.get(cell);
    if (known !== undefined) return known;
    const number = this.rowNumbers.size + 1;
    this.rowNumbers.set(cell, number);
    const row = new Array<number>(ROW_SIZE / 2).fill(0);
    eachVariant(cell, (variant, size, mod) => {
      row[size * 2 + mod] = this.variantOf(variant, size, mod === 0 && cell.encoding.modrm);
    });
    this.rows.push(...row);
    return number;
  }

  private variantOf(variant: Variant, size: number, memory: boolean): number {
    const { encoding, immediateBytes, hidden } = variant;
    const [first] = encoding.operands;
    const lock = encoding.lock && first !== undefined && isMemory(first, memory);
    const attributes =
      (lock ? VARIANT_LOCK : 0) |
      (encoding.addressSizeMatters ? VARIANT_STRING : 0) |
      (encoding.source ? VARIANT_SOURCE : 0) |
      (encoding.rep === '' ? 0 : VARIANT_REP) |
      (encoding.rep === 'repcc' ? VARIANT_REPCC : 0) |
      (encoding.vvvv ? VARIANT_VVVV : 0);
    const readers = this.readersOf(encoding.operands, size, memory, hidden);
    if (readers.length > MOST_READERS) throw new Error(`${encoding.mnemonic} has too many operands`);
    const handlers = encoding.addressSizeMatters ? this.stringHandlers(variant) : this.plainHandlers(variant);
    const fields = [attributes, immediateBytes, handlers & 255, handlers >> 8, ...readers];
    const key = fields.join();
    const known = this.variantNumbers.get(key);
    if (known !== undefined) return known;
    while (fields.length < VARIANT_SIZE) fields.push(0);
    this.variants.push(...fields);
    this.variantNumbers.set(key, this.variantNumbers.size + 1);
    return this.variantNumbers.size;
  }

  private readersOf(
    patterns: readonly OperandPattern[],
    size: number,
    memory: boolean,
    hidden: boolean,
  ): number[] {
    let immediates = 0;
    return patterns.map((pattern) => {
      const seen = readerOf(pattern, size, memory, immediates);
      const reader: Reader = hidden ? { kind: 'skipped', bytes: pattern.bytes[size] as number } : seen;
      if (ORDERED.has(reader.kind)) immediates++;
      const key = JSON.stringify(reader);
      const known = this.readerNumbers.get(key);
      if (known !== undefined) return known;
      this.readers.push(reader);
      this.readerNumbers.set(key, this.readers.length);
      return this.readers.length;
    });
  }

  /** Forms that differ only in byte registers share their handlers. */
  private plainHandlers({ forms }: Variant): number {
    const all = new Set(forms.flatMap((form) => (form === undefined ? [] : [this.handlers.ofForm(form)])));
    const [only] = all;
    if (only === undefined || all.size !== 1) throw new Error(`${forms[0]?.key ?? 'a form'}: odd handlers`);
    return only;
  }

  private stringHandlers({ forms }: Variant): number {
    const first = this.strings.length;
    for (let k = 0; k < STRING_FORMS; k++) {
      const form = forms[k];
      this.strings.push(form === undefined ? 0 : this.handlers.ofForm(form));
    }
    return first;
  }
}

function handlerByte({ flagsAfter, ends }: HandlerInfo): number {
  const after = flagsAfter === FLAGS_KEPT ? CLASS_KEPT : flagsClass(flagsAfter);
  return after | (ends ? HANDLER_ENDS : 0);
}

/** The bit of a kind of prefix in `prefixes`. */
export function prefixBit(kind: number): number {
  return kind === NOT_PREFIX ? 0 : 1 << kind;
}
