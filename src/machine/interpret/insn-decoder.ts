import {
  CPU_ADDRESS,
  CPU_GPR,
  CPU_ZERO,
  PAGE_MASK,
  RECORD_SIZE,
  RSI,
  SEG_FS,
  CPU_SEGMENT,
} from '../layout.js';
import { I32, I64, i32, i64, select, v128, type Expr, type ValType } from '../wasm/expr.js';
import { STORE, type FunctionBuilder } from '../wasm/function.js';
import {
  IS_66,
  IS_67,
  IS_LOCK,
  IS_REP,
  IS_REX,
  IS_SEGMENT,
  MAX_INSN_LENGTH,
  VEX_2,
  VEX_3,
} from '../x86/decode.js';
import { FIELD_NAMES } from '../x86/dispatch.js';
import { SIZE_W } from '../x86/encoding.js';
import { STRING_ADDRESS_32, STRING_REP, STRING_REPNE, STRING_SOURCE } from '../x86/forms.js';
import { MAP_0F, MAP_0F38, MAP_0F3A, MAP_VEX, MAP_VEX_256 } from '../x86/table.js';
import {
  OPCODE_CELL,
  OPCODE_MANY,
  OPCODE_MODRM,
  OPCODE_SIZE,
  OPCODE_STRIDES,
  ROW_SIZE,
  VARIANT_HANDLERS,
  VARIANT_IMMEDIATES,
  VARIANT_LOCK,
  VARIANT_READERS,
  VARIANT_REP,
  VARIANT_REPCC,
  VARIANT_SIZE,
  VARIANT_SOURCE,
  VARIANT_STRING,
  VARIANT_VVVV,
  prefixBit,
  type DecoderTables,
  type Reader,
  type RegisterSource,
  type TablePlaces,
} from './decoder-tables.js';
import { HANDLER_FLAGS, HANDLER_NUMBER, HANDLER_SIMPLE } from './handler-table.js';
import { HANDLER_ADDRESS } from './handlers.js';
import {
  RECORD_BASE,
  RECORD_DISP,
  RECORD_FOURTH,
  RECORD_HANDLER,
  RECORD_IMM,
  RECORD_INDEX,
  RECORD_OPERANDS,
  RECORD_PLACE,
  RECORD_SCALE,
  RECORD_SEGMENT,
  RESULT_HANDLER,
} from './record.js';

const ZERO = i32.const(0);
const NO_REGISTER = i32.const(CPU_ZERO);
const n = i32.const;

/** Values of the prefix field: PREFIXES (x86/encoding.ts). */
const PREFIX_F3 = 2;
const PREFIX_F2 = 3;

const LOAD_SIGNED: Readonly<Record<number, (at: Expr) => Expr>> = {
  1: i64.load8_s,
  2: i64.load16_s,
  4: i64.load32_s,
};
const LOAD_UNSIGNED: Readonly<Record<number, (at: Expr) => Expr>> = {
  1: i64.load8_u,
  2: i64.load16_u,
  4: i64.load32_u,
  8: i64.load,
};

/**
 * Writes `decodeInsn`: (place of the bytes, address, record, class of the flags) -> RESULT_*, or 0 when that is no
 * instruction. What x86/decode.ts is in JavaScript, from the same table. Reads up to 32 bytes.
 */
export class InsnDecoder {
  private readonly readers: readonly Reader[];
  private readonly places: TablePlaces;
  private readonly at: number;
  private readonly prefixes: number;
  /** The REX byte, or 0. */
  private readonly rex: number;
  private readonly prefix: number;
  private readonly segment: number;
  private readonly isRegister: number;
  private readonly reg: number;
  private readonly rm: number;
  /** Opcode with its map. */
  private readonly opcode: number;
  private readonly hasMemory: number;
  /** Fields of the record. */
  private readonly base: number;
  private readonly index: number;
  private readonly scale: number;
  private readonly disp: number;
  private readonly isRelative: number;
  /** The register that VEX.vvvv names; 0 without VEX. */
  private readonly vvvv: number;
  /** What a sib byte says of its index, plus 1; 0 without sib. */
  private readonly vectorIndex: number;
  private readonly vectorScale: number;

