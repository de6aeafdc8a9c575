/** It runs, or is in the queue of those that can. */
export const READY = 0;
/** In a call that waits. */
export const WAITING = 1;
/** Its process is stopped (SIGSTOP and the like). */
export const STOPPED = 2;
export const DEAD = 3;
export type ThreadState = typeof READY | typeof WAITING | typeof STOPPED | typeof DEAD;

/** wait4's status of a process that has been continued. */
export const STATUS_CONTINUED = 0xffff;
