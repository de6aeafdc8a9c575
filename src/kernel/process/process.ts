import { kind } from '../checkpoint/registry.js';
import { RLIM_INFINITY } from '../abi/resource.js';
import { KernelBug } from '../errno.js';
import { pinDentry, unpinDentry } from '../fs/dentry.js';
import type { Location, PathContext } from '../fs/types.js';
import type { Kernel } from '../kernel.js';
import type { Mm } from '../mm/mm.js';
import type { ProcessMemory } from '../mm/usermemory.js';
import type { UndoList } from '../ipc/sysv/undo.js';
import type { Home } from '../placement/home.js';
import type { StandIn } from '../placement/stand-in.js';
import type { SignalHandlers } from '../signal/handlers.js';
import { PendingSignals } from '../signal/pending.js';
import type { ProcessTimers } from '../time/process-timers.js';
import type { CallingProcess } from '../types.js';
import type { ControllingTerminal } from './controlling.js';
import type { Cred } from './credentials.js';
import type { Descriptors } from './descriptors.js';
import { noIo } from './iocounts.js';
import type { ResourceLimit } from './limits.js';
import type { Thread } from './thread.js';
import { WaitQueue } from './waitqueue.js';

/** Processor time and events, of a process or of its children that have been waited for. */
export interface Usage {
  cpuMs: number;
  /** The kernel's part of it. */
  systemMs: number;
  minorFaults: number;
  majorFaults: number;
  voluntarySwitches: number;
  involuntarySwitches: number;
  /** Highest resident size in pages. */
  peakRss: number;
}

export function noUsage(): Usage {
  return {
    cpuMs: 0,
    systemMs: 0,
    minorFaults: 0,
    majorFaults: 0,
    voluntarySwitches: 0,
    involuntarySwitches: 0,
    peakRss: 0,
  };
}

/** Where a thread's paths begin (struct fs_struct). It pins its places. */
export interface Places {
  root: Location;
  cwd: Location;
  umask: number;
  /** Threads that share it (CLONE_FS). */
  users: number;
}

/** A thread's places, which it may share, and its credentials, which it does not. */
export class FsContext implements PathContext {
  constructor(
    readonly places: Places,
    readonly cred: Cred,
  ) {}

  get root(): Location {
    return this.places.root;
  }

  set root(root: Location) {
    this.places.root = root;
  }

  get cwd(): Location {
    return this.places.cwd;
  }

  set cwd(cwd: Location) {
    this.places.cwd = cwd;
  }

  get umask(): number {
    return this.places.umask;
  }

  set umask(umask: number) {
    this.places.umask = umask;
  }

  /** For a new thread: with the same places (CLONE_FS), or with a copy of them. */
  forThread(shares: boolean): FsContext {
    if (!shares) return new FsContext(copyPlaces(this.places), this.cred.copy());
    this.places.users++;
    return new FsContext(this.places, this.cred.copy());
  }

  /** The same credentials with places of their own (unshare(2)). */
  separate(): FsContext {
    const separate = new FsContext(copyPlaces(this.places), this.cred);
    this.release();
    return separate;
  }

  /** Gives up one user's share; the last one lets go of the places. */
  release(): void {
    if (--this.places.users > 0) return;
    unpinDentry(this.root.dentry);
    unpinDentry(this.cwd.dentry);
  }
}

function copyPlaces({ root, cwd, umask }: Places): Places {
  pinDentry(root.dentry);
  pinDentry(cwd.dentry);
  return { root, cwd, umask, users: 1 };
}

/** What a new process is made of. */
export interface ProcessParts {
  readonly kernel: Kernel;
  readonly pid: number;
  readonly parent: Process | null;
  readonly fs: FsContext;
  readonly limits: ResourceLimit[];
  readonly handlers: SignalHandlers;
}

/** A process: what its threads share. A zombie keeps only what its parent may ask for. */
export class Process implements CallingProcess {
  readonly kernel: Kernel;
  readonly pid: number;
  parent: Process | null;
  /** The parent's thread that made it; null once that has ended (__WNOTHREAD, PR_SET_PDEATHSIG). */
  parentThread: Thread | null = null;
  readonly children = new Set<Process>();
  readonly threads = new Set<Thread>();
  pgid: number;
  sid: number;
  /** The session's terminal. */
  terminal: ControllingTerminal | null = null;
  /** A session's leader: the foreground group of its terminal when that was hung up; 0 for none. */
  lostForeground = 0;
  /** The thread whose tid is the pid, living or not. */
  first: Thread | null = null;

  /** The running thread's; while none of its threads runs, the first one's. The same goes for `files`. */
  fs: FsContext;
  readonly limits: ResourceLimit[];
  handlers: SignalHandlers;
  readonly pending = new PendingSignals();
  /** Threads that wait for children (wait4), and those that wait for this process by a pidfd. */
  readonly childEvents = new WaitQueue();
  readonly exitEvents = new WaitQueue();

