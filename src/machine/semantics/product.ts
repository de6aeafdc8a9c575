import { i64, type Expr } from '../wasm/expr.js';

/** High halves of 128-bit products. The factors, i64, are used more than once: give them locals. */

const THIRTY_TWO = i64.num(32);
const LOW = i64.const(-1, 0);

/** Of a product of unsigned factors; `keep` (an emitter's or function's `let`) holds what is needed twice. */
export function highUnsigned(a: Expr, b: Expr, keep: (x: Expr) => Expr = (x) => x): Expr {
  const aLow = keep(i64.and(a, LOW));
  const bLow = keep(i64.and(b, LOW));
  const aHigh = keep(i64.shr_u(a, THIRTY_TWO));
  const bHigh = keep(i64.shr_u(b, THIRTY_TWO));
  const carried = i64.shr_u(i64.mul(aLow, bLow), THIRTY_TWO);
  const middle = keep(i64.add(i64.mul(aHigh, bLow), carried));
  const other = i64.add(i64.mul(aLow, bHigh), i64.and(middle, LOW));
  const carries = i64.add(i64.shr_u(middle, THIRTY_TWO), i64.shr_u(other, THIRTY_TWO));
  return i64.add(i64.mul(aHigh, bHigh), carries);
}

/** Of a product of signed factors: the unsigned one less each factor where the other is negative. */
export function highSigned(a: Expr, b: Expr, keep?: (x: Expr) => Expr): Expr {
  const where = (sign: Expr, factor: Expr) => i64.and(i64.shr_s(sign, i64.num(63)), factor);
  return i64.sub(i64.sub(highUnsigned(a, b, keep), where(a, b)), where(b, a));
}
