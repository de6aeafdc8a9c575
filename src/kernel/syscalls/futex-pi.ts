/** futex(2)'s operations on locks that inherit priority (kernel/futex/pi.c, requeue.c). */
import { kind } from '../checkpoint/registry.js';
import {
  FUTEX_CLOCK_REALTIME,
  FUTEX_CMD_MASK,
  FUTEX_LOCK_PI,
  FUTEX_PRIVATE_FLAG,
  FUTEX_TID_MASK,
} from '../abi/futex.js';
import { CLOCK_MONOTONIC, CLOCK_REALTIME } from '../abi/time.js';
import {
  EAGAIN,
  EDEADLOCK,
  EFAULT,
  EINVAL,
  EPERM,
  ERESTARTNOINTR,
  ETIMEDOUT,
  WAIT,
  type Errno,
} from '../errno.js';
import { ACQUIRED, acquire, release, requeueToLock, wouldDeadlock } from '../futex/pi.js';
import { FutexWaiter, isAligned, type FutexQueue } from '../futex/table.js';
import type { Timespec } from '../host.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import { isValidTime, monotonicOf } from './time.js';
import { readPair } from './user.js';

const $time: Timespec = { sec: 0, nsec: 0 };

/** A thread that waits for a lock, or first to be moved to one. */
class PiWait {
  constructor(
    readonly waiter: FutexWaiter,
    readonly until: number,
  ) {}

  abandon(): void {
    const { waiter } = this;
    if (waiter.lock !== null) waiter.lock.remove(waiter);
    else waiter.queue.delete(waiter);
  }
}

export function queueOf({ process }: Thread, addr: number, op: number): FutexQueue | Errno {
  if (!isAligned(addr)) return EINVAL;
  return process.kernel.futexes.queue(process.mm, addr, (op & FUTEX_PRIVATE_FLAG) !== 0);
}

/** The absolute time at `addr`; FUTEX_LOCK_PI's is always of the wall clock. */
function deadline({ process }: Thread, addr: number, op: number): number | Errno {
  if (addr === 0) return Infinity;
  if (readPair(process.memory, addr, $time) < 0) return EFAULT;
  if (!isValidTime($time)) return EINVAL;
  const wall = (op & FUTEX_CMD_MASK) === FUTEX_LOCK_PI || (op & FUTEX_CLOCK_REALTIME) !== 0;
  return Math.max(0, monotonicOf(process, wall ? CLOCK_REALTIME : CLOCK_MONOTONIC, $time));
}

/** FUTEX_LOCK_PI, FUTEX_LOCK_PI2 and, with `tries`, FUTEX_TRYLOCK_PI. */
export function lockPi(thread: Thread, args: Args, tries: boolean): number {
  const before = thread.callState as PiWait | undefined;
  if (before !== undefined) return goOn(thread, before);
  const until = tries ? Infinity : deadline(thread, args.addr(3), args.int(1));
  if (until < 0) return until;
  const queue = queueOf(thread, args.addr(0), args.int(1));
  if (typeof queue === 'number') return queue;
  const lock = acquire(thread, queue, args.addr(0));
  if (lock === ACQUIRED) return 0;
  if (typeof lock === 'number') return lock;
  if (tries) return EAGAIN;
  if (wouldDeadlock(thread, lock)) return EDEADLOCK;
  const waiter = new FutexWaiter(thread, queue, undefined, args.addr(0));
  lock.add(waiter);
  return goOn(thread, new PiWait(waiter, until));
}

function goOn(thread: Thread, waiting: PiWait): number {
  const { waiter, until } = waiting;
  if (waiter.woken) return 0;
  const late = thread.process.kernel.clock.nowMs() >= until;
  if (late || thread.signalled) {
    // Once moved to the lock the call cannot begin again: the caller takes it for a wake-up.
    const moved = waiter.lock !== null && waiter.bitset === MOVED;
    waiting.abandon();
    return late ? ETIMEDOUT : moved ? EAGAIN : ERESTARTNOINTR;
  }
  thread.callState = waiting;
  if (until !== Infinity) thread.waitUntil(until);
  return WAIT;
}

/** The bitset of waiters of FUTEX_WAIT_REQUEUE_PI, which nobody wakes by one. */
const MOVED = 0x7fffffff;

export function unlockPi(thread: Thread, args: Args): number {
  const word = thread.process.memory.readU32(args.addr(0));
  if (!isAligned(args.addr(0))) return EINVAL;
  if (word < 0) return EFAULT;
  if ((word & FUTEX_TID_MASK) !== thread.tid) return EPERM;
  const queue = queueOf(thread, args.addr(0), args.int(1));
  return typeof queue === 'number' ? queue : release(thread, queue, args.addr(0));
}

/** FUTEX_WAIT_REQUEUE_PI: waits on one word until it is moved to a lock and has got that. */
export function waitRequeuePi(thread: Thread, args: Args): number {
  const before = thread.callState as PiWait | undefined;
  if (before !== undefined) return goOn(thread, before);
  const until = deadline(thread, args.addr(3), args.int(1));
  if (until < 0) return until;
  if (args.addr(0) === args.addr(4)) return EINVAL;
  const target = queueOf(thread, args.addr(4), args.int(1));
  if (typeof target === 'number') return target;
  const queue = queueOf(thread, args.addr(0), args.int(1));
  if (typeof queue === 'number') return queue;
  const word = thread.process.memory.readU32(args.addr(0));
  if (word < 0) return EFAULT;
  if (word !== args.uint(2)) return EAGAIN;
  if (queue === target) return EINVAL;
  const waiter = new FutexWaiter(thread, queue, MOVED, args.addr(4));
  waiter.target = target;
  queue.add(waiter);
  return goOn(thread, new PiWait(waiter, until));
}

export function cmpRequeuePi(thread: Thread, args: Args): number {
  const [wakes, moves] = [args.int(2), args.int(3)];
  if (wakes < 0 || moves < 0) return EINVAL;
  if (args.addr(0) === args.addr(4) || wakes !== 1) return EINVAL;
  const from = queueOf(thread, args.addr(0), args.int(1));
  if (typeof from === 'number') return from;
  const to = queueOf(thread, args.addr(4), args.int(1));
  if (typeof to === 'number') return to;
  if (from === to) return EINVAL;
  const word = thread.process.memory.readU32(args.addr(0));
  if (word < 0) return EFAULT;
  return word === args.uint(5) ? requeueToLock(thread, from, to, args.addr(4), moves) : EAGAIN;
}

kind('PiWait', PiWait);
