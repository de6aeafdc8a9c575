import { CPU, CPU_BUDGET, CPU_EXIT, CPU_EXIT_ERROR, CPU_EXIT_VECTOR } from './layout.js';
import { EXIT_CODE } from './code/types.js';
import { VECTOR_DB, VECTOR_TRACE } from './semantics/emitter.js';
import type { MachineViews } from './semantics/helper.js';
import { DR6_STEP, EXIT_EXCEPTION } from './types.js';

const BUDGET = (CPU + CPU_BUDGET) >>> 2;
const EXIT = (CPU + CPU_EXIT) >>> 2;
const VECTOR = (CPU + CPU_EXIT_VECTOR) >>> 2;
const ERROR = (CPU + CPU_EXIT_ERROR) >>> 2;

/** The record of the instruction at rip, decoded out of turn; 0: CPU_EXIT is set. */
export type StepDecoder = () => number;
/** Runs records from one on. */
export type Interpret = (record: number) => unknown;

/** Runs one instruction with the trap flag set, which ends in #DB unless it does in something else. */
export function traceStep({ i32 }: MachineViews, decode: StepDecoder, interpret: Interpret): void {
  // Without budget the interpreter goes no further; an instruction that has written to code is done again.
  i32[BUDGET] = -1;
  do {
    i32[EXIT] = 0;
    const record = decode();
    if (record !== 0) interpret(record);
  } while (i32[EXIT] === EXIT_CODE);
  const isDone = i32[EXIT] === 0 || (i32[EXIT] === EXIT_EXCEPTION && i32[VECTOR] === VECTOR_TRACE);
  if (!isDone) return;
  i32[EXIT] = EXIT_EXCEPTION;
  i32[VECTOR] = VECTOR_DB;
  i32[ERROR] = DR6_STEP;
}
