/** Processes and threads as /proc shows them. */
import { kind } from '../checkpoint/registry.js';
import type {
  CallView,
  CredentialsView,
  FilesView,
  IoCounts,
  MemoryView,
  ProcessView,
  SignalSet,
  ThreadStateLetter,
  ThreadView,
  TimerView,
} from '../fs/proc/subject-process.js';
import type { Owner } from '../fs/pseudo/row.js';
import type { Location } from '../fs/types.js';
import type { Process } from '../process/process.js';
import { DEAD, READY, STOPPED, WAITING } from '../process/state.js';
import type { Thread } from '../process/thread.js';
import { totalUsage } from '../process/usage.js';
import { SIG_DFL, SIG_IGN, SIGRTMAX } from '../abi/signal.js';
import { SigSet } from '../signal/sigset.js';
import { PTS_MAJOR } from '../tty/control.js';
import type { Terminal } from '../tty/terminal.js';
import { CPU_GPR, CPU_RIP, RDI, RDX, RSI, RSP } from '../../machine/layout.js';
import { CAP_SYS_RESOURCE } from '../abi/capability.js';
import { EACCES, type Errno } from '../errno.js';
import { mayAccess } from '../process/access.js';
import { ProcessMemoryView } from './memory.js';

/** comm is cut to what Linux keeps of it: TASK_COMM_LEN less the NUL. */
const NAME_LENGTH = 15;

function letter(thread: Thread): ThreadStateLetter {
  if (thread.process.zombie || thread.state === DEAD) return 'Z';
  if (thread.state === STOPPED) return 'T';
  if (thread.state === READY) return 'R';
  return thread.uninterruptible ? 'D' : 'S';
}

/** Where the arguments of a system call are. */
const ARGUMENTS = [RDI, RSI, RDX, 10, 8, 9];

/** The call in which a thread waits; its registers are saved, as another one runs. */
function callOf(thread: Thread): CallView | null {
  if (thread.state !== WAITING || !thread.inCall) return null;
  const { buffer, byteOffset, length } = thread.cpu;
  const view = new DataView(buffer, byteOffset, length);
  const register = (n: number): bigint => view.getBigUint64(CPU_GPR + 8 * n, true);
  const number = thread.callNumber;
  return {
    number,
    name: thread.process.kernel.dispatcher.nameOf(number),
    args: ARGUMENTS.map(register),
    sp: register(RSP),
    pc: view.getBigUint64(CPU_RIP, true),
  };
}

class LiveThread implements ThreadView {
  constructor(private readonly thread: Thread) {}

  get tid(): number {
    return this.thread.tid;
  }
  get name(): string {
    return this.thread.name;
  }
  setName(name: string): void {
    this.thread.name = name.slice(0, NAME_LENGTH);
  }
  get state(): ThreadStateLetter {
    return letter(this.thread);
  }
  get cpuMs(): number {
    return this.thread.process.kernel.cpuMsOf(this.thread);
  }
  get systemMs(): number {
    return Math.min(this.thread.systemMs, this.cpuMs);
  }
  get waitedMs(): number {
    return this.thread.waitedMs;
  }
  get startedMs(): number {
    return this.thread.startedMs;
  }
  get minorFaults(): number {
    return this.thread.minorFaults;
  }
  get majorFaults(): number {
    return this.thread.majorFaults;
  }
  get io(): IoCounts {
    return this.thread.io;
  }
  get timerSlackNs(): number {
    return this.thread.timerSlackNs;
  }
  set timerSlackNs(value: number) {
    this.thread.timerSlackNs = value;
  }
  get affinity(): readonly number[] | null {
    return this.thread.affinity;
  }
  get call(): CallView | null {
    return callOf(this.thread);
  }
  get voluntarySwitches(): number {
    return this.thread.voluntarySwitches;
  }
  get involuntarySwitches(): number {
    return this.thread.involuntarySwitches;
  }
  get policy(): number {
    return this.thread.policy;
  }
  get realtimePriority(): number {
    return this.thread.realtimePriority;
  }
  get pending(): SignalSet {
    return this.thread.pending.set;
  }
  get blocked(): SignalSet {
    return this.thread.mask;
  }
}

/** Signals whose handler is this kind. */
function actionsOf(process: Process, wanted: (handler: number) => boolean): SignalSet {
  const set = new SigSet();
  for (let signal = 1; signal <= SIGRTMAX; signal++)
    if (wanted(process.handlers.get(signal).handler)) set.add(signal);
  return set;
}

export class LiveProcess implements ProcessView {
  constructor(private readonly process: Process) {}

