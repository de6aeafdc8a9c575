import type { SemanticsTable } from '../emitter.js';
import { ARITHMETIC } from './arithmetic.js';
import { ATOMIC } from './atomic.js';
import { BITS } from './bits.js';
import { BMI } from './bmi.js';
import { CONTROL } from './control.js';
import { CRC32 } from './crc32.js';
import { DIVIDE } from './divide.js';
import { FLAG_CONTROL } from './flag-control.js';
import { MOVES } from './move.js';
import { MULTIPLY } from './multiply.js';
import { SEGMENTS } from './segments.js';
import { SHIFTS } from './shift.js';
import { STACK } from './stack.js';
import { STRINGS } from './string.js';
import { SYSTEM } from './system.js';

/** The general-purpose instructions. */
export const integer: SemanticsTable = {
  ...MOVES,
  ...ARITHMETIC,
  ...MULTIPLY,
  ...DIVIDE,
  ...SHIFTS,
  ...BITS,
  ...BMI,
  ...ATOMIC,
  ...CRC32,
  ...STACK,
  ...SEGMENTS,
  ...FLAG_CONTROL,
  ...CONTROL,
  ...STRINGS,
  ...SYSTEM,
};
