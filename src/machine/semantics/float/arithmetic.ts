import { DOWN, ZE, env, isNegative, type Format } from './env.js';
import { exactNumber, exactProduct, exactQuotient, exactRoot, exactSum } from './exact.js';
import { roundExact } from './round.js';

/**
 * Operations on numbers that are not NaN. A NaN as result means: invalid; the caller raises IE and takes the default
 * NaN. The other flags are raised here.
 */
export type BinaryOperation = (x: number, y: number, format: Format) => number;

/** The host's own result is right wherever nothing is rounded. */
export function add(x: number, y: number, format: Format): number {
  const sum = x + y;
  if (sum === 0 && x !== 0) return env.rounding === DOWN ? -0 : 0;
  if (x === 0 && y === 0) return isNegative(x) !== isNegative(y) && env.rounding === DOWN ? -0 : sum;
  if (!Number.isFinite(x) || !Number.isFinite(y)) return sum;
  if (x === 0 || y === 0) exactNumber(sum);
  else exactSum(x, y);
  return roundExact(format);
}

export function subtract(x: number, y: number, format: Format): number {
  return add(x, -y, format);
}

export function multiply(x: number, y: number, format: Format): number {
  if (x === 0 || y === 0 || !Number.isFinite(x) || !Number.isFinite(y)) return x * y;
  exactProduct(x, y);
  return roundExact(format);
}

export function divide(x: number, y: number, format: Format): number {
  if (y === 0 && x !== 0 && Number.isFinite(x)) env.flags |= ZE;
  if (x === 0 || y === 0 || !Number.isFinite(x) || !Number.isFinite(y)) return x / y;
  exactQuotient(x, y);
  return roundExact(format);
}

export function squareRoot(x: number, format: Format): number {
  if (x === 0 || x < 0 || x === Infinity) return Math.sqrt(x);
  exactRoot(x);
  return roundExact(format);
}

/** A number in a narrower format. */
export function narrow(x: number, format: Format): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  exactNumber(x);
  return roundExact(format);
}

/** The 64-bit signed integer hi:lo; `hi` is signed, `lo` is not. */
export function fromInteger(hi: number, lo: number, format: Format): number {
  const high = hi * 2 ** 32;
  if (high === 0 || lo === 0) return narrow(high + lo, format);
  exactSum(high, lo);
  return roundExact(format);
}
