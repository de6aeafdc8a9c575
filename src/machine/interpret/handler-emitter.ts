import {
  CPU,
  CPU_ADDRESS,
  CPU_CC_KIND,
  CPU_CC_X,
  CPU_CC_Y,
  CPU_GPR,
  CPU_RIP,
  CPU_XMM,
  CPU_YMM_HIGH,
  PAGE_MASK,
} from '../layout.js';
import { emitNote } from '../code/call-targets.js';
import { SYSCALL } from '../core/dispatch.js';
import type { CoreBuilder } from '../core/functions.js';
import { accessSize } from '../semantics/access-way.js';
import { BaseEmitter, loadCpu, storeCpu } from '../semantics/base-emitter.js';
import type { Flag, JumpKind, Modified, Variable, VectorAddress } from '../semantics/emitter.js';
import {
  KIND_RAW,
  conditionExpr,
  dynamicConditions,
  dynamicFlags,
  flagExpr,
  negate,
  packKind,
} from '../semantics/flags.js';
import type { Helper } from '../semantics/helper.js';
import { Temporaries } from '../translate/temporaries.js';
import {
  F32,
  F64,
  I32,
  I64,
  OP_I32_CONST,
  V128,
  f32,
  f64,
  i32,
  i64,
  select,
  v128,
  type Expr,
} from '../wasm/expr.js';
import { STORE, type FunctionBuilder } from '../wasm/function.js';
import type { Form, OperandForm } from '../x86/insn.js';
import { GuestAccess } from './guest-access.js';
import {
  RECORD_BASE,
  RECORD_DISP,
  RECORD_FOURTH,
  RECORD_IMM,
  RECORD_INDEX,
  RECORD_OPERANDS,
  RECORD_PLACE,
  RECORD_SCALE,
  RECORD_SEGMENT,
} from './record.js';

/** How a handler ends, other than by going on to the next record. */
export interface HandlerExits {
  /** CPU_EXIT is set and the instruction undone: rip is still to be set to it. */
  fault(): void;
  /** rip is `target`, in the CPU block too. */
  jump(target: Expr): void;
  /** rip is set; leave the interpreter. */
  leave(): void;
}

/** What a handler is made for: a form, and what is known beyond it. */
export interface HandlerKey {
  readonly form: Form;
  /** The memory operand has neither index nor segment. */
  readonly simple: boolean;
  /** The flags' packed kind, or -1. */
  readonly flags: number;
}

/** A handler leaves the flags as they were, or as can be told only when it runs; else `flagsAfter` is a packed kind. */
export const FLAGS_KEPT = -1;
export const FLAGS_UNKNOWN = -2;

/** From a vector register's place to its upper half. */
const UPPER = CPU + CPU_YMM_HIGH - CPU_XMM;
const RIP_PAGE = i64.num(~PAGE_MASK);
const CONDITION_OF: Readonly<Partial<Record<Flag, number>>> = { OF: 0, CF: 2, ZF: 4, SF: 8, PF: 10 };

/** The interpreter's emitter: operands are fields of the record that local 0 points to. */
export class HandlerEmitter extends BaseEmitter {
  private readonly temporaries: Temporaries;
  protected readonly access: GuestAccess;
  private key: HandlerKey;
  private nesting = 0;
  /** What the handler does to the flags, and whether it always ends its block. */
  flagsAfter = FLAGS_KEPT;
  ends = false;

  constructor(
    f: FunctionBuilder,
    private readonly builder: CoreBuilder,
    private readonly record: Expr,
    private readonly exits: HandlerExits,
    key: HandlerKey,
  ) {
    super(f);
    this.key = key;
    this.temporaries = new Temporaries(f);
    this.access = new GuestAccess(f, builder, this.temporaries, () => exits.fault());
  }

  /** Goes on to another handler in the same function. */
  begin(key: HandlerKey): void {
    this.key = key;
    this.temporaries.release();
    this.flagsAfter = FLAGS_KEPT;
    this.ends = false;
  }

  override if(cond: Expr, then: () => void, otherwise?: () => void): void {
    this.nesting++;
    super.if(cond, then, otherwise);
    this.nesting--;
  }
  override loop(body: () => Expr): void {
    this.nesting++;
    super.loop(body);
    this.nesting--;
  }
  private noteEnd(): void {
    if (this.nesting === 0) this.ends = true;
  }

  get form(): Form {
    return this.key.form;
  }

  protected helperIndex(helper: Helper): number {
    return this.builder.helper(helper);
  }

  override let(value: Expr): Expr {
    return this.temporaries.let(value);
  }
  override variable(initial: Expr): Variable {
    const index = this.temporaries.take(initial.type);
    this.f.set(index, initial);
    return { get: () => this.f.get(index), set: (value) => this.f.set(index, value) };
  }

  // Operands

  private operand(k: number): OperandForm {
    const operand = this.form.operands[k];
    if (operand === undefined) throw new Error(`${this.form.key} has no operand ${k}`);
    return operand;
  }

  /** The record's field for operand `k`: a register's place in the CPU block. */
  private field(k: number): Expr {
    return i32.load16_u(this.record, k === 3 ? RECORD_FOURTH : RECORD_OPERANDS + 2 * k);
  }

