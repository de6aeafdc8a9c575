import {
  CLONE_DETACHED,
  CLONE_FILES,
  CLONE_FS,
  CLONE_NAMESPACES,
  CLONE_PARENT,
  CLONE_PARENT_SETTID,
  CLONE_PIDFD,
  CLONE_SIGHAND,
  CLONE_SYSVSEM,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
  CLONE_CLEAR_SIGHAND,
  CSIGNAL,
} from '../abi/sched.js';
import { PIDFD_THREAD } from '../abi/pidfd.js';
import { RLIMIT_NOFILE } from '../abi/resource.js';

import { E2BIG, EINVAL, ENAMETOOLONG, EPERM, WAIT, type Errno } from '../errno.js';
import { loadProgram } from '../exec/exec.js';
import { isFailure } from '../exec/failure.js';
import { openExecutable, openExecutableAt, type OpenedProgram } from '../exec/open.js';
import { replaceProgram } from '../exec/replace.js';
import { exitGroup, exitThread } from '../process/exit.js';
import { FORK, clone, type CloneRequest } from '../process/fork.js';
import { openPidfd } from '../process/pidfd.js';
import type { Process } from '../process/process.js';
import { getU64 } from '../process/registers.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import { installHandle } from './install.js';
import { NO_RESULT, type ThreadRow } from './row.js';
import { $view, clearBuffer, readStrings, readStruct } from './user.js';

const PATH_MAX = 4096;
const AT_EMPTY_PATH = 0x1000;
const AT_SYMLINK_NOFOLLOW = 0x100;

function sysExit(thread: Thread, args: Args): number {
  exitThread(thread, (args.int(0) & 0xff) << 8);
  return NO_RESULT;
}

function sysExitGroup({ process }: Thread, args: Args): number {
  exitGroup(process, (args.int(0) & 0xff) << 8);
  return NO_RESULT;
}

/** A parent that waits for its vfork child: what its call has to remember. */
interface VforkWait {
  readonly child: Process;
  readonly pid: number;
}

function makeClone(thread: Thread, request: CloneRequest): number {
  const waiting = thread.callState as VforkWait | undefined;
  if (waiting !== undefined) return waitForVfork(thread, waiting);
  const refused = (request.flags & CLONE_PIDFD) !== 0 ? mayHavePidfd(thread, request) : 0;
  if (refused !== 0) return refused;
  const child = clone(thread, request);
  if (typeof child === 'number') return child;
  if ((request.flags & CLONE_PIDFD) !== 0) givePidfd(thread, request, child);
  if ((request.flags & CLONE_VFORK) === 0) return child.tid;
  return waitForVfork(thread, { child: child.process, pid: child.tid });
}

/** What can go wrong with CLONE_PIDFD, before there is a child. */
function mayHavePidfd({ process }: Thread, { pidfd }: CloneRequest): 0 | Errno {
  return process.files.hasRoom() || process.memory.writeU32(pidfd, 0);
}

/** The descriptor is the parent's, also where the child has a copy of its table. */
function givePidfd({ process }: Thread, { flags, pidfd }: CloneRequest, child: Thread): void {
  const inside = (flags & CLONE_THREAD) !== 0;
  const how = inside ? PIDFD_THREAD : 0;
  const { vfs } = process.fs.root.mount;
  const fd = installHandle(process, openPidfd(vfs, child.process, inside ? child : null, how), true);
  process.memory.writeU32(pidfd, fd);
}

function waitForVfork(thread: Thread, waiting: VforkWait): number {
  const { vforkDone } = waiting.child;
  thread.uninterruptible = vforkDone !== null;
  if (vforkDone === null) return waiting.pid;
  thread.callState = waiting;
  thread.waitOn(vforkDone);
  return WAIT;
}

/** What clone and clone3 refuse alike (copy_process). */
function checkFlags(flags: number): 0 | Errno {
  if ((flags & CLONE_NAMESPACES) !== 0) return EPERM;
  if ((flags & CLONE_THREAD) !== 0 && (flags & CLONE_SIGHAND) === 0) return EINVAL;
  if ((flags & CLONE_SIGHAND) !== 0 && (flags & CLONE_VM) === 0) return EINVAL;
  return (flags & CLONE_PIDFD) !== 0 && (flags & CLONE_DETACHED) !== 0 ? EINVAL : 0;
}

function sysFork(thread: Thread): number {
  return makeClone(thread, FORK);
}

function sysVfork(thread: Thread): number {
  return makeClone(thread, { ...FORK, flags: CLONE_VM | CLONE_VFORK });
}

function sysClone(thread: Thread, args: Args): number {
  const flags = args.uint(0) & ~CSIGNAL;
  const refused = checkFlags(flags);
  if (refused < 0) return refused;
  // Both would go to the same place.
  if ((flags & CLONE_PIDFD) !== 0 && (flags & CLONE_PARENT_SETTID) !== 0) return EINVAL;
  return makeClone(thread, {
    flags,
    pidfd: args.addr(2),
    exitSignal: args.uint(0) & CSIGNAL,
    stack: args.addr(1),
    parentTid: args.addr(2),
    childTid: args.addr(3),
    tls: args.addr(4),
  });
}

/** struct clone_args up to its first version, and up to the one with set_tid and cgroup. */
const CLONE_ARGS_SIZE = 64;
const CLONE_ARGS_MAX = 88;

