import { I32, I64, V128, type ValType } from '../wasm/expr.js';
import type { Helper } from '../semantics/helper.js';
import type { ModuleBuilder } from '../wasm/module.js';

/** The core module's functions that regions call. All may set CPU_EXIT, but `lookup`. */
export interface CoreFunction {
  readonly name: string;
  readonly params: readonly ValType[];
  readonly result: ValType | null;
}

function core(name: string, params: readonly ValType[], result: ValType | null): CoreFunction {
  return { name, params, result };
}

/** The checked access that a TLB miss ends in, by size. */
export const SLOW_LOAD: Readonly<Record<number, CoreFunction>> = {
  1: core('load1', [I64], I32),
  2: core('load2', [I64], I32),
  4: core('load4', [I64], I32),
  8: core('load8', [I64], I64),
  16: core('load16', [I64], V128),
};
export const SLOW_STORE: Readonly<Record<number, CoreFunction>> = {
  1: core('store1', [I64, I32], null),
  2: core('store2', [I64, I32], null),
  4: core('store4', [I64, I32], null),
  8: core('store8', [I64, I64], null),
  16: core('store16', [I64, V128], null),
};
/** (address, size): where that many bytes can be changed: in the frame, or in the bounce buffer. */
export const PROBE_WRITE = core('probeWrite', [I64, I32], I32);
/** The same where what is there does not matter. */
export const LOCATE_WRITE = core('locateWrite', [I64, I32], I32);
/** (address, size): where they can be read. */
export const PROBE_READ = core('probeRead', [I64, I32], I32);
/** (count, address): the span's offset (Emitter.span). */
export const SPAN_READ = core('spanRead', [I32, I64], I32);
export const SPAN_WRITE = core('spanWrite', [I32, I64], I32);
/** The table slot of a guest address; the slot of code that is not translated returns -1. */
export const LOOKUP = core('lookup', [I64], I32);
/** Calls the kernel; 0: leave. */
export const SYSCALL = core('syscall', [], I32);
/** (address, size): copies the bounce buffer back. */
export const WRITE_BACK = core('writeBack', [I64, I32], null);

/** Collects what a module imports, in order of first use, so that equal regions give equal modules. */
export class Imports {
  private readonly indices = new Map<string, number>();
  private readonly helpers = new Map<string, Helper>();

  constructor(private readonly module: ModuleBuilder) {}

  core({ name, params, result }: CoreFunction): number {
    return this.index('core', name, params, result);
  }

  helper(helper: Helper): number {
    this.helpers.set(helper.name, helper);
    return this.index('helper', helper.name, helper.params, helper.result);
  }

  /** The helpers that were used, by name, for the module's instantiation. */
  helperFunctions(functionOf: (helper: Helper) => unknown): Record<string, unknown> {
    return Object.fromEntries([...this.helpers].map(([name, helper]) => [name, functionOf(helper)]));
  }

  private index(from: string, name: string, params: readonly ValType[], result: ValType | null): number {
    const key = `${from}.${name}`;
    const known = this.indices.get(key);
    if (known !== undefined) return known;
    const index = this.module.importFunction(from, name, params, result === null ? [] : [result]);
    this.indices.set(key, index);
    return index;
  }
}
