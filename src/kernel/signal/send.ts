import { SI_USER, SIGCONT, SIGKILL, SIGRTMIN, SIGSTOP, SIG_DFL, SIG_IGN } from '../abi/signal.js';
import { POLLIN } from '../abi/poll.js';
import { RLIMIT_SIGPENDING } from '../abi/resource.js';
import { EAGAIN, type Errno } from '../errno.js';
import type { Process } from '../process/process.js';
import { STATUS_CONTINUED, STOPPED, WAITING } from '../process/state.js';
import type { Thread } from '../process/thread.js';
import { STOP_SIGNALS } from './handlers.js';
import type { SigInfo } from './info.js';
import { SigSet } from './sigset.js';

const CONT_SET = SigSet.of(SIGCONT);

/** Sends a signal to a process, or to `thread` of it. EAGAIN: too many queued ones. */
export function sendSignal(process: Process, info: SigInfo, thread: Thread | null = null): 0 | Errno {
  if (process.zombie || process.exiting) return 0;
  if (process.away !== null) return process.away.signal(info);
  const { signo } = info;
  if (STOP_SIGNALS.has(signo)) discard(process, CONT_SET);
  if (signo === SIGCONT) resume(process);
  if (hasNoEffect(process, thread ?? process.leader, signo)) return 0;
  const pending = thread?.pending ?? process.pending;
  if (signo >= SIGRTMIN && info.code !== SI_USER && pending.count >= process.limit(RLIMIT_SIGPENDING))
    return EAGAIN;
  pending.add(info);
  process.handlers.arrivals?.wake(Infinity, POLLIN);
  wakeFor(process, thread, signo);
  return 0;
}

/** A signal that an instruction of `thread` caused: it cannot be blocked or ignored. */
export function forceSignal(thread: Thread, info: SigInfo): void {
  const { handlers } = thread.process;
  const { signo } = info;
  if (thread.mask.has(signo) || handlers.get(signo).handler === SIG_IGN) {
    handlers.set(signo, { ...handlers.get(signo), handler: SIG_DFL });
    thread.mask.delete(signo);
  }
  thread.pending.add(info);
}

/** Drops signals of `which` that wait anywhere in the process. */
export function discard(process: Process, which: SigSet): void {
  process.pending.discard(which);
  for (const thread of process.threads) thread.pending.discard(which);
}

/** Ends a stop: all threads go on. */
function resume(process: Process): void {
  discard(process, STOP_SIGNALS);
  if (!process.stopped) return;
  unstop(process);
  process.continued = true;
  process.report = STATUS_CONTINUED;
  process.home?.continued();
  process.parent?.childEvents.wake();
}

function unstop(process: Process): void {
  process.stopped = false;
  for (const thread of process.threads) {
    if (thread.state !== STOPPED) continue;
    thread.state = WAITING;
    thread.makeReady();
  }
}

/** A blocked signal waits even if it is ignored now: that may change before it is unblocked. */
function hasNoEffect(process: Process, thread: Thread | undefined, signo: number): boolean {
  if (signo === SIGKILL || signo === SIGSTOP) return false;
  return !(thread?.mask.has(signo) ?? false) && process.handlers.ignores(signo);
}

/** Makes a thread that can take the signal look at it. */
function wakeFor(process: Process, thread: Thread | null, signo: number): void {
  if (signo === SIGKILL && process.stopped) unstop(process);
  const taker = thread ?? findTaker(process, signo);
  if (taker !== null && wants(taker, signo) && !(taker.uninterruptible && signo !== SIGKILL))
    taker.makeReady();
}

function findTaker(process: Process, signo: number): Thread | null {
  const { leader } = process;
  if (leader !== undefined && wants(leader, signo)) return leader;
  for (const thread of process.threads) if (wants(thread, signo)) return thread;
  return null;
}

function wants(thread: Thread, signo: number): boolean {
  return signo === SIGKILL || !thread.mask.has(signo) || (thread.waitedFor?.has(signo) ?? false);
}
