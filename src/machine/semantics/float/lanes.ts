import type { MachineViews } from '../helper.js';
import {
  add,
  divide,
  fromInteger,
  multiply,
  narrow,
  squareRoot,
  subtract,
  type BinaryOperation,
} from './arithmetic.js';
import { BINARY32, BINARY64, DE, IE, PE, env, isNegative, type Format } from './env.js';
import { roundToInteger } from './round.js';

/**
 * One lane of an SSE instruction: operands and results in memory, at the given addresses. NaNs follow SDM volume 1,
 * 4.8.3.5: the first operand that is one, made quiet; the default NaN, which is negative, for an invalid operation.
 */

export function load(m: MachineViews, format: Format, at: number): number {
  return format.bytes === 8 ? m.view.getFloat64(at, true) : m.view.getFloat32(at, true);
}

/** Not for NaNs. */
export function store(m: MachineViews, format: Format, at: number, value: number): void {
  if (format.bytes === 8) m.view.setFloat64(at, value, true);
  else m.view.setFloat32(at, value, true);
}

function highWord(m: MachineViews, format: Format, at: number): number {
  return m.view.getUint32(at + format.bytes - 4, true);
}
function quietBit(format: Format): number {
  return format.bytes === 8 ? 0x80000 : 0x400000;
}

/** Whether the NaN at `at` is a signaling one. */
export function isSignaling(m: MachineViews, format: Format, at: number): boolean {
  return (highWord(m, format, at) & quietBit(format)) === 0;
}

export function copy(m: MachineViews, format: Format, from: number, to: number): void {
  if (format.bytes === 8) m.view.setUint32(to + 4, m.view.getUint32(from + 4, true), true);
  m.view.setUint32(to, m.view.getUint32(from, true), true);
}

export function copyQuiet(m: MachineViews, format: Format, from: number, to: number): void {
  const high = highWord(m, format, from) | quietBit(format);
  copy(m, format, from, to);
  m.view.setUint32(to + format.bytes - 4, high, true);
}

function storeDefaultNaN(m: MachineViews, format: Format, to: number): void {
  if (format.bytes === 8) m.view.setUint32(to, 0, true);
  m.view.setUint32(to + format.bytes - 4, format.bytes === 8 ? 0xfff80000 : 0xffc00000, true);
}

function isDenormal(x: number, format: Format): boolean {
  return Math.abs(x) < format.minNormal && x !== 0;
}

/** An operand that is no NaN: 0 for a denormal one where MXCSR says so, which else raises DE. */
export function operand(x: number, format: Format): number {
  if (!isDenormal(x, format)) return x;
  if (env.denormalsAreZero) return x < 0 ? -0 : 0;
  env.flags |= DE;
  return x;
}

export function storeResult(m: MachineViews, format: Format, to: number, value: number): void {
  if (!Number.isNaN(value)) return store(m, format, to, value);
  env.flags |= IE;
  storeDefaultNaN(m, format, to);
}

function binaryLane(operation: BinaryOperation) {
  return (m: MachineViews, format: Format, a: number, b: number, to: number): void => {
    const x = load(m, format, a);
    const y = load(m, format, b);
    if (!Number.isNaN(x) && !Number.isNaN(y)) {
      return storeResult(m, format, to, operation(operand(x, format), operand(y, format), format));
    }
    if (signalingOperand(m, format, a, b)) env.flags |= IE;
    copyQuiet(m, format, Number.isNaN(x) ? a : b, to);
  };
}

function signalingOperand(m: MachineViews, format: Format, a: number, b: number): boolean {
  return (
    (Number.isNaN(load(m, format, a)) && isSignaling(m, format, a)) ||
    (Number.isNaN(load(m, format, b)) && isSignaling(m, format, b))
  );
}

export type Lane = (m: MachineViews, format: Format, a: number, b: number, to: number) => void;

