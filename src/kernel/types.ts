/**
 * What system calls are written against. A call is a row in a table (number, name, argument kinds, function); the function
 * gets the calling thread and an accessor that reads arguments by kind from the registers.
 */
import type { Errno } from './errno.js';
import type { Handle, HandleOwner, PathContext, UserMemory, WaitQueue, Waiter } from './fs/types.js';
import type { IoCounts } from './process/iocounts.js';

/** How strace shows an argument, and what the fuzzer feeds it. */
export type ArgKind =
  | 'int'
  | 'uint'
  | 'hex'
  | 'fd'
  | 'dirfd'
  | 'path'
  | 'string'
  | 'addr'
  | 'buffer-in'
  | 'buffer-out'
  | 'iovec-in'
  | 'iovec-out'
  | 'size'
  | 'offset'
  | 'mode'
  | 'open-flags'
  | 'prot'
  | 'map-flags'
  | 'signal'
  | 'sigset'
  | 'sig-how'
  | 'timespec'
  | 'timespec-out'
  | 'stat-out'
  | 'pid'
  | 'clock'
  | 'rlimit'
  | 'whence'
  | 'at-flags'
  | 'access-mode'
  | 'clone-flags'
  | 'arch-code'
  | 'rand-flags'
  | 'futex-op'
  | 'socket-family'
  | 'socket-type'
  | 'sockaddr'
  | 'sockaddr-out'
  | 'strings';

export interface SyscallRow {
  readonly number: number;
  readonly name: string;
  readonly args: readonly ArgKind[];
  /** Returns the result (a whole number; addresses are numbers) or an Errno; WAIT after `thread.waitOn`. */
  readonly run: (thread: Caller, args: Args) => number;
  /** What differs from Linux, for the documentation; nothing when nothing does. */
  readonly note?: string;
}

/** The six arguments, read from the registers by kind. */
export interface Args {
  /** Low 32 bits, signed. */
  int(n: number): number;
  /** Low 32 bits, unsigned. */
  uint(n: number): number;
  /** All 64 bits as an unsigned whole number; at or over 2^53 it is only good for comparisons. */
  addr(n: number): number;
  size(n: number): number;
  /** All 64 bits, signed; beyond 2^53 only good for comparisons. */
  offset(n: number): number;
  /** The two halves, unsigned. */
  lo(n: number): number;
  hi(n: number): number;
}

/** The calling thread, as far as families of calls outside process/ need it. */
export interface Caller extends Waiter {
  readonly tid: number;
  readonly io: IoCounts;
  readonly process: CallingProcess;
  /**
   * Keeps a call's progress between its tries (bytes already written, the time to wake up); undefined at the first. If it
   * is an object with a method `abandon`, that is called when the thread ends within the call.
   */
  callState: unknown;
  /** Only SIGKILL ends its waiting. */
  uninterruptible: boolean;
  /** Monotonic time in milliseconds, as `waitUntil` takes it. */
  nowMs(): number;
  /** Wakes the thread at this monotonic time (ms as a double), besides what wakes it; the call sees it by the clock. */
  waitUntil(monotonicMs: number): void;
  /** A signal that is not blocked is pending: a call that would wait returns ERESTARTSYS instead. */
  readonly signalled: boolean;
  /** Whom F_SETOWN names, on this thread's behalf; null when there is nobody. An id of 0 is nobody on purpose. */
  fileOwner(type: number, id: number): HandleOwner | null;
  /** Sends a signal that the kernel itself raises to this thread (SIGPIPE, SIGXFSZ). */
  raise(signal: number): void;
}

export interface CallingProcess {
  readonly pid: number;
  readonly io: IoCounts;
  readonly fs: PathContext;
  readonly files: DescriptorTable;
  readonly memory: UserMemory;
  limit(resource: number): number;
}

export interface DescriptorTable {
  get(fd: number): Handle | Errno;
  /** EMFILE when `install` would fail: to be asked before a file is made. */
  hasRoom(): 0 | Errno;
  /** The lowest free descriptor at or above `from`; takes over the caller's reference. EMFILE. */
  install(handle: Handle, closeOnExec: boolean, from?: number): number | Errno;
  replace(fd: number, handle: Handle, closeOnExec: boolean): number | Errno;
  close(fd: number): 0 | Errno;
  closeOnExec(fd: number): boolean;
  setCloseOnExec(fd: number, on: boolean): void;
  /** Open descriptors, ascending. */
  list(): number[];
}

export type { WaitQueue };
