/**
 * Locks that inherit priority: their word holds the owner's tid, and the kernel hands the lock over when somebody waits
 * (futex(2), "Priority-inheritance futexes"). While a thread that could run in real time waits, the owner runs with its
 * priority.
 */
import { kind } from '../checkpoint/registry.js';
import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS } from '../abi/futex.js';
import { EAGAIN, EDEADLOCK, EFAULT, EINVAL, ESRCH, type Errno } from '../errno.js';
import type { Thread } from '../process/thread.js';
import type { FutexQueue, FutexWaiter } from './table.js';

/** The kernel's side of a lock for which somebody waits (futex_pi_state). */
export class PiLock {
  /** By priority, then in the order in which they came. */
  private readonly waiters: FutexWaiter[] = [];

  constructor(
    /** Null: it has ended, and nobody has got the lock yet. */
    public owner: Thread | null,
    readonly queue: FutexQueue,
  ) {}

  get first(): FutexWaiter | undefined {
    return this.waiters[0];
  }

  get priority(): number {
    return this.waiters[0]?.thread.priority ?? 0;
  }

  add(waiter: FutexWaiter): void {
    const { priority } = waiter.thread;
    let at = this.waiters.length;
    while (at > 0 && this.waiters[at - 1].thread.priority < priority) at--;
    this.waiters.splice(at, 0, waiter);
    waiter.lock = this;
    waiter.target = null;
    waiter.queue = this.queue;
    this.queue.add(waiter);
    waiter.thread.blockedOn = this;
    this.owner?.heldLocks.add(this);
    boost(this.owner);
  }

  remove(waiter: FutexWaiter): void {
    const at = this.waiters.indexOf(waiter);
    if (at >= 0) this.waiters.splice(at, 1);
    this.queue.delete(waiter);
    waiter.lock = null;
    waiter.thread.blockedOn = null;
    if (this.waiters.length === 0) this.owner?.heldLocks.delete(this);
    boost(this.owner);
  }

  /** The first waiter becomes the owner; `died`: the old one has not unlocked but ended. */
  handOver(died: boolean): 0 | Errno {
    const { first, owner: old } = this;
    if (first === undefined) return 0;
    const { thread, addr } = first;
    const word = died ? thread.process.memory.readU32(addr) : 0;
    const kept = died && word >= 0 ? FUTEX_OWNER_DIED : 0;
    this.remove(first);
    old?.heldLocks.delete(this);
    this.owner = thread;
    if (this.waiters.length > 0) thread.heldLocks.add(this);
    boost(old);
    boost(thread);
    first.woken = true;
    thread.makeReady();
    return thread.process.memory.writeU32(addr, (FUTEX_WAITERS | kept | thread.tid) >>> 0);
  }
}

/** A thread runs with the highest priority of those who wait for locks that it holds, and so do those it waits for. */
function boost(thread: Thread | null): void {
  for (
    let at: Thread | null | undefined = thread, steps = 0;
    at !== null && at !== undefined && steps < MAX_CHAIN;
    steps++
  ) {
    let inherited = 0;
    for (const lock of at.heldLocks) inherited = Math.max(inherited, lock.priority);
    if (at.inheritedPriority === inherited) return;
    at.inheritedPriority = inherited;
    at = at.blockedOn?.owner;
  }
}

/** Locks that one waits for while holding another are followed so far (max_lock_depth). */
const MAX_CHAIN = 1024;

export const ACQUIRED = 1;

/** Takes the lock at `addr` for a thread: ACQUIRED, the lock that it has to wait for, or an error. */
export function acquire(
  thread: Thread,
  queue: FutexQueue,
  addr: number,
  setsWaiters = false,
): typeof ACQUIRED | PiLock | Errno {
  const { memory, kernel } = thread.process;
  const word = memory.readU32(addr);
  if (word < 0) return EFAULT;
  const owner = word & FUTEX_TID_MASK;
  if (owner === thread.tid) return EDEADLOCK;
  const [waiter] = queue;
  if (waiter !== undefined) return knownLock(waiter, word);
  if (owner === 0) {
    const waiters = setsWaiters ? FUTEX_WAITERS : 0;
    const taken = ((word & FUTEX_OWNER_DIED) | waiters | thread.tid) >>> 0;
    return memory.writeU32(addr, taken) < 0 ? EFAULT : ACQUIRED;
  }
  if (memory.writeU32(addr, (word | FUTEX_WAITERS) >>> 0) < 0) return EFAULT;
  const holder = kernel.threads.get(owner);
  return holder === undefined ? ESRCH : new PiLock(holder, queue);
}

/** The lock for which others wait already, if the word agrees. */
function knownLock({ lock }: FutexWaiter, word: number): PiLock | Errno {
  if (lock === null) return EINVAL;
  const owner = word & FUTEX_TID_MASK;
  if ((word & FUTEX_OWNER_DIED) !== 0 && owner === 0) return lock;
  return lock.owner?.tid === owner ? lock : EINVAL;
}

/** Whether waiting for `lock` would make the thread wait for itself. */
export function wouldDeadlock(thread: Thread, lock: PiLock): boolean {
  let at: PiLock | null | undefined = lock;
  for (let steps = 0; at !== null && at !== undefined && steps < MAX_CHAIN; steps++) {
    if (at.owner === thread) return true;
    at = at.owner?.blockedOn;
  }
  return false;
}

/** Unlocks the lock at `addr`, which goes to the first that waits. */
export function release(thread: Thread, queue: FutexQueue, addr: number): 0 | Errno {
  const [waiter] = queue;
  if (waiter === undefined) return thread.process.memory.writeU32(addr, 0);
  const { lock } = waiter;
  return lock === null || lock.owner !== thread ? EINVAL : lock.handOver(false);
}

/** A thread ends: what it has locked goes to those who wait (exit_pi_state_list). */
export function releaseHeldLocks(thread: Thread): void {
  for (const lock of [...thread.heldLocks]) {
    lock.owner = null;
    lock.handOver(true);
  }
  thread.heldLocks.clear();
}

/** FUTEX_CMP_REQUEUE_PI: the first waiter gets the lock at `addr` if it is free, up to `count` others wait for it. */
export function requeueToLock(
  caller: Thread,
  from: FutexQueue,
  to: FutexQueue,
  addr: number,
  count: number,
): number | Errno {
  let done = 0;
  for (const waiter of from) {
    if (done > count) break;
    if (waiter.target !== to) return done > 0 ? done : EINVAL;
    const got = acquireFor(waiter, to, addr, caller);
    if (typeof got === 'number' && got < 0) return done > 0 ? done : got;
    from.delete(waiter);
    done++;
    if (typeof got === 'object') got.add(waiter);
    else {
      waiter.target = null;
      waiter.woken = true;
      waiter.thread.makeReady();
    }
  }
  return done;
}

/** The lock is taken in the waiter's name, whose word it must be too. */
function acquireFor(
  waiter: FutexWaiter,
  to: FutexQueue,
  addr: number,
  caller: Thread,
): typeof ACQUIRED | PiLock | Errno {
  const others = waiter.queue.size > 1;
  const got = acquire(waiter.thread, to, waiter.addr, others);
  return got === EFAULT && caller.process.memory.readU32(addr) >= 0 ? EAGAIN : got;
}

kind('PiLock', PiLock);
