/** Between double-extended and the formats of memory. Results of stores go to SCRATCH, low word first. */
import { SCRATCH } from '../../layout.js';
import type { MachineViews } from '../helper.js';
import { DE, IE, OE, PE, UE, env, raise, unmasked } from './environment.js';
import {
  BIAS,
  Extended,
  INTEGER_BIT,
  MAX_EXPONENT,
  QUIET_BIT,
  isInfinite,
  isNaN80,
  isSignaling,
  isUnsupported,
  isZero,
  normalise,
  normaliseOperand,
  setInfinity,
  setZero,
  shiftDown,
} from './extended.js';
import { CHOP, DOUBLE, SINGLE, round, roundingMode, roundsUp } from './round.js';

const $x = new Extended();

/** A NaN from a narrower format: a signaling one raises IE and becomes quiet. */
function setNaN(x: Extended, sign: number, hi: number, lo: number): void {
  if ((hi & QUIET_BIT) === 0) raise(IE);
  x.set(sign, MAX_EXPONENT, hi | INTEGER_BIT | QUIET_BIT, lo);
}

function setDenormal(x: Extended, sign: number, exponent: number, hi: number, lo: number): void {
  if (hi === 0 && lo === 0) return setZero(x, sign);
  raise(DE);
  x.set(sign, exponent, hi, lo);
  normalise(x);
}

export function fromSingle(bits: number, x: Extended): void {
  const sign = bits >>> 31;
  const exponent = (bits >>> 23) & 0xff;
  const hi = (bits << 8) & 0x7fffffff;
  if (exponent === 0) setDenormal(x, sign, BIAS - 126, hi, 0);
  else if (exponent < 0xff) x.set(sign, exponent - 127 + BIAS, hi | INTEGER_BIT, 0);
  else if (hi === 0) setInfinity(x, sign);
  else setNaN(x, sign, hi, 0);
}

export function fromDouble(low: number, high: number, x: Extended): void {
  const sign = high >>> 31;
  const exponent = (high >>> 20) & 0x7ff;
  const hi = ((high << 11) & 0x7fffffff) | (low >>> 21);
  const lo = (low << 11) >>> 0;
  if (exponent === 0) setDenormal(x, sign, BIAS - 1022, hi, lo);
  else if (exponent < 0x7ff) x.set(sign, exponent - 1023 + BIAS, hi | INTEGER_BIT, lo);
  else if (hi === 0 && lo === 0) setInfinity(x, sign);
  else setNaN(x, sign, hi, lo);
}

/** A signed 64-bit integer. */
export function fromInteger(low: number, high: number, x: Extended): void {
  const sign = high >>> 31;
  const lo = sign !== 0 ? -low >>> 0 : low >>> 0;
  const hi = sign !== 0 ? (~high + (low === 0 ? 1 : 0)) >>> 0 : high;
  if (hi === 0 && lo === 0) return setZero(x, 0);
  x.set(sign, BIAS + 63, hi, lo);
  normalise(x);
}