  constructor(
    private readonly f: FunctionBuilder,
    { readers, places }: DecoderTables,
  ) {
    this.readers = readers;
    this.places = places;
    const local = (type: ValType = I32) => f.local(type);
    this.at = local();
    this.prefixes = local();
    this.rex = local();
    this.prefix = local();
    this.segment = local();
    this.isRegister = local();
    this.reg = local();
    this.rm = local();
    this.opcode = local();
    this.hasMemory = local();
    this.base = local();
    this.index = local();
    this.scale = local();
    this.disp = local(I64);
    this.isRelative = local();
    this.vvvv = local();
    this.vectorIndex = local();
    this.vectorScale = local();
  }

  private get start(): Expr {
    return this.f.get(0);
  }
  private get address(): Expr {
    return this.f.get(1);
  }
  private get record(): Expr {
    return this.f.get(2);
  }
  private get flagsClass(): Expr {
    return this.f.get(3);
  }

  private has(local: number, bit: number): Expr {
    return i32.and(this.f.get(local), n(bit));
  }

  private advance(by: number): void {
    this.f.set(this.at, i32.add(this.f.get(this.at), n(by)));
  }

  /** The next byte, read. */
  private byte(): Expr {
    const byte = this.f.let(i32.load8_u(this.f.get(this.at)));
    this.advance(1);
    return byte;
  }

  private failIf(cond: Expr): void {
    this.f.if(cond);
    this.f.return(ZERO);
    this.f.end();
  }

  write(): void {
    const { f, record } = this;
    f.store(STORE.v128, record, v128.const(new Uint8Array(16)));
    f.store(STORE.v128, record, v128.const(new Uint8Array(16)), 16);
    f.set(this.at, this.start);
    this.readPrefixes();
    this.readOpcode();
    const entry = f.let(i32.mul(f.get(this.opcode), n(OPCODE_SIZE)));
    const info = f.let(i32.load16_u(entry, this.places.opcodes));
    this.failIf(i32.eqz(info));
    f.set(this.isRegister, n(1));
    f.if(i32.and(info, n(OPCODE_MODRM)));
    this.readModrm();
    f.end();
    const variant = this.findVariant(entry, info);
    const attributes = f.let(i32.load8_u(variant));
    this.failIf(i32.and(i32.ne(f.get(this.vvvv), ZERO), i32.eqz(i32.and(attributes, n(VARIANT_VVVV)))));
    const behind = i32.add(f.get(this.at), i32.load8_u(variant, VARIANT_IMMEDIATES));
    const next = f.let(i64.add(this.address, i64.extend_i32_u(i32.sub(behind, this.start))));
    f.if(f.get(this.isRelative));
    f.set(this.disp, i64.add(f.get(this.disp), next));
    f.end();
    this.readOperands(variant, next);
    this.checkLock(attributes);
    const handlers = this.handlersOf(variant, attributes);
    this.finish(this.choose(handlers));
  }

  /** Leaves the first byte that is no prefix in `opcode`. REX counts only right before it. */
  private readPrefixes(): void {
    const { f } = this;
    const leave = f.block();
    const again = f.loop();
    f.set(this.opcode, this.byte());
    const byte = f.get(this.opcode);
    const bit = f.let(i32.load8_u(byte, this.places.prefixes));
    f.brIf(leave, i32.eqz(bit));
    f.set(this.prefixes, i32.or(f.get(this.prefixes), bit));
    f.set(this.rex, select(i32.eq(bit, n(prefixBit(IS_REX))), byte, ZERO));
    f.if(i32.eq(bit, n(prefixBit(IS_REP))));
    f.set(this.prefix, select(i32.eq(byte, n(0xf3)), n(PREFIX_F3), n(PREFIX_F2)));
    f.end();
    f.if(i32.eq(bit, n(prefixBit(IS_SEGMENT))));
    f.set(this.segment, i32.add(i32.sub(byte, n(0x64)), n(SEG_FS)));
    f.end();
    f.brIf(again, i32.lt_u(i32.sub(f.get(this.at), this.start), n(MAX_INSN_LENGTH)));
    f.return(ZERO);
    f.end();
    f.end();
  }

