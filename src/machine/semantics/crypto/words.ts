import { i32, i64, i64x2, type Expr } from '../../wasm/expr.js';
import type { Emitter } from '../emitter.js';

/** A vector's two words of 32 bits in half `half`, the upper one first. */
export function wordsOfHalf(e: Emitter, vector: Expr, half: 0 | 1): [Expr, Expr] {
  const both = e.let(i64x2.extract_lane(half, vector));
  return [e.let(i32.wrap_i64(i64.shr_u(both, i64.num(32)))), e.let(i32.wrap_i64(both))];
}

/** All four, lane 3 first. The vector is used twice. */
export function wordsOf(e: Emitter, vector: Expr): [Expr, Expr, Expr, Expr] {
  return [...wordsOfHalf(e, vector, 1), ...wordsOfHalf(e, vector, 0)];
}

const joined = (upper: Expr, lower: Expr): Expr =>
  i64.or(i64.shl(i64.extend_i32_u(upper), i64.num(32)), i64.extend_i32_u(lower));

/** The vector with these words, lane 3 first. */
export function fromWords(a: Expr, b: Expr, c: Expr, d: Expr): Expr {
  return i64x2.replace_lane(1, i64x2.splat(joined(c, d)), joined(a, b));
}
