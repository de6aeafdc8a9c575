import { CPU_X87, RSP, RSP_SLOT, SEG_FLAT } from '../layout.js';
import { accessSize } from '../semantics/access-way.js';
import { BaseEmitter, loadCpu, storeCpu } from '../semantics/base-emitter.js';
import type { Modified, Variable, VectorAddress } from '../semantics/emitter.js';
import { low32, zeroExtend } from '../semantics/width.js';
import {
  F32,
  I32,
  I64,
  OP_I32_CONST,
  OP_I64_CONST,
  V128,
  f32x4,
  f64x2,
  i32,
  i32x4,
  i64,
  i64x2,
  type Expr,
} from '../wasm/expr.js';
import type { FunctionBuilder } from '../wasm/function.js';
import type { Form, Insn, MemoryOperand, Operand } from '../x86/insn.js';
import type { Access } from './access.js';
import type { Step } from './flow.js';
import { PageCache, type AccessKind, type Origin, type Place } from './page-cache.js';
import { Registers } from './registers.js';
import { accessInSlot, type RangeSlots } from './range.js';
import { displacementOf, type StackWindow } from './stack-window.js';
import { Temporaries } from './temporaries.js';

const OP_I64_ADD = i64.add(i64.num(0), i64.num(0)).op;
const OP_I64_SHL = i64.shl(i64.num(0), i64.num(0)).op;
const OP_I64_SUB = i64.sub(i64.num(0), i64.num(0)).op;

/** What a write of `size` bytes makes of a general register: 4 clear the upper half, fewer keep the rest. */
function merged(registers: Registers, index: number, size: number, value: Expr): Expr {
  if (size === 8) return value;
  if (size === 4) return value.op === OP_I32_CONST ? i64.const(value.imm, 0) : i64.extend_i32_u(value);
  const mask = size === 1 ? 0xff : 0xffff;
  const kept = i64.and(registers.gpr(index), i64.num(-1 - mask));
  return i64.or(kept, i64.extend_i32_u(i32.and(value, i32.const(mask))));
}

/** The low lane of vector register `old` replaced, or all of it by a v128. */
function mergedVector(old: Expr, value: Expr): Expr {
  if (value.type === V128) return value;
  if (value.type === I64) return i64x2.replace_lane(0, old, value);
  if (value.type === I32) return i32x4.replace_lane(0, old, value);
  return value.type === F32 ? f32x4.replace_lane(0, old, value) : f64x2.replace_lane(0, old, value);
}

function mmxOffset(index: number): number {
  return CPU_X87 + 16 * index;
}

/** Operands whose places are known: registers are locals, immediates constants, addresses sums. */
export abstract class OperandEmitter extends BaseEmitter {
  protected readonly registers: Registers;
  readonly temporaries: Temporaries;
  readonly pages: PageCache;
  private readonly origins = new Map<Expr, Origin>();
  /** Registers from which values are made that were settled, by the value. */
  private readonly bases = new Map<Expr, number>();
  protected slots: RangeSlots = [];
  /** The stretch of the stack that was looked up, and how far rsp has moved since. */
  private window: StackWindow | null = null;
  private moved = 0;
  private displacement = -1;
  protected abstract override readonly access: Access;
  protected abstract get insn(): Insn;
  abstract get isConditional(): boolean;

  constructor(f: FunctionBuilder, usedRegisters: number) {
    super(f);
    this.registers = new Registers(f, usedRegisters);
    this.temporaries = new Temporaries(f);
    this.pages = new PageCache(f, this.temporaries);
  }

  get form(): Form {
    return this.insn.form;
  }

  override let(value: Expr): Expr {
    const settled = this.temporaries.let(value);
    const origin = this.originOf(value);
    if (origin.base >= 0) this.origins.set(settled, origin);
    else this.bases.set(settled, this.baseOf(value));
    return settled;
  }

  /** From which register an address is made, as far as that can be seen. */
  originOf(address: Expr): Origin {
    const known = this.origins.get(address);
    if (known !== undefined) return known;
    const { a, b } = address;
    if (a === null) {
      const register = this.registers.indexOf(address);
      return { base: register, disp: register === RSP ? this.moved : 0 };
    }
    const isSum = address.op === OP_I64_ADD || address.op === OP_I64_SUB;
    if (!isSum || b === null || b.op !== OP_I64_CONST) return { base: -1, disp: 0 };
    const { base, disp } = this.originOf(a);
    const by = b.hi * 0x100000000 + (b.imm >>> 0);
    return { base, disp: address.op === OP_I64_ADD ? disp + by : disp - by };
  }

  rangeSlot(address: Expr): number {
    return this.slots[this.baseOf(address)] ?? 0;
  }

