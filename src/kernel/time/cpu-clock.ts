import { kind } from '../checkpoint/registry.js';
import type { Process } from '../process/process.js';
import type { Thread } from '../process/thread.js';
import { totalUsage } from '../process/usage.js';

/** A clock of the processor time of a process, or of one of its threads. */
export class CpuClock {
  constructor(
    private readonly process: Process,
    private readonly thread: Thread | null,
  ) {}

  /** In milliseconds. */
  now(): number {
    const { process, thread } = this;
    return thread === null ? totalUsage(process).cpuMs : process.kernel.cpuMsOf(thread);
  }
}

kind('CpuClock', CpuClock);
