import { SCRATCH } from '../../layout.js';
import type { MachineViews } from '../helper.js';
import { BINARY32, IE, env, isNegative, type Format } from './env.js';
import { exactNumber } from './exact.js';
import { isSignaling, load, operand } from './lanes.js';
import { roundExact } from './round.js';

/** binary32 to binary16, as vcvtps2ph has it. */

const OPERAND_B = SCRATCH + 16;
const RESULT = SCRATCH + 32;

const BINARY16: Omit<Format, 'bytes'> = {
  precision: 11,
  minExponent: -14,
  maxExponent: 15,
  minNormal: 2 ** -14,
  max: 65504,
};

/** The bits of a number that binary16 has. */
function bitsOf(x: number): number {
  const sign = isNegative(x) ? 0x8000 : 0;
  const size = Math.abs(x);
  if (size > BINARY16.max) return sign | 0x7c00;
  if (size < BINARY16.minNormal) return sign | (size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  return sign | (((exponent + 15) << 10) + (size / 2 ** exponent - 1) * 1024);
}

function narrowed(m: MachineViews, at: number): number {
  const x = load(m, BINARY32, at);
  if (Number.isNaN(x)) {
    if (isSignaling(m, BINARY32, at)) env.flags |= IE;
    const bits = m.view.getUint32(at, true);
    return ((bits >>> 16) & 0x8000) | 0x7e00 | ((bits >>> 13) & 0x1ff);
  }
  const value = operand(x, BINARY32);
  if (value === 0 || !Number.isFinite(value)) return bitsOf(value);
  exactNumber(value);
  return bitsOf(roundExact(BINARY16));
}

/** Four numbers; `imm` is the rounding mode, or 4: MXCSR's. Results that are denormal are never flushed. */
export function narrowToHalves(m: MachineViews, imm: number): void {
  if ((imm & 4) === 0) env.rounding = imm & 3;
  env.flushToZero = false;
  for (let i = 0; i < 4; i++) m.view.setUint16(RESULT + 2 * i, narrowed(m, OPERAND_B + 4 * i), true);
  m.u8.fill(0, RESULT + 8, RESULT + 16);
}
