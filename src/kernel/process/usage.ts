import type { Process, Usage } from './process.js';

/** Adds `usage` to `total`; the resident size is the larger one. */
export function addUsage(total: Usage, usage: Usage): void {
  total.cpuMs += usage.cpuMs;
  total.systemMs += usage.systemMs;
  total.minorFaults += usage.minorFaults;
  total.majorFaults += usage.majorFaults;
  total.voluntarySwitches += usage.voluntarySwitches;
  total.involuntarySwitches += usage.involuntarySwitches;
  total.peakRss = Math.max(total.peakRss, usage.peakRss);
}

/** What a process has used so far, its living threads included. */
export function totalUsage(process: Process): Usage {
  const total = { ...process.usage };
  for (const thread of process.threads) {
    total.cpuMs += process.kernel.cpuMsOf(thread);
    total.systemMs += thread.systemMs;
    total.voluntarySwitches += thread.voluntarySwitches;
    total.involuntarySwitches += thread.involuntarySwitches;
  }
  total.systemMs = Math.min(total.systemMs, total.cpuMs);
  total.peakRss = Math.max(total.peakRss, process.mmOrNull?.peakRss ?? 0);
  return total;
}
