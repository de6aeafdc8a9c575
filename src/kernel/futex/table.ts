import { kind } from '../checkpoint/registry.js';
import { FUTEX_BITSET_MATCH_ANY } from '../abi/futex.js';
import { EFAULT, EINVAL, type Errno } from '../errno.js';
import type { Mm } from '../mm/mm.js';
import { TASK_SIZE } from '../mm/vma.js';
import type { Thread } from '../process/thread.js';
import type { PiLock } from './pi.js';

/** A thread that sleeps on a futex. It stays until it is woken or goes by itself. */
export class FutexWaiter {
  woken = false;
  /** It waits for a lock that inherits priority. */
  lock: PiLock | null = null;
  /** It waits to be moved to this queue of such a lock (FUTEX_WAIT_REQUEUE_PI), whose word is at `addr`. */
  target: FutexQueue | null = null;

  constructor(
    readonly thread: Thread,
    public queue: FutexQueue,
    /** FUTEX_WAIT_BITSET's mask. */
    readonly bitset = FUTEX_BITSET_MATCH_ANY,
    /** The word, in the thread's memory, of the lock that inherits priority. */
    readonly addr = 0,
  ) {}

  /** It can only be woken by those who know of such locks. */
  get inherits(): boolean {
    return this.lock !== null || this.target !== null;
  }
}

/** Who waits on one word. */
export type FutexQueue = Set<FutexWaiter>;

/**
 * Futexes by their word's identity (futex(2)): an address space and an address; for words in shared mappings the file or
 * memory that is mapped, and the place in it.
 */
export class Futexes {
  /** The queue of the word at `addr`; EFAULT when it cannot be read, which nobody looks for if it is private. */
  queue(mm: Mm, addr: number, isPrivate = false): FutexQueue | Errno {
    if (addr >= TASK_SIZE) return EFAULT;
    if (isPrivate) return queueIn(queuesIn(mm), addr);
    if (mm.memory.readable(addr) === 0) return EFAULT;
    const vma = mm.vmas.find(addr);
    if (vma === null || !vma.shared || vma.pages === null) return queueIn(queuesIn(mm), addr);
    return queueIn(queuesIn(vma.pages), vma.offset + (addr - vma.start));
  }

  /** Wakes up to `count` that wait on the word at `addr` and match `bitset`; returns how many. */
  wake(
    mm: Mm,
    addr: number,
    count: number,
    bitset = FUTEX_BITSET_MATCH_ANY,
    isPrivate = false,
  ): number | Errno {
    const queue = this.queue(mm, addr, isPrivate);
    return typeof queue === 'number' ? queue : wakeQueue(queue, count, bitset);
  }
}

/** EINVAL: somebody waits there for a lock that inherits priority, which cannot be woken like this. */
export function wakeQueue(queue: FutexQueue, count: number, bitset = FUTEX_BITSET_MATCH_ANY): number | Errno {
  let woken = 0;
  for (const waiter of queue) {
    if (woken >= count) break;
    if (waiter.inherits) return EINVAL;
    if ((waiter.bitset & bitset) === 0) continue;
    queue.delete(waiter);
    waiter.woken = true;
    waiter.thread.makeReady();
    woken++;
  }
  return woken;
}

/** Moves up to `count` waiters to another word's queue; returns how many. */
export function requeue(from: FutexQueue, to: FutexQueue, count: number): number | Errno {
  let moved = 0;
  for (const waiter of from) {
    if (moved >= count) break;
    if (waiter.inherits) return EINVAL;
    moved++;
    if (from === to) continue;
    from.delete(waiter);
    to.add(waiter);
    waiter.queue = to;
  }
  return moved;
}

/** What words can lie in; it keeps the queues of those who wait on them. */
export interface FutexPlace {
  futexes?: FutexQueues | null;
}

export type FutexQueues = Map<number, FutexQueue>;

function queuesIn(place: FutexPlace): FutexQueues {
  return (place.futexes ??= new Map<number, FutexQueue>());
}

/** Empty queues are swept when many words have been waited on. */
const MANY = 256;

function queueIn(queues: Map<number, FutexQueue>, key: number): FutexQueue {
  const known = queues.get(key);
  if (known !== undefined) return known;
  if (queues.size >= MANY) for (const [old, queue] of queues) if (queue.size === 0) queues.delete(old);
  const queue: FutexQueue = new Set();
  queues.set(key, queue);
  return queue;
}

/** Futex words lie at multiples of 4. */
export function isAligned(addr: number): boolean {
  return (addr & 3) === 0;
}

kind('FutexWaiter', FutexWaiter);
kind('Futexes', Futexes);
