import { SCRATCH } from '../../layout.js';
import type { MachineViews } from '../helper.js';
import { BINARY32, BINARY64, DOWN, IE, env, isNegative, type Format } from './env.js';
import { exactFused, exactNumber } from './exact.js';
import { copyQuiet, isSignaling, load, operand, storeResult } from './lanes.js';
import { roundExact } from './round.js';

/** Fused multiplication and addition, rounded once, for all of FMA's instructions. */

export const OPERAND_C = SCRATCH + 0x60;
const OPERAND_A = SCRATCH;
const OPERAND_B = SCRATCH + 16;
const RESULT = SCRATCH + 32;

/** What an instruction makes of a * b + c: signs changed, by bits; those of c by the lane's number. */
export const NEGATE_PRODUCT = 1;
export const NEGATE_EVEN = 2;
export const NEGATE_ODD = 4;

/** No operand is a NaN. */
function fused(x: number, y: number, z: number, format: Format): number {
  const product = x * y;
  if (!Number.isFinite(x) || !Number.isFinite(y)) return product + z;
  if (!Number.isFinite(z)) return z;
  if (x === 0 || y === 0) {
    if (z !== 0) {
      exactNumber(z);
      return roundExact(format);
    }
    return isNegative(product) !== isNegative(z) && env.rounding === DOWN ? -0 : product + z;
  }
  if (!exactFused(x, y, z)) return env.rounding === DOWN ? -0 : 0;
  return roundExact(format);
}

function fusedLane(m: MachineViews, format: Format, at: number, signs: number, isOdd: boolean): void {
  const places = [OPERAND_A + at, OPERAND_B + at, OPERAND_C + at];
  const values = places.map((place) => load(m, format, place));
  const first = values.findIndex((value) => Number.isNaN(value));
  const to = RESULT + at;
  if (first >= 0) {
    if (places.some((place, i) => Number.isNaN(values[i]) && isSignaling(m, format, place))) env.flags |= IE;
    return copyQuiet(m, format, places[first] as number, to);
  }
  const { flags } = env;
  const [x, y, z] = values.map((value) => operand(value, format)) as [number, number, number];
  const isNegated = (signs & (isOdd ? NEGATE_ODD : NEGATE_EVEN)) !== 0;
  const result = fused((signs & NEGATE_PRODUCT) !== 0 ? -x : x, y, isNegated ? -z : z, format);
  // An invalid operation comes before a denormal operand.
  if (Number.isNaN(result)) env.flags = flags;
  storeResult(m, format, to, result);
}

function fusedLanes(format: Format, lanes: number) {
  return (m: MachineViews, signs: number): void => {
    for (let i = 0; i < lanes; i++) fusedLane(m, format, i * format.bytes, signs, i % 2 === 1);
  };
}

export const FUSED: readonly (readonly [string, (m: MachineViews, signs: number) => void])[] = [
  ['fmaps', fusedLanes(BINARY32, 4)],
  ['fmapd', fusedLanes(BINARY64, 2)],
  ['fmass', fusedLanes(BINARY32, 1)],
  ['fmasd', fusedLanes(BINARY64, 1)],
];
