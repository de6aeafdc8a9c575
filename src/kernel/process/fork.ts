import { RAX, RSP, SEG_FS } from '../../machine/layout.js';
import { CAP_SYS_ADMIN, CAP_SYS_RESOURCE } from '../abi/capability.js';
import { RLIMIT_NPROC } from '../abi/resource.js';
import { SIGCHLD, SS_DISABLE } from '../abi/signal.js';
import {
  CLONE_CHILD_CLEARTID,
  CLONE_CHILD_SETTID,
  CLONE_CLEAR_SIGHAND,
  CLONE_FILES,
  CLONE_FS,
  CLONE_PARENT,
  CLONE_PARENT_SETTID,
  CLONE_SETTLS,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_SYSVSEM,
  CLONE_VFORK,
  CLONE_VM,
  SCHED_OTHER,
  SCHED_RESET_ON_FORK,
} from '../abi/sched.js';
import { EAGAIN, type Errno } from '../errno.js';
import { UndoList } from '../ipc/sysv/undo.js';
import { SignalHandlers } from '../signal/handlers.js';
import type { Descriptors } from './descriptors.js';
import { copyLimits } from './limits.js';
import { Process } from './process.js';
import { Registers } from './registers.js';
import { isRealtime } from './scheduler.js';
import { Thread } from './thread.js';
import { WaitQueue } from './waitqueue.js';

export interface CloneRequest {
  /** CLONE_*, without the signal. */
  readonly flags: number;
  readonly exitSignal: number;
  /** The child's stack pointer; 0: the parent's. */
  readonly stack: number;
  readonly parentTid: number;
  readonly childTid: number;
  readonly tls: number;
  /** CLONE_PIDFD: where the descriptor goes. */
  readonly pidfd: number;
}

/** Makes a thread of the same process or of a new one, as clone(2) does; its first step is the loaded thread's next. */
export function clone(parent: Thread, request: CloneRequest): Thread | Errno {
  const { kernel } = parent.process;
  const inside = (request.flags & CLONE_THREAD) !== 0;
  if (tooMany(parent.process) || (!inside && !kernel.restrictions.subprocesses)) return EAGAIN;
  const tid = kernel.allocatePid();
  const process = inside ? parent.process : copyProcess(parent, tid, request);
  if (typeof process === 'number') return process;
  const fs = inside ? parent.fs.forThread((request.flags & CLONE_FS) !== 0) : process.fs;
  const files = inside ? filesFor(process, process, request.flags) : process.files;
  const child = new Thread(tid, process, parent.name, fs, files);
  copyThread(parent, child, request);
  if (!inside) kernel.addProcess(process);
  kernel.settleTime(parent);
  kernel.scheduler.place(child, parent);
  kernel.addThread(child);
  setTids(parent, child, request);
  return child;
}

/** Whether the sandbox's limit, the system's or the user's (RLIMIT_NPROC) is reached. */
function tooMany(process: Process): boolean {
  const { kernel, cred } = process;
  const { threadsMax, pidsMax } = kernel.limits;
  if (kernel.tasks >= Math.min(threadsMax, pidsMax)) return true;
  const limit = process.limit(RLIMIT_NPROC);
  const exempt = cred.ruid === 0 || cred.capable(CAP_SYS_RESOURCE) || cred.capable(CAP_SYS_ADMIN);
  return !exempt && kernel.tasks >= limit && tasksOf(process) >= limit;
}

/** Threads of the process's user, and zombies. */
function tasksOf({ kernel, cred }: Process): number {
  let count = 0;
  for (const other of kernel.processes.values())
    if (other.cred.ruid === cred.ruid) count += Math.max(1, other.threads.size);
  return count;
}