/** Eighteen decimal digits in ten bytes. */
export function fromDecimal(low: number, high: number, top: number, x: Extended): void {
  let value = 0n;
  const nibbles = (BigInt(top & 0xff) << 64n) | (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  for (let digit = 17n; digit >= 0n; digit--) value = value * 10n + ((nibbles >> (digit * 4n)) & 15n);
  const sign = (top >>> 15) & 1;
  if (value === 0n) return setZero(x, sign);
  x.set(sign, BIAS + 63, Number((value >> 32n) & 0xffffffffn), Number(value & 0xffffffffn));
  normalise(x);
}

function out(m: MachineViews, lo: number, hi: number): void {
  m.view.setUint32(SCRATCH, lo, true);
  m.view.setUint32(SCRATCH + 4, hi, true);
}

/** Exceptions that keep a store from happening when unmasked. */
const STORE_STOPS = IE | OE | UE;

/** A store to single (4) or double (8): false when an unmasked exception keeps it from happening. */
export function toFloat(m: MachineViews, x: Extended, bytes: 4 | 8): boolean {
  const put = bytes === 4 ? putSingle : putDouble;
  if (isUnsupported(x)) {
    raise(IE);
    put(m, 1, -1, INTEGER_BIT | QUIET_BIT, 0);
  } else if (isNaN80(x)) {
    if (isSignaling(x)) raise(IE);
    put(m, x.sign, -1, x.hi | QUIET_BIT, x.lo);
  } else if (isInfinite(x)) put(m, x.sign, -1, 0, 0);
  else if (isZero(x)) put(m, x.sign, 0, 0, 0);
  else {
    $x.copy(x);
    normaliseOperand($x);
    const format = bytes === 4 ? SINGLE : DOUBLE;
    round($x, format);
    const infinite = $x.exponent === MAX_EXPONENT;
    put(m, $x.sign, infinite ? -1 : $x.exponent - format.minExponent + 1, $x.hi, $x.lo);
  }
  return !unmasked(STORE_STOPS);
}

/** `exponent` as the format has it, -1 for the largest. */
function putSingle(m: MachineViews, sign: number, exponent: number, hi: number, _lo: number): void {
  out(m, ((sign << 31) | ((exponent & 0xff) << 23) | ((hi >>> 8) & 0x7fffff)) >>> 0, 0);
}
function putDouble(m: MachineViews, sign: number, exponent: number, hi: number, lo: number): void {
  const high = (sign << 31) | ((exponent & 0x7ff) << 20) | ((hi >>> 11) & 0xfffff);
  out(m, ((hi << 21) | (lo >>> 11)) >>> 0, high >>> 0);
}

/** A store to a signed integer of 2, 4 or 8 bytes; `truncate` for fisttp. */
export function toInteger(m: MachineViews, x: Extended, bytes: number, truncate: boolean): boolean {
  if (!toMagnitude(x, truncate ? CHOP : roundingMode()) || !fits($x, bytes)) {
    env.flags &= ~PE;
    env.c1 = 0;
    raise(IE);
    out(m, bytes === 8 ? 0 : bytes === 4 ? 0x80000000 : 0x8000, 0x80000000);
    return !unmasked(IE);
  }
  const negative = $x.sign !== 0;
  out(m, negative ? -$x.lo >>> 0 : $x.lo, negative ? (~$x.hi + ($x.lo === 0 ? 1 : 0)) >>> 0 : $x.hi);
  return true;
}

/** |x| as a whole number in $x.hi:lo; false when it has more than 64 bits or is no number. */
function toMagnitude(x: Extended, mode: number): boolean {
  if (isUnsupported(x) || x.exponent === MAX_EXPONENT || x.exponent > BIAS + 63) return false;
  $x.copy(x);
  if (isZero(x)) return true;
  normaliseOperand($x);
  shiftDown($x, Math.min(BIAS + 63 - $x.exponent, 96));
  const below = $x.below;
  const half = below > 0x80000000 ? 1 : below === 0x80000000 ? 0 : -1;
  const up = below !== 0 && roundsUp(mode, x.sign, ($x.lo & 1) !== 0, half);
  if (up) {
    $x.lo = ($x.lo + 1) >>> 0;
    if ($x.lo === 0) $x.hi += 1;
  }
  if (below !== 0) raise(PE);
  env.c1 = up ? 1 : 0;
  return $x.hi <= 0xffffffff;
}

function fits(x: Extended, bytes: number): boolean {
  const limit = bytes === 8 ? 0x80000000 : 0;
  if (bytes === 8) return x.hi < limit || (x.sign !== 0 && x.hi === limit && x.lo === 0);
  const low = bytes === 4 ? 0x80000000 : 0x8000;
  return x.hi === 0 && (x.lo < low || (x.sign !== 0 && x.lo === low));
}

const DECIMAL_LIMIT = 10n ** 18n;

/** fbstp's ten bytes. */
export function toDecimal(m: MachineViews, x: Extended): boolean {
  const whole = toMagnitude(x, roundingMode());
  let value = (BigInt($x.hi) << 32n) | BigInt($x.lo);
  if (!whole || value >= DECIMAL_LIMIT) {
    env.flags &= ~PE;
    env.c1 = 0;
    raise(IE);
    out(m, 0, 0xc0000000);
    m.view.setUint16(SCRATCH + 8, 0xffff, true);
    return !unmasked(IE);
  }
  for (let i = 0; i < 9; i++) {
    const pair = Number(value % 100n);
    value /= 100n;
    m.u8[SCRATCH + i] = Math.floor(pair / 10) * 16 + (pair % 10);
  }
  m.u8[SCRATCH + 9] = x.sign << 7;
  return true;
}