  exiting = false;
  zombie = false;
  stopped = false;
  /** SIGCONT has ended a stop, and the parent is yet to hear of it. */
  continued = false;
  /** Stop or continue not yet reported to wait4: the status as wait4 has it, or null. */
  report: number | null = null;
  /** The status as wait4 has it: code << 8, or the signal that ended it. */
  status = 0;
  /** The signal that the parent gets at the end (clone's low byte); 0 for none. */
  exitSignal = 17;
  /** PR_SET_PDEATHSIG. */
  parentDeathSignal = 0;
  subreaper = false;
  /** It has called execve: setpgid by its parent is refused. */
  hasExecuted = false;
  /** A parent that waits until the child has a memory of its own or has ended (vfork). */
  vforkDone: WaitQueue | null = null;

  dumpable = 1;
  personality = 0;
  /** Commands of membarrier(2) that it has registered for. */
  membarriers = 0;
  /** As /proc/self/oom_score_adj. */
  oomScoreAdj = 0;
  /** One and the same for a program that was started from outside and all that descend from it, whoever their parents are. */
  lineage: object = {};
  /** What it may be lowered to without CAP_SYS_RESOURCE. */
  oomScoreAdjMin = 0;
  /** Which areas a core file would have; as /proc/<pid>/coredump_filter. */
  coredumpFilter = 0x33;
  /** What it has written to /dev/attestation/user_report_data. */
  reportData: Uint8Array | null = null;
  readonly io = noIo();
  readonly usage = noUsage();
  readonly childUsage = noUsage();
  readonly startedMs: number;
  timers: ProcessTimers | null = null;
  /** What semop(2) has to take back at its end. */
  semUndo: UndoList | null = null;

  /** It goes on in another kernel, and this is what remains of it here. */
  away: StandIn | null = null;
  /** It has come from another kernel, whose process was its parent. */
  home: Home | null = null;

  private currentMm: Mm | null = null;
  private table: Descriptors | null = null;
  private readonly exitListeners: ((status: number) => void)[] = [];

  constructor(parts: ProcessParts) {
    this.kernel = parts.kernel;
    this.pid = parts.pid;
    this.parent = parts.parent;
    this.fs = parts.fs;
    this.limits = parts.limits;
    this.handlers = parts.handlers;
    this.pgid = parts.parent?.pgid ?? parts.pid;
    this.sid = parts.parent?.sid ?? parts.pid;
    this.startedMs = parts.kernel.clock.nowMs();
    parts.parent?.children.add(this);
  }

  /** The address space; a zombie has none, which `mmOrNull` says. */
  get mm(): Mm {
    if (this.currentMm === null) throw new KernelBug(`process ${this.pid} has no memory`);
    return this.currentMm;
  }

  set mm(mm: Mm) {
    this.currentMm = mm;
  }

  get mmOrNull(): Mm | null {
    return this.currentMm;
  }

  get memory(): ProcessMemory {
    return this.mm.memory;
  }

  get files(): Descriptors {
    if (this.table === null) throw new KernelBug(`process ${this.pid} has no files`);
    return this.table;
  }

  set files(files: Descriptors) {
    this.table = files;
  }

  /** What a thread calls its own is the process's: it is about to run, or speaks for it. */
  speaksThrough({ fs, files }: Thread): void {
    this.fs = fs;
    this.table = files;
  }

  /** The first thread, whose tid is the pid; another one if that has ended. */
  get leader(): Thread | undefined {
    for (const thread of this.threads) if (thread.tid === this.pid) return thread;
    return this.threads.values().next().value;
  }

  /** Threads have nice values of their own: the first's. */
  get nice(): number {
    return this.leader?.nice ?? 0;
  }

  get cred(): Cred {
    return this.fs.cred;
  }

  /** Its parent's pid, which may be in another kernel; 0 for none. */
  get ppid(): number {
    return this.parent?.pid ?? this.home?.ppid ?? 0;
  }

  limit(resource: number): number {
    return this.limits[resource]?.current ?? RLIM_INFINITY;
  }

  /** Calls `listener` with the status (as wait4 has it) when the process ends; at once if it has. */
  onExit(listener: (status: number) => void): void {
    if (this.zombie) listener(this.status);
    else this.exitListeners.push(listener);
  }

  /** The process has ended: memory and files go, the rest waits for the parent. */
  becomeZombie(): void {
    this.zombie = true;
    this.kernel.zombies++;
    this.currentMm?.release();
    this.currentMm = null;
    this.table?.release();
    this.table = null;
    this.fs.release();
  }

  announceExit(): void {
    for (const listener of this.exitListeners.splice(0)) listener(this.status);
  }
}

kind('FsContext', FsContext);
kind('Process', Process, {
  rebuilt: ['exitListeners'],
  restored(process) {
    (process as unknown as { exitListeners: unknown[] }).exitListeners = [];
  },
});
