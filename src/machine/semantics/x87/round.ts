/** Rounding to the destination's precision and range, with the exceptions that come of it (SDM volume 1, 4.8.4 and 8.5). */
import { OE, PE, UE, env, raise } from './environment.js';
import { BIAS, INTEGER_BIT, MAX_EXPONENT, setInfinity, shiftDown, type Extended } from './extended.js';

/** A format by its significant bits and the exponents (biased as in double-extended) of its normal numbers. */
export interface Format {
  readonly precision: 24 | 53 | 64;
  readonly minExponent: number;
  readonly maxExponent: number;
  /** What an unmasked overflow or underflow shifts a result's exponent by; 0 where no result is stored then. */
  readonly wrap: number;
}

const WRAP = 24576;
const register = (precision: 24 | 53 | 64): Format => ({
  precision,
  minExponent: 1,
  maxExponent: MAX_EXPONENT - 1,
  wrap: WRAP,
});
export const SINGLE: Format = { precision: 24, minExponent: BIAS - 126, maxExponent: BIAS + 127, wrap: 0 };
export const DOUBLE: Format = { precision: 53, minExponent: BIAS - 1022, maxExponent: BIAS + 1023, wrap: 0 };
const REGISTERS = [register(24), register(64), register(53), register(64)] as const;
export const EXTENDED_FORMAT: Format = REGISTERS[3];

/** A register as the control word's precision field has it. */
export function controlFormat(): Format {
  return REGISTERS[(env.control >> 8) & 3] as Format;
}

export const NEAREST = 0;
export const DOWN = 1;
export const UP = 2;
export const CHOP = 3;

export function roundingMode(): number {
  return (env.control >> 10) & 3;
}

/** Whether to go to the next magnitude: the remainder is compared with half a unit as `half` says (-1, 0, 1). */
export function roundsUp(mode: number, sign: number, odd: boolean, half: number): boolean {
  if (mode === NEAREST) return half > 0 || (half === 0 && odd);
  return mode === (sign !== 0 ? DOWN : UP);
}

/** Bits below the precision: what they are against half a unit, and whether there are any. */
const remainder = { half: -1, inexact: false, odd: false };

function inspect(x: Extended, precision: number): void {
  const unit = precision === 53 ? 0x800 : 0x100;
  const rest = precision === 64 ? x.below : (precision === 53 ? x.lo : x.hi) & (unit - 1);
  const middle = precision === 64 ? 0x80000000 : unit >>> 1;
  const more = precision === 64 ? 0 : precision === 53 ? x.below : x.lo | x.below;
  remainder.inexact = rest !== 0 || more !== 0;
  remainder.half = rest > middle || (rest === middle && more !== 0) ? 1 : rest === middle ? 0 : -1;
  remainder.odd = ((precision === 64 ? x.lo & 1 : (precision === 53 ? x.lo : x.hi) & unit) | 0) !== 0;
}

/** Cuts to the precision, and adds a unit if asked; true when that carried out of the significand. */
function cut(x: Extended, precision: number, up: boolean): boolean {
  x.below = 0;
  if (precision === 53) x.lo = (x.lo & ~0x7ff) >>> 0;
  if (precision === 24) {
    x.lo = 0;
    x.hi = (x.hi & ~0xff) >>> 0;
  }
  if (!up) return false;
  const lo = precision === 24 ? 0 : x.lo + (precision === 53 ? 0x800 : 1);
  x.lo = lo >>> 0;
  const hi = x.hi + (precision === 24 ? 0x100 : lo > 0xffffffff ? 1 : 0);
  x.hi = hi >>> 0;
  return hi > 0xffffffff;
}

/** Whether rounding with an unbounded exponent still leaves the number below the normal range. */
function isTiny(x: Extended, format: Format): boolean {
  if (x.exponent >= format.minExponent) return false;
  if (x.exponent < format.minExponent - 1) return true;
  inspect(x, format.precision);
  if (!remainder.inexact || !roundsUp(roundingMode(), x.sign, remainder.odd, remainder.half)) return true;
  return !allOnes(x, format.precision);
}

function allOnes(x: Extended, precision: number): boolean {
  if (precision === 24) return x.hi >>> 8 === 0xffffff;
  return x.hi === 0xffffffff && (precision === 64 ? x.lo === 0xffffffff : x.lo >>> 11 === 0x1fffff);
}

function roundSignificand(x: Extended, precision: number): boolean {
  inspect(x, precision);
  const inexact = remainder.inexact;
  const up = inexact && roundsUp(roundingMode(), x.sign, remainder.odd, remainder.half);
  if (cut(x, precision, up)) {
    x.hi = INTEGER_BIT;
    x.exponent++;
  }
  if (inexact) raise(PE);
  env.c1 = up ? 1 : 0;
  return inexact;
}

function overflow(x: Extended, format: Format): void {
  raise(OE | PE);
  const mode = roundingMode();
  const away = mode === NEAREST || mode === (x.sign !== 0 ? DOWN : UP);
  env.c1 = away ? 1 : 0;
  setInfinity(x, x.sign);
  if (away) return;
  x.set(x.sign, format.maxExponent, 0xffffffff, 0xffffffff);
  cut(x, format.precision, false);
}

/** Below the normal range: denormal, in the format's exponent `minExponent`, told by a clear integer bit. */
function roundDenormal(x: Extended, format: Format): void {
  shiftDown(x, format.minExponent - x.exponent);
  x.exponent = format.minExponent;
  if (roundSignificand(x, format.precision)) raise(UE);
  if (x.hi < INTEGER_BIT) x.exponent = format.minExponent - 1;
}

/**
 * Rounds a normalised number that is not 0. A result below the normal range has exponent minExponent - 1 (0 in a
 * register) and no integer bit.
 */
export function round(x: Extended, format: Format): void {
  if (isTiny(x, format)) {
    if ((env.control & UE) !== 0) return roundDenormal(x, format);
    raise(UE);
    if (format.wrap === 0) return;
    x.exponent += format.wrap;
  }
  if (x.exponent < format.minExponent) {
    // Not tiny: it rounds up to the smallest normal number.
    roundSignificand(x, format.precision);
    return;
  }
  roundSignificand(x, format.precision);
  if (x.exponent <= format.maxExponent) return;
  if ((env.control & OE) !== 0) return overflow(x, format);
  raise(OE);
  x.exponent -= format.wrap;
}
