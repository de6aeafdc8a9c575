import type { SemanticsTable } from '../emitter.js';
import type { MachineViews } from '../helper.js';
import { ARITHMETIC } from './arithmetic.js';
import { COMPARE } from './compare.js';
import { CONTROL } from './control.js';
import { CONVERT } from './convert.js';
import { FXSAVE } from './fxsave.js';
import { INTEGER } from './integer.js';
import { MOVES } from './moves.js';
import { PERMUTE, writeShuffleMasks } from './permute.js';
import { RECIPROCAL, writeReciprocals } from './reciprocal.js';
import { ROUND } from './round.js';
import { STRING_COMPARE } from './string-compare.js';
import { XSAVE } from './xsave.js';

/**
 * SSE to SSE4.2, and MMX. The core module brings what `writeVectorTables` writes.
 */
export const sse: SemanticsTable = {
  ...MOVES,
  ...PERMUTE,
  ...INTEGER,
  ...ARITHMETIC,
  ...COMPARE,
  ...CONVERT,
  ...ROUND,
  ...STRING_COMPARE,
  ...RECIPROCAL,
  ...CONTROL,
  ...FXSAVE,
  ...XSAVE,
};

/** Fills the tables that these instructions use. */
export function writeVectorTables(m: MachineViews): void {
  writeShuffleMasks(m);
  writeReciprocals(m);
}
