import { JUMP_CACHE, JUMP_ENTRIES, JUMP_ENTRY_SIZE } from '../layout.js';
import { i32, type Expr } from '../wasm/expr.js';

/**
 * Where the jump cache has a guest address's entry. Only the address's low half counts; multiplying by 2^32 divided by
 * the golden ratio spreads it over the product's upper bits.
 */
const MULTIPLIER = 0x9e3779b1;
const SHIFT = 16;
const MASK = (JUMP_ENTRIES - 1) * JUMP_ENTRY_SIZE;

/** Offset of the entry of `address` (its low 32 bits suffice). */
export function jumpEntry(address: number): number {
  return JUMP_CACHE + ((Math.imul(address | 0, MULTIPLIER) >>> SHIFT) & MASK);
}

/** The same less JUMP_CACHE, which belongs into the load's constant offset; `low` is the address's low half, i32. */
export function jumpIndex(low: Expr): Expr {
  const spread = i32.shr_u(i32.mul(low, i32.const(MULTIPLIER)), i32.const(SHIFT));
  return i32.and(spread, i32.const(MASK));
}
