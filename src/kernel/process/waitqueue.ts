import { kind } from '../checkpoint/registry.js';
import type { Wakeable, WaitQueue as Queue } from '../fs/types.js';

/** Those who wait for an event, in the order in which they came. */
export class WaitQueue implements Queue {
  private readonly waiters = new Set<Wakeable>();

  get empty(): boolean {
    return this.waiters.size === 0;
  }

  add(waiter: Wakeable): void {
    this.waiters.add(waiter);
  }

  remove(waiter: Wakeable): void {
    this.waiters.delete(waiter);
  }

  wake(count = Infinity, events = 0): number {
    if (this.waiters.size === 0) return 0;
    if (this.waiters.size === 1 && count >= 1) return this.wakeOnly(events);
    let woken = 0;
    let exclusive = false;
    for (const waiter of [...this.waiters]) {
      if (woken >= count) break;
      if (waiter.exclusive === true && exclusive) continue;
      const used = waiter.wake(this, events);
      if (waiter.exclusive === true) exclusive = used;
      woken++;
    }
    return woken;
  }

  /** The usual case, without a copy of the set. */
  private wakeOnly(events: number): number {
    for (const waiter of this.waiters) {
      waiter.wake(this, events);
      break;
    }
    return 1;
  }
}

kind('WaitQueue', WaitQueue);
