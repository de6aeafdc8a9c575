import { exact } from './exact.js';
import { DOWN, NEAREST, OE, PE, UE, UP, env, type Format } from './env.js';

/** What of a format matters to rounding. */
type Range = Pick<Format, 'precision' | 'minExponent' | 'maxExponent' | 'max'>;

let $inexact = false;

/** Whether the result in `exact` grows in magnitude when it is rounded in the given directed mode. */
function roundsAway(mode: number): boolean {
  return exact.negative ? mode === DOWN : mode === UP;
}

/** `exact` rounded to `bits` significant bits, as an integer; $inexact says whether that changed it. */
function significand(bits: number): number {
  const scaled = exact.m * 2 ** (bits - 1);
  const floor = Math.floor(scaled);
  const fraction = scaled - floor;
  const residual = exact.residual;
  $inexact = fraction !== 0 || residual !== 0;
  if (!$inexact) return floor;
  if (env.rounding === NEAREST) {
    const up = fraction > 0.5 || (fraction === 0.5 && (residual > 0 || (residual === 0 && floor % 2 === 1)));
    return up ? floor + 1 : floor;
  }
  const below = fraction === 0 && residual < 0 ? floor - 1 : floor;
  return roundsAway(env.rounding) ? below + 1 : below;
}

/** n * 2^exponent, where that is a double. */
function scale(n: number, exponent: number): number {
  return exponent < -1000 ? n * 2 ** -500 * 2 ** (exponent + 500) : n * 2 ** exponent;
}

/** Where the exception is unmasked, PE tells of the rounding with an unbounded exponent alone. */
function overflow(format: Range, inexact: boolean): number {
  env.flags |= inexact || (env.unmasked & OE) === 0 ? OE | PE : OE;
  return env.rounding === NEAREST || roundsAway(env.rounding) ? Infinity : format.max;
}

/** Far below the last bit only the sign of what is left out matters. */
const LEAST_BITS = -2;

function underflow(format: Range, inexact: boolean): number {
  if ((env.unmasked & UE) !== 0) env.flags |= inexact ? UE | PE : UE;
  if (env.flushToZero) {
    env.flags |= UE | PE;
    return 0;
  }
  const n = significand(Math.max(format.precision - (format.minExponent - exact.exponent), LEAST_BITS));
  if ($inexact && (env.unmasked & UE) === 0) env.flags |= UE | PE;
  return scale(n, format.minExponent - format.precision + 1);
}

function magnitude(format: Range): number {
  const n = significand(format.precision);
  const inexact = $inexact;
  const exponent = exact.exponent + (n === 2 ** format.precision ? 1 : 0);
  if (exponent > format.maxExponent) return overflow(format, inexact);
  if (exponent < format.minExponent) return underflow(format, inexact);
  if (inexact) env.flags |= PE;
  return scale(n, exact.exponent - format.precision + 1);
}

/**
 * The number in `exact` as `format` holds it, in the current mode. Raises OE, UE, PE; a result is tiny if it is after
 * rounding with an unbounded exponent (SDM volume 1, 4.9.1.5).
 */
export function roundExact(format: Range): number {
  const value = magnitude(format);
  return exact.negative ? -value : value;
}

const INTEGER = 2 ** 52;

/** A finite number rounded to an integer in the given mode; keeps the sign of a zero. */
export function roundToInteger(x: number, mode: number): number {
  if (Math.abs(x) >= INTEGER) return x;
  if (mode === DOWN) return Math.floor(x);
  if (mode === UP) return Math.ceil(x);
  if (mode !== NEAREST) return Math.trunc(x);
  const size = Math.abs(x) + INTEGER - INTEGER;
  return x < 0 || Object.is(x, -0) ? -size : size;
}