  /** Looks a stretch of the stack up, behind which the place of the accesses in it is known. */
  protected openWindow(window: StackWindow): void {
    if (this.displacement < 0) this.displacement = this.f.local(I32);
    this.f.set(this.displacement, displacementOf(window, this.registers.gpr(RSP)));
    this.window = window;
    this.moved = 0;
  }

  /** Nothing is known of the stack from here on, or from the end of this step. */
  protected closeWindow(step?: Step): void {
    if (step !== undefined && this.window?.last !== step) return;
    this.window = null;
    this.moved = 0;
  }

  /** The place of an access in the window; null if it is not seen to be there. */
  inWindow(access: AccessKind, a: Expr, address: Expr, bytes: number): Place | null {
    const { window, f, displacement } = this;
    if (window === null || (access === 'write' && window.access !== 'write')) return null;
    const { base, disp } = this.originOf(address);
    if (base !== RSP || disp < window.lo || disp + bytes > window.hi) return null;
    return {
      missed: i32.eqz(f.get(displacement)),
      access: accessInSlot(RSP_SLOT, bytes),
      at: () => i32.add(i32.wrap_i64(a), f.get(displacement)),
    };
  }

  /**
   * The register that is a sum's first term; -1 if another term is of a register without ranges: an index that was read from
   * memory leads here and there, however steady the base (with ranges for such accesses bzip2 took twice as long).
   */
  private baseOf(address: Expr): number {
    const known = this.origins.get(address)?.base ?? this.bases.get(address);
    if (known !== undefined) return known;
    const { a, op } = address;
    if (a === null) return this.registers.indexOf(address);
    const isSum = op === OP_I64_ADD || op === OP_I64_SUB;
    return isSum && address.b !== null && this.isSteady(address.b) ? this.baseOf(a) : -1;
  }

  private isSteady(term: Expr): boolean {
    const { op, a, b } = term;
    if (op === OP_I64_CONST) return true;
    if (op === OP_I64_SHL) return a !== null && this.isSteady(a);
    return a === null && b === null && (this.slots[this.registers.indexOf(term)] ?? 0) > 0;
  }

  override variable(initial: Expr): Variable {
    const index = this.temporaries.take(initial.type);
    this.f.set(index, initial);
    return { get: () => this.f.get(index), set: (value) => this.f.set(index, value) };
  }

  /** Ends an instruction: what was evaluated for it is gone. */
  protected releaseValues(): void {
    this.temporaries.release();
    this.origins.clear();
    this.bases.clear();
  }

  private operand(k: number): Operand {
    const operand = this.insn.operands[k];
    if (operand === undefined) throw new Error(`${this.form.mnemonic} has no operand ${k}`);
    return operand;
  }

  private sizeOf(k: number): number {
    const form = this.form.operands[k];
    if (form === undefined) throw new Error(`${this.form.mnemonic} has no operand ${k}`);
    return form.size;
  }

  private memory(k: number): MemoryOperand {
    const operand = this.insn.operands[k];
    if (operand?.kind !== 'mem') throw new Error(`${this.form.mnemonic}: operand ${k} is not in memory`);
    return operand;
  }

  read(k: number): Expr {
    const operand = this.operand(k);
    const size = this.sizeOf(k);
    switch (operand.kind) {
      case 'gpr':
        return this.gpr(operand.index, size);
      case 'high':
        return i32.and(i32.shr_u(this.gpr(operand.index, 4), i32.const(8)), i32.const(0xff));
      case 'xmm':
        return this.readVector(operand.index, size);
      case 'mmx':
        return loadCpu(size === 8 ? I64 : I32, mmxOffset(operand.index));
      case 'mem':
        return this.load(size, this.address(k));
      case 'imm':
        return this.imm(k, size);
      default:
        return i32.const(operand.index);
    }
  }

  private vectorIndex(k: number): number {
    const operand = this.operand(k);
    if (operand.kind !== 'xmm') throw new Error(`${this.form.mnemonic}: operand ${k} is no vector register`);
    return operand.index;
  }

  readUpper(k: number): Expr {
    return this.upper(this.vectorIndex(k));
  }
  writeUpper(k: number, value: Expr): void {
    this.setUpper(this.vectorIndex(k), value);
  }

  private readVector(index: number, size: number): Expr {
    const value = this.xmm(index);
    if (size >= 16) return value;
    if (size === 8) return i64x2.extract_lane(0, value);
    return zeroExtend(size, i32x4.extract_lane(0, value));
  }

  readFloat(k: number): Expr {
    const operand = this.operand(k);
    const size = this.sizeOf(k);
    if (operand.kind === 'mem') return this.load(size === 4 ? 'f32' : 'f64', this.address(k));
    if (operand.kind !== 'xmm') throw new Error(`${this.form.mnemonic}: operand ${k} is no vector register`);
    const value = this.xmm(operand.index);
    return size === 4 ? f32x4.extract_lane(0, value) : f64x2.extract_lane(0, value);
  }

