import { kind } from '../checkpoint/registry.js';
/** Pressure on the processor: how long threads had to wait for their turn (kernel/sched/psi.c, Documentation/accounting/psi.rst). */
const PERIOD_MS = 2000;
/** How much of the old value a period leaves, for averages over 10, 60 and 300 seconds. */
const DECAY = [10, 60, 300].map((seconds) => Math.exp(-PERIOD_MS / 1000 / seconds));

export interface PressureAmounts {
  /** Parts of the time, in percent. */
  readonly averages: readonly number[];
  readonly totalMs: number;
}

export class Pressure {
  private totalMs = 0;
  private readonly averages = [0, 0, 0];
  private sampledMs: number;
  private sampledTotal = 0;

  constructor(nowMs: number) {
    this.sampledMs = nowMs;
  }

  /** For so long somebody could have run and had to wait. */
  stalled(ms: number): void {
    this.totalMs += ms;
  }

  /** To be called often while threads run; periods that are missed in between count as idle. */
  note(nowMs: number): void {
    if (nowMs - this.sampledMs >= PERIOD_MS) this.sample(nowMs);
  }

  private sample(nowMs: number): void {
    const periods = Math.floor((nowMs - this.sampledMs) / PERIOD_MS);
    this.sampledMs += periods * PERIOD_MS;
    const stalled = Math.min(PERIOD_MS, this.totalMs - this.sampledTotal);
    this.sampledTotal = this.totalMs;
    for (const [i, decay] of DECAY.entries())
      this.averages[i] =
        (this.averages[i] ?? 0) * decay ** periods + (stalled / PERIOD_MS) * 100 * (1 - decay);
  }

  at(nowMs: number): PressureAmounts {
    this.note(nowMs);
    return { averages: this.averages, totalMs: this.totalMs };
  }
}

kind('Pressure', Pressure);
