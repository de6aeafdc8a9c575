import { kind } from '../checkpoint/registry.js';
import {
  CLOCK_BOOTTIME,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_MONOTONIC,
  CLOCK_MONOTONIC_COARSE,
  CLOCK_MONOTONIC_RAW,
  CLOCK_REALTIME,
  CLOCK_REALTIME_ALARM,
  CLOCK_REALTIME_COARSE,
  CLOCK_TAI,
  TICK_NS,
} from '../abi/time.js';
import type { HostClock, Timespec } from '../host.js';

/** The sandbox's clocks: wall-clock time is the host's, monotonic time begins when the sandbox does. */
export class Clock {
  private readonly boot: Timespec = { sec: 0, nsec: 0 };
  private readonly now: Timespec = { sec: 0, nsec: 0 };

  constructor(private readonly host: HostClock) {
    host.monotonic(this.boot);
    // One second has passed when the first program starts: 0 means "never" to many of them.
    this.boot.sec -= 1;
  }

  realtime(out: Timespec): void {
    this.host.realtime(out);
  }

  monotonic(out: Timespec): void {
    this.host.monotonic(out);
    out.sec -= this.boot.sec;
    out.nsec -= this.boot.nsec;
    if (out.nsec >= 0) return;
    out.nsec += 1e9;
    out.sec--;
  }

  /** Monotonic time in milliseconds, with fractions: what timers and time accounts use. */
  nowMs(): number {
    this.host.monotonic(this.now);
    return (this.now.sec - this.boot.sec) * 1e3 + (this.now.nsec - this.boot.nsec) / 1e6;
  }

  /** Monotonic time goes on from `ms`. */
  resumeAt(ms: number): void {
    const ahead = ms - this.nowMs();
    const seconds = Math.floor(ahead / 1e3);
    this.boot.sec -= seconds;
    this.boot.nsec -= Math.round((ahead - seconds * 1e3) * 1e6);
    if (this.boot.nsec >= 0) return;
    this.boot.nsec += 1e9;
    this.boot.sec--;
  }

  /** Milliseconds from monotonic to wall-clock time. */
  realtimeOffsetMs(): number {
    const monotonic = this.nowMs();
    this.host.realtime(this.now);
    return toMs(this.now) - monotonic;
  }

  /** Reads one of the clocks that all processes share; false for another. */
  read(clock: number, out: Timespec): boolean {
    if (isRealtime(clock)) this.realtime(out);
    else if (isMonotonic(clock)) this.monotonic(out);
    else return false;
    if (isCoarse(clock)) out.nsec -= out.nsec % TICK_NS;
    return true;
  }
}

export function isRealtime(clock: number): boolean {
  return (
    clock === CLOCK_REALTIME ||
    clock === CLOCK_REALTIME_COARSE ||
    clock === CLOCK_REALTIME_ALARM ||
    clock === CLOCK_TAI
  );
}
export function isMonotonic(clock: number): boolean {
  return (
    clock === CLOCK_MONOTONIC ||
    clock === CLOCK_MONOTONIC_RAW ||
    clock === CLOCK_MONOTONIC_COARSE ||
    clock === CLOCK_BOOTTIME ||
    clock === CLOCK_BOOTTIME_ALARM
  );
}
export function isCoarse(clock: number): boolean {
  return clock === CLOCK_REALTIME_COARSE || clock === CLOCK_MONOTONIC_COARSE;
}

export function toMs(time: Timespec): number {
  return time.sec * 1e3 + time.nsec / 1e6;
}

/** Milliseconds as whole seconds and nanoseconds. */
export function fromMs(ms: number, out: Timespec): void {
  out.sec = Math.floor(ms / 1e3);
  out.nsec = Math.min(999_999_999, Math.round((ms - out.sec * 1e3) * 1e6));
}

kind('Clock', Clock, { rebuilt: ['boot', 'now'] });