  private readOpcode(): void {
    const { f } = this;
    f.if(i32.eq(f.get(this.opcode), n(0x0f)));
    const second = this.byte();
    f.set(this.opcode, i32.or(second, n(MAP_0F * 256)));
    for (const [escape, map] of [
      [0x38, MAP_0F38],
      [0x3a, MAP_0F3A],
    ] as const) {
      f.if(i32.eq(second, n(escape)));
      f.set(this.opcode, i32.or(this.byte(), n(map * 256)));
      f.end();
    }
    f.else();
    f.if(i32.eq(i32.or(f.get(this.opcode), n(1)), n(VEX_2)));
    this.readVex();
    f.end();
    f.end();
  }

  /** The counterpart of readVex (x86/decode.ts). */
  private readVex(): void {
    const { f } = this;
    const others = prefixBit(IS_LOCK) | prefixBit(IS_REP) | prefixBit(IS_66);
    this.failIf(i32.or(this.has(this.prefixes, others), f.get(this.rex)));
    const [last, escape] = [f.local(I32), f.local(I32)];
    f.set(last, this.byte());
    f.set(escape, n(1));
    f.set(this.rex, i32.xor(i32.and(i32.shr_u(f.get(last), n(5)), n(4)), n(0x44)));
    f.if(i32.eq(f.get(this.opcode), n(VEX_3)));
    f.set(escape, i32.and(f.get(last), n(31)));
    f.set(this.rex, i32.xor(i32.shr_u(f.get(last), n(5)), n(0x47)));
    f.set(last, this.byte());
    f.set(this.rex, i32.or(f.get(this.rex), i32.and(i32.shr_u(f.get(last), n(4)), n(8))));
    f.end();
    f.set(this.vvvv, i32.xor(i32.and(i32.shr_u(f.get(last), n(3)), n(15)), n(15)));
    f.set(this.prefix, i32.and(f.get(last), n(3)));
    this.failIf(i32.gt_u(i32.sub(f.get(escape), n(1)), n(2)));
    const map = select(i32.and(f.get(last), n(4)), n(MAP_VEX_256 - 1), n(MAP_VEX - 1));
    f.set(this.opcode, i32.or(i32.shl(i32.add(map, f.get(escape)), n(8)), this.byte()));
  }

  private readModrm(): void {
    const { f } = this;
    const modrm = this.byte();
    const rex = f.get(this.rex);
    const low = f.let(i32.and(modrm, n(7)));
    f.set(this.reg, i32.or(i32.and(i32.shr_u(modrm, n(3)), n(7)), i32.shl(i32.and(rex, n(4)), n(1))));
    f.set(this.rm, i32.or(low, i32.shl(i32.and(rex, n(1)), n(3))));
    f.if(i32.lt_u(modrm, n(0xc0)));
    f.set(this.isRegister, ZERO);
    f.set(this.base, gprField(f.get(this.rm)));
    f.set(this.index, NO_REGISTER);
    const noBase = f.local(I32);
    f.if(i32.eq(low, n(4)));
    const sib = this.byte();
    f.set(noBase, i32.and(i32.eq(i32.and(sib, n(7)), n(5)), i32.lt_u(modrm, n(0x40))));
    f.set(this.base, gprField(i32.or(i32.and(sib, n(7)), i32.shl(i32.and(rex, n(1)), n(3)))));
    const index = f.let(i32.or(i32.and(i32.shr_u(sib, n(3)), n(7)), i32.shl(i32.and(rex, n(2)), n(2))));
    f.set(this.vectorIndex, i32.add(index, n(1)));
    f.set(this.vectorScale, i32.shr_u(sib, n(6)));
    f.if(i32.ne(index, n(4)));
    f.set(this.index, gprField(index));
    f.set(this.scale, i32.shr_u(sib, n(6)));
    f.end();
    f.else();
    f.set(noBase, i32.eq(i32.and(modrm, n(0xc7)), n(5)));
    f.set(this.isRelative, f.get(noBase));
    f.end();
    f.if(f.get(noBase));
    f.set(this.base, NO_REGISTER);
    f.end();
    f.if(i32.eq(i32.shr_u(modrm, n(6)), n(1)));
    f.set(this.disp, i64.load8_s(f.get(this.at)));
    this.advance(1);
    f.else();
    f.if(i32.or(i32.ge_u(modrm, n(0x80)), f.get(noBase)));
    f.set(this.disp, i64.load32_s(f.get(this.at)));
    this.advance(4);
    f.end();
    f.end();
    f.end();
  }