function sysClone3(thread: Thread, args: Args): number {
  const { memory } = thread.process;
  const size = args.size(1);
  if (size > 4096) return E2BIG;
  if (size < CLONE_ARGS_SIZE) return EINVAL;
  clearBuffer(CLONE_ARGS_MAX);
  const failed = readStruct(memory, args.addr(0), Math.min(size, CLONE_ARGS_MAX));
  if (failed < 0) return failed;
  const field = (n: number): number => getU64($view, 8 * n);
  const [stack, stackSize] = [field(5), field(6)];
  if ((stack === 0) !== (stackSize === 0)) return EINVAL;
  if (field(4) > 64 || field(9) !== 0 || (field(0) & CSIGNAL) !== 0) return EINVAL;
  if ((field(0) & (CLONE_THREAD | CLONE_PARENT)) !== 0 && field(4) !== 0) return EINVAL;
  const flags =
    ((field(0) % 0x100000000) >>> 0) + (field(0) >= CLONE_CLEAR_SIGHAND ? CLONE_CLEAR_SIGHAND : 0);
  const refused = checkFlags(flags);
  if (refused < 0) return refused;
  const both = CLONE_PIDFD | CLONE_PARENT_SETTID;
  if ((flags & both) === both && field(1) === field(3)) return EINVAL;
  return makeClone(thread, {
    flags,
    pidfd: field(1),
    exitSignal: field(4),
    stack: stack === 0 ? 0 : stack + stackSize,
    parentTid: field(3),
    childTid: field(2),
    tls: field(7),
  });
}

/** Replaces the program; `open` finds it once arguments have been read. */
function execute(
  thread: Thread,
  argvAddr: number,
  envpAddr: number,
  open: () => OpenedProgram | Errno,
): number {
  const { process } = thread;
  const argv = readStrings(process.memory, argvAddr);
  if (typeof argv === 'number') return argv;
  const envp = readStrings(process.memory, envpAddr);
  if (typeof envp === 'number') return envp;
  const opened = open();
  if (typeof opened === 'number') return opened;
  const context = { kernel: process.kernel, fs: process.fs, limits: process };
  const program = loadProgram(context, { ...opened, argv, envp });
  if (isFailure(program)) return program.errno;
  replaceProgram(thread, program);
  return NO_RESULT;
}

function sysExecve(thread: Thread, args: Args): number {
  const { process } = thread;
  const path = process.memory.stringIn(args.addr(0), PATH_MAX);
  if (typeof path === 'number') return path;
  return execute(thread, args.addr(1), args.addr(2), () => {
    const handle = openExecutable(process.fs, path);
    return isFailure(handle) ? handle.errno : { handle, path };
  });
}

function sysExecveat(thread: Thread, args: Args): number {
  const { process } = thread;
  const flags = args.uint(4);
  if ((flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) !== 0) return EINVAL;
  const path = process.memory.stringIn(args.addr(1), PATH_MAX);
  if (typeof path === 'number') return path === ENAMETOOLONG ? ENAMETOOLONG : path;
  return execute(thread, args.addr(2), args.addr(3), () =>
    openExecutableAt(process, args.int(0), path, flags),
  );
}

/** unshare(2) of what this kernel can separate. */
function sysUnshare({ process }: Thread, args: Args): number {
  const flags = args.uint(0);
  if ((flags & CLONE_NAMESPACES) !== 0) return EPERM;
  if ((flags & ~(CLONE_FILES | CLONE_FS | CLONE_SYSVSEM | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) !== 0)
    return EINVAL;
  if ((flags & CLONE_FILES) !== 0 && process.files.users > 1) {
    const shared = process.files;
    process.files = shared.copy(() => process.limit(RLIMIT_NOFILE));
    shared.release();
  }
  const alone = process.threads.size === 1 && process.mm.users === 1;
  return (flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) !== 0 && !alone ? EINVAL : 0;
}

function sysSetTidAddress(thread: Thread, args: Args): number {
  thread.clearTid = args.addr(0);
  return thread.tid;
}

function sysSetRobustList(thread: Thread, args: Args): number {
  if (args.size(1) !== 24) return EINVAL;
  thread.robustHead = args.addr(0);
  return 0;
}

export const processRows: readonly ThreadRow[] = [
  {
    number: 56,
    name: 'clone',
    args: ['clone-flags', 'addr', 'addr', 'addr', 'addr'],
    run: sysClone,
    note: 'namespaces and pidfds cannot be asked for',
  },
  { number: 57, name: 'fork', args: [], run: sysFork },
  { number: 58, name: 'vfork', args: [], run: sysVfork },
  { number: 59, name: 'execve', args: ['path', 'strings', 'addr'], run: sysExecve },
  { number: 60, name: 'exit', args: ['int'], run: sysExit },
  { number: 218, name: 'set_tid_address', args: ['addr'], run: sysSetTidAddress },
  { number: 231, name: 'exit_group', args: ['int'], run: sysExitGroup },
  { number: 272, name: 'unshare', args: ['hex'], run: sysUnshare, note: 'namespaces cannot be unshared' },
  { number: 273, name: 'set_robust_list', args: ['addr', 'size'], run: sysSetRobustList },
  { number: 322, name: 'execveat', args: ['dirfd', 'path', 'strings', 'addr', 'hex'], run: sysExecveat },
  {
    number: 435,
    name: 'clone3',
    args: ['addr', 'size'],
    run: sysClone3,
    note: 'namespaces, pidfds, chosen pids and cgroups cannot be asked for',
  },
];
