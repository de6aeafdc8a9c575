import { RSP } from '../../machine/layout.js';
import {
  MINSIGSTKSZ,
  SA_KNOWN,
  SIGCONT,
  SIGKILL,
  SIGRTMAX,
  SIGSEGV,
  SIGSTOP,
  SIG_BLOCK,
  SIG_SETMASK,
  SIG_UNBLOCK,
  SI_TKILL,
  SI_USER,
  SS_AUTODISARM,
  SS_DISABLE,
  SS_ONSTACK,
} from '../abi/signal.js';
import {
  EAGAIN,
  EFAULT,
  EINTR,
  EINVAL,
  ENOMEM,
  EPERM,
  ERESTARTNOHAND,
  ESRCH,
  WAIT,
  type Errno,
} from '../errno.js';
import type { Timespec } from '../host.js';
import type { Home } from '../placement/home.js';
import type { ProcessMemory } from '../mm/usermemory.js';
import { maySignal } from '../process/access.js';
import type { Process } from '../process/process.js';
import { getU64, setU64 } from '../process/registers.js';
import type { Thread } from '../process/thread.js';
import { takePending } from '../signal/deliver.js';
import { isOnAltStack, leaveHandler } from '../signal/frame.js';
import type { SignalAction } from '../signal/handlers.js';
import { SIGINFO_SIZE, kernelInfo, readInfo, senderInfo, writeInfo, type SigInfo } from '../signal/info.js';
import { discard, forceSignal, sendSignal } from '../signal/send.js';
import { SigSet } from '../signal/sigset.js';
import { toMs } from '../time/clock.js';
import type { Args } from '../types.js';
import { NO_RESULT, type ThreadRow } from './row.js';
import { isValidTime } from './time.js';
import { $buffer, $view, readPair, readStruct, writeStruct } from './user.js';

const SIGSET_SIZE = 8;
const SIGACTION_SIZE = 32;
const STACK_SIZE = 24;

function isSignal(signal: number): boolean {
  return signal >= 1 && signal <= SIGRTMAX;
}

/** Reads a sigset_t of the kernel's. */
export function readSigset(memory: ProcessMemory, addr: number): SigSet | Errno {
  const failed = readStruct(memory, addr, SIGSET_SIZE);
  return failed < 0 ? (failed as Errno) : new SigSet($view.getInt32(0, true), $view.getInt32(4, true));
}

function writeSigset(memory: ProcessMemory, addr: number, set: SigSet): 0 | Errno {
  $view.setInt32(0, set.lo, true);
  $view.setInt32(4, set.hi, true);
  return writeStruct(memory, addr, SIGSET_SIZE);
}

function sysRtSigaction({ process }: Thread, args: Args): number {
  const signal = args.int(0);
  if (args.size(3) !== SIGSET_SIZE) return EINVAL;
  const action = args.addr(1) === 0 ? null : readAction(process.memory, args.addr(1));
  if (typeof action === 'number') return action;
  if (!isSignal(signal) || (action !== null && (signal === SIGKILL || signal === SIGSTOP))) return EINVAL;
  const old = process.handlers.get(signal);
  if (action !== null) {
    process.handlers.set(signal, action);
    if (process.handlers.ignores(signal)) discard(process, SigSet.of(signal));
  }
  return args.addr(2) === 0 ? 0 : writeAction(process.memory, args.addr(2), old);
}

function readAction(memory: ProcessMemory, addr: number): SignalAction | Errno {
  const failed = readStruct(memory, addr, SIGACTION_SIZE);
  if (failed < 0) return failed as Errno;
  const mask = new SigSet($view.getInt32(24, true), $view.getInt32(28, true));
  mask.delete(SIGKILL);
  mask.delete(SIGSTOP);
  const flags = $view.getInt32(8, true) & SA_KNOWN;
  return { handler: getU64($view, 0), flags, restorer: getU64($view, 16), mask };
}

