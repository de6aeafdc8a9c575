import { O_NONBLOCK } from '../abi/fcntl.js';
import {
  P_ALL,
  P_PGID,
  P_PID,
  P_PIDFD,
  WALL,
  WCLONE,
  WCONTINUED,
  WEXITED,
  WNOHANG,
  WNOTHREAD,
  WNOWAIT,
  WSTOPPED,
  WUNTRACED,
} from '../abi/sched.js';
import { CLD_CONTINUED, CLD_EXITED, CLD_KILLED, CLD_STOPPED, SIGCHLD, SIGCONT } from '../abi/signal.js';
import { EAGAIN, EBADF, ECHILD, EINVAL, ESRCH, WAIT, type Errno } from '../errno.js';
import { pidFileOf } from '../process/pidfd.js';
import { STATUS_CONTINUED } from '../process/state.js';
import { findChildEvent, type ChildEvent, type ChildFilter } from '../process/wait.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import { writeUsage } from './resource.js';
import type { ThreadRow } from './row.js';
import { $view, clearBuffer, writeStruct } from './user.js';

const SIGINFO_SIZE = 128;

/** The next event, WAIT, or what wait returns when there is none. */
function waitFor(thread: Thread, filter: ChildFilter): ChildEvent | Errno | 0 {
  const event = findChildEvent(thread, filter);
  if (event === undefined) return ECHILD;
  if (event !== null) return event;
  if ((filter.options & WNOHANG) !== 0) return 0;
  thread.waitOn(thread.process.childEvents);
  return WAIT;
}

function sysWait4(thread: Thread, args: Args): number {
  const { memory } = thread.process;
  const options = args.uint(2);
  const known = WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WCLONE | WALL;
  if ((options & ~known) !== 0) return EINVAL;
  const filter = filterOf(thread, args.int(0), options | WEXITED);
  if (typeof filter === 'number') return filter;
  const event = waitFor(thread, filter);
  if (typeof event === 'number') return event;
  if (args.addr(1) !== 0) {
    const failed = memory.writeU32(args.addr(1), event.status);
    if (failed < 0) return failed;
  }
  const failed = args.addr(3) === 0 ? 0 : writeUsage(memory, args.addr(3), event.usage);
  return failed < 0 ? failed : event.pid;
}

/** wait4's way to name children by a signed number. */
function filterOf({ process }: Thread, pid: number, options: number): ChildFilter | Errno {
  if (pid === -0x80000000) return ESRCH;
  if (pid === -1) return { type: P_ALL, id: 0, options };
  if (pid > 0) return { type: P_PID, id: pid, options };
  return { type: P_PGID, id: pid === 0 ? process.pgid : -pid, options };
}

function sysWaitid(thread: Thread, args: Args): number {
  const { process } = thread;
  const type = args.int(0);
  const options = args.uint(3);
  const known = WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | WNOTHREAD | WCLONE | WALL;
  if ((options & ~known) !== 0 || (options & (WEXITED | WSTOPPED | WCONTINUED)) === 0) return EINVAL;
  const id = args.int(1);
  if (type === P_PIDFD) return waitidPidfd(thread, args, id, options);
  if (type !== P_ALL && type !== P_PID && type !== P_PGID) return EINVAL;
  if ((type === P_PID && id <= 0) || (type === P_PGID && id < 0)) return EINVAL;
  const event = waitFor(thread, { type, id: type === P_PGID && id === 0 ? process.pgid : id, options });
  if (typeof event !== 'number') return reportWaitid(thread, args, event);
  return event === 0 ? reportWaitid(thread, args, null) : event;
}

function waitidPidfd(thread: Thread, args: Args, fd: number, options: number): number {
  if (fd < 0) return EINVAL;
  const handle = thread.process.files.get(fd);
  const file = pidFileOf(handle);
  if (typeof handle === 'number' || typeof file === 'number') return EBADF;
  if (file.isGone) return ECHILD;
  const nowait = (handle.flags & O_NONBLOCK) !== 0;
  const asked = nowait ? options | WNOHANG : options;
  const event = waitFor(thread, { type: P_PID, id: file.process.pid, options: asked });
  if (typeof event !== 'number') return reportWaitid(thread, args, event);
  if (event === 0 && nowait && (options & WNOHANG) === 0) return EAGAIN;
  return event === 0 ? reportWaitid(thread, args, null) : event;
}

function reportWaitid({ process }: Thread, args: Args, event: ChildEvent | null): number {
  clearBuffer(SIGINFO_SIZE);
  if (event !== null) {
    const { code, status } = codeOf(event.status);
    [SIGCHLD, 0, code].forEach((value, i) => $view.setInt32(4 * i, value, true));
    $view.setInt32(16, event.pid, true);
    $view.setUint32(20, event.uid, true);
    $view.setInt32(24, status, true);
  }
  const failed = args.addr(2) === 0 ? 0 : writeStruct(process.memory, args.addr(2), SIGINFO_SIZE);
  if (failed < 0 || event === null || args.addr(4) === 0) return failed;
  return writeUsage(process.memory, args.addr(4), event.usage);
}

/** si_code and si_status of a wait4 status. */
function codeOf(status: number): { code: number; status: number } {
  if (status === STATUS_CONTINUED) return { code: CLD_CONTINUED, status: SIGCONT };
  if ((status & 0xff) === 0x7f) return { code: CLD_STOPPED, status: status >> 8 };
  if ((status & 0x7f) !== 0) return { code: CLD_KILLED, status: status & 0x7f };
  return { code: CLD_EXITED, status: status >> 8 };
}

export const waitRows: readonly ThreadRow[] = [
  { number: 61, name: 'wait4', args: ['pid', 'addr', 'hex', 'addr'], run: sysWait4 },
  { number: 247, name: 'waitid', args: ['int', 'pid', 'addr', 'hex', 'addr'], run: sysWaitid },
];
