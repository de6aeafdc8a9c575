import { RAX } from '../../machine/layout.js';
import {
  SA_RESETHAND,
  SA_RESTART,
  SIGKILL,
  SIGSEGV,
  SIGSTOP,
  SIG_DFL,
  SIG_IGN,
  SI_TIMER,
} from '../abi/signal.js';
import { EINTR, ERESTARTNOHAND, ERESTARTSYS, ERESTART_RESTARTBLOCK } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { isOrphanedGroup } from '../process/groups.js';
import { exitGroup, reportContinued, stopProcess } from '../process/exit.js';
import { restartSequence } from '../process/rseq.js';
import { READY, STOPPED } from '../process/state.js';
import type { Thread } from '../process/thread.js';
import { enterHandler } from './frame.js';
import { STOP_SIGNALS, type SignalAction } from './handlers.js';
import { kernelInfo, type SigInfo } from './info.js';
import { forceSignal } from './send.js';
import type { SigSet } from './sigset.js';

const NR_restart_syscall = 219;
const SYSCALL_LENGTH = 2;

/** The next signal for a thread: its own before its process's. */
export function takeSignal(thread: Thread): SigInfo | null {
  return takePending(thread, thread.mask);
}

/** The same with another mask. */
export function takePending(thread: Thread, mask: SigSet): SigInfo | null {
  const { process } = thread;
  const info = thread.pending.take(mask) ?? process.pending.take(mask);
  if (info !== null && info.code === SI_TIMER) process.timers?.delivered(info);
  return info;
}

/**
 * Before the loaded thread goes on in user mode: acts on its signals, and decides what becomes of an interrupted call.
 * The thread may have ended or stopped afterwards.
 */
export function deliverSignals(kernel: Kernel, thread: Thread): void {
  const { process } = thread;
  if (process.continued) reportContinued(process);
  for (;;) {
    if (process.stopped && !thread.pending.set.has(SIGKILL)) {
      thread.state = STOPPED;
      return;
    }
    const info = takeSignal(thread);
    if (info === null) break;
    kernel.tracer?.signal(thread, info);
    act(kernel, thread, info);
    if (thread.state !== READY) return;
  }
  finishCall(kernel, thread, null);
  thread.returnMask();
}

function act(kernel: Kernel, thread: Thread, info: SigInfo): void {
  const { process } = thread;
  const { signo } = info;
  const action = process.handlers.get(signo);
  if (signo === SIGKILL || signo === SIGSTOP || action.handler === SIG_DFL) return actByDefault(thread, info);
  if (action.handler === SIG_IGN) return;
  finishCall(kernel, thread, action);
  if (thread.rseq !== 0) restartSequence(thread);
  if ((action.flags & SA_RESETHAND) !== 0) process.handlers.set(signo, { ...action, handler: SIG_DFL });
  if (enterHandler(thread, kernel.registers, info, action)) return;
  if (signo === SIGSEGV) process.handlers.reset(SIGSEGV);
  forceSignal(thread, kernelInfo(SIGSEGV));
}

function actByDefault(thread: Thread, info: SigInfo): void {
  const { process } = thread;
  if (info.signo !== SIGKILL && process.handlers.ignores(info.signo)) return;
  if (STOP_SIGNALS.has(info.signo)) {
    const pointless = info.signo !== SIGSTOP && isOrphanedGroup(process.kernel, process.pgid);
    return pointless ? undefined : stopProcess(process, info.signo);
  }
  exitGroup(process, info.signo);
}

/**
 * An interrupted call fails with EINTR or is made again: the instruction pointer goes back to it, and rax still holds
 * its number, since results are only stored when a call ends.
 */
function finishCall(kernel: Kernel, thread: Thread, action: SignalAction | null): void {
  const { restart } = thread;
  if (restart === 0) return;
  thread.restart = 0;
  if (action !== null && !restartsAfterHandler(restart, action)) {
    kernel.registers.set(RAX, EINTR);
    return;
  }
  if (restart === ERESTART_RESTARTBLOCK) kernel.registers.set(RAX, NR_restart_syscall);
  kernel.registers.rip -= SYSCALL_LENGTH;
}

function restartsAfterHandler(restart: number, action: SignalAction): boolean {
  if (restart === ERESTARTNOHAND || restart === ERESTART_RESTARTBLOCK) return false;
  return restart !== ERESTARTSYS || (action.flags & SA_RESTART) !== 0;
}
