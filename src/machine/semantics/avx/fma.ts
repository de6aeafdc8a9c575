/**
 * FMA: a * b + c, rounded once. WebAssembly has no such operation, so its result is made of sums and products that are
 * exact (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd"). That
 * is right where numbers are far from the ends of their range, and rounding is to nearest and silent or does not happen;
 * all else is float/fma.ts's.
 */
import { FLOAT_RAISED } from '../../layout.js';
import { I32, V128, call, f32x4, f64x2, i32, i32x4, i64x2, v128, type Expr } from '../../wasm/expr.js';
import { STORE, type FunctionBuilder } from '../../wasm/function.js';
import type { Semantics, SemanticsTable } from '../emitter.js';
import { NEGATE_EVEN, NEGATE_ODD, NEGATE_PRODUCT, OPERAND_C } from '../float/fma.js';
import { OPERAND_A, OPERAND_B, RESULT, operationCode, softFloat } from '../float/instruction.js';
import type { Helper } from '../helper.js';
import {
  INEXACT_IS_SILENT,
  PLAIN_ROUNDING,
  anyOf,
  anyZero,
  modesOtherThan,
  zeroIfDenormal,
  type Lanes,
} from '../sse/checks.js';
import { raiseIfUnmasked } from '../sse/arithmetic.js';
import { ZEROS, lanes32, vectorOf } from '../sse/operands.js';
import { shuffle } from '../sse/permute.js';
import { sibling } from './halves.js';

const AT_0 = i32.const(0);

function doubles(x: number): Expr {
  return v128.const(new Uint8Array(Float64Array.of(x, x).buffer));
}
const ONES_64 = lanes32(1, 0, 1, 0);

type Keep = (x: Expr) => Expr;

/** x + y and what rounding left out (Knuth). */
function twoSum(keep: Keep, x: Expr, y: Expr): [sum: Expr, error: Expr] {
  const sum = keep(f64x2.add(x, y));
  const part = keep(f64x2.sub(sum, x));
  return [sum, keep(f64x2.add(f64x2.sub(x, f64x2.sub(sum, part)), f64x2.sub(y, part)))];
}

const SPLITTER = doubles(2 ** 27 + 1);
function split(keep: Keep, x: Expr): [high: Expr, low: Expr] {
  const scaled = keep(f64x2.mul(SPLITTER, x));
  const high = keep(f64x2.sub(scaled, f64x2.sub(scaled, x)));
  return [high, keep(f64x2.sub(x, high))];
}
/** x * y - product (Dekker). */
function productError(keep: Keep, x: Expr, y: Expr, product: Expr): Expr {
  const [xHigh, xLow] = split(keep, x);
  const [yHigh, yLow] = split(keep, y);
  const first = f64x2.sub(f64x2.mul(xHigh, yHigh), product);
  const second = f64x2.add(f64x2.add(first, f64x2.mul(xHigh, yLow)), f64x2.mul(xLow, yHigh));
  return keep(f64x2.add(second, f64x2.mul(xLow, yLow)));
}

/** A sum rounded to odd: where it is not exact, the last bit is 1. */
function toOdd(keep: Keep, sum: Expr, error: Expr): Expr {
  const isEven = i64x2.sub(v128.and(sum, ONES_64), ONES_64);
  const direction = v128.or(i64x2.shr_s(v128.xor(sum, error), i32.const(63)), ONES_64);
  return keep(i64x2.add(sum, v128.and(v128.and(f64x2.ne(error, ZEROS), isEven), direction)));
}

/** A result, and vectors that are all ones where it is right but for its rounding, and where it is exact. */
interface Fused {
  readonly value: Expr;
  readonly isPlain: Expr;
  readonly isExact: Expr;
}

const within = (x: Expr, limit: number): Expr => f64x2.lt(f64x2.abs(x), doubles(limit));
const atLeast = (x: Expr, limit: number): Expr => f64x2.ge(f64x2.abs(x), doubles(limit));
const all = (...masks: readonly Expr[]): Expr => masks.reduce((a, b) => v128.and(a, b));