  /** The variant's place; leaves with 0 where there is none. */
  private findVariant(entry: Expr, info: Expr): Expr {
    const { f } = this;
    const { opcodes, cells, rows, variants } = this.places;
    const has66 = f.let(this.flag(IS_66));
    const prefix = f.get(this.prefix);
    const w = f.let(i32.and(i32.shr_u(f.get(this.rex), n(3)), n(1)));
    const cell = f.local(I32);
    f.set(cell, i32.load16_u(entry, opcodes + OPCODE_CELL));
    f.if(i32.and(info, n(OPCODE_MANY)));
    const fields: Readonly<Record<(typeof FIELD_NAMES)[number], Expr>> = {
      prefix: select(prefix, prefix, has66),
      reg: i32.and(f.get(this.reg), n(7)),
      mod: f.get(this.isRegister),
      rm: i32.and(f.get(this.rm), n(7)),
      w,
      b: i32.and(f.get(this.rex), n(1)),
    };
    FIELD_NAMES.forEach((name, k) => {
      const stride = i32.load16_u(entry, opcodes + OPCODE_STRIDES + 2 * k);
      f.set(cell, i32.add(f.get(cell), i32.mul(fields[name], stride)));
    });
    f.end();
    const row = f.let(i32.load16_u(i32.shl(f.get(cell), n(1)), cells));
    this.failIf(i32.eqz(row));
    const size = select(w, n(SIZE_W), has66);
    const column = i32.shl(i32.add(i32.shl(size, n(1)), f.get(this.isRegister)), n(1));
    const found = i32.load16_u(i32.add(i32.mul(row, n(ROW_SIZE)), column), rows);
    return f.let(i32.add(i32.mul(found, n(VARIANT_SIZE)), n(variants)));
  }

  /** 1 if the prefix is there, else 0. */
  private flag(kind: number): Expr {
    return i32.and(i32.shr_u(this.f.get(this.prefixes), n(kind)), n(1));
  }

  private readOperands(variant: Expr, next: Expr): void {
    const { f, record } = this;
    const [reader, field] = [f.local(I32), f.local(I32)];
    f.set(reader, variant);
    f.set(field, record);
    f.store(STORE.i64, record, next, RECORD_DISP);
    const done = f.block();
    const again = f.loop();
    const behind = f.block();
    const labels = this.readers.map(() => f.block()).reverse();
    f.brTable([done, ...labels], done, i32.load8_u(f.get(reader), VARIANT_READERS));
    for (const each of this.readers) {
      f.end();
      this.read(each, f.get(field), next);
      f.br(behind);
    }
    f.end();
    f.set(reader, i32.add(f.get(reader), n(1)));
    f.set(field, i32.add(f.get(field), n(2)));
    f.br(again);
    f.end();
    f.end();
  }

  private numberFrom(from: RegisterSource): Expr {
    if (from === 'vvvv') return this.f.get(this.vvvv);
    if (from !== 'opcode') return this.f.get(from === 'rm' ? this.rm : this.reg);
    const rexB = i32.shl(this.has(this.rex, 1), n(3));
    return i32.or(this.has(this.opcode, 7), rexB);
  }

