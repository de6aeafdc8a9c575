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

/** Where an access is that a region did not find: (address, access) and (address, value, access), see core/ranges.ts; 0 after a fault. */
export const RANGE_READ = core('rangeRead', [I64, I32], I32);
/** To be written; and to be changed, so that what is there matters. The place may be the bounce buffer. */
export const RANGE_WRITE = core('rangeWrite', [I64, I32], I32);
export const RANGE_MODIFY = core('rangeModify', [I64, I32], I32);
export const RANGE_STORE: Readonly<Record<number, CoreFunction>> = {
  1: core('rangeStore1', [I64, I32, I32], I32),
  2: core('rangeStore2', [I64, I32, I32], I32),
  4: core('rangeStore4', [I64, I32, I32], I32),
  8: core('rangeStore8', [I64, I64, I32], I32),
  16: core('rangeStore16', [I64, V128, I32], I32),
};
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