  read(k: number): Expr {
    const { kind, size } = this.operand(k);
    if (kind === 'mem') return this.load(size, this.address(k));
    if (kind === 'imm') return this.imm(k, size);
    if (kind === 'st' || kind === 'seg') return this.field(k);
    return loadRegister(size, this.field(k));
  }

  readUpper(k: number): Expr {
    return v128.load(this.field(k), UPPER);
  }
  writeUpper(k: number, value: Expr): void {
    this.f.store(STORE.v128, this.field(k), value, UPPER);
  }

  readFloat(k: number): Expr {
    const { kind, size } = this.operand(k);
    if (kind === 'mem') return this.load(size === 4 ? 'f32' : 'f64', this.address(k));
    return size === 4 ? f32.load(this.field(k), CPU) : f64.load(this.field(k), CPU);
  }

  write(k: number, value: Expr): void {
    const { kind, size } = this.operand(k);
    if (kind === 'mem') return this.store(accessSize(size, value), this.address(k), value);
    if (kind === 'gpr' && size === 4) return this.f.store(STORE.i64, this.field(k), extended(value), CPU);
    if (kind === 'gpr' || kind === 'high')
      return this.f.store(INTEGER_STORE[size] as number, this.field(k), value, CPU);
    if (kind === 'seg') return this.f.drop(value);
    this.f.store(storeOf(value), this.field(k), value, CPU);
    if (kind === 'mmx') this.f.store(STORE.i32_16, this.field(k), i32.const(0xffff), CPU + 8);
  }

  modify(k: number): Modified {
    const { kind, size } = this.operand(k);
    if (kind === 'mem') return this.modifyAt(size, this.address(k));
    return { value: this.read(k), write: (value) => this.write(k, value) };
  }

  imm(k: number, size = this.form.size): Expr {
    const order = this.form.operands.slice(0, k).filter(({ kind }) => kind === 'imm').length;
    const offset = order === 0 ? RECORD_IMM : RECORD_DISP;
    if (size === 8) return i64.load(this.record, offset);
    if (size === 1) return i32.load8_u(this.record, offset);
    return size === 2 ? i32.load16_u(this.record, offset) : i32.load(this.record, offset);
  }

  address(k: number): Expr {
    const offset = this.offset(k);
    if (this.key.simple) return offset;
    return i64.add(offset, i64.load(i32.load8_u(this.record, RECORD_SEGMENT), CPU));
  }

  /** An address of 4 bytes is in CPU_ADDRESS (record.ts). */
  addressPast(k: number, past: Expr): Expr {
    const sum = this.let(i64.add(this.offset(k), past));
    if (this.key.simple) return sum;
    const isShort = i32.eq(i32.load16_u(this.record, RECORD_BASE), i32.const(CPU_ADDRESS));
    const offset = select(isShort, i64.extend_i32_u(i32.wrap_i64(sum)), sum);
    return i64.add(offset, i64.load(i32.load8_u(this.record, RECORD_SEGMENT), CPU));
  }

  offset(k: number): Expr {
    if (this.operand(k).kind !== 'mem') throw new Error(`${this.form.key}: operand ${k} is not in memory`);
    const disp = i64.load(this.record, RECORD_DISP);
    const base = i64.add(i64.load(i32.load16_u(this.record, RECORD_BASE), CPU), disp);
    if (this.key.simple) return base;
    const index = i64.load(i32.load16_u(this.record, RECORD_INDEX), CPU);
    return i64.add(base, i64.shl(index, i64.load8_u(this.record, RECORD_SCALE)));
  }

  vectorAddress(): VectorAddress {
    const disp = i64.load(this.record, RECORD_DISP);
    const base = i64.add(i64.load(i32.load16_u(this.record, RECORD_BASE), CPU), disp);
    const segment = i64.load(i32.load8_u(this.record, RECORD_SEGMENT), CPU);
    const index = i32.load16_u(this.record, RECORD_INDEX);
    return {
      base: this.let(i64.add(base, segment)),
      index: [this.let(v128.load(index, CPU)), this.let(v128.load(index, UPPER))],
      scale: this.let(i64.load8_u(this.record, RECORD_SCALE)),
    };
  }

  gpr(index: number, size: number): Expr {
    return loadRegister(size, i32.const(CPU_GPR + 8 * index));
  }
  setGpr(index: number, size: number, value: Expr): void {
    const place = i32.const(CPU_GPR + 8 * index);
    if (size === 4) this.f.store(STORE.i64, place, extended(value), CPU);
    else this.f.store(INTEGER_STORE[size] as number, place, value, CPU);
  }
  xmm(index: number): Expr {
    return loadCpu(V128, CPU_XMM + 16 * index);
  }
  setXmm(index: number, value: Expr): void {
    storeCpu(this.f, CPU_XMM + 16 * index, value);
  }
  // Flags

  setFlags(kind: number, size: number, x: Expr, y?: Expr, onlyIf?: Expr): void {
    if (onlyIf === undefined) return this.storeFlags(kind, size, x, y);
    this.if(onlyIf, () => this.storeFlags(kind, size, x, y));
  }

