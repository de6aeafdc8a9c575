import type { SemanticsTable } from '../emitter.js';
import { FMA } from './fma.js';
import { GATHER } from './gather.js';
import { HALF_FLOAT } from './half-float.js';
import { MOVES } from './moves.js';
import { PERMUTE_AVX } from './permute.js';
import { SIBLINGS } from './siblings.js';

/**
 * AVX, AVX2, and what came with them. The upper halves of the vector registers lie apart from the lower ones, which are SSE's registers
 * (Emitter.readUpper): an instruction of 256 bits works on two v128, one of 128 bits clears the upper half, and one of SSE
 * does not know of it. Most are siblings of SSE's (halves.ts).
 */
export const avx: SemanticsTable = {
  ...SIBLINGS,
  ...MOVES,
  ...PERMUTE_AVX,
  ...FMA,
  ...GATHER,
  ...HALF_FLOAT,
};
