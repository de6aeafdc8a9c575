import { initialFsSettings, type FsSettings } from './fs/settings.js';
import { initialNetSettings, type NetSettings } from './net/settings.js';

/** What root may change in /proc/sys, and what the kernel goes by. */
export interface KernelLimits extends FsSettings, NetSettings {
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
  /** vm.overcommit_memory: 0 refuses what there can never be, 1 nothing, 2 what is not there. */
  overcommitMemory: number;
  /** What of the memory may be promised then, in percent, or, if not 0, in KiB. */
  overcommitRatio: number;
  overcommitKbytes: number;
  /** vm.mmap_min_addr: nothing is mapped below. */
  mmapMinAddr: number;
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
    overcommitRatio: 50,
    overcommitKbytes: 0,
    mmapMinAddr: 65536,
    randomizeVaSpace: randomizes ? 2 : 0,
    ...initialFsSettings(),
    ...initialNetSettings(),
  };
}

/** Bytes that may be promised to programs where no more than there is may be (vm_commit_limit): there is no swap. */
export function commitLimit({ overcommitKbytes, overcommitRatio }: KernelLimits, total: number): number {
  return overcommitKbytes > 0 ? overcommitKbytes * 1024 : Math.floor((total * overcommitRatio) / 100);
}
