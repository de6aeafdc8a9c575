import { kind } from '../checkpoint/registry.js';
import { Timer, type TimerHeap, type TimerOwner } from './timers.js';

/** The kernel, as far as timers need it. */
export interface TimeKeeper {
  readonly timers: TimerHeap;
  readonly clock: { nowMs(): number };
}

/** Whom an interval timer belongs to. */
export interface IntervalOwner {
  /** `count` expirations have passed, more than one if the timer is faster than it is looked at. */
  expired(count: number): void;
}

/** A timer that may repeat, on the kernel's monotonic clock; times in milliseconds. */
export class IntervalTimer implements TimerOwner {
  interval = 0;
  private readonly timer: Timer;

  constructor(
    private readonly kernel: TimeKeeper,
    private readonly owner: IntervalOwner,
  ) {
    this.timer = new Timer(this);
  }

  get armed(): boolean {
    return this.timer.armed;
  }

  /** Milliseconds until it expires; 0 when it is not set. */
  get remaining(): number {
    return this.armed ? Math.max(MINIMUM, this.timer.at - this.kernel.clock.nowMs()) : 0;
  }

  /** Expires at `at` and then every `interval`, if that is not 0. */
  set(at: number, interval: number): void {
    this.interval = interval;
    this.kernel.timers.add(this.timer, at);
    // The heap is looked at between slices, which may be far.
    if (at > this.kernel.clock.nowMs()) return;
    this.kernel.timers.remove(this.timer);
    this.fire();
  }

  clear(): void {
    this.interval = 0;
    this.kernel.timers.remove(this.timer);
  }

  fire(): void {
    let count = 1;
    if (this.interval > 0) {
      const late = Math.max(0, this.kernel.clock.nowMs() - this.timer.at);
      count += Math.floor(late / this.interval);
      this.kernel.timers.add(this.timer, this.timer.at + count * this.interval);
    }
    this.owner.expired(count);
  }
}

/** A timer that is set never shows 0, which would mean that it is not. */
const MINIMUM = 0.001;

kind('IntervalTimer', IntervalTimer);
