/**
 * AES (SDM volume 2; FIPS 197) with look-ups in tables of 16 entries, as Hamburg has shown (Accelerating AES with vector
 * permute instructions, 2009): the S-box's inverse is taken in GF(2^4), see field.ts. Which addresses are touched does not depend
 * on the data. For a round that waits for its result this takes as long as tables of 256 words, else it is faster.
 */
import { CPU_SETTLED } from '../../layout.js';
import { i32, i32x4, i8x16, v128, type Expr } from '../../wasm/expr.js';
import type { Emitter, Semantics, SemanticsTable } from '../emitter.js';
import { ZEROS, immediate, lanes32, readVector } from '../sse/operands.js';
import { shuffle } from '../sse/permute.js';
import { aesTable, type AesTable } from './aes-tables.js';

const xor = v128.xor;
const lookUp = (table: AesTable, index: Expr): Expr => i8x16.swizzle(aesTable(table), index);

/** Low and high nibbles. */
function nibbles(e: Emitter, x: Expr, mask: Expr): [low: Expr, high: Expr] {
  return [e.let(v128.and(x, mask)), e.let(i32x4.shr_u(v128.andnot(x, mask), i32.const(4)))];
}

/** p and q (field.ts) of each byte of x. */
function inverted(e: Emitter, x: Expr, low: AesTable, high: AesTable): [p: Expr, q: Expr] {
  const mask = e.let(aesTable('nibble'));
  const [lowNibble, highNibble] = nibbles(e, x, mask);
  const pair = e.let(xor(lookUp(low, lowNibble), lookUp(high, highNibble)));
  const [i, k] = nibbles(e, pair, mask);
  const j = e.let(xor(i, k));
  const quotient = e.let(lookUp('normQuotient', k));
  const table = e.let(aesTable('reciprocal'));
  const reciprocal = (n: Expr): Expr => i8x16.swizzle(table, n);
  const p = e.let(xor(reciprocal(xor(reciprocal(i), quotient)), j));
  const q = e.let(xor(reciprocal(xor(reciprocal(j), quotient)), i));
  return [p, q];
}

/** ShiftRows, or its inverse, and SubBytes' p and q. */
function substituted(e: Emitter, state: Expr): [p: Expr, q: Expr] {
  return inverted(e, e.let(i8x16.swizzle(state, aesTable('shiftRows'))), 'pairLow', 'pairHigh');
}
function inverseSubstituted(e: Emitter, state: Expr): [p: Expr, q: Expr] {
  const rows = e.let(i8x16.swizzle(state, aesTable('inverseShiftRows')));
  return inverted(e, rows, 'inversePairLow', 'inversePairHigh');
}
const output = ([p, q]: readonly [Expr, Expr], fromP: AesTable, fromQ: AesTable): Expr =>
  xor(lookUp(fromP, p), lookUp(fromQ, q));

/** Twice each byte in GF(2^8). */
function doubled(x: Expr): Expr {
  return xor(i8x16.add(x, x), v128.and(i8x16.lt_s(x, ZEROS), aesTable('polynomial')));
}
/** Each column turned: byte i becomes byte i + 1, or i + 2. (V8 makes two instructions of this shuffle.) */
const turned = (x: Expr): Expr =>
  v128.or(i32x4.shr_u(x, i32.const(8)), i32x4.shl(x, i32.const(24)));
const turnedTwice = (x: Expr): Expr => shuffle(2, [1, 0, 3, 2, 5, 4, 7, 6], x, x);

/** MixColumns: 2 a + 3 b + c + d for each byte a and those below it. */
function mixColumns(e: Emitter, x: Expr): Expr {
  const next = e.let(turned(x));
  const sum = e.let(xor(x, next));
  return xor(xor(doubled(sum), next), turnedTwice(sum));
}

/** InvMixColumns is MixColumns behind adding four times a byte and the second below it; `times4` is four times x. */
function inverseMixColumns(e: Emitter, x: Expr, times4: Expr): Expr {
  return mixColumns(e, e.let(xor(xor(x, times4), turnedTwice(times4))));
}

/** The key, held as it may be the state's register. */
function round(operation: (e: Emitter, state: Expr) => Expr): Semantics {
  return (e) => {
    const key = e.let(readVector(e, 1));
    const result = e.let(xor(operation(e, e.read(0)), key));
    e.setState(CPU_SETTLED, result);
    e.write(0, result);
  };
}

/** A column of the S-box's constant stays the same in MixColumns. */
const aesenc = round((e, state) => {
  const bytes = e.let(output(substituted(e, state), 'outP', 'outQ'));
  return xor(mixColumns(e, bytes), aesTable('constant'));
});
const aesenclast = round((e, state) =>
  xor(output(substituted(e, state), 'outP', 'outQ'), aesTable('constant')),
);
const aesdec = round((e, state) => {
  const inverse = inverseSubstituted(e, state);
  const times4 = e.let(output(inverse, 'inverseOut4P', 'inverseOut4Q'));
  return inverseMixColumns(e, output(inverse, 'inverseOutP', 'inverseOutQ'), times4);
});
const aesdeclast = round((e, state) =>
  output(inverseSubstituted(e, state), 'inverseOutP', 'inverseOutQ'),
);

const aesimc: Semantics = (e) => {
  const key = e.let(readVector(e, 1));
  e.write(0, inverseMixColumns(e, key, e.let(doubled(e.let(doubled(key))))));
};

const ODD_LANES = lanes32(0, -1, 0, -1);

/** SubWord of dwords 1 and 3, each followed by itself turned, xor the immediate. */
const aeskeygenassist: Semantics = (e) => {
  const words = e.let(readVector(e, 1));
  const inverse = inverted(e, words, 'pairLow', 'pairHigh');
  const bytes = e.let(xor(output(inverse, 'outP', 'outQ'), aesTable('constant')));
  const lanes = shuffle(1, [4, 5, 6, 7, 5, 6, 7, 4, 12, 13, 14, 15, 13, 14, 15, 12], bytes, bytes);
  e.write(0, xor(lanes, v128.and(i32x4.splat(immediate(e, 2)), ODD_LANES)));
};

export const AES: SemanticsTable = { aesenc, aesenclast, aesdec, aesdeclast, aesimc, aeskeygenassist };
