import {
  CLD_CONTINUED,
  CLD_EXITED,
  CLD_KILLED,
  CLD_STOPPED,
  SA_NOCLDWAIT,
  SIGCHLD,
  SIG_IGN,
  SI_USER,
} from '../abi/signal.js';
import { USER_HZ } from '../abi/time.js';
import { childInfo, senderInfo } from '../signal/info.js';
import { sendSignal } from '../signal/send.js';
import { releaseOrphans, releaseTerminal } from './groups.js';
import type { Process } from './process.js';
import { DEAD, READY, STOPPED } from './state.js';
import type { Thread } from './thread.js';
import { totalUsage } from './usage.js';

/** Ends one thread (exit(2)); the last one ends its process with `status`, which is as wait4 has it. */
export function exitThread(thread: Thread, status: number): void {
  const { process } = thread;
  endThread(thread, status);
  if (process.threads.size > 0) return;
  if (!process.exiting) process.status = status;
  endProcess(process);
}

/** Ends a process with all its threads; `status` is as wait4 has it: code << 8, or a signal. */
export function exitGroup(process: Process, status: number): void {
  if (process.exiting) return;
  process.exiting = true;
  process.status = status;
  for (const thread of [...process.threads]) endThread(thread, status);
  endProcess(process);
}

/** All threads but `survivor` end: execve(2). */
export function endOtherThreads(survivor: Thread): void {
  for (const thread of [...survivor.process.threads]) if (thread !== survivor) endThread(thread, 0);
}

function endThread(thread: Thread, status: number): void {
  const { process } = thread;
  const { kernel } = process;
  kernel.settleTime(thread);
  thread.stopWaiting();
  abandonCall(thread);
  thread.leaveMemory();
  thread.state = DEAD;
  kernel.tracer?.ended(thread, status);
  process.threads.delete(thread);
  leaveFiles(thread);
  leaveChildren(thread);
  kernel.threads.delete(thread.tid);
  thread.exitEvents?.wake();
  process.usage.cpuMs += thread.cpuMs;
  process.usage.systemMs += Math.min(thread.systemMs, thread.cpuMs);
  process.usage.voluntarySwitches += thread.voluntarySwitches;
  process.usage.involuntarySwitches += thread.involuntarySwitches;
}

/** The last thread's files are the process's, and end with it. */
function leaveFiles(thread: Thread): void {
  const { process } = thread;
  const { leader } = process;
  if (leader !== undefined) thread.leaveFiles();
  process.speaksThrough(leader ?? thread);
}

/** Children that the thread has made belong to another one, and hear of its end if they want to (PR_SET_PDEATHSIG). */
function leaveChildren(thread: Thread): void {
  const { process } = thread;
  for (const child of process.children) {
    if (child.parentThread !== thread) continue;
    child.parentThread = process.threads.values().next().value ?? null;
    if (child.parentDeathSignal !== 0 && !child.zombie)
      sendSignal(child, senderInfo(child.parentDeathSignal, SI_USER, process.pid, process.cred.ruid));
  }
}

/** A call in which the thread ends gives back what it holds (Caller.callState). */
export function abandonCall(thread: Thread): void {
  const state = thread.callState as { abandon?: () => void } | null | undefined;
  thread.callState = undefined;
  state?.abandon?.();
}

function endProcess(process: Process): void {
  const { kernel } = process;
  process.exiting = true;
  process.timers?.destroy();
  process.usage.peakRss = Math.max(process.usage.peakRss, process.mmOrNull?.peakRss ?? 0);
  process.becomeZombie();
  process.semUndo?.release(process.pid);
  process.semUndo = null;
  releaseTerminal(process);
  releaseOrphans(process);
  process.vforkDone?.wake();
  process.vforkDone = null;
  orphanChildren(process);
  process.exitEvents.wake();
  process.away?.ended();
  process.home?.exited(process);
  process.announceExit();
  const { parent } = process;
  if (parent === null || parent.zombie) return kernel.reap(process);
  announceToParent(process, parent);
}

function announceToParent(process: Process, parent: Process): void {
  const { handler, flags } = parent.handlers.get(SIGCHLD);
  const unwanted = process.exitSignal === SIGCHLD && (handler === SIG_IGN || (flags & SA_NOCLDWAIT) !== 0);
  const killed = (process.status & 0x7f) !== 0;
  if (process.exitSignal !== 0 && !(unwanted && handler === SIG_IGN))
    notify(process, parent, process.exitSignal, killed ? CLD_KILLED : CLD_EXITED);
  if (unwanted) process.kernel.reap(process);
  parent.childEvents.wake();
}

function notify(process: Process, parent: Process, signo: number, code: number): void {
  const usage = totalUsage(process);
  const ticks = (ms: number): number => Math.floor((ms * USER_HZ) / 1000);
  const status = code === CLD_STOPPED || code === CLD_CONTINUED ? (process.report ?? 0) : process.status;
  const info = childInfo(code, {
    pid: process.pid,
    uid: process.cred.ruid,
    status: code === CLD_STOPPED ? status >> 8 : code === CLD_CONTINUED ? 18 : status,
    utime: ticks(usage.cpuMs - usage.systemMs),
    stime: ticks(usage.systemMs),
  });
  sendSignal(parent, { ...info, signo });
}

/** Children of a process that ends go to a subreaper above it or to the first process. */
function orphanChildren(process: Process): void {
  const heir = findReaper(process);
  for (const child of process.children) {
    child.parent = heir;
    heir?.children.add(child);
    child.parentThread = heir?.leader ?? null;
    if (child.zombie && heir === null) process.kernel.reap(child);
    else if (child.zombie) heir?.childEvents.wake();
  }
  process.children.clear();
}

function findReaper(process: Process): Process | null {
  for (let above = process.parent; above !== null; above = above.parent)
    if (above.subreaper && !above.exiting) return above;
  const first = process.kernel.processes.get(1);
  return first !== undefined && first !== process && !first.exiting ? first : null;
}

/** Stops all threads; the parent is told. */
export function stopProcess(process: Process, signo: number): void {
  if (process.stopped) return;
  process.stopped = true;
  process.report = (signo << 8) | 0x7f;
  for (const thread of process.threads) if (thread.state === READY) thread.state = STOPPED;
  process.home?.stopped(signo);
  const { parent } = process;
  if (parent === null) return;
  if (!parent.handlers.noChildStop) notify(process, parent, SIGCHLD, CLD_STOPPED);
  parent.childEvents.wake();
}

/** Tells the parent that SIGCONT has ended a stop. */
export function reportContinued(process: Process): void {
  process.continued = false;
  const { parent } = process;
  if (parent !== null && !parent.handlers.noChildStop) notify(process, parent, SIGCHLD, CLD_CONTINUED);
}
