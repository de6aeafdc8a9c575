import type { CpuLevel } from '../level.js';
import type { ValType } from '../wasm/expr.js';
import type { FunctionBuilder } from '../wasm/function.js';

/**
 * Work too long to emit in place. A helper is either a function written in WebAssembly (kept in the core module) or one
 * in TypeScript over the CPU block. Parameters and results are i32, f64 and, for WebAssembly helpers, any type: an i64
 * that crosses into JavaScript would become a BigInt. More than one result, or a 64-bit one, goes through SCRATCH.
 */
export interface Helper {
  readonly name: string;
  readonly params: readonly ValType[];
  readonly result: ValType | null;
  /** Writes the body; the parameters are locals 0.. of `f`. `func` gives another WebAssembly helper's index. */
  readonly wasm?: (f: FunctionBuilder, func: (helper: Helper) => number) => void;
  /** Modules of regions have copies of their own, which are called faster; it calls no other helper. */
  readonly near?: true;
  readonly js?: (memory: MachineViews, surroundings: Surroundings) => (...args: number[]) => number | void;
}

/** What the machine lets instructions see of its surroundings (MachineOptions). */
export interface Surroundings {
  /** Nanoseconds since some fixed time, never going back: the time-stamp counter. */
  readonly clock: () => number;
  /** How many processors CPUID reports. */
  readonly cpus: number;
  /** Which instructions CPUID reports. */
  readonly level: CpuLevel;
}

/** The sandbox's memory, seen as JavaScript sees it. It never grows, so the views stay good. */
export interface MachineViews {
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly f64: Float64Array;
  readonly view: DataView;
}
