import { kind } from '../checkpoint/registry.js';
/** Load averages as Linux keeps them: the number of threads able to run, sampled every 5 s (kernel/sched/loadavg.c). */
const SAMPLE_MS = 5000;
/** How much of the old value a sample leaves, for averages over 1, 5 and 15 minutes. */
const DECAY = [60, 300, 900].map((seconds) => Math.exp(-SAMPLE_MS / 1000 / seconds));

export class LoadAverages {
  private readonly averages: [number, number, number] = [0, 0, 0];
  private sampledMs: number;

  constructor(nowMs: number) {
    this.sampledMs = nowMs;
  }

  /** To be called often while threads run; what is missed in between counts as idle. */
  note(nowMs: number, running: number): void {
    if (nowMs - this.sampledMs >= SAMPLE_MS) this.sample(nowMs, running);
  }

  private sample(nowMs: number, running: number): void {
    const samples = Math.floor((nowMs - this.sampledMs) / SAMPLE_MS);
    this.sampledMs += samples * SAMPLE_MS;
    for (const [i, decay] of DECAY.entries()) {
      const idle = (this.averages[i] ?? 0) * decay ** (samples - 1);
      this.averages[i] = idle * decay + running * (1 - decay);
    }
  }

  at(nowMs: number, running: number): readonly [number, number, number] {
    this.note(nowMs, running);
    return this.averages;
  }
}

kind('LoadAverages', LoadAverages);
