/** The four operations, square root, remainder, scaling: on operands already checked, results rounded. */
import { DE, IE, PE, ZE, env, raise, unmasked } from './environment.js';
import {
  BIAS,
  Extended,
  INTEGER_BIT,
  QUIET_BIT,
  compareSignificands,
  isDenormal,
  isInfinite,
  isNaN80,
  isSignaling,
  isUnsupported,
  isZero,
  normalise,
  normaliseOperand,
  setIndefinite,
  setInfinity,
  setZero,
  shiftDown,
} from './extended.js';
import { DOWN, EXTENDED_FORMAT, controlFormat, round, roundingMode, roundsUp } from './round.js';

export type Binary = (a: Extended, b: Extended, result: Extended) => void;

const $a = new Extended();
const $b = new Extended();

function invalid(result: Extended): void {
  raise(IE);
  setIndefinite(result);
}

/** The operand that a NaN result comes from (SDM volume 1, table 4-7), made quiet. */
function propagate(a: Extended, b: Extended, result: Extended): void {
  const signalingA = isSignaling(a);
  const signalingB = isSignaling(b);
  if (signalingA || signalingB) raise(IE);
  let from = a;
  if (!isNaN80(a)) from = b;
  else if (isNaN80(b)) {
    if (signalingA !== signalingB) from = signalingA ? b : a;
    else {
      const order = compareSignificands(a, b);
      from = order > 0 || (order === 0 && a.sign === 0) ? a : b;
    }
  }
  result.copy(from);
  result.hi = (result.hi | QUIET_BIT) >>> 0;
}

/** Deals with operands that are no numbers; true when that gave the result. Raises DE for denormals. */
export function special(a: Extended, b: Extended, result: Extended): boolean {
  if (isUnsupported(a) || isUnsupported(b)) {
    invalid(result);
    return true;
  }
  if (isNaN80(a) || isNaN80(b)) {
    propagate(a, b, result);
    return true;
  }
  return false;
}

function noteDenormals(a: Extended, b: Extended): void {
  if (isDenormal(a) || isDenormal(b)) raise(DE);
}

function addMagnitudes(a: Extended, b: Extended, result: Extended): void {
  shiftDown(b, a.exponent - b.exponent);
  const below = a.below + b.below;
  const lo = a.lo + b.lo + (below > 0xffffffff ? 1 : 0);
  const hi = a.hi + b.hi + (lo > 0xffffffff ? 1 : 0);
  result.set(a.sign, a.exponent, hi, lo, below);
  if (hi <= 0xffffffff) return;
  shiftDown(result, 1);
  result.hi = (result.hi | INTEGER_BIT) >>> 0;
  result.exponent++;
}

function subtractMagnitudes(a: Extended, b: Extended, result: Extended): void {
  shiftDown(b, a.exponent - b.exponent);
  const below = a.below - b.below;
  const lo = a.lo - b.lo - (below < 0 ? 1 : 0);
  const hi = a.hi - b.hi - (lo < 0 ? 1 : 0);
  result.set(a.sign, a.exponent, hi, lo, below);
  if (result.hi === 0 && result.lo === 0 && result.below === 0)
    setZero(result, roundingMode() === DOWN ? 1 : 0);
  else normalise(result);
}

/** Adds numbers, the second with this sign. */
function sum(a: Extended, b: Extended, signB: number, result: Extended): void {
  if (isInfinite(a) || isInfinite(b)) {
    if (isInfinite(a) && isInfinite(b) && a.sign !== signB) return invalid(result);
    return setInfinity(result, isInfinite(a) ? a.sign : signB);
  }
  if (isZero(a) && isZero(b))
    return setZero(result, a.sign === signB ? a.sign : roundingMode() === DOWN ? 1 : 0);
  $a.copy(a);
  $b.copy(b);
  $b.sign = signB;
  if (!isZero(a)) normaliseOperand($a);
  if (!isZero(b)) normaliseOperand($b);
  if (isZero(a)) result.copy($b);
  else if (isZero(b)) result.copy($a);
  else {
    const swap =
      $a.exponent < $b.exponent || ($a.exponent === $b.exponent && compareSignificands($a, $b) < 0);
    const [big, small] = swap ? [$b, $a] : [$a, $b];
    if (big.sign === small.sign) addMagnitudes(big, small, result);
    else subtractMagnitudes(big, small, result);
  }
  if (!isZero(result)) round(result, controlFormat());
}

