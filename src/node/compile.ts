/** How V8 is told which regions are worth being optimised, and when. */
import { setFlagsFromString } from 'node:v8';
import { wasm, type WasmModule } from '../machine/wasm/webassembly.js';

/** What V8 does by itself, by its version. */
export const DEFAULT_BUDGET = Number.parseInt(process.versions.v8, 10) < 12 ? 1_800_000 : 13_000_000;

/**
 * Does something to a module whose functions are optimised after having run for about so many bytes. V8 takes the number
 * from its flags when it makes a module, and knows its caches by all flags together: so it is set for a moment only.
 */
export function withBudget<Result>(budget: number, act: () => Result): Result {
  setFlagsFromString(`--wasm-tiering-budget=${budget}`);
  try {
    return act();
  } finally {
    setFlagsFromString(`--wasm-tiering-budget=${DEFAULT_BUDGET}`);
  }
}

export function compile(bytes: Uint8Array, budget: number): WasmModule {
  return withBudget(budget, () => new wasm.Module(bytes));
}
