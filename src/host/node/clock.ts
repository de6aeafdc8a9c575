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

/**
 * Clocks from performance.now() (nanosecond steps, never back) and Date.now() (milliseconds, follows the host's clock).
 */
export class NodeClock implements HostClock {
  /**
   * Real time minus performance.now(), ms. Date.now() rounds down, so each sample is a lower bound that is at most 1 ms
   * short: a larger one is better, one that is smaller by more than a millisecond means that the clock was set back.
   */
  #offset = Date.now() - performance.now();

  realtime(out: Timespec): void {
    const now = performance.now();
    const sample = Date.now() - now;
    if (sample > this.#offset || sample < this.#offset - 1.5) this.#offset = sample;
    split(now + this.#offset, out);
  }

  monotonic(out: Timespec): void {
    const now = performance.now();
    out.sec = Math.floor(now / 1000);
    out.nsec = Math.floor((now - out.sec * 1000) * 1e6);
  }

  cpuTime(out: Timespec): void {
    const { user, system } = cpuUsage();
    split((user + system) / 1000, out);
  }
}