/** Of doubles. A product with a zero is exact, and its sum is rounded once as it is. */
function fusedDoubles(keep: Keep, a: Expr, b: Expr, c: Expr): Fused {
  const product = keep(f64x2.mul(a, b));
  const error = productError(keep, a, b, product);
  const [middle, low] = twoSum(keep, c, error);
  const [high, left] = twoSum(keep, product, middle);
  const [small, smallError] = twoSum(keep, low, left);
  const [sum, sumError] = twoSum(keep, high, toOdd(keep, small, smallError));
  const isZero = keep(v128.or(f64x2.eq(a, ZEROS), f64x2.eq(b, ZEROS)));
  const inRange = keep(all(within(a, 2 ** 990), within(b, 2 ** 990), within(c, 2 ** 990)));
  const isSafe = all(
    atLeast(product, 2 ** -900),
    within(product, 2 ** 990),
    v128.or(f64x2.eq(sum, ZEROS), atLeast(sum, 2 ** -1000)),
  );
  return {
    value: keep(v128.bitselect(f64x2.add(product, c), sum, isZero)),
    isPlain: keep(v128.and(inRange, v128.or(isZero, isSafe))),
    isExact: v128.or(isZero, v128.andnot(f64x2.eq(sumError, ZEROS), f64x2.ne(smallError, ZEROS))),
  };
}

/** Of two floats, in doubles: their product is exact; the sum is rounded to odd, and then again to a float. */
function fusedFloats(keep: Keep, a: Expr, b: Expr, c: Expr): Fused {
  const [x, y, z] = [a, b, c].map(f64x2.promote_low_f32x4) as [Expr, Expr, Expr];
  const [sum, error] = twoSum(keep, keep(f64x2.mul(x, y)), keep(z));
  const value = keep(f32x4.demote_f64x2_zero(toOdd(keep, sum, error)));
  const isSafe = v128.or(f64x2.eq(sum, ZEROS), atLeast(sum, 2 ** -120));
  return {
    value,
    isPlain: keep(v128.and(within(sum, 2 ** 127), isSafe)),
    isExact: v128.andnot(f64x2.eq(f64x2.promote_low_f32x4(value), sum), f64x2.ne(error, ZEROS)),
  };
}

function fourFloats(keep: Keep, a: Expr, b: Expr, c: Expr): Fused {
  const low = fusedFloats(keep, a, b, c);
  const [x, y, z] = [a, b, c].map((v) => keep(shuffle(8, [1, 1], v, v))) as [Expr, Expr, Expr];
  const high = fusedFloats(keep, x, y, z);
  return {
    value: keep(shuffle(8, [0, 2], low.value, high.value)),
    isPlain: v128.and(low.isPlain, high.isPlain),
    isExact: v128.and(low.isExact, high.isExact),
  };
}

/** The sign bits of some lanes, where `condition` is not 0. */
function signsIf(condition: Expr, mask: Expr): Expr {
  return v128.and(mask, i32x4.splat(i32.sub(AT_0, i32.ne(condition, AT_0))));
}
const SIGN = 1 << 31;
const SIGNS = {
  pd: { even: lanes32(0, SIGN, 0, 0), odd: lanes32(0, 0, 0, SIGN) },
  ps: { even: lanes32(SIGN, 0, SIGN, 0), odd: lanes32(0, SIGN, 0, SIGN) },
} as const;

function callSoft(f: FunctionBuilder, func: (helper: Helper) => number, name: string): void {
  [OPERAND_A, OPERAND_B, OPERAND_C].forEach((place, k) => f.store(STORE.v128, AT_0, f.get(k), place));
  const raised = call(I32, func(softFloat), [i32.const(operationCode(name)), f.get(3)]);
  f.store(STORE.i32, AT_0, raised, FLOAT_RAISED);
  f.return(v128.load(AT_0, RESULT));
}

