import { FUTEX_BITSET_MATCH_ANY } from '../abi/futex.js';
import { EFAULT, type Errno } from '../errno.js';
import type { Mm } from '../mm/mm.js';
import type { Thread } from '../process/thread.js';

/** A thread that sleeps on a futex. It stays until it is woken or goes by itself. */
export interface FutexWaiter {
  readonly thread: Thread;
  /** FUTEX_WAIT_BITSET's mask. */
  readonly bitset: number;
  queue: FutexQueue;
  woken: boolean;
}

/** Who waits on one word. */
export type FutexQueue = Set<FutexWaiter>;

/**
 * Futexes by their word's identity: an address space and an address; for words in shared mappings the place of the
 * frame, which lasts as long as somebody maps it.
 */
export class Futexes {
  private readonly shared = new Map<number, FutexQueue>();
  private readonly own = new WeakMap<Mm, Map<number, FutexQueue>>();

  /** The queue of the word at `addr`; EFAULT when it cannot be read. */
  queue(mm: Mm, addr: number, isPrivate = false): FutexQueue | Errno {
    const at = mm.memory.readable(addr);
    if (at === 0) return EFAULT;
    const shared = !isPrivate && (mm.vmas.find(addr)?.shared ?? false);
    return shared ? queueIn(this.shared, at) : queueIn(this.ownQueues(mm), addr);
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

  private ownQueues(mm: Mm): Map<number, FutexQueue> {
    let queues = this.own.get(mm);
    if (queues === undefined) this.own.set(mm, (queues = new Map<number, FutexQueue>()));
    return queues;
  }
}

export function wakeQueue(queue: FutexQueue, count: number, bitset = FUTEX_BITSET_MATCH_ANY): number {
  let woken = 0;
  for (const waiter of queue) {
    if (woken >= count) break;
    if ((waiter.bitset & bitset) === 0) continue;
    queue.delete(waiter);
    waiter.woken = true;
    waiter.thread.makeReady();
    woken++;
  }
  return woken;
}

/** Moves up to `count` waiters to another word's queue; returns how many. */
export function requeue(from: FutexQueue, to: FutexQueue, count: number): number {
  let moved = 0;
  if (from === to) return Math.min(count, from.size);
  for (const waiter of from) {
    if (moved >= count) break;
    from.delete(waiter);
    to.add(waiter);
    waiter.queue = to;
    moved++;
  }
  return moved;
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