  write(k: number, value: Expr): void {
    const operand = this.operand(k);
    switch (operand.kind) {
      case 'gpr':
        return this.setGpr(operand.index, this.sizeOf(k), value);
      case 'high':
        return this.setHigh(operand.index, value);
      case 'xmm':
        return this.setXmm(operand.index, mergedVector(this.xmm(operand.index), value));
      case 'mmx':
        storeCpu(this.f, mmxOffset(operand.index), value);
        // The x87 register's exponent becomes all ones.
        return storeCpu(this.f, mmxOffset(operand.index) + 8, i64.num(0xffff));
      case 'mem':
        return this.store(accessSize(this.sizeOf(k), value), this.address(k), value);
      default:
        throw new Error(`${this.form.mnemonic}: operand ${k} cannot be written`);
    }
  }

  private setHigh(index: number, value: Expr): void {
    const byte = i64.extend_i32_u(i32.shl(i32.and(value, i32.const(0xff)), i32.const(8)));
    this.registers.setGpr(index, i64.or(i64.and(this.registers.gpr(index), i64.num(-1 - 0xff00)), byte));
  }

  modify(k: number): Modified {
    const operand = this.operand(k);
    if (operand.kind === 'mem') return this.modifyAt(this.sizeOf(k), this.address(k));
    return { value: this.read(k), write: (value) => this.write(k, value) };
  }

  imm(k: number, size = this.form.size): Expr {
    const operand = this.insn.operands[k];
    if (operand?.kind !== 'imm') throw new Error(`${this.form.mnemonic}: operand ${k} is no immediate`);
    return size === 8 ? i64.const(operand.lo, operand.hi) : zeroExtend(size, i32.const(operand.lo));
  }

  address(k: number): Expr {
    const { segment } = this.memory(k);
    const offset = this.offset(k);
    return segment === SEG_FLAT ? offset : i64.add(offset, this.segmentBase(segment));
  }

  addressPast(k: number, past: Expr): Expr {
    const { segment, addressSize } = this.memory(k);
    const sum = i64.add(this.offset(k), past);
    const offset = addressSize === 8 ? sum : i64.extend_i32_u(low32(sum));
    return segment === SEG_FLAT ? offset : i64.add(offset, this.segmentBase(segment));
  }

  offset(k: number): Expr {
    const { base, index, scale, disp, addressSize } = this.memory(k);
    const terms: Expr[] = [];
    if (base >= 0) terms.push(this.registers.gpr(base));
    if (index >= 0) {
      const value = this.registers.gpr(index);
      terms.push(scale === 0 ? value : i64.shl(value, i64.num(scale)));
    }
    if (disp !== 0 || terms.length === 0) terms.push(i64.num(disp));
    const sum = terms.reduce((a, b) => i64.add(a, b));
    return addressSize === 8 ? sum : i64.extend_i32_u(low32(sum));
  }

  vectorAddress(k: number): VectorAddress {
    const operand = this.operand(k);
    if (operand.kind !== 'vsib')
      throw new Error(`${this.form.mnemonic}: operand ${k} has no vector of indices`);
    const { base, index, scale, disp, segment } = operand;
    let sum = i64.num(disp);
    if (base >= 0) sum = i64.add(this.registers.gpr(base), sum);
    if (segment !== SEG_FLAT) sum = i64.add(sum, this.segmentBase(segment));
    return {
      base: this.let(sum),
      index: [this.let(this.xmm(index)), this.let(this.upper(index))],
      scale: i64.num(scale),
    };
  }

  gpr(index: number, size: number): Expr {
    const value = this.registers.gpr(index);
    return size === 8 ? value : zeroExtend(size, i32.wrap_i64(value));
  }

  setGpr(index: number, size: number, value: Expr): void {
    const { base, disp } = this.originOf(value);
    if (base !== index) this.pages.drop(index);
    if (index === RSP) this.moveStack(base, disp);
    this.registers.setGpr(index, merged(this.registers, index, size, value));
  }

  private moveStack(base: number, disp: number): void {
    if (base === RSP && !this.isConditional) this.moved = disp;
    else this.closeWindow();
  }

  xmm(index: number): Expr {
    return this.registers.xmm(index);
  }

  setXmm(index: number, value: Expr): void {
    this.registers.setXmm(index, value);
  }

  thisAddress(): Expr {
    return i64.num(this.insn.address);
  }

  nextAddress(): Expr {
    return i64.num(this.insn.address + this.insn.length);
  }
}
