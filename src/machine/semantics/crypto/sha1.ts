/** SHA-1 (SDM volume 2; FIPS 180-4, 6.1). Lane 3 has what comes first: a, or the first word. */
import { i32, i32x4, i64, i64x2, select, v128, type Expr } from '../../wasm/expr.js';
import type { Emitter, Semantics, SemanticsTable } from '../emitter.js';
import { ZEROS, bits, constantOf, immediate, readVector } from '../sse/operands.js';
import { shuffle } from '../sse/permute.js';
import { fromWords, wordsOf } from './words.js';

const ROUNDS = 4;
const CONSTANTS = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6];

type Choice = (b: Expr, c: Expr, d: Expr) => Expr;
const choose: Choice = (b, c, d) => i32.xor(d, i32.and(b, i32.xor(c, d)));
const parity: Choice = (b, c, d) => i32.xor(i32.xor(b, c), d);
const majority: Choice = (b, c, d) => i32.or(i32.and(b, c), i32.and(d, i32.or(b, c)));
const CHOICES = [choose, parity, majority, parity];

/** Of an i32 that is known when code is emitted, or is not, that number's element. */
function pick(which: Expr, values: readonly Expr[]): Expr {
  const known = constantOf(which);
  const [first, ...others] = values as [Expr, ...Expr[]];
  if (known !== null) return values[known] ?? first;
  return others.reduce((found, value, i) => select(i32.eq(which, i32.const(i + 1)), value, found), first);
}

const sha1rnds4: Semantics = (e) => {
  const terms = wordsOf(e, e.let(readVector(e, 1)));
  let [a, b, c, d] = wordsOf(e, e.read(0));
  const which = e.let(bits(immediate(e, 2), 0, 3));
  const constant = e.let(
    pick(
      which,
      CONSTANTS.map((word) => i32.const(word)),
    ),
  );
  let last: Expr | null = null;
  for (let i = 0; i < ROUNDS; i++) {
    const choice = pick(
      which,
      CHOICES.map((of) => of(b, c, d)),
    );
    // The first term is W0 + E already.
    const term = last === null ? (terms[i] as Expr) : i32.add(terms[i] as Expr, last);
    const next = i32.add(i32.add(choice, i32.rotl(a, i32.const(5))), i32.add(term, constant));
    [a, b, c, d, last] = [e.let(next), a, e.let(i32.rotl(b, i32.const(30))), c, d];
  }
  e.write(0, fromWords(a, b, c, d));
};

/** a becomes e: turned, and added to the first of the next words. */
const sha1nexte: Semantics = (e) => {
  const words = e.let(readVector(e, 1));
  const a = e.let(e.read(0));
  const turned = v128.or(i32x4.shl(a, i32.const(30)), i32x4.shr_u(a, i32.const(2)));
  e.write(0, i32x4.add(words, v128.and(turned, FIRST)));
};
const FIRST = i64x2.replace_lane(1, ZEROS, i64.const(0, -1));

const sha1msg1: Semantics = (e) => {
  const b = e.let(readVector(e, 1));
  const a = e.let(e.read(0));
  e.write(0, v128.xor(a, shuffle(8, [3, 0], a, b)));
};

const byOne = (e: Emitter, x: Expr): Expr =>
  e.let(v128.or(i32x4.shl(x, i32.const(1)), i32x4.shr_u(x, i32.const(31))));

/** The last word has the first one in it, turned once more. */
const sha1msg2: Semantics = (e) => {
  const b = e.let(readVector(e, 1));
  const words = byOne(e, e.let(v128.xor(e.read(0), shuffle(4, [7, 0, 1, 2], b, ZEROS))));
  e.write(0, v128.xor(words, shuffle(4, [3, 4, 4, 4], byOne(e, words), ZEROS)));
};

export const SHA1: SemanticsTable = { sha1rnds4, sha1nexte, sha1msg1, sha1msg2 };
