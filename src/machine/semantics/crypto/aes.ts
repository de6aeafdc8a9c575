/**
 * AES (SDM volume 2; FIPS 197) with look-ups in tables of 16 entries, as Hamburg has shown (Accelerating AES with vector
 * permute instructions, 2009): the S-box's inverse is taken in GF(2^4), see field.ts. Which addresses are touched does not depend
 * on the data. For a round that waits for its result this takes as long as tables of 256 words, else it is faster.
 */
import { V128, i32, i32x4, i8x16, v128, type Expr } from '../../wasm/expr.js';
import type { Semantics, SemanticsTable } from '../emitter.js';
import type { Helper } from '../helper.js';
import { ZEROS, immediate, lanes32, readVector } from '../sse/operands.js';
import { shuffle } from '../sse/permute.js';
import { aesTable, type AesTable } from './aes-tables.js';

/** Evaluates now. */
type Keep = (x: Expr) => Expr;

const xor = v128.xor;
const lookUp = (table: AesTable, index: Expr): Expr => i8x16.swizzle(aesTable(table), index);

/** Low and high nibbles. */
function nibbles(keep: Keep, x: Expr, mask: Expr): [low: Expr, high: Expr] {
  return [keep(v128.and(x, mask)), keep(i32x4.shr_u(v128.andnot(x, mask), i32.const(4)))];
}

/** p and q (field.ts) of each byte of x. */
function inverted(keep: Keep, x: Expr, low: AesTable, high: AesTable): [p: Expr, q: Expr] {
  const mask = keep(aesTable('nibble'));
  const [lowNibble, highNibble] = nibbles(keep, x, mask);
  const pair = keep(xor(lookUp(low, lowNibble), lookUp(high, highNibble)));
  const [i, k] = nibbles(keep, pair, mask);
  const j = keep(xor(i, k));
  const quotient = keep(lookUp('normQuotient', k));
  const table = keep(aesTable('reciprocal'));
  const reciprocal = (n: Expr): Expr => i8x16.swizzle(table, n);
  const p = keep(xor(reciprocal(xor(reciprocal(i), quotient)), j));
  const q = keep(xor(reciprocal(xor(reciprocal(j), quotient)), i));
  return [p, q];
}

/** ShiftRows, or its inverse, and SubBytes' p and q. */
function substituted(keep: Keep, state: Expr): [p: Expr, q: Expr] {
  return inverted(keep, keep(i8x16.swizzle(state, aesTable('shiftRows'))), 'pairLow', 'pairHigh');
}
function inverseSubstituted(keep: Keep, state: Expr): [p: Expr, q: Expr] {
  const rows = keep(i8x16.swizzle(state, aesTable('inverseShiftRows')));
  return inverted(keep, rows, 'inversePairLow', 'inversePairHigh');
}
const output = ([p, q]: readonly [Expr, Expr], fromP: AesTable, fromQ: AesTable): Expr =>
  xor(lookUp(fromP, p), lookUp(fromQ, q));

/** Twice each byte in GF(2^8). */
function doubled(x: Expr): Expr {
  return xor(i8x16.add(x, x), v128.and(i8x16.lt_s(x, ZEROS), aesTable('polynomial')));
}
/** Each column turned: byte i becomes byte i + 1, or i + 2. (V8 makes two instructions of this shuffle.) */
const turned = (x: Expr): Expr => v128.or(i32x4.shr_u(x, i32.const(8)), i32x4.shl(x, i32.const(24)));
const turnedTwice = (x: Expr): Expr => shuffle(2, [1, 0, 3, 2, 5, 4, 7, 6], x, x);

/** MixColumns: 2 a + 3 b + c + d for each byte a and those below it. */
function mixColumns(keep: Keep, x: Expr): Expr {
  const next = keep(turned(x));
  const sum = keep(xor(x, next));
  return xor(xor(doubled(sum), next), turnedTwice(sum));
}

/** InvMixColumns is MixColumns behind adding four times a byte and the second below it; `times4` is four times x. */
function inverseMixColumns(keep: Keep, x: Expr, times4: Expr): Expr {
  return mixColumns(keep, keep(xor(xor(x, times4), turnedTwice(times4))));
}

export const AES_HELPERS: Helper[] = [];

/**
 * An instruction as a helper: written in place, the hundred of a loop that has no inner one would be more code than the
 * processor's first cache holds.
 */
function round(name: string, operation: (keep: Keep, state: Expr) => Expr): Semantics {
  const helper: Helper = {
    name,
    near: true,
    params: [V128, V128],
    result: V128,
    wasm: (f) =>
      f.return(
        xor(
          operation((x) => f.let(x), f.get(0)),
          f.get(1),
        ),
      ),
  };
  AES_HELPERS.push(helper);
  return (e) => {
    const key = e.let(readVector(e, 1));
    e.write(0, e.callValue(helper, e.read(0), key));
  };
}

/** A column of the S-box's constant stays the same in MixColumns. */
const aesenc = round('aesenc', (keep, state) => {
  const bytes = keep(output(substituted(keep, state), 'outP', 'outQ'));
  return xor(mixColumns(keep, bytes), aesTable('constant'));
});
const aesenclast = round('aesenclast', (keep, state) =>
  xor(output(substituted(keep, state), 'outP', 'outQ'), aesTable('constant')),
);
const aesdec = round('aesdec', (keep, state) => {
  const inverse = inverseSubstituted(keep, state);
  const times4 = keep(output(inverse, 'inverseOut4P', 'inverseOut4Q'));
  return inverseMixColumns(keep, output(inverse, 'inverseOutP', 'inverseOutQ'), times4);
});
const aesdeclast = round('aesdeclast', (keep, state) =>
  output(inverseSubstituted(keep, state), 'inverseOutP', 'inverseOutQ'),
);

const aesimc: Semantics = (e) => {
  const keep: Keep = (x) => e.let(x);
  const key = keep(readVector(e, 1));
  e.write(0, inverseMixColumns(keep, key, keep(doubled(keep(doubled(key))))));
};

const ODD_LANES = lanes32(0, -1, 0, -1);

/** SubWord of dwords 1 and 3, each followed by itself turned, xor the immediate. */
const aeskeygenassist: Semantics = (e) => {
  const keep: Keep = (x) => e.let(x);
  const words = keep(readVector(e, 1));
  const inverse = inverted(keep, words, 'pairLow', 'pairHigh');
  const bytes = keep(xor(output(inverse, 'outP', 'outQ'), aesTable('constant')));
  const lanes = shuffle(1, [4, 5, 6, 7, 5, 6, 7, 4, 12, 13, 14, 15, 13, 14, 15, 12], bytes, bytes);
  e.write(0, xor(lanes, v128.and(i32x4.splat(immediate(e, 2)), ODD_LANES)));
};

export const AES: SemanticsTable = { aesenc, aesenclast, aesdec, aesdeclast, aesimc, aeskeygenassist };
