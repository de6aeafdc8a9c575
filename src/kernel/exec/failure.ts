import type { Errno } from '../errno.js';

/** Why a program cannot be started: execve's error, and one sentence for people. */
export interface ExecFailure {
  readonly errno: Errno;
  readonly reason: string;
}

export function failure(errno: Errno, reason: string): ExecFailure {
  return { errno, reason };
}

export function isFailure(value: object): value is ExecFailure {
  return 'reason' in value;
}