export const addLane: Lane = binaryLane(add);
export const subtractLane: Lane = binaryLane(subtract);
export const multiplyLane: Lane = binaryLane(multiply);
const quotientLane = binaryLane(divide);

/** A division by zero comes before a denormal dividend. */
export const divideLane: Lane = (m, format, a, b, to) => {
  const denormal = env.flags & DE;
  quotientLane(m, format, a, b, to);
  if (load(m, format, b) === 0) env.flags = (env.flags & ~DE) | denormal;
};

/** Of `b` alone, like all operations with one operand. */
export const squareRootLane: Lane = (m, format, _a, b, to) => {
  const x = load(m, format, b);
  if (Number.isNaN(x)) return quietLane(m, format, b, to);
  const value = x < 0 && isDenormal(x, format) && !env.denormalsAreZero ? x : operand(x, format);
  storeResult(m, format, to, squareRoot(value, format));
};

function quietLane(m: MachineViews, format: Format, from: number, to: number): void {
  if (isSignaling(m, format, from)) env.flags |= IE;
  copyQuiet(m, format, from, to);
}

/** min and max: the second operand unless the first is really less (greater), and so for every NaN and two zeros. */
function extremeLane(firstWins: (x: number, y: number) => boolean): Lane {
  return (m, format, a, b, to) => {
    const x = load(m, format, a);
    const y = load(m, format, b);
    if (Number.isNaN(x) || Number.isNaN(y)) {
      env.flags |= IE;
      copy(m, format, b, to);
      if (env.denormalsAreZero && isDenormal(y, format)) store(m, format, to, y < 0 ? -0 : 0);
      return;
    }
    const first = operand(x, format);
    const second = operand(y, format);
    store(m, format, to, firstWins(first, second) ? first : second);
  };
}
export const minimumLane = extremeLane((x, y) => x < y);
export const maximumLane = extremeLane((x, y) => x > y);

/** How two operands relate: one of these bits. */
export const LESS = 1;
export const EQUAL = 2;
export const GREATER = 4;
export const UNORDERED = 8;

/** Compares. `signaling`: a quiet NaN is invalid too. */
export function relation(m: MachineViews, format: Format, a: number, b: number, signaling: boolean): number {
  const x = load(m, format, a);
  const y = load(m, format, b);
  if (Number.isNaN(x) || Number.isNaN(y)) {
    if (signaling || signalingOperand(m, format, a, b)) env.flags |= IE;
    return UNORDERED;
  }
  const first = operand(x, format);
  const second = operand(y, format);
  if (first === second) return EQUAL;
  return first < second ? LESS : GREATER;
}

interface Predicate {
  readonly holds: number;
  readonly signaling: boolean;
}
const FIRST_PREDICATES: readonly Predicate[] = [
  { holds: EQUAL, signaling: false },
  { holds: LESS, signaling: true },
  { holds: LESS | EQUAL, signaling: true },
  { holds: UNORDERED, signaling: false },
  { holds: LESS | GREATER | UNORDERED, signaling: false },
  { holds: EQUAL | GREATER | UNORDERED, signaling: true },
  { holds: GREATER | UNORDERED, signaling: true },
  { holds: LESS | EQUAL | GREATER, signaling: false },
  { holds: EQUAL | UNORDERED, signaling: false },
  { holds: LESS | UNORDERED, signaling: true },
  { holds: LESS | EQUAL | UNORDERED, signaling: true },
  { holds: 0, signaling: false },
  { holds: LESS | GREATER, signaling: false },
  { holds: EQUAL | GREATER, signaling: true },
  { holds: GREATER, signaling: true },
  { holds: LESS | EQUAL | GREATER | UNORDERED, signaling: false },
];
/**
 * The relations for which each predicate of cmpps and vcmpps holds (SDM volume 2, CMPPD), and whether quiet NaNs are
 * invalid: SSE has the first 8; the second half of AVX's 32 differs from the first in that alone.
 */
