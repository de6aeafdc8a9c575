/**
 * The x87's transcendental instructions, on BigInt fixed-point numbers with more bits than the result can show: rare beside
 * arithmetic, and here exactness counts. Results are the correctly rounded ones but for cases that no table tells apart;
 * processors promise less than one unit in the last place (SDM volume 1, 8.3.10).
 */
import { DE, IE, ZE, raise, unmasked } from './environment.js';
import {
  BIAS,
  type Extended,
  isDenormal,
  isInfinite,
  isZero,
  setIndefinite,
  setInfinity,
  setZero,
} from './extended.js';
import { integerRoot, setFromBig, special } from './arithmetic.js';
import { EXTENDED_FORMAT, round } from './round.js';

/** Bits after the point for a number of this exponent: enough for its own bits, and 128 beyond. */
function precisionFor(...exponents: number[]): bigint {
  return BigInt(192 + Math.max(0, ...exponents.map((e) => BIAS - e)));
}

/** x * 2^p, cut. */
function toFixed(x: Extended, p: bigint): bigint {
  const significand = (BigInt(x.hi) << 32n) | BigInt(x.lo);
  const shift = p + BigInt(Math.max(x.exponent, 1) - BIAS - 63);
  const magnitude = shift >= 0n ? significand << shift : significand >> -shift;
  return x.sign !== 0 ? -magnitude : magnitude;
}

const bitLength = (n: bigint): number =>
  n.toString(16).length * 4 - (Math.clz32(parseInt(n.toString(16)[0] ?? '0', 16)) - 28);

/** Rounds value / 2^p, known to be inexact, into `result`. */
function fromFixed(value: bigint, p: bigint, result: Extended): void {
  const magnitude = value < 0n ? -value : value;
  if (magnitude === 0n) return setZero(result, value < 0n ? 1 : 0);
  const length = bitLength(magnitude);
  const bits = length >= 96 ? magnitude >> BigInt(length - 96) : magnitude << BigInt(96 - length);
  setFromBig(result, value < 0n ? 1 : 0, BIAS + length - 1 - Number(p), bits, false);
  round(result, EXTENDED_FORMAT);
}

const multiply = (a: bigint, b: bigint, p: bigint): bigint => (a * b) >> p;

/** Sums `first` and what `next` makes of each term until that is 0. */
function series(first: bigint, next: (term: bigint, n: bigint) => bigint): bigint {
  let sum = first;
  let term = first;
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    term = next(term, n);
    sum += term;
  }
  return sum;
}

/** atan(1/k). */
function arcTangentInverse(k: bigint, p: bigint): bigint {
  let power = (1n << p) / k;
  let sum = power;
  for (let n = 3n; power !== 0n; n += 2n) {
    power = -power / (k * k);
    sum += power / n;
  }
  return sum;
}