function writeAction(memory: ProcessMemory, addr: number, action: SignalAction): 0 | Errno {
  setU64($view, 0, action.handler);
  setU64($view, 8, action.flags >>> 0);
  setU64($view, 16, action.restorer);
  $view.setInt32(24, action.mask.lo, true);
  $view.setInt32(28, action.mask.hi, true);
  return writeStruct(memory, addr, SIGACTION_SIZE);
}

function sysRtSigprocmask(thread: Thread, args: Args): number {
  const { memory } = thread.process;
  if (args.size(3) !== SIGSET_SIZE) return EINVAL;
  const old = thread.mask.copy();
  if (args.addr(1) !== 0) {
    const set = readSigset(memory, args.addr(1));
    if (typeof set === 'number') return set;
    if (!changeMask(thread, args.int(0), set)) return EINVAL;
  }
  return args.addr(2) === 0 ? 0 : writeSigset(memory, args.addr(2), old);
}

function changeMask(thread: Thread, how: number, set: SigSet): boolean {
  if (how === SIG_BLOCK) thread.mask.union(set);
  else if (how === SIG_UNBLOCK) thread.mask.subtract(set);
  else if (how === SIG_SETMASK) thread.mask.assign(set);
  else return false;
  thread.unblockUnblockable();
  return true;
}

function sysRtSigpending(thread: Thread, args: Args): number {
  const { process, mask } = thread;
  if (args.size(1) > SIGSET_SIZE) return EINVAL;
  const { lo, hi } = thread.pending.set;
  const shared = process.pending.set;
  const set = new SigSet((lo | shared.lo) & mask.lo, (hi | shared.hi) & mask.hi);
  return writeSigset(process.memory, args.addr(0), set);
}

function sysRtSigsuspend(thread: Thread, args: Args): number {
  if (args.size(1) !== SIGSET_SIZE) return EINVAL;
  if (thread.savedMask === null) {
    const set = readSigset(thread.process.memory, args.addr(0));
    if (typeof set === 'number') return set;
    thread.borrowMask(set);
  }
  return thread.signalled ? ERESTARTNOHAND : WAIT;
}

function sysPause(thread: Thread): number {
  return thread.signalled ? ERESTARTNOHAND : WAIT;
}

interface SigwaitState {
  readonly set: SigSet;
  readonly until: number;
}

function sysRtSigtimedwait(thread: Thread, args: Args): number {
  const { process } = thread;
  const state = (thread.callState as SigwaitState | undefined) ?? beginSigwait(thread, args);
  if (typeof state === 'number') return state;
  thread.waitedFor = null;
  const info = takePending(thread, new SigSet(~state.set.lo, ~state.set.hi));
  if (info !== null) {
    writeInfo(info, $buffer, 0);
    const failed = args.addr(1) === 0 ? 0 : writeStruct(process.memory, args.addr(1), SIGINFO_SIZE);
    return failed < 0 ? failed : info.signo;
  }
  if (thread.signalled) return EINTR;
  if (process.kernel.clock.nowMs() >= state.until) return EAGAIN;
  thread.callState = state;
  thread.waitedFor = state.set;
  if (state.until !== Infinity) thread.waitUntil(state.until);
  return WAIT;
}

const $time: Timespec = { sec: 0, nsec: 0 };

function beginSigwait({ process }: Thread, args: Args): SigwaitState | Errno {
  if (args.size(3) !== SIGSET_SIZE) return EINVAL;
  const set = readSigset(process.memory, args.addr(0));
  if (typeof set === 'number') return set;
  set.delete(SIGKILL);
  set.delete(SIGSTOP);
  if (args.addr(2) === 0) return { set, until: Infinity };
  if (readPair(process.memory, args.addr(2), $time) < 0) return EFAULT;
  if (!isValidTime($time)) return EINVAL;
  return { set, until: process.kernel.clock.nowMs() + toMs($time) };
}