  /** The counterpart of the readers in x86/operands.ts; `field` is 2 bytes an operand from the record on. */
  private read(reader: Reader, field: Expr, next: Expr): void {
    const { f, record } = this;
    switch (reader.kind) {
      case 'register': {
        const number = i32.and(this.numberFrom(reader.from), n(reader.mask));
        const value = i32.add(i32.mul(number, n(reader.stride)), n(reader.base));
        return f.store(STORE.i32_16, field, value, RECORD_OPERANDS);
      }
      case 'byte': {
        const number = f.let(this.numberFrom(reader.from));
        const high = i32.and(i32.eq(i32.and(number, n(12)), n(4)), i32.eqz(f.get(this.rex)));
        const value = select(high, i32.sub(gprField(number), n(4 * 8 - 1)), gprField(number));
        return f.store(STORE.i32_16, field, value, RECORD_OPERANDS);
      }
      case 'field':
        return f.store(STORE.i32_16, field, n(reader.field), RECORD_OPERANDS);
      case 'fourth': {
        const number = i32.shr_u(i32.load8_u(f.get(this.at)), n(4));
        const value = i32.add(i32.mul(number, n(reader.stride)), n(reader.base));
        f.store(STORE.i32_16, record, value, RECORD_FOURTH);
        return this.advance(1);
      }
      case 'memory':
        return f.set(this.hasMemory, n(1));
      case 'vector': {
        const index = f.let(i32.sub(f.get(this.vectorIndex), n(1)));
        const [target, mask] = [f.get(this.reg), f.get(this.vvvv)];
        const isShort = i32.or(i32.lt_s(index, ZERO), this.has(this.prefixes, prefixBit(IS_67)));
        const isTwice = i32.or(i32.eq(target, mask), i32.or(i32.eq(target, index), i32.eq(mask, index)));
        this.failIf(i32.or(isShort, isTwice));
        f.set(this.index, i32.add(i32.mul(index, n(reader.stride)), n(reader.base)));
        f.set(this.scale, f.get(this.vectorScale));
        return f.set(this.hasMemory, n(1));
      }
      case 'absolute':
        f.if(this.has(this.prefixes, prefixBit(IS_67)));
        f.set(this.disp, i64.load32_u(f.get(this.at)));
        this.advance(4);
        f.else();
        f.set(this.disp, i64.load(f.get(this.at)));
        this.advance(8);
        f.end();
        return this.useMemory(CPU_ZERO);
      case 'base':
        return this.useMemory(CPU_GPR + 8 * reader.register);
      case 'immediate':
      case 'target': {
        const signed = reader.kind === 'target' || reader.signed;
        const load = (signed ? LOAD_SIGNED : LOAD_UNSIGNED)[reader.bytes];
        if (load === undefined) throw new Error(`no immediate of ${reader.bytes} bytes`);
        const value = load(f.get(this.at));
        const sum = reader.kind === 'target' ? i64.add(next, value) : value;
        f.store(STORE.i64, record, sum, immediateField(reader.order));
        return this.advance(reader.bytes);
      }
      case 'skipped':
        return this.advance(reader.bytes);
      case 'value':
        return f.store(STORE.i64, record, i64.num(reader.value), immediateField(reader.order));
    }
  }

  private useMemory(base: number): void {
    const { f } = this;
    f.set(this.base, n(base));
    f.set(this.index, NO_REGISTER);
    f.set(this.hasMemory, n(1));
  }

  private checkLock(attributes: Expr): void {
    const allowed = i32.and(attributes, n(VARIANT_LOCK));
    this.failIf(i32.and(this.flag(IS_LOCK), i32.eqz(allowed)));
  }

  /** The form's handlers (HANDLER_*); adds a string instruction's source. */
  private handlersOf(variant: Expr, attributes: Expr): Expr {
    const { f } = this;
    const handlers = f.local(I32);
    f.set(handlers, i32.load16_u(variant, VARIANT_HANDLERS));
    f.if(i32.and(attributes, n(VARIANT_STRING)));
    const which = f.local(I32);
    f.set(which, i32.mul(this.flag(IS_67), n(STRING_ADDRESS_32)));
    f.if(i32.and(i32.ne(i32.and(attributes, n(VARIANT_SOURCE)), ZERO), i32.ne(f.get(this.segment), ZERO)));
    f.set(which, i32.or(f.get(which), n(STRING_SOURCE)));
    f.set(this.disp, i64.num(0));
    this.useMemory(CPU_GPR + 8 * RSI);
    f.end();
    f.if(i32.and(i32.ne(i32.and(attributes, n(VARIANT_REP)), ZERO), i32.ne(f.get(this.prefix), ZERO)));
    const repne = i32.and(
      i32.ne(i32.and(attributes, n(VARIANT_REPCC)), ZERO),
      i32.eq(f.get(this.prefix), n(PREFIX_F2)),
    );
    f.set(which, i32.or(f.get(which), select(repne, n(STRING_REPNE), n(STRING_REP))));
    f.end();
    const at = i32.shl(i32.add(f.get(handlers), f.get(which)), n(1));
    f.set(handlers, i32.load16_u(at, this.places.strings));
    f.end();
    this.failIf(i32.eqz(f.get(handlers)));
    return f.get(handlers);
  }

