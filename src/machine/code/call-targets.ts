import { CALL_TARGETS, CALL_TARGETS_SIZE } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import { i32, type Expr } from '../wasm/expr.js';
import { STORE, type FunctionBuilder } from '../wasm/function.js';
import { MULTIPLIER } from './jump-cache.js';

/*
 * Where calls have led, as far as the interpreter has seen them: for a hash of the address, a byte made of other bits of
 * it. What is forgotten when two addresses share a place does little harm, nor does what was never a function's start.
 */
const PLACE_SHIFT = 16;
const TAG_SHIFT = 8;

/** Notes that the running code calls `to` (i64). */
export function emitNote(f: FunctionBuilder, to: Expr): void {
  const hash = f.let(i32.mul(i32.wrap_i64(to), i32.const(MULTIPLIER)));
  const tag = i32.or(i32.shr_u(hash, i32.const(TAG_SHIFT)), i32.const(1));
  f.store(STORE.i32_8, i32.shr_u(hash, i32.const(PLACE_SHIFT)), tag, CALL_TARGETS);
}

/** Bytes of a function that are searched for its start. */
const FARTHEST = 16384;

export class CallTargets {
  constructor(private readonly memory: MachineViews) {}

  private has(address: number): boolean {
    const hash = Math.imul(address | 0, MULTIPLIER);
    const tag = ((hash >>> TAG_SHIFT) | 1) & 0xff;
    return this.memory.u8[CALL_TARGETS + ((hash >>> PLACE_SHIFT) & (CALL_TARGETS_SIZE - 1))] === tag;
  }

  /** The nearest addresses at and below `address` that have been called. */
  *before(address: number): Iterable<number> {
    for (let at = address; at > address - FARTHEST; at--) if (this.has(at)) yield at;
  }
}
