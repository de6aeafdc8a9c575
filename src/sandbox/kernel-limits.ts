/** The limits of settings, as the kernel has them. */
import { RLIMIT_NOFILE, RLIMIT_STACK } from '../kernel/abi/resource.js';
import type { Restrictions } from '../kernel/kernel.js';
import type { Settings } from './backend.js';

export function restrictionsOf({ limits, subprocesses, mockSyscalls }: Settings): Restrictions {
  return {
    tasks: limits.processes,
    cpuMs: limits.cpuTime * 1000,
    heap: limits.brk,
    subprocesses,
    mocks: mockSyscalls,
  };
}

/** Resource limits of a new program, where they differ from the usual ones. */
export function limitsOf({ limits }: Settings): ReadonlyMap<number, number> {
  const pairs: readonly (readonly [number, number])[] = [
    [RLIMIT_STACK, limits.stack],
    [RLIMIT_NOFILE, limits.files],
  ];
  return new Map(pairs.filter(([, limit]) => limit !== Infinity));
}
