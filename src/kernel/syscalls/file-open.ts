/** open, close and their relatives (fs/open.c). */
import { kind } from '../checkpoint/registry.js';
import {
  AT_FDCWD,
  OPEN_HOW,
  O_ACCMODE,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_LARGEFILE,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_TMPFILE,
  O_TMPFILE_BIT,
  O_TRUNC,
  O_WRONLY,
  RESOLVE_BENEATH,
  RESOLVE_CACHED,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  VALID_OPEN_FLAGS,
} from '../abi/fcntl.js';
import { S_IALLUGO } from '../abi/stat.js';
import { E2BIG, EAGAIN, EINVAL, ENOENT, ERESTARTSYS, WAIT, type Errno } from '../errno.js';
import { releaseHandle } from '../fs/handle.js';
import { open, openAllowed, type OpenHow, type OpenWait } from '../fs/open.js';
import { isOpenDone } from '../fs/pipe/fifo.js';
import { waitForHandle } from '../fs/transfer.js';
import type { Handle } from '../fs/types.js';
import type { Args, Caller, SyscallRow } from '../types.js';
import { $view, pathIn, startOf, structIn } from './file-args.js';
import { LeaseWait, waitForLeases } from './lease-wait.js';

/** What O_PATH leaves of other flags. */
const PATH_FLAGS = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;

/** An open that waits for the other side of a FIFO. */
class PendingOpen {
  constructor(readonly handle: Handle) {}

  abandon(): void {
    releaseHandle(this.handle);
  }
}

/** Checks what open(2) and openat2(2) check alike (build_open_flags). */
function checkedHow(flags: number, mode: number, resolve: number): OpenHow | Errno {
  if ((flags & O_TMPFILE_BIT) !== 0) {
    if ((flags & O_TMPFILE) !== O_TMPFILE || (flags & O_CREAT) !== 0) return EINVAL;
    if ((flags & O_ACCMODE) === O_RDONLY) return EINVAL;
  }
  if ((flags & (O_CREAT | O_DIRECTORY)) === (O_CREAT | O_DIRECTORY)) return EINVAL;
  if ((resolve & RESOLVE_CACHED) !== 0 && (flags & (O_TRUNC | O_CREAT | O_TMPFILE_BIT)) !== 0) return EAGAIN;
  return { flags, mode, resolve };
}

function openAt(thread: Caller, dirfd: number, pathAddr: number, how: OpenHow | Errno): number {
  const { callState } = thread;
  if (typeof how === 'number') return how;
  if (callState instanceof PendingOpen) return finishOpen(thread, callState.handle, how);
  if (callState instanceof LeaseWait) return goOn(thread, callState, how);
  const path = pathIn(thread, pathAddr);
  if (typeof path === 'number') return path;
  if (path === '') return ENOENT;
  const scoped = ((how.resolve ?? 0) & RESOLVE_IN_ROOT) !== 0;
  const full = thread.process.files.hasRoom();
  if (full !== 0) return full;
  const start = startOf(thread, dirfd, scoped ? '.' : path);
  if (typeof start === 'number') return start;
  const waits: OpenWait = { place: null };
  const handle = open(thread.process.fs, start, path, { ...how, flags: how.flags & ~O_CLOEXEC, waits });
  if (waits.place !== null) return waitForLeases(thread, waits.place, isWrite(how));
  return typeof handle === 'number' ? handle : finishOpen(thread, handle, how);
}

function isWrite({ flags }: OpenHow): boolean {
  return (flags & O_ACCMODE) !== O_RDONLY;
}

/** Goes on behind a wait for leases, wherever the file's name is now. */
function goOn(thread: Caller, wait: LeaseWait, how: OpenHow): number {
  const { place } = wait;
  const { inode } = place.dentry;
  if (inode === null) return ENOENT;
  const waits: OpenWait = { place: null };
  const handle = openAllowed(thread.process.fs, place, inode, {
    ...how,
    flags: how.flags & ~O_CLOEXEC,
    waits,
  });
  if (waits.place !== null) return waitForLeases(thread, place, isWrite(how));
  wait.abandon();
  thread.callState = undefined;
  return typeof handle === 'number' ? handle : finishOpen(thread, handle, how);
}

/** Waits until a FIFO has both ends, then gives the file its descriptor. */
function finishOpen(thread: Caller, handle: Handle, how: OpenHow): number {
  if (!isOpenDone(handle)) {
    const waiting = waitForHandle(thread, handle);
    if (waiting === WAIT) thread.callState = new PendingOpen(handle);
    else releaseHandle(handle);
    return waiting === WAIT ? WAIT : ERESTARTSYS;
  }
  const fd = thread.process.files.install(handle, (how.flags & O_CLOEXEC) !== 0);
  if (fd < 0) releaseHandle(handle);
  return fd;
}

