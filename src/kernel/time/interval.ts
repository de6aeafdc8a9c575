import type { TimerHeap } from './timers.js';
import { Timer } from './timers.js';

/** A timer that may repeat, on the kernel's monotonic clock; times in milliseconds. */
export class IntervalTimer {
  interval = 0;
  private readonly timer: Timer;

  constructor(
    private readonly heap: TimerHeap,
    private readonly now: () => number,
    /** `count` expirations have passed, more than one if the timer is faster than it is looked at. */
    private readonly expired: (count: number) => void,
  ) {
    this.timer = new Timer(() => this.fire());
  }

  get armed(): boolean {
    return this.timer.armed;
  }

  /** Milliseconds until it expires; 0 when it is not set. */
  get remaining(): number {
    return this.armed ? Math.max(MINIMUM, this.timer.at - this.now()) : 0;
  }

  /** Expires at `at` and then every `interval`, if that is not 0. */
  set(at: number, interval: number): void {
    this.interval = interval;
    this.heap.add(this.timer, at);
  }

  clear(): void {
    this.interval = 0;
    this.heap.remove(this.timer);
  }

  private fire(): void {
    let count = 1;
    if (this.interval > 0) {
      const late = Math.max(0, this.now() - this.timer.at);
      count += Math.floor(late / this.interval);
      this.heap.add(this.timer, this.timer.at + count * this.interval);
    }
    this.expired(count);
  }
}

/** A timer that is set never shows 0, which would mean that it is not. */
const MINIMUM = 0.001;
