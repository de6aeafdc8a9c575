/**
 * Double-extended numbers (SDM volume 1, 4.2.2 and 8.2) while they are worked on: sign, biased exponent, the 64 bits of
 * the significand in two words, and a third word of bits below it whose last bit is sticky. All words are unsigned.
 */
export class Extended {
  sign = 0;
  exponent = 0;
  hi = 0;
  lo = 0;
  below = 0;

  set(sign: number, exponent: number, hi: number, lo: number, below = 0): this {
    this.sign = sign;
    this.exponent = exponent;
    this.hi = hi >>> 0;
    this.lo = lo >>> 0;
    this.below = below >>> 0;
    return this;
  }

  copy(from: Extended): this {
    return this.set(from.sign, from.exponent, from.hi, from.lo, from.below);
  }
}

export const BIAS = 16383;
export const MAX_EXPONENT = 0x7fff;
export const INTEGER_BIT = 0x80000000;
export const QUIET_BIT = 0x40000000;

export function isZero(x: Extended): boolean {
  return x.exponent === 0 && x.hi === 0 && x.lo === 0;
}
export function isInfinite(x: Extended): boolean {
  return x.exponent === MAX_EXPONENT && x.hi === INTEGER_BIT && x.lo === 0;
}
export function isNaN80(x: Extended): boolean {
  return x.exponent === MAX_EXPONENT && x.hi >= INTEGER_BIT && !isInfinite(x);
}
export function isSignaling(x: Extended): boolean {
  return isNaN80(x) && (x.hi & QUIET_BIT) === 0;
}
/** Unnormals, pseudo-NaNs and pseudo-infinities: no operand since the 387 (SDM volume 1, 8.2.2). */
export function isUnsupported(x: Extended): boolean {
  return x.exponent !== 0 && x.hi < INTEGER_BIT;
}
export function isDenormal(x: Extended): boolean {
  return x.exponent === 0 && !isZero(x);
}

export function setZero(x: Extended, sign: number): void {
  x.set(sign, 0, 0, 0);
}
export function setInfinity(x: Extended, sign: number): void {
  x.set(sign, MAX_EXPONENT, INTEGER_BIT, 0);
}
/** The real indefinite: the answer to an invalid operation. */
export function setIndefinite(x: Extended): void {
  x.set(1, MAX_EXPONENT, INTEGER_BIT + QUIET_BIT, 0);
}

/** An operand that is not 0 with its integer bit set. A denormal's exponent 0 stands for 1. */
export function normaliseOperand(x: Extended): void {
  if (x.exponent === 0) x.exponent = 1;
  normalise(x);
}

/** Shifts a significand that is not 0 up until its integer bit is set. The exponent may go below 1. */
export function normalise(x: Extended): void {
  if (x.hi === 0 && x.lo === 0) {
    x.hi = x.below;
    x.below = 0;
    x.exponent -= 64;
  } else if (x.hi === 0) {
    x.hi = x.lo;
    x.lo = x.below;
    x.below = 0;
    x.exponent -= 32;
  }
  const n = Math.clz32(x.hi);
  if (n === 0) return;
  x.hi = ((x.hi << n) | (x.lo >>> (32 - n))) >>> 0;
  x.lo = ((x.lo << n) | (x.below >>> (32 - n))) >>> 0;
  x.below = (x.below << n) >>> 0;
  x.exponent -= n;
}

/** Shifts the three words down; what falls out stays as the sticky bit. */
export function shiftDown(x: Extended, count: number): void {
  let n = count;
  if (n >= 96) {
    const any = (x.hi | x.lo | x.below) !== 0;
    x.hi = x.lo = 0;
    x.below = any ? 1 : 0;
    return;
  }
  let sticky = 0;
  for (; n >= 32; n -= 32) {
    sticky |= x.below;
    x.below = x.lo;
    x.lo = x.hi;
    x.hi = 0;
  }
  if (n > 0) {
    sticky |= x.below << (32 - n);
    x.below = ((x.below >>> n) | (x.lo << (32 - n))) >>> 0;
    x.lo = ((x.lo >>> n) | (x.hi << (32 - n))) >>> 0;
    x.hi >>>= n;
  }
  if (sticky !== 0) x.below = (x.below | 1) >>> 0;
}

/** -1, 0 or 1: how the significands' 64 bits compare. */
export function compareSignificands(a: Extended, b: Extended): number {
  if (a.hi !== b.hi) return a.hi < b.hi ? -1 : 1;
  return a.lo === b.lo ? 0 : a.lo < b.lo ? -1 : 1;
}