  get pid(): number {
    return this.process.pid;
  }
  get ppid(): number {
    return this.process.ppid;
  }
  get pgid(): number {
    return this.process.pgid;
  }
  get sid(): number {
    return this.process.sid;
  }
  private get terminal(): Terminal | null {
    return this.process.terminal as Terminal | null;
  }
  get ttyDevice(): number {
    const { terminal } = this;
    return terminal === null ? 0 : (PTS_MAJOR << 8) | terminal.index;
  }
  get ttyGroup(): number {
    return this.terminal?.foreground ?? -1;
  }
  get nice(): number {
    return this.process.nice;
  }
  get exitSignal(): number {
    return this.process.exitSignal;
  }
  get umask(): number {
    return this.process.fs.umask;
  }
  get personality(): number {
    return this.process.personality;
  }
  get owner(): Owner {
    const { cred, dumpable } = this.process;
    return dumpable === 1 ? { uid: cred.euid, gid: cred.egid } : { uid: 0, gid: 0 };
  }
  get cred(): CredentialsView {
    const { cred } = this.process;
    return {
      uids: [cred.ruid, cred.euid, cred.suid, cred.fsuid],
      gids: [cred.rgid, cred.egid, cred.sgid, cred.fsgid],
      groups: cred.groups,
      capabilities: [cred.inheritable, cred.permitted, cred.effective, cred.bounding, cred.ambient],
      noNewPrivs: cred.noNewPrivs,
    };
  }
  get readable(): boolean {
    const caller = this.process.kernel.current?.process ?? null;
    return caller === null || mayAccess(caller, this.process);
  }
  get traceable(): boolean {
    return this.readable;
  }
  get isCaller(): boolean {
    const { current } = this.process.kernel;
    return current === null || current.process === this.process;
  }
  /** The first one stays, even when it has ended. */
  threads(): readonly ThreadView[] {
    const { first, threads } = this.process;
    const others = [...threads].filter((thread) => thread !== first).sort((a, b) => a.tid - b.tid);
    return (first === null ? others : [first, ...others]).map((thread) => new LiveThread(thread));
  }
  get startedMs(): number {
    return this.process.startedMs;
  }
  get cpuMs(): number {
    return totalUsage(this.process).cpuMs;
  }
  get systemMs(): number {
    return totalUsage(this.process).systemMs;
  }
  get childCpuMs(): number {
    return this.process.childUsage.cpuMs;
  }
  get childSystemMs(): number {
    return this.process.childUsage.systemMs;
  }
  get minorFaults(): number {
    return this.process.usage.minorFaults;
  }
  get majorFaults(): number {
    return this.process.usage.majorFaults;
  }
  get childMinorFaults(): number {
    return this.process.childUsage.minorFaults;
  }
  get childMajorFaults(): number {
    return this.process.childUsage.majorFaults;
  }
  get exitStatus(): number {
    return this.process.status;
  }
  get pending(): SignalSet {
    return this.process.pending.set;
  }
  get ignored(): SignalSet {
    return actionsOf(this.process, (handler) => handler === SIG_IGN);
  }
  get caught(): SignalSet {
    return actionsOf(this.process, (handler) => handler !== SIG_IGN && handler !== SIG_DFL);
  }
  get queued(): number {
    return this.process.pending.count;
  }
  get limits(): ProcessView['limits'] {
    return this.process.limits;
  }
  get oomScoreAdj(): number {
    return this.process.oomScoreAdj;
  }
  setOomScoreAdj(value: number): 0 | Errno {
    const { process } = this;
    const capable = process.kernel.current?.process.cred.capable(CAP_SYS_RESOURCE) ?? true;
    if (value < process.oomScoreAdjMin && !capable) return EACCES;
    if (capable) process.oomScoreAdjMin = value;
    process.oomScoreAdj = value;
    return 0;
  }
  get coredumpFilter(): number {
    return this.process.coredumpFilter;
  }
  set coredumpFilter(value: number) {
    this.process.coredumpFilter = value;
  }
  timers(): readonly TimerView[] {
    return [...(this.process.timers?.posix.values() ?? [])].map((timer) => timer.view());
  }
  get io(): IoCounts {
    return this.process.io;
  }
  get root(): Location {
    return this.process.fs.root;
  }
  get cwd(): Location {
    return this.process.fs.cwd;
  }
  get files(): FilesView | null {
    return this.process.zombie ? null : this.process.files;
  }
  get memory(): MemoryView | null {
    const mm = this.process.mmOrNull;
    return mm === null ? null : new ProcessMemoryView(mm);
  }
}

kind('LiveThread', LiveThread);
kind('LiveProcess', LiveProcess);
