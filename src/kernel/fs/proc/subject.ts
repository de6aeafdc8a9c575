/**
 * What /proc tells about: the kernel as its files see it, by plain questions. Views may be made anew for each answer; a
 * process is the same if its pid and its start are. Numbers are what the kernel has counted;
 * times are milliseconds, memory is bytes unless a name says pages.
 */
import type { Changes } from '../pseudo/row.js';
import type { Inode, Location, Mount, Timespec } from '../types.js';
import type { NetView } from './subject-net.js';
import type { KernelLimits } from '../../limits.js';
import type { ProcessView } from './subject-process.js';
import type { IpcView } from './sysvipc.js';

export interface KernelView {
  readonly hostname: string;
  setHostname(name: string): void;
  readonly domainname: string;
  setDomainname(name: string): void;
  /** The host's or the domain's name has changed. */
  nameChanges(): Changes;
  /** Gives memory that is only kept to be fast back. */
  dropCaches(): void;
  /** Processors that programs see. */
  readonly cpus: number;
  readonly cpu: CpuView;
  /** Random bytes as a version 4 UUID's text; the boot's own, and a new one each time. */
  readonly bootId: string;
  uuid(): string;
  realtime(out: Timespec): void;
  /** Since the kernel started. */
  uptimeMs(): number;
  /** Processor time that threads have used, all together, since the start. */
  cpuMs(): number;
  /** The kernel's part of it. */
  systemMs(): number;
  /** Threads able to run, averaged over 1, 5 and 15 minutes (getloadavg(3)). */
  loadAverages(): readonly [number, number, number];
  /** Page faults since the start; of them, those that read a file. */
  pageFaults(): number;
  majorFaults(): number;
  /** Pages of files read into memory; processes killed because memory was exhausted. */
  pagesRead(): number;
  oomKills(): number;
  /** Seconds since the epoch at which the kernel started. */
  readonly bootTime: number;
  contextSwitches(): number;
  /** Slices that the clock has ended; timers that have fired. */
  ticks(): number;
  timersFired(): number;
  /** How much somebody waited for a turn on the processor: percent over 10, 60 and 300 seconds, and in all. */
  cpuPressure(): { readonly averages: readonly number[]; readonly totalMs: number };
  /** Processes and threads made so far, and the latest id given. */
  forks(): number;
  lastPid(): number;
  setLastPid(pid: number): void;
  readonly memory: MemoryTotals;
  /** The processes, zombies too, by pid, ascending. */
  processes(): readonly ProcessView[];
  process(pid: number): ProcessView | null;
  /** Who makes the running system call, or null when it is the kernel itself. */
  current(): { readonly process: ProcessView; readonly tid: number } | null;
  /** Registered filesystem types, as in /proc/filesystems. */
  readonly filesystems: readonly { readonly type: string; readonly nodev: boolean }[];
  /** Mounts in the order in which they were made. */
  mounts(): readonly Mount[];
  mountChanges(): Changes;
  readonly net: NetView;
  /** Locks on files that some process has open. */
  locks(): readonly LockView[];
  /** Open file descriptions, and names in the cache. */
  openFiles(): number;
  /** Pseudo-terminals that there are. */
  pseudoTerminals(): number;
  cachedNames(): number;
  /** Where a name space of this kind is: each sandbox has one of each. */
  namespace(kind: string): Location;
  /** Whether whoever makes the running call has this capability; the kernel itself has all. */
  capable(capability: number): boolean;
  /** A line for whoever watches the sandbox (/dev/kmsg). */
  log(line: string): void;
  /** A place's path as seen from `root`, as d_path: "(unreachable)" and " (deleted)" included. */
  path(place: Location, root: Location): string;
  readonly limits: KernelLimits;
  readonly ipc: IpcView;
}

/** The processor, as CPUID describes it to programs. */
export interface CpuView {
  readonly vendor: string;
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
  readonly modelName: string;
  readonly mhz: number;
  readonly cacheKib: number;
  /** The highest basic leaf. */
  readonly level: number;
  /** As Linux names features. */
  readonly flags: readonly string[];
}

/** A lock as /proc/locks shows it. */
export interface LockView {
  readonly kind: 'POSIX' | 'OFDLCK' | 'FLOCK' | 'LEASE';
  readonly state: 'ADVISORY' | 'ACTIVE' | 'BREAKING';
  /** F_RDLCK, F_WRLCK, or, of a lease that is to end, F_UNLCK. */
  readonly type: number;
  /** -1 when it belongs to an open file and not to a process. */
  readonly pid: number;
  readonly inode: Inode;
  readonly start: number;
  /** Infinity for the file's end, wherever that will be. */
  readonly end: number;
}

export interface MemoryTotals {
  readonly total: number;
  readonly free: number;
  /** Pages of files in frames, tmpfs included; and tmpfs and shared anonymous memory alone. */
  readonly cached: number;
  readonly shared: number;
  /** Private pages of processes. */
  readonly anonymous: number;
  readonly pageTables: number;
  /** Bytes that processes keep from being reclaimed (mlock(2)). */
  readonly locked: number;
  /** Pages of files that processes have mapped. */
  readonly mapped: number;
  /** Memory that processes have mapped privately and writable. */
  readonly committed: number;
}
