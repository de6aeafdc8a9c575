import type { HostClock, Timespec } from '../../kernel/host.js';

/** Milliseconds as whole seconds and nanoseconds. */
function split(ms: number, out: Timespec): void {
  out.sec = Math.floor(ms / 1000);
  out.nsec = Math.min(999_999_999, Math.round((ms - out.sec * 1000) * 1e6));
}

/** Processor time in microseconds: this thread's where Node can tell (23.9 and later), else the process's. */
function cpuUsage(): { user: number; system: number } {
  if ('threadCpuUsage' in process && typeof process.threadCpuUsage === 'function') {
    return process.threadCpuUsage() as { user: number; system: number };
  }
  return process.cpuUsage();
}

/** Monotonic time in milliseconds; performance.now() takes as long, and as long as a hundred thousand calls to be loaded. */
function now(): number {
  const at = process.hrtime();
  return at[0] * 1000 + at[1] / 1e6;
}

/** Clocks from the monotonic one (nanosecond steps, never back) and Date.now() (milliseconds, follows the host's clock). */
export class NodeClock implements HostClock {
  /**
   * Real time minus monotonic time, ms. Date.now() rounds down, so each sample is a lower bound that is at most 1 ms
   * short: a larger one is better, one that is smaller by more than a millisecond means that the clock was set back.
   */
  #offset = Date.now() - now();

  realtime(out: Timespec): void {
    const at = now();
    const sample = Date.now() - at;
    if (sample > this.#offset || sample < this.#offset - 1.5) this.#offset = sample;
    split(at + this.#offset, out);
  }

  monotonic(out: Timespec): void {
    const at = process.hrtime();
    out.sec = at[0];
    out.nsec = at[1];
  }

  cpuTime(out: Timespec): void {
    const { user, system } = cpuUsage();
    split((user + system) / 1000, out);
  }
}
