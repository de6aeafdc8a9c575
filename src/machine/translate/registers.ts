import { CPU_GPR, CPU_XMM } from '../layout.js';
import { loadCpu, storeCpu } from '../semantics/base-emitter.js';
import { I64, OP_LOCAL_GET, V128, type Expr } from '../wasm/expr.js';
import type { FunctionBuilder } from '../wasm/function.js';

/** Where the vector registers begin in masks. */
export const XMM_BIT = 16;

/**
 * The guest's registers as a region's locals. Masks name registers: bits 0..15 general, 16..31 xmm. `dirty` are those
 * whose locals are newer than the CPU block at the place that is being emitted.
 */
export class Registers {
  dirty = 0;
  private readonly locals: (number | undefined)[] = [];

  constructor(
    private readonly f: FunctionBuilder,
    readonly used: number,
  ) {
    this.each(used, (bit) => (this.locals[bit] = f.local(bit < XMM_BIT ? I64 : V128)));
  }

  private each(mask: number, visit: (bit: number) => void): void {
    for (let bit = 0; bit < 32; bit++) if ((mask & (1 << bit)) !== 0) visit(bit);
  }

  private local(bit: number): number {
    const local = this.locals[bit];
    if (local === undefined) throw new Error(`register ${bit} is used, but was not found to be`);
    return local;
  }

  /** Which general register's local `value` is, or -1. */
  indexOf(value: Expr): number {
    if (value.op !== OP_LOCAL_GET || value.type !== I64) return -1;
    const bit = this.locals.indexOf(value.imm);
    return bit < XMM_BIT ? bit : -1;
  }

  /** The register that a mask's bit names. */
  at(bit: number): Expr {
    return this.f.get(this.local(bit));
  }
  gpr(index: number): Expr {
    return this.f.get(this.local(index));
  }
  xmm(index: number): Expr {
    return this.f.get(this.local(XMM_BIT + index));
  }
  setGpr(index: number, value: Expr): void {
    this.dirty |= 1 << index;
    this.f.set(this.local(index), value);
  }
  setXmm(index: number, value: Expr): void {
    this.dirty |= 1 << (XMM_BIT + index);
    this.f.set(this.local(XMM_BIT + index), value);
  }

  /** Loads these registers from the CPU block; none is dirty then. */
  load(mask: number): void {
    this.each(mask, (bit) => {
      const value = bit < XMM_BIT ? loadCpu(I64, offsetOf(bit)) : loadCpu(V128, offsetOf(bit));
      this.f.set(this.local(bit), value);
    });
    this.dirty = 0;
  }

  /** Stores these registers. */
  store(mask: number): void {
    this.each(mask, (bit) => storeCpu(this.f, offsetOf(bit), this.f.get(this.local(bit))));
  }
}

/** Where the CPU block has a register. */
export function offsetOf(bit: number): number {
  return bit < XMM_BIT ? CPU_GPR + 8 * bit : CPU_XMM + 16 * (bit - XMM_BIT);
}