const cache = new Map<string, bigint>();
function constant(name: string, p: bigint, make: (p: bigint) => bigint): bigint {
  const key = `${name}${p}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  if (cache.size > 64) cache.clear();
  const value = make(p + 32n) >> 32n;
  cache.set(key, value);
  return value;
}
const pi = (p: bigint): bigint =>
  constant('pi', p, (q) => 4n * (4n * arcTangentInverse(5n, q) - arcTangentInverse(239n, q)));
/** ln 2 with so many bits: more than any result can show. */
const LN2_BITS = 256n;
const ln2 = (): bigint =>
  constant('ln2', LN2_BITS, (q) => 2n * naturalLog(3n << (q - 1n), q) - naturalLog((9n << q) / 8n, q));
const timesLn2 = (x: bigint): bigint => (x * ln2()) >> LN2_BITS;
const overLn2 = (x: bigint): bigint => (x << LN2_BITS) / ln2();

/** ln of a number from 1/2 to 2, by 2 atanh((x-1)/(x+1)). */
function naturalLog(x: bigint, p: bigint): bigint {
  const one = 1n << p;
  const z = ((x - one) << p) / (x + one);
  const square = multiply(z, z, p);
  let power = z;
  let sum = z;
  for (let n = 3n; power !== 0n && power !== -1n; n += 2n) {
    power = multiply(power, square, p);
    sum += power / n;
  }
  return 2n * sum;
}

/** log2 of a positive number: its exponent, and the logarithm of its significand. */
function binaryLog(x: bigint, p: bigint): bigint {
  const exponent = BigInt(bitLength(x) - 1) - p;
  const significand = exponent >= 0n ? x >> exponent : x << -exponent;
  return (exponent << p) + overLn2(naturalLog(significand, p));
}

/** e^x - 1 for small x. */
function exponentialMinusOne(x: bigint, p: bigint): bigint {
  return series(x, (term, n) => multiply(term, x, p) / (n + 1n));
}

/** The 66 bits of pi by which processors reduce angles (SDM volume 1, 8.3.8), with 66 of them behind the point. */
const ARGUMENT_PI = 0xc90fdaa22168c234cn;

/** sin and cos of an angle, by quadrant and Taylor series. */
function sineCosine(x: bigint, p: bigint): { sine: bigint; cosine: bigint } {
  const quarter = (ARGUMENT_PI << p) >> 67n;
  const quadrant = (2n * x + quarter) / (2n * quarter) - (2n * x + quarter < 0n ? 1n : 0n);
  const r = x - quadrant * quarter;
  const square = multiply(r, r, p);
  const sine = series(r, (term, n) => -multiply(term, square, p) / (2n * n * (2n * n + 1n)));
  const cosine = series(1n << p, (term, n) => -multiply(term, square, p) / (2n * n * (2n * n - 1n)));
  switch (Number(((quadrant % 4n) + 4n) % 4n)) {
    case 0:
      return { sine, cosine };
    case 1:
      return { sine: cosine, cosine: -sine };
    case 2:
      return { sine: -sine, cosine: -cosine };
    default:
      return { sine: -cosine, cosine: sine };
  }
}

/** atan of a number in [0, 1]: halved three times, then the series. */
function arcTangent(x: bigint, p: bigint): bigint {
  const one = 1n << p;
  let z = x;
  for (let i = 0; i < 3; i++) z = (z << p) / (one + integerRoot((one << p) + z * z));
  const square = multiply(z, z, p);
  let power = z;
  let sum = z;
  for (let n = 3n; power !== 0n && power !== -1n; n += 2n) {
    power = -multiply(power, square, p);
    sum += power / n;
  }
  return sum << 3n;
}

function noteDenormal(...operands: Extended[]): boolean {
  if (operands.some(isDenormal)) raise(DE);
  return unmasked(DE);
}

function invalid(result: Extended): void {
  raise(IE);
  setIndefinite(result);
}

/** Whether an angle is too large for the trigonometric instructions, which then only set C2. */
export function outOfRange(x: Extended): boolean {
  return x.exponent >= BIAS + 63 && x.exponent !== 0x7fff;
}

/** sin, cos or tan of an angle in range. */
export function trigonometric(x: Extended, result: Extended, of: 'sin' | 'cos' | 'tan'): void {
  if (special(x, x, result)) return;
  if (isInfinite(x)) return invalid(result);
  if (isZero(x)) {
    if (of === 'cos') return void result.set(0, BIAS, 0x80000000, 0);
    return setZero(result, x.sign);
  }
  if (noteDenormal(x)) return;
  const p = precisionFor(x.exponent, BIAS - 64);
  const { sine, cosine } = sineCosine(toFixed(x, p), p);
  fromFixed(of === 'sin' ? sine : of === 'cos' ? cosine : (sine << p) / cosine, p, result);
}

/** 2^x - 1 for -1 <= x <= 1; what lies outside is undefined, and left as it is. */
export function power2MinusOne(x: Extended, result: Extended): void {
  if (special(x, x, result)) return;
  result.copy(x);
  if (isZero(x) || noteDenormal(x)) return;
  if (isInfinite(x)) {
    if (x.sign !== 0) result.set(1, BIAS, 0x80000000, 0);
    return;
  }
  if (x.exponent > BIAS || (x.exponent === BIAS && (x.hi !== 0x80000000 || x.lo !== 0))) return;
  if (x.exponent === BIAS) {
    // 2^1 - 1 = 1 and 2^-1 - 1 = -1/2 are exact.
    if (x.sign !== 0) result.exponent = BIAS - 1;
    return;
  }
  const p = precisionFor(x.exponent);
  fromFixed(exponentialMinusOne(timesLn2(toFixed(x, p)), p), p, result);
}

/** y * log2(x). */
export function logarithm(x: Extended, y: Extended, result: Extended): void {
  if (special(x, y, result)) return;
  if (x.sign !== 0 && !isZero(x)) return invalid(result);
  const one = x.exponent === BIAS && x.hi === 0x80000000 && x.lo === 0;
  if (isZero(x)) {
    if (isZero(y)) return invalid(result);
    if (!isInfinite(y)) raise(ZE);
    return setInfinity(result, y.sign ^ 1);
  }
  if (isInfinite(x) ? isZero(y) : isInfinite(y) && one) return invalid(result);
  if (noteDenormal(x, y)) return;
  if (isInfinite(x)) return setInfinity(result, y.sign);
  if (isInfinite(y)) {
    return setInfinity(result, y.sign ^ (x.exponent < BIAS ? 1 : 0));
  }
  if (one || isZero(y)) return setZero(result, one ? y.sign : y.sign ^ (x.exponent < BIAS ? 1 : 0));
  scaledLogarithm(x, y, result);
}

function scaledLogarithm(x: Extended, y: Extended, result: Extended): void {
  const p = precisionFor(BIAS - 128);
  const significand = (BigInt(x.hi) << 32n) | BigInt(x.lo);
  const length = bitLength(significand);
  const exponent = Math.max(x.exponent, 1) - BIAS - 64 + length;
  const log = (BigInt(exponent) << p) + overLn2(naturalLog(significand << (p - BigInt(length - 1)), p));
  product(log, p, y, significand === 1n << BigInt(length - 1), result);
}

/** value / 2^p times y, rounded; exact when the logarithm is a whole number. */
function product(value: bigint, p: bigint, y: Extended, exact: boolean, result: Extended): void {
  const wide = value * ((BigInt(y.hi) << 32n) | BigInt(y.lo)) * (y.sign !== 0 ? -1n : 1n);
  const magnitude = wide < 0n ? -wide : wide;
  if (magnitude === 0n) return setZero(result, wide < 0n ? 1 : 0);
  const length = bitLength(magnitude);
  const shift = BigInt(length - 96);
  const bits = shift >= 0n ? magnitude >> shift : magnitude << -shift;
  const whole = exact && (shift < 0n || bits << shift === magnitude);
  const scale = Math.max(y.exponent, 1) - BIAS - 63 - Number(p);
  setFromBig(result, wide < 0n ? 1 : 0, BIAS + length - 1 + scale, bits, whole);
  round(result, EXTENDED_FORMAT);
}

/** y * log2(x + 1). */
export function logarithmPlusOne(x: Extended, y: Extended, result: Extended): void {
  if (special(x, y, result)) return;
  if (isZero(x) ? isInfinite(y) : isInfinite(x) && (x.sign !== 0 || isZero(y))) return invalid(result);
  if (x.sign !== 0 && x.exponent >= BIAS) return invalid(result);
  if (noteDenormal(x, y)) return;
  if (isInfinite(x) || isInfinite(y)) return setInfinity(result, x.sign ^ y.sign);
  if (isZero(x) || isZero(y)) return setZero(result, x.sign ^ y.sign);
  const p = precisionFor(x.exponent);
  const sum = toFixed(x, p) + (1n << p);
  // Near 1 the logarithm is taken as it is, so that a small one keeps its bits.
  product(x.exponent < BIAS - 1 ? overLn2(naturalLog(sum, p)) : binaryLog(sum, p), p, y, false, result);
}

/** atan2(y, x), in all quadrants (SDM volume 2, table 3-30). */
export function arcTangentOf(y: Extended, x: Extended, result: Extended): void {
  if (special(y, x, result) || noteDenormal(y, x)) return;
  if (isZero(y)) return x.sign === 0 ? setZero(result, y.sign) : angle(result, y.sign, 4n);
  if (isInfinite(x)) {
    if (isInfinite(y)) return angle(result, y.sign, x.sign === 0 ? 1n : 3n);
    return x.sign === 0 ? setZero(result, y.sign) : angle(result, y.sign, 4n);
  }
  if (isInfinite(y) || isZero(x)) return angle(result, y.sign, 2n);
  finiteArcTangent(y, x, result);
}

/** `quarters` times pi / 4. */
function angle(result: Extended, sign: number, quarters: bigint): void {
  const p = precisionFor(BIAS);
  const value = (pi(p) * quarters) >> 2n;
  fromFixed(sign !== 0 ? -value : value, p, result);
}

function finiteArcTangent(y: Extended, x: Extended, result: Extended): void {
  const distance = y.exponent - x.exponent;
  const p = precisionFor(BIAS - Math.min(Math.abs(distance), 33000) - 64);
  const ratio = (a: Extended, b: Extended): bigint => {
    const shift = p + BigInt(Math.max(a.exponent, 1) - Math.max(b.exponent, 1));
    const dividend = (BigInt(a.hi) << 32n) | BigInt(a.lo);
    const divisor = (BigInt(b.hi) << 32n) | BigInt(b.lo);
    return shift >= 0n ? (dividend << shift) / divisor : dividend / (divisor << -shift);
  };
  const steep = ratio(y, x) > 1n << p;
  let value = steep ? (pi(p) >> 1n) - arcTangent(ratio(x, y), p) : arcTangent(ratio(y, x), p);
  if (x.sign !== 0) value = pi(p) - value;
  fromFixed(y.sign !== 0 ? -value : value, p, result);
}