  /** Both values are made before the old flags go, on which they may depend. */
  private storeFlags(kind: number, size: number, x: Expr, y?: Expr): void {
    const values = [this.let(x), y === undefined ? null : this.let(y)] as const;
    storeCpu(this.f, CPU_CC_KIND, i32.const(packKind(kind, size)));
    storeCpu(this.f, CPU_CC_X, extended(values[0]));
    if (values[1] !== null) storeCpu(this.f, CPU_CC_Y, extended(values[1]));
    this.flagsAfter = this.nesting === 0 ? packKind(kind, size) : FLAGS_UNKNOWN;
  }

  private dynamic(helper: Helper): Expr {
    const state = [loadCpu(I32, CPU_CC_KIND), loadCpu(I64, CPU_CC_X), loadCpu(I64, CPU_CC_Y)];
    return this.callValue(helper, ...state);
  }

  condition(cc: number): Expr {
    const { flags } = this.key;
    if (flags >= 0) {
      const size = 1 << (flags & 3);
      const type = size === 8 ? I64 : I32;
      const [x, y] = [this.let(loadCpu(type, CPU_CC_X)), this.let(loadCpu(type, CPU_CC_Y))];
      return conditionExpr(flags >> 2, size, x, y, cc);
    }
    const value = this.dynamic(dynamicConditions[cc & ~1] as Helper);
    return (cc & 1) === 0 ? value : negate(value);
  }

  flag(flag: Flag): Expr {
    const cc = CONDITION_OF[flag];
    if (cc !== undefined) return this.condition(cc);
    const all = this.dynamic(dynamicFlags);
    return flagExpr(KIND_RAW, 4, all, all, flag);
  }

  arithmeticFlags(): Expr {
    return this.dynamic(dynamicFlags);
  }

  // Control

  /** rip lies in the block's page, or at its start. */
  likelyReturn(): null {
    return null;
  }

  thisAddress(): Expr {
    const offset = i64.shr_u(i64.load16_u(this.record, RECORD_PLACE), i64.num(4));
    return i64.or(i64.and(loadCpu(I64, CPU_RIP), RIP_PAGE), offset);
  }

  nextAddress(): Expr {
    const { operands } = this.form;
    const immediates = operands.filter(({ kind }) => kind === 'imm').length;
    if (immediates < 2 && operands.every(({ kind }) => kind !== 'mem')) {
      return i64.load(this.record, RECORD_DISP);
    }
    const length = i64.and(i64.load16_u(this.record, RECORD_PLACE), i64.num(15));
    return i64.add(this.thisAddress(), length);
  }

  private goTo(target: Expr): void {
    const to = this.let(target);
    storeCpu(this.f, CPU_RIP, to);
    this.noteEnd();
    this.exits.jump(to);
  }

  branchIf(cond: Expr): void {
    this.goTo(select(cond, this.imm(0, 8), this.nextAddress()));
  }
  jump(kind: JumpKind, target?: Expr): void {
    const to = this.let(target ?? this.imm(0, 8));
    // A jump by memory is how linkage tables call.
    if (kind === 'call' || (kind === 'jump' && this.form.operands[0]?.kind === 'mem')) emitNote(this.f, to);
    this.goTo(to);
  }

  syscall(): void {
    storeCpu(this.f, CPU_RIP, this.nextAddress());
    this.f.drop(this.builder.call(I32, SYSCALL.name));
    this.noteEnd();
    this.exits.leave();
  }

  raise(vector: number, kind: 'fault' | 'trap'): void {
    const next = kind === 'trap' ? this.let(this.nextAddress()) : null;
    this.f.call(this.builder.index('raise'), [i32.const(vector), i32.const(0), i64.num(0)]);
    this.noteEnd();
    if (next === null) return this.exits.fault();
    storeCpu(this.f, CPU_RIP, next);
    this.exits.leave();
  }

  raiseIf(cond: Expr, vector: number, kind: 'fault' | 'trap' = 'fault'): void {
    this.if(cond, () => this.raise(vector, kind));
  }
}

const INTEGER_STORE: Readonly<Record<number, number>> = {
  1: STORE.i32_8,
  2: STORE.i32_16,
  4: STORE.i32,
  8: STORE.i64,
};
const FLOAT_STORE = {
  [F32]: STORE.f32,
  [F64]: STORE.f64,
  [V128]: STORE.v128,
  [I32]: STORE.i32,
  [I64]: STORE.i64,
};

function storeOf(value: Expr): number {
  return FLOAT_STORE[value.type];
}

/** A register's value of `size` bytes; `place` is its offset in the CPU block. */
function loadRegister(size: number, place: Expr): Expr {
  if (size === 1) return i32.load8_u(place, CPU);
  if (size === 2) return i32.load16_u(place, CPU);
  if (size === 4) return i32.load(place, CPU);
  return size === 8 ? i64.load(place, CPU) : v128.load(place, CPU);
}

function extended(value: Expr): Expr {
  if (value.type === I64) return value;
  return value.op === OP_I32_CONST ? i64.const(value.imm, 0) : i64.extend_i32_u(value);
}