export const PREDICATES: readonly Predicate[] = [
  ...FIRST_PREDICATES,
  ...FIRST_PREDICATES.map(({ holds, signaling }) => ({ holds, signaling: !signaling })),
];

/** All ones where the predicate (0..31) holds. */
export function compareLane(predicate: number): Lane {
  const { holds, signaling } = PREDICATES[predicate] as Predicate;
  return (m, format, a, b, to) => {
    const mask = (relation(m, format, a, b, signaling) & holds) === 0 ? 0 : 0xffffffff;
    m.view.setUint32(to, mask, true);
    m.view.setUint32(to + format.bytes - 4, mask, true);
  };
}

/** binary64 at `from` to binary32 at `to`. */
export function narrowLane(m: MachineViews, from: number, to: number): void {
  const x = load(m, BINARY64, from);
  if (!Number.isNaN(x)) return store(m, BINARY32, to, narrow(operand(x, BINARY64), BINARY32));
  if (isSignaling(m, BINARY64, from)) env.flags |= IE;
  const high = m.view.getUint32(from + 4, true);
  const low = m.view.getUint32(from, true);
  const payload = ((high & 0x7ffff) << 3) | (low >>> 29);
  m.view.setUint32(to, ((high & 0x80000000) | 0x7fc00000 | payload) >>> 0, true);
}

/** binary32 at `from` to binary64 at `to`; the two may overlap. */
export function widenLane(m: MachineViews, from: number, to: number): void {
  const x = load(m, BINARY32, from);
  if (!Number.isNaN(x)) return store(m, BINARY64, to, operand(x, BINARY32));
  if (isSignaling(m, BINARY32, from)) env.flags |= IE;
  const bits = m.view.getUint32(from, true);
  m.view.setUint32(to + 4, ((bits & 0x80000000) | 0x7ff80000 | ((bits & 0x3fffff) >>> 3)) >>> 0, true);
  m.view.setUint32(to, bits << 29, true);
}

/**
 * A float to a signed integer of `bytes`, rounded as `mode` says. NaNs and what does not fit are invalid and give the
 * indefinite integer. Denormals raise no DE here.
 */
export function integerLane(
  m: MachineViews,
  format: Format,
  bytes: 4 | 8,
  mode: number,
  from: number,
  to: number,
): void {
  const x = load(m, format, from);
  const value = env.denormalsAreZero && isDenormal(x, format) ? 0 : x;
  const limit = bytes === 8 ? 2 ** 63 : 2 ** 31;
  const integer = roundToInteger(value, mode);
  if (!(integer >= -limit && integer < limit)) {
    env.flags |= IE;
    return storeInteger(m, bytes, to, -limit);
  }
  if (integer !== value) env.flags |= PE;
  storeInteger(m, bytes, to, integer);
}

function storeInteger(m: MachineViews, bytes: 4 | 8, to: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  m.view.setUint32(to, value - high * 2 ** 32, true);
  if (bytes === 8) m.view.setInt32(to + 4, high, true);
}

/** A signed integer of `bytes` at `from` to a float. */
export function fromIntegerLane(
  m: MachineViews,
  format: Format,
  bytes: 4 | 8,
  from: number,
  to: number,
): void {
  const low = m.view.getUint32(from, true);
  const high = bytes === 8 ? m.view.getInt32(from + 4, true) : -(low >>> 31);
  store(m, format, to, fromInteger(high, low, format));
}

/** roundps and its relatives: to an integer in the same format. No DE; PE only if `precision`. */
export function roundLane(mode: number, precision: boolean): Lane {
  return (m, format, _a, b, to) => {
    const x = load(m, format, b);
    if (Number.isNaN(x)) return quietLane(m, format, b, to);
    const value = env.denormalsAreZero && isDenormal(x, format) ? (isNegative(x) ? -0 : 0) : x;
    const integer = roundToInteger(value, mode);
    if (integer !== value && precision) env.flags |= PE;
    store(m, format, to, integer);
  };
}
