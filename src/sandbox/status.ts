/** Statuses and failures in the words of the API. */
import { ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG } from '../kernel/errno.js';
import type { ExecFailure } from '../kernel/exec/failure.js';
import { CulmError } from './types.js';
import { fromByteString } from './text.js';

/** A status as wait4 has it: the exit status for a shell, and the signal or 0. */
export function exitOf(status: number): { code: number; signal: number } {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff, signal } : { code: 128 + signal, signal };
}

const NOT_FOUND: readonly number[] = [ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG];

/** Why a program could not be started: as Docker tells apart what is not there and what cannot be run. */
export function startFailure({ errno, reason }: ExecFailure): CulmError {
  const message = fromByteString(reason);
  if (NOT_FOUND.includes(errno)) return new CulmError('not-found', message);
  return new CulmError('not-executable', message);
}
