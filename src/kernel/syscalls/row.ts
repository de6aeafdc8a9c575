import type { Thread } from '../process/thread.js';
import type { Args, SyscallRow } from '../types.js';

/** A row whose function sees the whole thread: for the families that are about threads and processes themselves. */
export interface ThreadRow extends Omit<SyscallRow, 'run'> {
  readonly run: (thread: Thread, args: Args) => number;
}

/** What a call returns that has set the registers itself (execve, rt_sigreturn) or whose thread has ended. */
export const NO_RESULT = -601;
