/** fork, vfork, clone, clone3, unshare (kernel/fork.c). */
import { PIDFD_THREAD } from '../abi/pidfd.js';
import {
  CLONE_CLEAR_SIGHAND,
  CLONE_DETACHED,
  CLONE_FILES,
  CLONE_FS,
  CLONE_INTO_CGROUP,
  CLONE_NAMESPACES,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_PARENT,
  CLONE_PARENT_SETTID,
  CLONE_PIDFD,
  CLONE_SIGHAND,
  CLONE_SYSVSEM,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
  CSIGNAL,
} from '../abi/sched.js';
import { SIGRTMAX } from '../abi/signal.js';
import { E2BIG, EACCES, EBADF, EFAULT, EINVAL, EPERM, WAIT, type Errno } from '../errno.js';
import type { ProcessMemory } from '../mm/usermemory.js';
import { FORK, clone, type CloneRequest } from '../process/fork.js';
import { PidFile, openPidfd } from '../process/pidfd.js';
import { namespaceKind } from '../view/namespaces.js';
import type { Process } from '../process/process.js';
import { getU64 } from '../process/registers.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import { installHandle } from './install.js';
import type { ThreadRow } from './row.js';
import { $view, clearBuffer, readStruct } from './user.js';

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
function checkFlags({ process }: Thread, flags: number): 0 | Errno {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  if (has(CLONE_FS) && has(CLONE_NEWNS | CLONE_NEWUSER)) return EINVAL;
  if (has(CLONE_THREAD) && !has(CLONE_SIGHAND)) return EINVAL;
  if (has(CLONE_SIGHAND) && !has(CLONE_VM)) return EINVAL;
  // The first process's children would have no parent.
  if (has(CLONE_PARENT) && process.parent === null) return EINVAL;
  if (has(CLONE_THREAD) && has(CLONE_NEWUSER | CLONE_NEWPID)) return EINVAL;
  if (has(CLONE_PIDFD) && has(CLONE_DETACHED)) return EINVAL;
  return has(CLONE_NAMESPACES) ? EPERM : 0;
}

function sysFork(thread: Thread): number {
  return makeClone(thread, FORK);
}

function sysVfork(thread: Thread): number {
  return makeClone(thread, { ...FORK, flags: CLONE_VM | CLONE_VFORK });
}

function sysClone(thread: Thread, args: Args): number {
  const flags = args.uint(0) & ~CSIGNAL;
  const refused = checkFlags(thread, flags);
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
const MAX_PID_NS_LEVEL = 32;
const TWO_32 = 0x100000000;

/** E2BIG when a struct says more than is known of it. */
function isZero(memory: ProcessMemory, addr: number, length: number): 0 | Errno {
  const bytes = new Uint8Array(length);
  if (memory.copyIn(addr, bytes, 0, length) < 0) return EFAULT;
  return bytes.some((byte) => byte !== 0) ? E2BIG : 0;
}

/** What can be wrong with struct clone_args (clone3_args_valid). */
function checkCloneArgs({ process }: Thread, size: number, field: (n: number) => number): 0 | Errno {
  const [flags, signal, stack, stackSize, setTid, setTidSize] = [0, 4, 5, 6, 8, 9].map(field);
  if (setTidSize > MAX_PID_NS_LEVEL || (setTid === 0) !== (setTidSize === 0) || signal > SIGRTMAX)
    return EINVAL;
  const into = flags % (2 * CLONE_INTO_CGROUP) >= CLONE_INTO_CGROUP;
  if (into && (field(10) > 0x7fffffff || size < CLONE_ARGS_MAX)) return EINVAL;
  if (flags >= 2 * CLONE_INTO_CGROUP || (flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME))) !== 0)
    return EINVAL;
  const clears = flags % (2 * TWO_32) >= TWO_32;
  if (clears && (flags & CLONE_SIGHAND) !== 0) return EINVAL;
  if ((flags & (CLONE_THREAD | CLONE_PARENT)) !== 0 && signal !== 0) return EINVAL;
  if ((stack === 0) !== (stackSize === 0)) return EINVAL;
  return into ? checkCgroup(process, field(10)) : 0;
}

