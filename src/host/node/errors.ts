import * as errno from '../../kernel/errno.js';
import type { Errno } from '../../kernel/errno.js';

/** What Node's code means where it is spelled differently from errno.h, or is Node's own. */
const ALIASES: Readonly<Record<string, Errno>> = {
  ENOTSUP: errno.EOPNOTSUPP,
  ERR_INVALID_ARG_VALUE: errno.EINVAL,
  ERR_INVALID_ARG_TYPE: errno.EINVAL,
  ERR_OUT_OF_RANGE: errno.EINVAL,
  UNKNOWN: errno.EIO,
};

const NUMBERS: ReadonlyMap<string, Errno> = new Map(
  [...Object.entries(errno), ...Object.entries(ALIASES)].filter(
    (entry): entry is [string, Errno] => typeof entry[1] === 'number',
  ),
);

/** The Errno of what a function of node:fs threw. By name, since other hosts number their errors otherwise; EIO if unknown. */
export function errnoOf(thrown: unknown): Errno {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  return (typeof code === 'string' ? NUMBERS.get(code) : undefined) ?? errno.EIO;
}

/** Runs a call of node:fs; its result, or the Errno of what it threw. */
export function attempt<T>(call: () => T): T | Errno {
  try {
    return call();
  } catch (thrown) {
    return errnoOf(thrown);
  }
}

/** The same for calls that give nothing back. */
export function attemptVoid(call: () => void): 0 | Errno {
  try {
    call();
    return 0;
  } catch (thrown) {
    return errnoOf(thrown);
  }
}
