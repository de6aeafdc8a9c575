/** What the files of a process and of its threads are about, and who may look into them. */
import { EACCES, EPERM } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { Owner } from '../pseudo/row.js';
import type { KernelView } from './subject.js';
import type { ProcessView, ThreadView } from './subject-process.js';

/** A thread and where it belongs. */
export interface TaskSubject {
  readonly kernel: KernelView;
  readonly process: ProcessView;
  readonly thread: ThreadView;
  /** The file speaks of the process as a whole. */
  readonly whole: boolean;
}

export interface OfProcess {
  readonly process: ProcessView;
}

export function ownerOf({ process }: OfProcess): Owner {
  return process.owner;
}

export function sameProcess(a: OfProcess, b: OfProcess): boolean {
  return a.process.pid === b.process.pid && a.process.startedMs === b.process.startedMs;
}

/** PTRACE_MODE_READ_FSCREDS: for memory, descriptors and links. */
export function mayRead({ process }: OfProcess): 0 | Errno {
  return process.readable ? 0 : EACCES;
}

/** PTRACE_MODE_ATTACH_FSCREDS, as lock_trace in fs/proc/base.c asks for it. */
export function mayTrace({ process }: OfProcess): 0 | Errno {
  return process.traceable ? 0 : EPERM;
}