/** CLONE_INTO_CGROUP: there is one control group, which cannot be changed. */
function checkCgroup({ files }: Process, fd: number): Errno {
  const handle = files.get(fd);
  return typeof handle === 'number' || handle.inode.fs.type !== 'cgroup2' ? EBADF : EACCES;
}

function sysClone3(thread: Thread, args: Args): number {
  const { memory } = thread.process;
  const size = args.size(1);
  if (size > 4096) return E2BIG;
  if (size < CLONE_ARGS_SIZE) return EINVAL;
  clearBuffer(CLONE_ARGS_MAX);
  if (size > CLONE_ARGS_MAX) {
    const unknown = isZero(memory, args.addr(0) + CLONE_ARGS_MAX, size - CLONE_ARGS_MAX);
    if (unknown !== 0) return unknown;
  }
  const failed = readStruct(memory, args.addr(0), Math.min(size, CLONE_ARGS_MAX));
  if (failed < 0) return failed;
  const field = (n: number): number => getU64($view, 8 * n);
  const [stack, stackSize] = [field(5), field(6)];
  const all = field(0);
  const unfit = checkCloneArgs(thread, size, field);
  if (unfit < 0) return unfit;
  const flags = ((all % TWO_32) >>> 0) + (all % (2 * TWO_32) >= TWO_32 ? CLONE_CLEAR_SIGHAND : 0);
  const refused = checkFlags(thread, flags);
  if (refused < 0) return refused;
  // A chosen id needs CAP_CHECKPOINT_RESTORE.
  if (field(9) !== 0 || (all & CLONE_NEWTIME) !== 0) return EPERM;
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

/** unshare(2) of what this kernel can separate. */
function sysUnshare(thread: Thread, args: Args): number {
  const { process } = thread;
  const flags = args.uint(0);
  if ((flags & CLONE_NAMESPACES) !== 0) return EPERM;
  if ((flags & ~(CLONE_FILES | CLONE_FS | CLONE_SYSVSEM | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) !== 0)
    return EINVAL;
  const alone = process.threads.size === 1 && process.mm.users === 1;
  if ((flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) !== 0 && !alone) return EINVAL;
  if ((flags & CLONE_SYSVSEM) !== 0) {
    process.semUndo?.release(process.pid);
    process.semUndo = null;
  }
  if ((flags & CLONE_FILES) !== 0 && process.files.users > 1) {
    const shared = process.files;
    process.files = thread.files = shared.copy(process);
    shared.release();
  }
  if ((flags & CLONE_FS) !== 0 && thread.fs.places.users > 1) process.fs = thread.fs = thread.fs.separate();
  return 0;
}

/** setns(2): there is one name space of each kind, which nobody may enter anew. */
function sysSetns({ process }: Thread, args: Args): Errno {
  const handle = process.files.get(args.int(0));
  const flags = args.uint(1);
  if (typeof handle === 'number') return handle;
  if (handle.ops instanceof PidFile)
    return flags === 0 || (flags & ~(CLONE_NAMESPACES | CLONE_NEWTIME)) !== 0 ? EINVAL : EPERM;
  const kind = namespaceKind(handle);
  if (kind === 0 || (flags !== 0 && flags !== kind)) return EINVAL;
  return kind === CLONE_NEWUSER ? EINVAL : EPERM;
}

export const cloneRows: readonly ThreadRow[] = [
  {
    number: 56,
    name: 'clone',
    args: ['clone-flags', 'addr', 'addr', 'addr', 'addr'],
    run: sysClone,
    note: 'namespaces and pidfds cannot be asked for',
  },
  { number: 57, name: 'fork', args: [], run: sysFork },
  { number: 58, name: 'vfork', args: [], run: sysVfork },
  { number: 308, name: 'setns', args: ['fd', 'hex'], run: sysSetns },
  { number: 272, name: 'unshare', args: ['hex'], run: sysUnshare, note: 'namespaces cannot be unshared' },
  {
    number: 435,
    name: 'clone3',
    args: ['addr', 'size'],
    run: sysClone3,
    note: 'namespaces, chosen pids and cgroups cannot be asked for',
  },
];
