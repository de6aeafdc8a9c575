/** SHA-256 (SDM volume 2; FIPS 180-4, 6.2). */
import { i32, i32x4, i64x2, v128, type Expr } from '../../wasm/expr.js';
import type { Emitter, Semantics, SemanticsTable } from '../emitter.js';
import { ZEROS, readVector } from '../sse/operands.js';
import { shuffle } from '../sse/permute.js';
import { fromWords, wordsOf, wordsOfHalf } from './words.js';

const rotr = (x: Expr, by: number): Expr => i32.rotr(x, i32.const(by));
const xor3 = (a: Expr, b: Expr, c: Expr): Expr => i32.xor(i32.xor(a, b), c);
const choose = (e: Expr, f: Expr, g: Expr): Expr => i32.xor(g, i32.and(e, i32.xor(f, g)));
const majority = (a: Expr, b: Expr, c: Expr): Expr => i32.or(i32.and(a, b), i32.and(c, i32.or(a, b)));

/** a, b, e, f lie in the source, c, d, g, h in the destination, lane 3 first; the rounds' terms in xmm0. */
const sha256rnds2: Semantics = (em) => {
  let [a, b, e, f] = wordsOf(em, em.let(readVector(em, 1)));
  let [c, d, g, h] = wordsOf(em, em.read(0));
  const [second, first] = wordsOfHalf(em, em.read(2), 0);
  for (const term of [first, second]) {
    const turned = xor3(rotr(e, 6), rotr(e, 11), rotr(e, 25));
    const sum = em.let(i32.add(i32.add(i32.add(h, term), choose(e, f, g)), turned));
    const other = i32.add(majority(a, b, c), xor3(rotr(a, 2), rotr(a, 13), rotr(a, 22)));
    [h, g, f, e] = [g, f, e, em.let(i32.add(d, sum))];
    [d, c, b, a] = [c, b, a, em.let(i32.add(sum, other))];
  }
  em.write(0, fromWords(a, b, e, f));
};

const turnedLanes = (x: Expr, by: number): Expr =>
  v128.or(i32x4.shr_u(x, i32.const(by)), i32x4.shl(x, i32.const(32 - by)));

/** Each word and what the word behind it adds. */
const sha256msg1: Semantics = (e) => {
  const b = e.let(readVector(e, 1));
  const a = e.let(e.read(0));
  const next = e.let(shuffle(4, [1, 2, 3, 4], a, b));
  const sigma = v128.xor(
    v128.xor(turnedLanes(next, 7), turnedLanes(next, 18)),
    i32x4.shr_u(next, i32.const(3)),
  );
  e.write(0, i32x4.add(a, sigma));
};

/**
 * What dwords `low` and `low + 1` add to words two behind them, as the low dwords of 64 bits. A word beside itself, shifted to
 * the right, is turned.
 */
function sigmaOfTwo(e: Emitter, x: Expr, low: number): Expr {
  const twice = e.let(shuffle(4, [low, low, low + 1, low + 1], x, x));
  const turned = v128.xor(i64x2.shr_u(twice, i32.const(17)), i64x2.shr_u(twice, i32.const(19)));
  return e.let(v128.xor(turned, i32x4.shr_u(twice, i32.const(10))));
}

/** The last two words have the first two in them. */
const sha256msg2: Semantics = (e) => {
  const b = e.let(readVector(e, 1));
  const first = sigmaOfTwo(e, b, 2);
  const two = e.let(i32x4.add(e.read(0), shuffle(4, [0, 2, 4, 4], first, ZEROS)));
  const second = sigmaOfTwo(e, two, 0);
  e.write(0, i32x4.add(two, shuffle(4, [4, 4, 0, 2], second, ZEROS)));
};

export const SHA256: SemanticsTable = { sha256rnds2, sha256msg1, sha256msg2 };