function copyProcess(parent: Thread, pid: number, { flags, exitSignal }: CloneRequest): Process | Errno {
  const from = parent.process;
  const { kernel } = from;
  const process = new Process({
    kernel,
    pid,
    parent: (flags & CLONE_PARENT) !== 0 ? from.parent : from,
    fs: from.fs.forThread((flags & CLONE_FS) !== 0),
    limits: copyLimits(from.limits),
    handlers: (flags & CLONE_SIGHAND) !== 0 ? from.handlers : new SignalHandlers(from.handlers),
  });
  if (flags >= CLONE_CLEAR_SIGHAND) process.handlers.resetForExec();
  const mm = (flags & CLONE_VM) !== 0 ? from.mm : from.mm.fork(process);
  if (typeof mm === 'number') {
    process.parent?.children.delete(process);
    process.fs.release();
    return mm;
  }
  if (mm === from.mm) mm.users++;
  process.mm = mm;
  process.files = filesFor(process, from, flags);
  process.parentThread = (flags & CLONE_PARENT) !== 0 ? from.parentThread : parent;
  if ((flags & CLONE_SYSVSEM) !== 0) {
    process.semUndo = from.semUndo ??= new UndoList();
    process.semUndo.users++;
  }
  inherit(from, process);
  process.exitSignal = (flags & CLONE_PARENT) !== 0 ? from.exitSignal : exitSignal;
  if ((flags & CLONE_VFORK) !== 0) process.vforkDone = new WaitQueue();
  return process;
}

/** The descriptors of a new thread of `process`, shared with the calling thread of `from` or copied. */
function filesFor(process: Process, { files }: Process, flags: number): Descriptors {
  return (flags & CLONE_FILES) !== 0 ? files.share() : files.copy(process);
}

function inherit(from: Process, to: Process): void {
  to.pgid = from.pgid;
  to.sid = from.sid;
  to.terminal = from.terminal;
  to.dumpable = from.dumpable;
  to.personality = from.personality;
  to.oomScoreAdj = from.oomScoreAdj;
  to.lineage = from.lineage;
  to.oomScoreAdjMin = from.oomScoreAdjMin;
  to.coredumpFilter = from.coredumpFilter;
}

function copyThread(parent: Thread, child: Thread, { flags, stack, tls, childTid }: CloneRequest): void {
  const { machine } = parent.process.kernel;
  machine.saveCpu(child.cpu);
  const registers = new Registers(new DataView(child.cpu.buffer, child.cpu.byteOffset, child.cpu.length), 0);
  registers.set(RAX, 0);
  if (stack !== 0) registers.set(RSP, stack);
  if ((flags & CLONE_SETTLS) !== 0) registers.setSegmentBase(SEG_FS, tls);
  child.mask.assign(parent.mask);
  inheritScheduling(parent, child);
  child.timerSlackNs = parent.timerSlackNs;
  child.ioPriority = parent.ioPriority;
  if ((flags & CLONE_CHILD_CLEARTID) !== 0) child.clearTid = childTid;
  if ((flags & CLONE_VM) === 0 || (flags & CLONE_VFORK) !== 0) Object.assign(child.altStack, parent.altStack);
  else Object.assign(child.altStack, { sp: 0, size: 0, flags: SS_DISABLE });
  if ((flags & CLONE_VM) === 0) {
    child.rseq = parent.rseq;
    child.rseqSignature = parent.rseqSignature;
  }
}

/** SCHED_RESET_ON_FORK: a child does not inherit what is a privilege (sched_fork). */
function inheritScheduling(parent: Thread, child: Thread): void {
  const resets = (parent.policy & SCHED_RESET_ON_FORK) !== 0;
  const realtime = isRealtime(parent.policy);
  child.affinity = parent.affinity;
  child.policy = resets ? (realtime ? SCHED_OTHER : parent.policy & ~SCHED_RESET_ON_FORK) : parent.policy;
  child.realtimePriority = resets ? 0 : parent.realtimePriority;
  child.nice = resets ? Math.max(0, parent.nice) : parent.nice;
}

function setTids(parent: Thread, child: Thread, { flags, parentTid, childTid }: CloneRequest): void {
  if ((flags & CLONE_PARENT_SETTID) !== 0) parent.process.memory.writeU32(parentTid, child.tid);
  if ((flags & CLONE_CHILD_SETTID) !== 0) child.process.memory.writeU32(childTid, child.tid);
}

/** fork(2). */
export const FORK: CloneRequest = {
  flags: 0,
  exitSignal: SIGCHLD,
  stack: 0,
  parentTid: 0,
  childTid: 0,
  tls: 0,
  pidfd: 0,
};
