/** What /proc tells about processes; see subject.ts. */
import type { Errno } from '../../errno.js';
import type { Owner } from '../pseudo/row.js';
import type { FileSystem, Handle, HandleOperations, Location } from '../types.js';

export type ThreadStateLetter = 'R' | 'S' | 'D' | 'T' | 't' | 'Z' | 'X';

export interface ThreadView {
  readonly tid: number;
  readonly name: string;
  setName(name: string): void;
  readonly state: ThreadStateLetter;
  readonly cpuMs: number;
  /** The kernel's part of it. */
  readonly systemMs: number;
  /** How long it had to wait for its turns. */
  readonly waitedMs: number;
  readonly startedMs: number;
  readonly minorFaults: number;
  readonly majorFaults: number;
  readonly io: IoCounts;
  readonly voluntarySwitches: number;
  readonly involuntarySwitches: number;
  /** sched_setscheduler's. */
  readonly policy: number;
  readonly realtimePriority: number;
  readonly pending: SignalSet;
  readonly blocked: SignalSet;
  timerSlackNs: number;
  /** Processors on which it may run; null: all. */
  readonly affinity: readonly number[] | null;
  /** The system call in which it waits, and its registers; null while it can run. */
  readonly call: CallView | null;
}

export interface CallView {
  readonly number: number;
  readonly name: string;
  /** 64-bit values: the six arguments, stack pointer, program counter. */
  readonly args: readonly bigint[];
  readonly sp: bigint;
  readonly pc: bigint;
}

/** A timer of timer_create(2). */
export interface TimerView {
  readonly id: number;
  readonly signal: number;
  /** sigev_value. */
  readonly value: bigint;
  /** SIGEV_*. */
  readonly notify: number;
  /** The thread that gets the signal, or null for the process. */
  readonly tid: number | null;
  readonly clock: number;
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
  /** Whether whoever asks may read its state, or trace it (ptrace(2), "Ptrace access mode checking"). */
  readonly readable: boolean;
  readonly traceable: boolean;
  /** Whether whoever asks is one of its threads. */
  readonly isCaller: boolean;
  /** The threads, the first one first; a zombie has that one. */
  threads(): readonly ThreadView[];
  readonly startedMs: number;
  readonly cpuMs: number;
  /** The kernel's part of it. */
  readonly systemMs: number;
  readonly childCpuMs: number;
  readonly childSystemMs: number;
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
  readonly oomScoreAdj: number;
  /** EACCES for a lower value than without CAP_SYS_RESOURCE. */
  setOomScoreAdj(value: number): 0 | Errno;
  coredumpFilter: number;
  timers(): readonly TimerView[];
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
  /** Descriptors that the table has room for. */
  readonly capacity: number;
}

/** An address space. */
export interface MemoryView {
  areas(): readonly AreaView[];
  /** Reads memory as it is, absent pages brought in; null where nothing is mapped. */
  read(address: number, length: number): Uint8Array | null;
  /** For /proc/<pid>/mem: also what the program itself may not read or write. */
  openRaw(): HandleOperations;
  /** What is there at an address, for /proc/<pid>/pagemap. */
  page(address: number): PageView | null;
  /** One past the highest address. */
  readonly end: number;
  /** Forgets which pages have been referenced; or brings the highest resident size down to the present one. */
  clearReferenced(which: 'all' | 'anonymous' | 'mapped'): void;
  resetPeak(): void;
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
  readonly file: {
    readonly fs: FileSystem;
    readonly ino: number;
    readonly place: Location | null;
    /** Whether the file is open for writing. */
    readonly writable: boolean;
  } | null;
  /** VmFlags beyond what the fields above say, as smaps spells them. */
  readonly advice: readonly string[];
  readonly resident: ResidentView;
}

/** Pages present in an area. */
export interface ResidentView {
  /** The process's own (or shared only since a fork), and those of files and shared memory. */
  readonly anon: number;
  readonly file: number;
  /** Mapped once and more than once, unchanged or written to. */
  readonly privateClean: number;
  readonly privateDirty: number;
  readonly sharedClean: number;
  readonly sharedDirty: number;
  readonly referenced: number;
  /** Pages divided by how often they are mapped: all, and those written to. */
  readonly proportional: number;
  readonly proportionalDirty: number;
}

/** A page of a process. */
export interface PageView {
  readonly frame: number;
  readonly anonymous: boolean;
  /** Nobody else has it mapped. */
  readonly exclusive: boolean;
}
