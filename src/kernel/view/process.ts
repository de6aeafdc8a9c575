/** Processes and threads as /proc shows them. */
import type {
  CredentialsView,
  FilesView,
  IoCounts,
  MemoryView,
  ProcessView,
  SignalSet,
  ThreadStateLetter,
  ThreadView,
} from '../fs/proc/subject.js';
import type { Owner } from '../fs/pseudo/row.js';
import type { Location } from '../fs/types.js';
import type { Process } from '../process/process.js';
import { DEAD, READY, STOPPED } from '../process/state.js';
import type { Thread } from '../process/thread.js';
import { totalUsage } from '../process/usage.js';
import { SIG_DFL, SIG_IGN, SIGRTMAX } from '../abi/signal.js';
import { SigSet } from '../signal/sigset.js';
import { PTS_MAJOR } from '../tty/control.js';
import type { Terminal } from '../tty/terminal.js';
import { ProcessMemoryView } from './memory.js';

/** comm is cut to what Linux keeps of it: TASK_COMM_LEN less the NUL. */
const NAME_LENGTH = 15;
const NOTHING: IoCounts = { readBytes: 0, writtenBytes: 0, reads: 0, writes: 0 };

function letter(thread: Thread): ThreadStateLetter {
  if (thread.process.zombie) return 'Z';
  if (thread.state === STOPPED) return 'T';
  if (thread.state === DEAD) return 'X';
  return thread.state === READY ? 'R' : 'S';
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
  get startedMs(): number {
    return this.thread.process.startedMs;
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
    return this.process.parent?.pid ?? 0;
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
  threads(): readonly ThreadView[] {
    const threads = [...this.process.threads].sort((a, b) => a.tid - b.tid);
    return threads.map((thread) => new LiveThread(thread));
  }
  get startedMs(): number {
    return this.process.startedMs;
  }
  get cpuMs(): number {
    return totalUsage(this.process).cpuMs;
  }
  get childCpuMs(): number {
    return this.process.childUsage.cpuMs;
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
  set oomScoreAdj(value: number) {
    this.process.oomScoreAdj = value;
  }
  /** Not counted yet. */
  get io(): IoCounts {
    return NOTHING;
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
