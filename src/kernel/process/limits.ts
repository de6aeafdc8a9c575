import { kind } from '../checkpoint/registry.js';
import {
  RLIMIT_CORE,
  RLIMIT_MEMLOCK,
  RLIMIT_MSGQUEUE,
  RLIMIT_NICE,
  RLIMIT_NOFILE,
  RLIMIT_NPROC,
  RLIMIT_RTPRIO,
  RLIMIT_SIGPENDING,
  RLIMIT_STACK,
  RLIM_INFINITY,
  RLIM_NLIMITS,
} from '../abi/resource.js';

export interface ResourceLimit {
  /** The limit that counts; RLIM_INFINITY is Infinity. */
  current: number;
  maximum: number;
}

/** Limits by themselves, before they are a process's. */
export class LimitList {
  constructor(private readonly limits: readonly ResourceLimit[]) {}

  limit(resource: number): number {
    return this.limits[resource]?.current ?? RLIM_INFINITY;
  }
}

const MIB = 1024 * 1024;

/** What differs from "no limit", as a container has it. */
const INITIAL: readonly (readonly [number, number, number])[] = [
  [RLIMIT_STACK, 8 * MIB, RLIM_INFINITY],
  [RLIMIT_CORE, 0, RLIM_INFINITY],
  [RLIMIT_NPROC, 32768, 32768],
  // The soft limit is Linux's own: programs try every descriptor up to it, and select() knows no more.
  [RLIMIT_NOFILE, 1024, 1048576],
  [RLIMIT_MEMLOCK, 8 * MIB, 8 * MIB],
  [RLIMIT_SIGPENDING, 32768, 32768],
  [RLIMIT_MSGQUEUE, 819200, 819200],
  [RLIMIT_NICE, 0, 0],
  [RLIMIT_RTPRIO, 0, 0],
];

export function initialLimits(): ResourceLimit[] {
  const limits = Array.from({ length: RLIM_NLIMITS }, () => ({
    current: RLIM_INFINITY,
    maximum: RLIM_INFINITY,
  }));
  for (const [resource, current, maximum] of INITIAL) limits[resource] = { current, maximum };
  return limits;
}

export function copyLimits(limits: readonly ResourceLimit[]): ResourceLimit[] {
  return limits.map((limit) => ({ ...limit }));
}

kind('LimitList', LimitList);