function sysRtSigreturn(thread: Thread): number {
  const { kernel } = thread.process;
  if (!leaveHandler(thread, kernel.registers)) forceSignal(thread, kernelInfo(SIGSEGV));
  return NO_RESULT;
}

function sysSigaltstack(thread: Thread, args: Args): number {
  const { memory, kernel } = thread.process;
  const { altStack } = thread;
  const onStack = isOnAltStack(thread, kernel.registers.get(RSP));
  const old = { ...altStack };
  const oldFlags = onStack ? SS_ONSTACK : altStack.size === 0 ? SS_DISABLE : 0;
  if (args.addr(0) !== 0) {
    const failed = readStruct(memory, args.addr(0), STACK_SIZE);
    const refused = failed < 0 ? failed : setAltStack(thread, onStack);
    if (refused < 0) return refused;
  }
  if (args.addr(1) === 0) return 0;
  setU64($view, 0, old.sp);
  setU64($view, 8, (oldFlags | (old.flags & SS_AUTODISARM)) >>> 0);
  setU64($view, 16, old.size);
  return writeStruct(memory, args.addr(1), STACK_SIZE);
}

/** Takes the stack_t that stands in $buffer. */
function setAltStack(thread: Thread, onStack: boolean): 0 | Errno {
  if (onStack) return EPERM;
  const flags = $view.getUint32(8, true);
  const mode = (flags & ~SS_AUTODISARM) >>> 0;
  if (mode !== SS_DISABLE && mode !== SS_ONSTACK && mode !== 0) return EINVAL;
  const disables = mode === SS_DISABLE;
  const size = getU64($view, 16);
  if (!disables && size < MINSIGSTKSZ) return ENOMEM;
  Object.assign(thread.altStack, { sp: disables ? 0 : getU64($view, 0), size: disables ? 0 : size, flags });
  return 0;
}

/** Checks the rights and sends; signal 0 only checks. */
export function sendChecked(
  caller: Thread,
  target: Process,
  info: SigInfo,
  thread: Thread | null,
): 0 | Errno {
  const sameSession = info.signo === SIGCONT && caller.process.sid === target.sid;
  if (!maySignal(caller.process, target) && !sameSession) return EPERM;
  return info.signo === 0 ? 0 : sendSignal(target, info, thread);
}

function sysKill(thread: Thread, args: Args): number {
  const { process } = thread;
  const { kernel } = process;
  const [pid, signal] = [args.int(0), args.int(1)];
  if (signal !== 0 && !isSignal(signal)) return EINVAL;
  const info = senderInfo(signal, SI_USER, process.pid, process.cred.ruid);
  if (pid > 0) {
    const target = kernel.processOf(pid);
    if (target === null && pid === process.home?.ppid) return tellHome(process.home, info);
    return target === null ? ESRCH : sendChecked(thread, target, info, null);
  }
  const all = pid === -1;
  const group = pid === 0 ? process.pgid : -pid;
  const targets = [...kernel.processes.values()].filter((target) =>
    all ? target !== process && target.pid !== 1 : target.pgid === group,
  );
  return sendToAll(thread, targets, info);
}

/** The parent is in another kernel, where it is decided what the child may do to it. */
function tellHome(home: Home, info: SigInfo): 0 {
  if (info.signo !== 0) home.kill(info);
  return 0;
}

/** Success if one of them could be reached. */
export function sendToAll(thread: Thread, targets: readonly Process[], info: SigInfo): number {
  let result: number = ESRCH;
  for (const target of targets) {
    const sent = sendChecked(thread, target, info, null);
    if (sent === 0 || result === ESRCH) result = sent;
  }
  return result;
}

function sendToThread(caller: Thread, tgid: number, tid: number, info: SigInfo): number {
  const target = caller.process.kernel.threads.get(tid);
  if (target === undefined || (tgid !== 0 && target.process.pid !== tgid)) return ESRCH;
  return sendChecked(caller, target.process, info, target);
}

