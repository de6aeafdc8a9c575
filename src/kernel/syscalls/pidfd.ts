import {
  PIDFD_NONBLOCK,
  PIDFD_SELF_THREAD,
  PIDFD_SELF_THREAD_GROUP,
  PIDFD_SIGNAL_PROCESS_GROUP,
  PIDFD_SIGNAL_THREAD,
  PIDFD_SIGNAL_THREAD_GROUP,
  PIDFD_THREAD,
} from '../abi/pidfd.js';
import { SIGRTMAX, SI_TKILL, SI_USER } from '../abi/signal.js';
import { EBADF, EFAULT, EINVAL, ENOENT, EPERM, ESRCH, type Errno } from '../errno.js';
import { isPathOnly, retainHandle } from '../fs/handle.js';
import { pidOfDirectory } from '../fs/proc/process.js';
import { mayInspect } from '../process/access.js';
import { PidFile, openPidfd, pidFileOf } from '../process/pidfd.js';
import type { Process } from '../process/process.js';
import type { Thread } from '../process/thread.js';
import { SIGINFO_SIZE, readInfo, senderInfo, type SigInfo } from '../signal/info.js';
import type { Args } from '../types.js';
import { installHandle } from './install.js';
import type { ThreadRow } from './row.js';
import { sendChecked, sendToAll } from './signal.js';
import { $buffer, readStruct } from './user.js';

function sysPidfdOpen({ process }: Thread, args: Args): number {
  const { kernel } = process;
  const [pid, flags] = [args.int(0), args.uint(1)];
  if ((flags & ~(PIDFD_NONBLOCK | PIDFD_THREAD)) !== 0 || pid <= 0) return EINVAL;
  const target = kernel.processOf(pid);
  if (target === null) return ESRCH;
  const thread = (flags & PIDFD_THREAD) !== 0 ? (kernel.threads.get(pid) ?? null) : null;
  if (thread === null && target.pid !== pid) return ENOENT;
  return installHandle(process, openPidfd(process.fs.root.mount.vfs, target, thread, flags), true);
}

/** Whom a pidfd argument names. */
function pidFile(thread: Thread, fd: number): PidFile | Errno {
  if (fd === PIDFD_SELF_THREAD) return new PidFile(thread.process, thread);
  if (fd === PIDFD_SELF_THREAD_GROUP) return new PidFile(thread.process, null);
  return pidFileOf(thread.process.files.get(fd));
}

/** Signals also go to the process whose directory in /proc is open (tgid_pidfd_to_pid). */
function signalTarget(thread: Thread, fd: number): PidFile | Errno {
  const file = pidFile(thread, fd);
  const handle = thread.process.files.get(fd);
  if (typeof file !== 'number' || typeof handle === 'number' || isPathOnly(handle)) return file;
  const pid = pidOfDirectory(handle);
  if (pid < 0) return pid as Errno;
  const process = thread.process.kernel.processes.get(pid);
  return process === undefined ? ESRCH : new PidFile(process, null);
}

/** The siginfo_t of an argument; only to oneself may one pretend to be the kernel. */
function givenInfo(thread: Thread, addr: number, signal: number, toSelf: boolean): SigInfo | Errno {
  if (readStruct(thread.process.memory, addr, SIGINFO_SIZE) < 0) return EFAULT;
  const info = readInfo($buffer, new DataView($buffer.buffer).getInt32(0, true));
  if (info.signo !== signal) return EINVAL;
  return !toSelf && (info.code >= 0 || info.code === SI_TKILL) ? EPERM : info;
}

const SCOPES = PIDFD_SIGNAL_THREAD | PIDFD_SIGNAL_THREAD_GROUP | PIDFD_SIGNAL_PROCESS_GROUP;

function sysPidfdSendSignal(thread: Thread, args: Args): number {
  const { process } = thread;
  const [signal, flags] = [args.int(1), args.uint(3)];
  if ((flags & ~SCOPES) !== 0 || (flags & (flags - 1)) !== 0) return EINVAL;
  const file = signalTarget(thread, args.int(0));
  if (typeof file === 'number') return file;
  const toThread = flags === PIDFD_SIGNAL_THREAD || (flags === 0 && file.thread !== null);
  const toGroup = flags === PIDFD_SIGNAL_PROCESS_GROUP;
  const code = toThread ? SI_TKILL : SI_USER;
  const toSelf = !toGroup && (toThread ? targetThread(file) === thread : file.process === process);
  const info =
    args.addr(2) === 0
      ? senderInfo(signal, code, process.pid, process.cred.ruid)
      : givenInfo(thread, args.addr(2), signal, toSelf);
  if (typeof info === 'number') return info;
  if (signal < 0 || signal > SIGRTMAX) return EINVAL;
  if (toGroup) return sendToAll(thread, groupOf(file.process), info);
  if (file.isGone) return ESRCH;
  return sendChecked(thread, file.process, info, toThread ? targetThread(file) : null);
}

function targetThread({ process, thread }: PidFile): Thread | null {
  return thread ?? process.leader ?? null;
}

function groupOf({ pid, kernel }: Process): Process[] {
  return [...kernel.processes.values()].filter((target) => target.pgid === pid);
}

function sysPidfdGetfd(thread: Thread, args: Args): number {
  const { process } = thread;
  if (args.uint(2) !== 0) return EINVAL;
  const file = pidFile(thread, args.int(0));
  if (typeof file === 'number') return file;
  const target = file.process;
  if (file.isGone || target.zombie || target.exiting) return ESRCH;
  if (target !== process && !mayInspect(process, target)) return EPERM;
  const handle = target.files.get(args.int(1));
  if (typeof handle === 'number' || isPathOnly(handle)) return EBADF;
  return installHandle(process, retainHandle(handle), true);
}

export const pidfdRows: readonly ThreadRow[] = [
  { number: 424, name: 'pidfd_send_signal', args: ['fd', 'signal', 'addr', 'hex'], run: sysPidfdSendSignal },
  { number: 434, name: 'pidfd_open', args: ['pid', 'hex'], run: sysPidfdOpen },
  { number: 438, name: 'pidfd_getfd', args: ['fd', 'fd', 'hex'], run: sysPidfdGetfd },
];
