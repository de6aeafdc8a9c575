/** What root may change in /proc/sys, and what the kernel goes by. */
export interface KernelLimits {
  /** kernel.pid_max: ids are below. */
  pidMax: number;
  /** kernel.threads-max: threads in all. */
  threadsMax: number;
  /** The sandbox's own limit of threads in all (pids.max of its control group). */
  pidsMax: number;
  /** vm.max_map_count: areas of an address space. */
  maxMapCount: number;
  /** fs.nr_open: the highest value of RLIMIT_NOFILE. */
  nrOpen: number;
  /** vm.overcommit_memory: 0 refuses what there can never be, 1 nothing. */
  overcommitMemory: number;
  /** kernel.randomize_va_space. */
  randomizeVaSpace: number;
}

/** As many as other container tools allow. */
export const DEFAULT_PIDS = 2048;

export function initialKernelLimits(randomizes: boolean): KernelLimits {
  return {
    pidMax: 32768,
    threadsMax: 30_000,
    pidsMax: DEFAULT_PIDS,
    maxMapCount: 65530,
    nrOpen: 1048576,
    overcommitMemory: 0,
    randomizeVaSpace: randomizes ? 2 : 0,
  };
}