export const add: Binary = (a, b, result) => {
  if (special(a, b, result)) return;
  noteDenormals(a, b);
  if (!unmasked(DE)) sum(a, b, b.sign, result);
};

export const subtract: Binary = (a, b, result) => {
  if (special(a, b, result)) return;
  noteDenormals(a, b);
  if (!unmasked(DE)) sum(a, b, b.sign ^ 1, result);
};

const $product = { hi: 0, lo: 0 };

/** 32 by 32 to 64 bits. */
function product32(x: number, y: number): void {
  const xl = x & 0xffff;
  const xh = x >>> 16;
  const yl = y & 0xffff;
  const yh = y >>> 16;
  const middle = xh * yl + ((xl * yl) >>> 16);
  const cross = (middle & 0xffff) + xl * yh;
  $product.hi = xh * yh + Math.floor(middle / 65536) + Math.floor(cross / 65536);
  $product.lo = Math.imul(x, y) >>> 0;
}

function multiplySignificands(a: Extended, b: Extended, result: Extended): void {
  product32(a.lo, b.lo);
  let w1 = $product.hi;
  const w0 = $product.lo;
  product32(a.lo, b.hi);
  let w2 = $product.hi;
  w1 += $product.lo;
  product32(a.hi, b.lo);
  w2 += $product.hi;
  w1 += $product.lo;
  product32(a.hi, b.hi);
  let w3 = $product.hi;
  w2 += $product.lo + Math.floor(w1 / 4294967296);
  w3 += Math.floor(w2 / 4294967296);
  result.set(a.sign ^ b.sign, a.exponent + b.exponent - BIAS + 1, w3, w2, w1);
  if (w0 !== 0) result.below = (result.below | 1) >>> 0;
  normalise(result);
}

export const multiply: Binary = (a, b, result) => {
  if (special(a, b, result)) return;
  const sign = a.sign ^ b.sign;
  if (isInfinite(a) || isInfinite(b)) {
    if (isZero(a) || isZero(b)) return invalid(result);
    noteDenormals(a, b);
    return setInfinity(result, sign);
  }
  noteDenormals(a, b);
  if (unmasked(DE)) return;
  if (isZero(a) || isZero(b)) return setZero(result, sign);
  $a.copy(a);
  $b.copy(b);
  normaliseOperand($a);
  normaliseOperand($b);
  multiplySignificands($a, $b, result);
  round(result, controlFormat());
};

/** Quotient bits by long division: 64 of them and one more below, the rest sticky. The significands are normalised. */
function divideSignificands(a: Extended, b: Extended, result: Extended): void {
  let hi = a.hi;
  let lo = a.lo;
  let exponent = a.exponent - b.exponent + BIAS;
  let carry = 0;
  if (compareSignificands(a, b) < 0) {
    exponent--;
    carry = hi >>> 31;
    hi = ((hi << 1) | (lo >>> 31)) >>> 0;
    lo = (lo << 1) >>> 0;
  }
  result.set(a.sign ^ b.sign, exponent, 0, 0);
  for (let bit = 0; bit < 96; bit++) {
    const fits = carry !== 0 || hi > b.hi || (hi === b.hi && lo >= b.lo);
    if (fits) {
      const low = lo - b.lo;
      hi = (hi - b.hi - (low < 0 ? 1 : 0)) >>> 0;
      lo = low >>> 0;
      const mask = (1 << (31 - (bit & 31))) >>> 0;
      if (bit < 32) result.hi = (result.hi | mask) >>> 0;
      else if (bit < 64) result.lo = (result.lo | mask) >>> 0;
      else result.below = (result.below | mask) >>> 0;
    }
    carry = hi >>> 31;
    hi = ((hi << 1) | (lo >>> 31)) >>> 0;
    lo = (lo << 1) >>> 0;
  }
  if ((hi | lo | carry) !== 0) result.below = (result.below | 1) >>> 0;
}

export const divide: Binary = (a, b, result) => {
  if (special(a, b, result)) return;
  const sign = a.sign ^ b.sign;
  if ((isInfinite(a) && isInfinite(b)) || (isZero(a) && isZero(b))) return invalid(result);
  if (isZero(b) && !isInfinite(a)) {
    raise(ZE);
    return setInfinity(result, sign);
  }
  noteDenormals(a, b);
  if (unmasked(DE)) return;
  if (isInfinite(a)) return setInfinity(result, sign);
  if (isZero(a) || isInfinite(b)) return setZero(result, sign);
  $a.copy(a);
  $b.copy(b);
  normaliseOperand($a);
  normaliseOperand($b);
  divideSignificands($a, $b, result);
  round(result, controlFormat());
};

