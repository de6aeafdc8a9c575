/**
 * Whether a result was rounded: WebAssembly for finite operands, none denormal, and a result that is neither
 * overflowed nor tiny. i32 expressions, not 0 if inexact; arguments are used more than once.
 */
import { F64, f32, f64, i32, i64, select, type Expr } from '../../wasm/expr.js';

/** The error of a sum (Knuth's TwoSum). */
export function inexactSum(a: Expr, b: Expr, sum: Expr): Expr {
  const f = a.type === F64 ? f64 : f32;
  const part = f.sub(sum, a);
  return f.ne(f.add(f.sub(a, f.sub(sum, part)), f.sub(b, part)), f.sub(a, a));
}

const HIDDEN = i64.num(2 ** 52);
/** Zeros below the last one of the significand. */
function trailingZeros(x: Expr): Expr {
  return i64.ctz(i64.or(i64.reinterpret_f64(x), HIDDEN));
}
function exponent(x: Expr): Expr {
  return i64.and(i64.shr_u(i64.reinterpret_f64(x), i64.num(52)), i64.num(0x7ff));
}

/**
 * The product of two 53-bit significands has 105 bits, or 106 where the exponent grew by one; it fits 53 if the others
 * are zeros, which number as many as both factors have.
 */
function inexactProduct64(a: Expr, b: Expr, product: Expr): Expr {
  const grown = i64.sub(i64.add(exponent(product), i64.num(1023)), i64.add(exponent(a), exponent(b)));
  const zeros = i64.add(trailingZeros(a), trailingZeros(b));
  const lost = i64.lt_s(zeros, i64.add(grown, i64.num(52)));
  return i32.and(f64.ne(product, f64.bits(0, 0)), lost);
}

export function inexactProduct(a: Expr, b: Expr, product: Expr): Expr {
  if (a.type === F64) return inexactProduct64(a, b, product);
  return f64.ne(f64.mul(f64.promote_f32(a), f64.promote_f32(b)), f64.promote_f32(product));
}

/** A quotient is exact if its product with the divisor is, and is the dividend. */
export function inexactQuotient(a: Expr, b: Expr, quotient: Expr): Expr {
  if (a.type !== F64) {
    return f64.ne(f64.mul(f64.promote_f32(quotient), f64.promote_f32(b)), f64.promote_f32(a));
  }
  const zero = f64.eq(a, f64.bits(0, 0));
  const lost = i32.or(f64.ne(f64.mul(quotient, b), a), inexactProduct64(quotient, b, a));
  return select(zero, i32.const(0), lost);
}

export function inexactRoot(b: Expr, root: Expr): Expr {
  return inexactQuotient(b, root, root);
}
