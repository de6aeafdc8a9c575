import type { Errno } from '../errno.js';
import type { Location } from '../fs/types.js';

/** Why a program cannot be started: execve's error, and one sentence for people. */
export interface ExecFailure {
  readonly errno: Errno;
  readonly reason: string;
  /** The file that has leases on it, which have to be given up first. */
  readonly leased?: Location;
}

export function failure(errno: Errno, reason: string): ExecFailure {
  return { errno, reason };
}

export function isFailure(value: object): value is ExecFailure {
  return 'reason' in value;
}