/** Square root by one digit at a time, on a BigInt: fsqrt is rare beside the rest. */
export function squareRoot(x: Extended, result: Extended): void {
  if (special(x, x, result)) return;
  if (isZero(x)) return void result.copy(x);
  if (x.sign !== 0) return invalid(result);
  if (isInfinite(x)) return void result.copy(x);
  noteDenormals(x, x);
  if (unmasked(DE)) return;
  $a.copy(x);
  normaliseOperand($a);
  const odd = ($a.exponent - BIAS) & 1;
  const exponent = ($a.exponent - BIAS - odd) / 2 + BIAS;
  const significand = (BigInt($a.hi) << 32n) | BigInt($a.lo);
  const square = significand << BigInt(127 + odd);
  const root = integerRoot(square);
  setFromBig(result, 0, exponent, root, root * root === square);
  round(result, controlFormat());
}

/** The square root, rounded down (Newton's method from above). */
export function integerRoot(n: bigint): bigint {
  let guess = 1n << BigInt((n.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (guess + n / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}

/** Sets a number from 96 bits, the first of which is set and stands for 2^exponent (biased). */
export function setFromBig(x: Extended, sign: number, exponent: number, bits: bigint, exact: boolean): void {
  const word = (shift: bigint): number => Number((bits >> shift) & 0xffffffffn);
  x.set(sign, exponent, word(64n), word(32n), word(0n));
  if (!exact) x.below = (x.below | 1) >>> 0;
}

/** Rounds to a whole number as the control word says. */
export function roundToInteger(x: Extended, result: Extended): void {
  if (special(x, x, result)) return;
  result.copy(x);
  noteDenormals(x, x);
  if (unmasked(DE) || isZero(x) || x.exponent >= BIAS + 63) return;
  normaliseOperand(result);
  truncateTo(result, roundingMode());
}

/** Drops the bits below 1 of a normalised number with rounding; PE and C1 as they come. */
function truncateTo(x: Extended, mode: number): void {
  const fraction = BIAS + 63 - x.exponent;
  const sign = x.sign;
  shiftDown(x, Math.min(fraction, 96));
  const inexact = x.below !== 0;
  const half = x.below > 0x80000000 ? 1 : x.below === 0x80000000 ? 0 : -1;
  const up = inexact && roundsUp(mode, sign, (x.lo & 1) !== 0, half);
  x.below = 0;
  if (up) {
    x.lo = (x.lo + 1) >>> 0;
    if (x.lo === 0) x.hi = (x.hi + 1) >>> 0;
  }
  if (inexact) raise(PE);
  env.c1 = up ? 1 : 0;
  if (x.hi === 0 && x.lo === 0) return setZero(x, sign);
  x.exponent = BIAS + 63;
  normalise(x);
}

/** st0 * 2^trunc(st1). */
export const scale: Binary = (a, b, result) => {
  if (special(a, b, result)) return;
  if (isInfinite(b)) {
    if (b.sign === 0 ? isZero(a) : isInfinite(a)) return invalid(result);
    noteDenormals(a, b);
    if (b.sign !== 0) return setZero(result, a.sign);
    return isZero(a) ? invalid(result) : setInfinity(result, a.sign);
  }
  noteDenormals(a, b);
  result.copy(a);
  if (unmasked(DE) || isZero(a) || isInfinite(a)) return;
  const magnitude =
    b.exponent < BIAS ? 0 : b.exponent > BIAS + 16 ? 0x1ffff : b.hi >>> (31 - (b.exponent - BIAS));
  normaliseOperand(result);
  result.exponent += b.sign !== 0 ? -magnitude : magnitude;
  round(result, EXTENDED_FORMAT);
};

/** What fprem and fprem1 tell beside the remainder. */
export const quotient = { bits: 0, partial: false };

/**
 * The remainder of a / b, with the quotient cut (fprem) or rounded to nearest even (fprem1). Exponents 64 and more apart
 * are brought nearer by 32 to 63 at a time (SDM volume 2, FPREM).
 */
export function remainderOf(a: Extended, b: Extended, result: Extended, nearest: boolean): void {
  quotient.bits = 0;
  quotient.partial = false;
  if (special(a, b, result)) return;
  if (isInfinite(a) || isZero(b)) return invalid(result);
  noteDenormals(a, b);
  result.copy(a);
  if (unmasked(DE) || isZero(a)) return;
  if (isInfinite(b)) {
    // A pseudo-denormal comes out as the number that it is.
    if (a.hi >= INTEGER_BIT) result.exponent = Math.max(a.exponent, 1);
    return;
  }
  $a.copy(a);
  $b.copy(b);
  normaliseOperand($a);
  normaliseOperand($b);
  const distance = $a.exponent - $b.exponent;
  quotient.partial = distance >= 64;
  const steps = quotient.partial ? 32 + (distance % 32) : distance;
  if (steps < -1 || (steps < 0 && !nearest)) {
    result.copy($a);
    return denormalise(result);
  }
  reduce(
    result,
    steps,
    $b.exponent + (quotient.partial ? distance - steps : 0),
    nearest && !quotient.partial,
  );
}

/** The long division behind remainderOf, on $a and $b; the remainder has this exponent's scale. */
function reduce(result: Extended, steps: number, exponent: number, nearest: boolean): void {
  const mask = (1n << 64n) - 1n;
  const dividend = (((BigInt($a.hi) << 32n) | BigInt($a.lo)) << 1n) << BigInt(steps);
  const divisor = ((BigInt($b.hi) << 32n) | BigInt($b.lo)) << 1n;
  let q = dividend / divisor;
  let rest = dividend - q * divisor;
  let sign = $a.sign;
  const twice = rest << 1n;
  if (nearest && (twice > divisor || (twice === divisor && (q & 1n) === 1n))) {
    q++;
    rest = divisor - rest;
    sign ^= 1;
  }
  quotient.bits = Number(q & 7n);
  if (rest === 0n) return setZero(result, $a.sign);
  const bits = rest >> 1n;
  result.set(sign, exponent, Number((bits >> 32n) & 0xffffffffn), Number(bits & mask & 0xffffffffn));
  if ((rest & 1n) !== 0n) result.below = INTEGER_BIT;
  normalise(result);
  denormalise(result);
}

/** Brings an exact result into the register's range, which may underflow. */
function denormalise(x: Extended): void {
  if (x.exponent <= 0) round(x, EXTENDED_FORMAT);
}

/** Splits st0: its exponent as a number, its significand with exponent 0. */
export function extract(x: Extended, exponent: Extended, significand: Extended): void {
  if (special(x, x, significand)) return void exponent.copy(significand);
  if (isInfinite(x)) {
    significand.copy(x);
    return setInfinity(exponent, 0);
  }
  if (isZero(x)) {
    raise(ZE);
    significand.copy(x);
    return setInfinity(exponent, 1);
  }
  noteDenormals(x, x);
  significand.copy(x);
  normaliseOperand(significand);
  setInteger(exponent, significand.exponent - BIAS);
  significand.exponent = BIAS;
}

/** A small whole number, exactly. */
export function setInteger(x: Extended, value: number): void {
  if (value === 0) return setZero(x, 0);
  x.set(value < 0 ? 1 : 0, BIAS + 63, 0, Math.abs(value));
  normalise(x);
}

export const LESS = -1;
export const EQUAL = 0;
export const GREATER = 1;
export const UNORDERED = 2;

/** How a and b compare; `quiet` comparisons raise IE only for signaling NaNs. */
export function compare(a: Extended, b: Extended, quiet: boolean): number {
  if (isUnsupported(a) || isUnsupported(b)) {
    raise(IE);
    return UNORDERED;
  }
  if (isNaN80(a) || isNaN80(b)) {
    if (!quiet || isSignaling(a) || isSignaling(b)) raise(IE);
    return UNORDERED;
  }
  noteDenormals(a, b);
  if (isZero(a) && isZero(b)) return EQUAL;
  if (a.sign !== b.sign) return a.sign !== 0 ? LESS : GREATER;
  const exponents = Math.max(a.exponent, 1) - Math.max(b.exponent, 1);
  const magnitude = exponents !== 0 ? Math.sign(exponents) : compareSignificands(a, b);
  return a.sign !== 0 ? -magnitude : magnitude;
}
