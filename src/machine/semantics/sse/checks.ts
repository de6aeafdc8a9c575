/**
 * What must hold for a plain WebAssembly float operation to be all that an SSE instruction does. Conditions are i32
 * expressions, not 0 where the plain way will not do. They look at numbers as integers, shifted left to lose the sign:
 * subtracting 1 leaves the exponent 0 only of denormals (a zero wraps); adding 1 to the exponent leaves 0 only of
 * infinities and NaNs. Arguments are used more than once.
 */
import { CPU, CPU_MXCSR } from '../../layout.js';
import {
  F64,
  I64,
  f32,
  f32x4,
  f64,
  f64x2,
  i32,
  i32x4,
  i64,
  i64x2,
  v128,
  type Expr,
} from '../../wasm/expr.js';
import { FTZ, MASK_SHIFT, PE, ROUNDING_SHIFT } from '../float/env.js';
import { lanes32 } from './operands.js';

/** Sets of MXCSR bits for `modesOtherThan`. An inexact result changes nothing any more: PE is set, and masked. */
export const INEXACT_IS_SILENT = PE | (PE << MASK_SHIFT);
/** And inexact results may be had by rounding to nearest. */
export const PLAIN_ROUNDING = INEXACT_IS_SILENT | (3 << ROUNDING_SHIFT);
/** The same where results may be denormal. */
export const PLAIN_SUM = PLAIN_ROUNDING | FTZ;

/** MXCSR, wherever code runs. */
export const mxcsr = (): Expr => i32.load(i32.const(CPU), CPU_MXCSR);

/** Not 0 unless, of MXCSR's `bits`, just those of INEXACT_IS_SILENT are set. */
export function modesOtherThan(bits: number): Expr {
  return i32.xor(i32.and(mxcsr(), i32.const(bits)), i32.const(bits & INEXACT_IS_SILENT));
}

/** ((x without its sign) * 2 + add) >>> all but some bits of the exponent; `add` is -1 or the exponent's unit. */
function field(x: Expr, add: 'less one' | 'next exponent', dropped: number): Expr {
  if (x.type === F64) {
    const doubled = i64.shl(i64.reinterpret_f64(x), i64.num(1));
    return i64.shr_u(i64.add(doubled, i64.num(add === 'less one' ? -1 : 2 ** 53)), i64.num(53 + dropped));
  }
  const doubled = i32.shl(i32.reinterpret_f32(x), i32.const(1));
  return i32.shr_u(i32.add(doubled, i32.const(add === 'less one' ? -1 : 2 ** 24)), i32.const(24 + dropped));
}
const isZero = (x: Expr): Expr => (x.type === I64 ? i64.eqz(x) : i32.eqz(x));

export const isDenormal = (x: Expr): Expr => isZero(field(x, 'less one', 0));
export const isNotFinite = (x: Expr): Expr => isZero(field(x, 'next exponent', 0));
/** Zero, infinity, NaN, denormal, or so near to denormal that rounding may have hidden it. */
export const isExtreme = (x: Expr): Expr => isZero(field(x, 'next exponent', 2));

/** Numbers below 2^11 that are 0 if the scalar is denormal, not finite, extreme; for `anyScalarZero`. */
export const zeroIfScalarDenormal = (x: Expr): Expr => field(x, 'less one', 0);
export const zeroIfScalarNotFinite = (x: Expr): Expr => field(x, 'next exponent', 0);
export const zeroIfScalarExtreme = (x: Expr): Expr => field(x, 'next exponent', 2);

/**
 * Not 0 if any of up to three fields of one type is 0, or if `modes` is not: their product is below 2^33, so one
 * comparison tells. That takes half the instructions of asking one by one.
 */
export function anyScalarZero(fields: readonly Expr[], modes: Expr = i32.const(0)): Expr {
  const product = fields.reduce((a, b) => (a.type === I64 ? i64.mul(a, b) : i32.mul(a, b)));
  const wide = product.type === I64 ? product : i64.extend_i32_u(product);
  return i64.le_u(wide, i64.shl(i64.extend_i32_u(modes), i64.num(34)));
}

export function isNaN(x: Expr): Expr {
  return x.type === F64 ? f64.ne(x, x) : f32.ne(x, x);
}
export const isUnordered = (a: Expr, b: Expr): Expr => i32.or(isNaN(a), isNaN(b));

/** A vector's format: two lanes of binary64, or four of binary32. */
export type Lanes = 'pd' | 'ps';

function vectorField(lanes: Lanes, x: Expr, add: 'less one' | 'next exponent', dropped: number): Expr {
  if (lanes === 'pd') {
    const addend = add === 'less one' ? lanes32(-1, -1, -1, -1) : lanes32(0, 1 << 21, 0, 1 << 21);
    return i64x2.shr_u(i64x2.add(i64x2.add(x, x), addend), i32.const(53 + dropped));
  }
  const word = add === 'less one' ? -1 : 1 << 24;
  return i32x4.shr_u(i32x4.add(i32x4.add(x, x), lanes32(word, word, word, word)), i32.const(24 + dropped));
}
/** Vectors with 0 in the lanes that are denormal, not finite, extreme; for `anyZero`. */
export const zeroIfDenormal = (lanes: Lanes, x: Expr): Expr => vectorField(lanes, x, 'less one', 0);
export const zeroIfNotFinite = (lanes: Lanes, x: Expr): Expr => vectorField(lanes, x, 'next exponent', 0);
export const zeroIfExtreme = (lanes: Lanes, x: Expr): Expr => vectorField(lanes, x, 'next exponent', 2);

/** Not 0 if any lane of any of the fields is 0. They are so small that 32-bit minima serve 64-bit lanes too. */
export function anyZero(lanes: Lanes, ...fields: readonly Expr[]): Expr {
  const least = fields.reduce((a, b) => i32x4.min_u(a, b));
  return i32.eqz(lanes === 'pd' ? i64x2.all_true(least) : i32x4.all_true(least));
}
const SHAPES = { pd: f64x2, ps: f32x4 } as const;

export function anyUnordered(lanes: Lanes, a: Expr, b: Expr): Expr {
  const { ne } = SHAPES[lanes];
  return v128.any_true(v128.or(ne(a, a), ne(b, b)));
}
/** Not 0 unless all lanes are less in magnitude than those of `limit`; NaNs are not. */
export function anyNotBelow(lanes: Lanes, x: Expr, limit: Expr): Expr {
  const { lt, abs } = SHAPES[lanes];
  const below = lt(abs(x), limit);
  return i32.eqz(lanes === 'pd' ? i64x2.all_true(below) : i32x4.all_true(below));
}
export function anyOf(first: Expr, ...others: readonly Expr[]): Expr {
  return others.reduce((a, b) => i32.or(a, b), first);
}