/** (a, b, c, signs) to the result; leaves in FLOAT_RAISED whether an exception is due. Scalars stand in all lanes. */
function fusedHelper(format: string, lanes: Lanes): Helper {
  return {
    name: `fma${format}`,
    params: [V128, V128, V128, I32],
    result: V128,
    wasm: (f, func) => {
      const keep: Keep = (x) => f.let(x);
      f.store(STORE.i32, AT_0, AT_0, FLOAT_RAISED);
      const has = (bit: number) => i32.and(f.get(3), i32.const(bit));
      const { even, odd } = SIGNS[lanes];
      const a = keep(v128.xor(f.get(0), signsIf(has(NEGATE_PRODUCT), v128.or(even, odd))));
      const b = f.get(1);
      const signs = v128.or(signsIf(has(NEGATE_EVEN), even), signsIf(has(NEGATE_ODD), odd));
      const c = keep(v128.xor(f.get(2), signs));
      const { value, isPlain, isExact } = (lanes === 'pd' ? fusedDoubles : fourFloats)(keep, a, b, c);
      const denormal = anyZero(lanes, ...[a, b, c].map((x) => zeroIfDenormal(lanes, x)));
      f.if(i32.eqz(anyOf(denormal, i32.eqz(i64x2.all_true(isPlain)))));
      f.if(i32.eqz(modesOtherThan(PLAIN_ROUNDING)));
      f.return(value);
      f.end();
      f.if(i32.eqz(modesOtherThan(PLAIN_ROUNDING & ~INEXACT_IS_SILENT)));
      f.if(i64x2.all_true(isExact));
      f.return(value);
      f.end();
      f.end();
      f.end();
      callSoft(f, func, `fma${format}`);
    },
  };
}

const HELPERS = {
  ps: fusedHelper('ps', 'ps'),
  pd: fusedHelper('pd', 'pd'),
  ss: fusedHelper('ss', 'ps'),
  sd: fusedHelper('sd', 'pd'),
} as const;
type Format = keyof typeof HELPERS;

/** Which of the three operands, destination first, are a, b and c: the name has their numbers. */
const ORDERS = { '132': [0, 2, 1], '213': [1, 0, 2], '231': [1, 2, 0] } as const;
const SIGNS_OF: Readonly<Record<string, number>> = {
  vfmadd: 0,
  vfmsub: NEGATE_EVEN | NEGATE_ODD,
  vfnmadd: NEGATE_PRODUCT,
  vfnmsub: NEGATE_PRODUCT | NEGATE_EVEN | NEGATE_ODD,
  vfmaddsub: NEGATE_EVEN,
  vfmsubadd: NEGATE_ODD,
};

function splatLowest(format: Format, x: Expr): Expr {
  if (format === 'sd') return shuffle(8, [0, 0], x, x);
  return format === 'ss' ? shuffle(4, [0, 0, 0, 0], x, x) : x;
}

/** One half: operands are where an instruction of 128 bits has them. */
function fused(order: keyof typeof ORDERS, signs: number, format: Format): Semantics {
  const isScalar = format === 'ss' || format === 'sd';
  return (e) => {
    const value = (k: number) => {
      const x = vectorOf(e.read(k));
      return isScalar ? e.let(splatLowest(format, e.let(x))) : x;
    };
    const [a, b, c] = ORDERS[order].map(value) as [Expr, Expr, Expr];
    const result = e.callValue(HELPERS[format], a, b, c, i32.const(signs));
    raiseIfUnmasked(e);
    if (!isScalar) return e.write(0, result);
    e.write(0, format === 'sd' ? f64x2.extract_lane(0, result) : f32x4.extract_lane(0, result));
  };
}

function allOf(stem: string, signs: number): [string, Semantics][] {
  const formats: readonly Format[] =
    stem.includes('add') && stem.includes('sub') ? ['ps', 'pd'] : ['ps', 'pd', 'ss', 'sd'];
  return (Object.keys(ORDERS) as (keyof typeof ORDERS)[]).flatMap((order) =>
    formats.map((format): [string, Semantics] => [
      stem + order + format,
      sibling(fused(order, signs, format), { merges: false, raises: true }),
    ]),
  );
}

export const FMA: SemanticsTable = Object.fromEntries(
  Object.entries(SIGNS_OF).flatMap(([stem, signs]) => allOf(stem, signs)),
);
