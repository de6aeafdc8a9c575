/**
 * pclmulqdq (SDM volume 2): products of polynomials over GF(2), from integer products of 32 bits. Of each factor only every
 * fourth bit is taken at a time: up to eight ones then come together at one place, and their carries end before the next one. The
 * fourth that is wanted of such a product is at the places that the factors' places add up to.
 */
import { CARRYLESS_MASKS, CPU_SETTLED } from '../../layout.js';
import { V128, i32, i64x2, select, v128, type Expr } from '../../wasm/expr.js';
import type { FunctionBuilder } from '../../wasm/function.js';
import { storeCpu } from '../base-emitter.js';
import type { Emitter, Semantics, SemanticsTable } from '../emitter.js';
import type { Helper, MachineViews } from '../helper.js';
import { bits, constantOf, immediate, readVector } from '../sse/operands.js';
import { shuffle, swapHalves } from '../sse/permute.js';

/** Every fourth bit from bit `low` on in lanes 0 and 2, from bit `high` on in lanes 1 and 3. */
const everyFourth = (low: number, high: number) => (i: number) => 0x11 << ((i & 4) === 0 ? low : high);
const MASKS: readonly ((i: number) => number)[] = [
  everyFourth(0, 0),
  everyFourth(1, 1),
  everyFourth(2, 2),
  everyFourth(3, 3),
  // For a product that is worked out in two lanes.
  everyFourth(0, 1),
  everyFourth(2, 3),
  everyFourth(0, 3),
  everyFourth(1, 0),
  everyFourth(2, 1),
  everyFourth(3, 2),
  // The middle 8 bytes.
  (i) => (i >= 4 && i < 12 ? 0xff : 0),
];
const IN_LANES = 4;
const OTHERS_IN_LANES = 6;
const MIDDLE = 10;

/** Fills the masks. */
export function writeCarrylessMasks(m: MachineViews): void {
  MASKS.forEach((mask, k) => {
    for (let i = 0; i < 16; i++) m.u8[CARRYLESS_MASKS + 16 * k + i] = mask(i);
  });
}
const maskAt = (k: number): Expr => v128.load(i32.const(0), CARRYLESS_MASKS + 16 * k);

const PLACES = [0, 1, 2, 3];
const sumOf = (terms: readonly Expr[]): Expr => terms.reduce((a, b) => v128.xor(a, b));
const joined = (parts: readonly Expr[]): Expr => parts.reduce((a, b) => v128.or(a, b));
/** Of lanes 0 and 1, 32 bits each. */
const products = i64x2.extmul_low_i32x4_u;

/** Values that are worked out before others (CPU_SETTLED). */
function settled(f: FunctionBuilder, value: Expr): Expr {
  const held = f.let(value);
  storeCpu(f, CPU_SETTLED, held);
  return held;
}

/** The products of dwords 0 and of dwords 1, 64 bits each. */
function outerProducts(f: FunctionBuilder, masks: readonly Expr[], x: Expr, y: Expr): Expr {
  const xs = masks.map((mask) => f.let(v128.and(x, mask)));
  const ys = masks.map((mask) => f.let(v128.and(y, mask)));
  const parts = masks.map((mask, place) => {
    const terms = xs.map((part, i) => products(part, ys[(place - i) & 3] as Expr));
    return settled(f, v128.and(sumOf(terms), mask));
  });
  return settled(f, joined(parts));
}

/** In lanes that have to be added: the product of the sums of dwords 0 and 1. */
function productOfSums(f: FunctionBuilder, masks: readonly Expr[], x: Expr, y: Expr): Expr {
  const bothLanes = (v: Expr): Expr => f.let(v128.xor(v, shuffle(4, [1, 0, 3, 2], v, v)));
  const [xSum, ySum] = [bothLanes(x), bothLanes(y)];
  const x01 = f.let(v128.and(xSum, maskAt(IN_LANES)));
  const x23 = f.let(v128.and(xSum, maskAt(IN_LANES + 1)));
  const ys = PLACES.map((place) => f.let(v128.and(ySum, maskAt(OTHERS_IN_LANES + place))));
  const parts = masks.map((mask, place) => {
    const terms = [products(x01, ys[place] as Expr), products(x23, ys[(place - 2) & 3] as Expr)];
    return v128.and(sumOf(terms), mask);
  });
  return joined(parts);
}

/** The product of two vectors' low halves, by Karatsuba's method. */
export const carrylessProduct: Helper = {
  name: 'carrylessProduct',
  near: true,
  params: [V128, V128],
  result: V128,
  wasm: (f) => {
    const masks = PLACES.map((place) => f.let(maskAt(place)));
    const outer = outerProducts(f, masks, f.get(0), f.get(1));
    const lanes = f.let(v128.xor(productOfSums(f, masks, f.get(0), f.get(1)), outer));
    const middle = f.let(v128.xor(lanes, swapHalves(lanes)));
    f.return(v128.xor(outer, v128.and(shuffle(4, [0, 0, 1, 3], middle, middle), maskAt(MIDDLE))));
  },
};

/** Its low half is the one that bit `bit` of the immediate chooses. */
function chosenHalf(e: Emitter, vector: Expr, bit: number): Expr {
  const chosen = bits(immediate(e, 2), bit, 1);
  const known = constantOf(chosen);
  if (known === 0) return vector;
  return known === 1 ? swapHalves(vector) : select(chosen, swapHalves(vector), vector);
}

const pclmulqdq: Semantics = (e) => {
  const b = e.let(readVector(e, 1));
  const a = e.let(e.read(0));
  e.write(0, e.callValue(carrylessProduct, chosenHalf(e, a, 0), chosenHalf(e, b, 4)));
};

export const CARRYLESS: SemanticsTable = { pclmulqdq };