function sysTkill(thread: Thread, args: Args): number {
  const [tid, signal] = [args.int(0), args.int(1)];
  if (tid <= 0 || (signal !== 0 && !isSignal(signal))) return EINVAL;
  const { process } = thread;
  return sendToThread(thread, 0, tid, senderInfo(signal, SI_TKILL, process.pid, process.cred.ruid));
}

function sysTgkill(thread: Thread, args: Args): number {
  const [tgid, tid, signal] = [args.int(0), args.int(1), args.int(2)];
  if (tgid <= 0 || tid <= 0 || (signal !== 0 && !isSignal(signal))) return EINVAL;
  const { process } = thread;
  return sendToThread(thread, tgid, tid, senderInfo(signal, SI_TKILL, process.pid, process.cred.ruid));
}

/** The siginfo_t of rt_sigqueueinfo; only to itself may a process pretend to be the kernel. */
function queuedInfo(thread: Thread, addr: number, signal: number, pid: number): SigInfo | Errno {
  const failed = readStruct(thread.process.memory, addr, SIGINFO_SIZE);
  if (failed < 0) return failed as Errno;
  const info = readInfo($buffer, signal);
  const pretends = info.code >= 0 || info.code === SI_TKILL;
  if (pretends && pid !== thread.process.pid) return EPERM;
  return signal !== 0 && !isSignal(signal) ? EINVAL : info;
}

function sysRtSigqueueinfo(thread: Thread, args: Args): number {
  const [pid, signal] = [args.int(0), args.int(1)];
  const info = queuedInfo(thread, args.addr(2), signal, pid);
  if (typeof info === 'number') return info;
  const target = thread.process.kernel.processOf(pid);
  return target === null ? ESRCH : sendChecked(thread, target, info, null);
}

function sysRtTgsigqueueinfo(thread: Thread, args: Args): number {
  const [tgid, tid, signal] = [args.int(0), args.int(1), args.int(2)];
  if (tgid <= 0 || tid <= 0) return EINVAL;
  const info = queuedInfo(thread, args.addr(3), signal, tgid);
  return typeof info === 'number' ? info : sendToThread(thread, tgid, tid, info);
}

export const signalRows: readonly ThreadRow[] = [
  { number: 13, name: 'rt_sigaction', args: ['signal', 'addr', 'addr', 'size'], run: sysRtSigaction },
  { number: 14, name: 'rt_sigprocmask', args: ['sig-how', 'sigset', 'addr', 'size'], run: sysRtSigprocmask },
  { number: 15, name: 'rt_sigreturn', args: [], run: sysRtSigreturn },
  { number: 34, name: 'pause', args: [], run: sysPause },
  { number: 62, name: 'kill', args: ['pid', 'signal'], run: sysKill },
  { number: 127, name: 'rt_sigpending', args: ['addr', 'size'], run: sysRtSigpending },
  {
    number: 128,
    name: 'rt_sigtimedwait',
    args: ['sigset', 'addr', 'timespec', 'size'],
    run: sysRtSigtimedwait,
  },
  { number: 129, name: 'rt_sigqueueinfo', args: ['pid', 'signal', 'addr'], run: sysRtSigqueueinfo },
  { number: 130, name: 'rt_sigsuspend', args: ['sigset', 'size'], run: sysRtSigsuspend },
  { number: 131, name: 'sigaltstack', args: ['addr', 'addr'], run: sysSigaltstack },
  { number: 200, name: 'tkill', args: ['pid', 'signal'], run: sysTkill },
  { number: 234, name: 'tgkill', args: ['pid', 'pid', 'signal'], run: sysTgkill },
  {
    number: 297,
    name: 'rt_tgsigqueueinfo',
    args: ['pid', 'pid', 'signal', 'addr'],
    run: sysRtTgsigqueueinfo,
  },
];