/** Of open(2): unknown flags are ignored, and a mode without a file to make. */
function lenientHow(flags: number, mode: number): OpenHow | Errno {
  if ((flags & O_PATH) !== 0) return checkedHow(flags & PATH_FLAGS, 0, 0);
  const known = flags & VALID_OPEN_FLAGS;
  const makes = (known & (O_CREAT | O_TMPFILE_BIT)) !== 0;
  return checkedHow(known | O_LARGEFILE, makes ? mode & S_IALLUGO : 0, 0);
}

function sysOpen(thread: Caller, args: Args): number {
  return openAt(thread, AT_FDCWD, args.addr(0), lenientHow(args.int(1), args.uint(2)));
}

function sysCreat(thread: Caller, args: Args): number {
  return openAt(thread, AT_FDCWD, args.addr(0), lenientHow(O_CREAT | O_WRONLY | O_TRUNC, args.uint(1)));
}

function sysOpenat(thread: Caller, args: Args): number {
  return openAt(thread, args.int(0), args.addr(1), lenientHow(args.int(2), args.uint(3)));
}

const KNOWN_RESOLVE =
  RESOLVE_NO_XDEV |
  RESOLVE_NO_MAGICLINKS |
  RESOLVE_NO_SYMLINKS |
  RESOLVE_BENEATH |
  RESOLVE_IN_ROOT |
  RESOLVE_CACHED;
const PAGE = 4096;

function sysOpenat2(thread: Caller, args: Args): number {
  const size = args.size(3);
  if (size < OPEN_HOW.size) return EINVAL;
  if (size > PAGE) return E2BIG;
  const failed = structIn(thread, args.addr(2), OPEN_HOW) || extraIsZero(thread, args.addr(2), size);
  if (failed !== 0) return failed;
  return openAt(thread, args.int(0), args.addr(1), strictHow());
}

/** What openat2(2) has read into $struct, with nothing unknown in it. */
function strictHow(): OpenHow | Errno {
  const flags = OPEN_HOW.get($view, 0, 'flags');
  const mode = OPEN_HOW.get($view, 0, 'mode');
  const resolve = OPEN_HOW.get($view, 0, 'resolve');
  if (flags > 0x7fffffff || (flags & ~VALID_OPEN_FLAGS) !== 0) return EINVAL;
  if (resolve > 0x7fffffff || (resolve & ~KNOWN_RESOLVE) !== 0) return EINVAL;
  if ((resolve & RESOLVE_BENEATH) !== 0 && (resolve & RESOLVE_IN_ROOT) !== 0) return EINVAL;
  const makes = (flags & (O_CREAT | O_TMPFILE_BIT)) !== 0;
  if (makes ? mode > S_IALLUGO : mode !== 0) return EINVAL;
  if ((flags & O_PATH) !== 0 && (flags & ~PATH_FLAGS) !== 0) return EINVAL;
  return checkedHow((flags & O_PATH) === 0 ? flags | O_LARGEFILE : flags, mode, resolve);
}

/** A newer struct than is known must have nothing in what is new. */
function extraIsZero(thread: Caller, addr: number, size: number): 0 | Errno {
  const extra = new Uint8Array(size - OPEN_HOW.size);
  const failed = thread.process.memory.copyIn(addr + OPEN_HOW.size, extra, 0, extra.length);
  if (failed !== 0) return failed;
  return extra.every((byte) => byte === 0) ? 0 : E2BIG;
}

const CLOSE_RANGE_UNSHARE = 2;
const CLOSE_RANGE_CLOEXEC = 4;

function sysCloseRange({ process }: Caller, args: Args): number {
  const first = args.uint(0);
  const last = args.uint(1);
  const flags = args.uint(2);
  if ((flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) !== 0 || first > last) return EINVAL;
  for (const fd of process.files.list()) {
    if (fd < first || fd > last) continue;
    if ((flags & CLOSE_RANGE_CLOEXEC) !== 0) process.files.setCloseOnExec(fd, true);
    else process.files.close(fd);
  }
  return 0;
}

export const openRows: readonly SyscallRow[] = [
  { number: 2, name: 'open', args: ['path', 'open-flags', 'mode'], run: sysOpen },
  { number: 3, name: 'close', args: ['fd'], run: ({ process }, args) => process.files.close(args.int(0)) },
  { number: 85, name: 'creat', args: ['path', 'mode'], run: sysCreat },
  { number: 257, name: 'openat', args: ['dirfd', 'path', 'open-flags', 'mode'], run: sysOpenat },
  {
    number: 436,
    name: 'close_range',
    args: ['uint', 'uint', 'hex'],
    run: sysCloseRange,
    note: 'CLOSE_RANGE_UNSHARE does not separate a table that processes share.',
  },
  { number: 437, name: 'openat2', args: ['dirfd', 'path', 'addr', 'size'], run: sysOpenat2 },
];

kind('PendingOpen', PendingOpen);
