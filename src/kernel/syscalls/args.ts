import { CPU, CPU_GPR, RAX, RDI, RDX, RSI } from '../../machine/layout.js';
import type { Args } from '../types.js';

/** Where the six arguments lie (System V ABI, A.2.1): rdi, rsi, rdx, r10, r8, r9. */
const REGISTERS = [RDI, RSI, RDX, 10, 8, 9];
const LO = Int32Array.from(REGISTERS, (register) => (CPU + CPU_GPR + 8 * register) >> 2);
const NUMBER = (CPU + CPU_GPR + 8 * RAX) >> 2;
const TWO_32 = 0x100000000;

/** The loaded thread's arguments, read from the CPU block when they are asked for. */
export class CpuArgs implements Args {
  constructor(
    private readonly u32: Uint32Array,
    private readonly i32: Int32Array,
  ) {}

  /** The number of the call. */
  get number(): number {
    return this.u32[NUMBER];
  }

  int(n: number): number {
    return this.i32[LO[n]];
  }

  uint(n: number): number {
    return this.u32[LO[n]];
  }

  addr(n: number): number {
    const at = LO[n];
    return this.u32[at] + this.u32[at + 1] * TWO_32;
  }

  size(n: number): number {
    return this.addr(n);
  }

  offset(n: number): number {
    const at = LO[n];
    return this.u32[at] + this.i32[at + 1] * TWO_32;
  }

  lo(n: number): number {
    return this.u32[LO[n]];
  }

  hi(n: number): number {
    return this.u32[LO[n] + 1];
  }

  /** Stores a call's result, a whole number or an Errno. */
  setResult(value: number): void {
    this.i32[NUMBER] = value | 0;
    this.i32[NUMBER + 1] = value >= 0 && value < TWO_32 ? 0 : Math.floor(value / TWO_32) | 0;
  }
}
