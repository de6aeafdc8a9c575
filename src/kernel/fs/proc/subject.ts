/**
 * What /proc tells about: the kernel as its files see it, by plain questions. Views may be made anew for each answer; a
 * process is the same if its pid and its start are. Numbers are what the kernel has counted;
 * times are milliseconds, memory is bytes unless a name says pages.
 */
import type { Errno } from '../../errno.js';
import type { FileSystem, Handle, Location, Mount, Timespec } from '../types.js';
import type { IpcView } from './sysvipc.js';
import type { Owner } from '../pseudo/row.js';

export interface KernelView {
  readonly hostname: string;
  setHostname(name: string): void;
  readonly domainname: string;
  /** Processors that programs see. */
  readonly cpus: number;
  readonly cpu: CpuView;
  /** Random bytes as a version 4 UUID's text; the boot's own, and a new one each time. */
  readonly bootId: string;
  uuid(): string;
  realtime(out: Timespec): void;
  /** Since the kernel started. */
  uptimeMs(): number;
  /** Processor time that threads have used, all together. */
  cpuMs(): number;
  /** Seconds since the epoch at which the kernel started. */
  readonly bootTime: number;
  contextSwitches(): number;
  /** Processes and threads made so far, and the latest id given. */
  forks(): number;
  lastPid(): number;
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

/** What /proc/sys shows and what root may change with effect. */
export interface KernelLimits {
  pidMax: number;
  threadsMax: number;
  maxMapCount: number;
  /** fs.file-max: open files in all. */
  fileMax: number;
  overcommitMemory: number;
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
  /** Memory that processes have mapped privately and writable. */
  readonly committed: number;
}

export type ThreadStateLetter = 'R' | 'S' | 'D' | 'T' | 't' | 'Z' | 'X';

export interface ThreadView {
  readonly tid: number;
  readonly name: string;
  setName(name: string): void;
  readonly state: ThreadStateLetter;
  readonly cpuMs: number;
  readonly startedMs: number;
  readonly voluntarySwitches: number;
  readonly involuntarySwitches: number;
  /** sched_setscheduler's. */
  readonly policy: number;
  readonly realtimePriority: number;
  readonly pending: SignalSet;
  readonly blocked: SignalSet;
}

/** Signals 1..32 and 33..64. */
export interface SignalSet {
  readonly lo: number;
  readonly hi: number;
}

export interface CredentialsView {
  readonly uids: readonly [real: number, effective: number, saved: number, fs: number];
  readonly gids: readonly [real: number, effective: number, saved: number, fs: number];
  readonly groups: readonly number[];
  /** CapInh, CapPrm, CapEff, CapBnd, CapAmb. */
  readonly capabilities: readonly SignalSet[];
  readonly noNewPrivs: boolean;
}

export interface ProcessView {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  /** The controlling terminal's device number, 0 for none, and its foreground group, -1 for none. */
  readonly ttyDevice: number;
  readonly ttyGroup: number;
  readonly nice: number;
  readonly exitSignal: number;
  readonly umask: number;
  readonly personality: number;
  /** Whose its files in /proc are: the effective user's, or root's when it must not be looked into. */
  readonly owner: Owner;
  readonly cred: CredentialsView;
  /** The threads, the first one first; a zombie has that one. */
  threads(): readonly ThreadView[];
  readonly startedMs: number;
  readonly cpuMs: number;
  readonly childCpuMs: number;
  readonly minorFaults: number;
  readonly majorFaults: number;
  readonly childMinorFaults: number;
  readonly childMajorFaults: number;
  /** The wait status of a zombie. */
  readonly exitStatus: number;
  readonly pending: SignalSet;
  readonly ignored: SignalSet;
  readonly caught: SignalSet;
  /** Signals queued for the user. */
  readonly queued: number;
  readonly limits: readonly { readonly current: number; readonly maximum: number }[];
  oomScoreAdj: number;
  readonly io: IoCounts;
  readonly root: Location;
  readonly cwd: Location;
  /** Null once the process is a zombie. */
  readonly files: FilesView | null;
  readonly memory: MemoryView | null;
}

/** As taskstats and /proc/<pid>/io count: bytes and calls. */
export interface IoCounts {
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly reads: number;
  readonly writes: number;
}

export interface FilesView {
  list(): readonly number[];
  get(fd: number): Handle | Errno;
  closeOnExec(fd: number): boolean;
}

/** An address space. */
export interface MemoryView {
  areas(): readonly AreaView[];
  /** Reads memory as it is, absent pages brought in; null where nothing is mapped. */
  read(address: number, length: number): Uint8Array | null;
  readonly exe: Location | null;
  readonly auxv: Uint8Array;
  readonly layout: LayoutView;
  readonly startBrk: number;
  readonly rssAnonPages: number;
  readonly rssFilePages: number;
  readonly peakRssPages: number;
  readonly peakSize: number;
  readonly pageTableBytes: number;
}

export interface LayoutView {
  readonly startCode: number;
  readonly endCode: number;
  readonly startData: number;
  readonly endData: number;
  readonly startStack: number;
  readonly argStart: number;
  readonly argEnd: number;
  readonly envStart: number;
  readonly envEnd: number;
}

export interface AreaView {
  readonly start: number;
  readonly end: number;
  readonly offset: number;
  /** PROT_*. */
  readonly prot: number;
  readonly shared: boolean;
  readonly growsDown: boolean;
  readonly locked: boolean;
  /** [heap], [stack] and so on, or ''. */
  readonly name: string;
  readonly file: { readonly fs: FileSystem; readonly ino: number; readonly place: Location | null } | null;
  /** Pages present: the process's own, and shared ones. */
  readonly residentAnonPages: number;
  readonly residentFilePages: number;
}
