/**
 * What V8 has made of WebAssembly, for the next process: the code of functions that it has optimised. Node.js has no call
 * for it, but V8 has functions of its own (src/runtime/runtime-test-wasm.cc) that serve its shell and Chrome; where they
 * are missing, as in later versions, nothing is kept. V8 itself refuses what another version of it wrote, or one
 * with other flags or on another kind of processor; that the bytes are whole is for the caller to see.
 */
import { setFlagsFromString } from 'node:v8';
import type { WasmModule } from '../machine/wasm/webassembly.js';
import { withBudget } from './compile.js';

interface Intrinsics {
  readonly isOptimised: (func: unknown) => boolean;
  readonly serialize: (module: WasmModule) => ArrayBuffer;
  readonly deserialize: (native: ArrayBuffer, bytes: Uint8Array) => WasmModule | undefined;
}

function findIntrinsics(): Intrinsics | null {
  setFlagsFromString('--allow-natives-syntax');
  try {
    return {
      isOptimised: new Function('f', 'return %IsTurboFanFunction(f)') as Intrinsics['isOptimised'],
      serialize: new Function('m', 'return %SerializeWasmModule(m)') as Intrinsics['serialize'],
      deserialize: new Function('n', 'b', 'return %DeserializeWasmModule(n, b)') as Intrinsics['deserialize'],
    };
  } catch {
    return null;
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}

const INTRINSICS = findIntrinsics();

/** Whether this version of V8 lets its code be kept. */
export const KEEPS_NATIVE = INTRINSICS !== null;

/** A module's functions that V8 has optimised, as bytes. */
export interface Native {
  readonly code: Uint8Array;
  /** How many functions there were among those that were looked at. */
  readonly optimised: number;
}

/** The module of these bytes with what was kept of it; null if V8 does not take that. `budget`: as for `compile`. */
export function compileFrom(native: Native, bytes: Uint8Array, budget: number): WasmModule | null {
  if (INTRINSICS === null) return null;
  const { buffer, byteOffset, length } = native.code;
  const code = buffer.slice(byteOffset, byteOffset + length) as ArrayBuffer;
  return withBudget(budget, () => INTRINSICS.deserialize(code, bytes)) ?? null;
}

export function countOptimised(functions: readonly unknown[]): number {
  return INTRINSICS === null ? 0 : functions.filter(INTRINSICS.isOptimised).length;
}

/** What V8 has made of `module`, some functions of which are these; null if it has optimised none. */
export function nativeOf(module: WasmModule, budget: number, functions: readonly unknown[]): Native | null {
  const optimised = countOptimised(functions);
  // V8 aborts the process when it is to write down nothing.
  if (optimised === 0 || INTRINSICS === null) return null;
  const code = withBudget(budget, () => INTRINSICS.serialize(module));
  return { code: new Uint8Array(code), optimised };
}