  private choose(handlers: Expr): Expr {
    const { f } = this;
    const handler = f.local(I32);
    f.set(handler, i32.and(handlers, n(HANDLER_NUMBER)));
    f.if(i32.and(handlers, n(HANDLER_FLAGS)));
    f.set(handler, i32.add(f.get(handler), this.flagsClass));
    f.end();
    const unusual = i32.or(f.get(this.segment), this.has(this.prefixes, prefixBit(IS_67)));
    const plain = i32.and(i32.eq(f.get(this.index), NO_REGISTER), i32.eqz(unusual));
    f.if(i32.and(handlers, n(HANDLER_SIMPLE)));
    f.set(handler, i32.add(f.get(handler), i32.and(plain, f.get(this.hasMemory))));
    f.end();
    return f.get(handler);
  }

  /** Writes what is left of the record, and one before it for an address of 32 bits. */
  private finish(handler: Expr): void {
    const { f, record } = this;
    const length = f.let(i32.sub(f.get(this.at), this.start));
    this.failIf(i32.gt_u(length, n(MAX_INSN_LENGTH)));
    const records = f.local(I32);
    f.set(records, n(RECORD_SIZE));
    const inPage = i32.and(i32.wrap_i64(this.address), n(PAGE_MASK));
    f.store(STORE.i32_16, record, handler, RECORD_HANDLER);
    f.store(STORE.i32_16, record, i32.or(i32.shl(inPage, n(4)), length), RECORD_PLACE);
    f.if(f.get(this.hasMemory));
    const isAbsolute = i32.and(i32.eq(f.get(this.base), NO_REGISTER), i32.eq(f.get(this.index), NO_REGISTER));
    const is32 = f.let(this.flag(IS_67));
    f.if(i32.and(is32, isAbsolute));
    f.set(this.disp, i64.and(f.get(this.disp), i64.const(-1, 0)));
    f.end();
    f.store(STORE.i32_16, record, f.get(this.base), RECORD_BASE);
    f.store(STORE.i32_16, record, f.get(this.index), RECORD_INDEX);
    const segment = i32.add(i32.shl(f.get(this.segment), n(3)), n(CPU_SEGMENT));
    f.store(STORE.i32_8, record, segment, RECORD_SEGMENT);
    f.store(STORE.i32_8, record, f.get(this.scale), RECORD_SCALE);
    f.store(STORE.i64, record, f.get(this.disp), RECORD_DISP);
    f.if(is32);
    this.splitAddress();
    f.set(records, n(2 * RECORD_SIZE));
    f.end();
    f.end();
    f.return(i32.or(i32.or(length, f.get(records)), i32.shl(handler, n(RESULT_HANDLER))));
  }

  private splitAddress(): void {
    const { f, record } = this;
    for (const half of [0, 16]) f.store(STORE.v128, record, v128.load(record, half), RECORD_SIZE + half);
    f.store(STORE.i32_16, record, n(HANDLER_ADDRESS), RECORD_HANDLER);
    f.store(STORE.i32_16, record, n(CPU_ADDRESS), RECORD_SIZE + RECORD_BASE);
    f.store(STORE.i32_16, record, NO_REGISTER, RECORD_SIZE + RECORD_INDEX);
    f.store(STORE.i64, record, i64.num(0), RECORD_SIZE + RECORD_DISP);
  }
}

function gprField(number: Expr): Expr {
  return i32.add(i32.shl(number, n(3)), n(CPU_GPR));
}

function immediateField(order: number): number {
  return order === 0 ? RECORD_IMM : RECORD_DISP;
}
