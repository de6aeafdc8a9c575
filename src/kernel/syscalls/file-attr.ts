/** Mode, owner, times and size of files (fs/open.c, fs/utimes.c). */
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, F_SEAL_EXEC } from '../abi/fcntl.js';
import { TIMESPEC, TIMEVAL, UTIMBUF, UTIME_NOW, UTIME_OMIT } from '../abi/stat.js';
import { EAGAIN, EINVAL, EOPNOTSUPP, EPERM, ETXTBSY, ENOENT, type Errno } from '../errno.js';
import { chmod, chown, setSize, truncate, utimens, type NewTime } from '../fs/attributes.js';
import { canWrite } from '../fs/handle.js';
import { isRegular, isSymlink } from '../fs/inode.js';
import { FileContent } from '../fs/tmpfs/content.js';
import { mayGrowTo } from '../fs/transfer.js';
import type { Location } from '../fs/types.js';
import { LOOKUP_FOLLOW } from '../fs/walk.js';
import type { Args, Caller, SyscallRow } from '../types.js';
import { $struct, $view, fileOf, filePlace, lookupFlags, resolveAt } from './file-args.js';
import { LeaseWait, waitForLeases } from './lease-wait.js';

function chmodPlace(thread: Caller, place: Location | Errno, mode: number): number {
  if (typeof place === 'number') return place;
  const { inode } = place.dentry;
  if (inode !== null && isSymlink(inode)) return EOPNOTSUPP;
  if (inode?.data instanceof FileContent && (inode.data.seals & F_SEAL_EXEC) !== 0) {
    if (((inode.mode ^ mode) & 0o111) !== 0) return EPERM;
  }
  return chmod(thread.process.fs, place, mode);
}

function chmodAt(thread: Caller, dirfd: number, pathAddr: number, mode: number, flags: number): number {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return EINVAL;
  const lookup = lookupFlags((flags & AT_SYMLINK_NOFOLLOW) !== 0, (flags & AT_EMPTY_PATH) !== 0);
  return chmodPlace(thread, resolveAt(thread, dirfd, pathAddr, lookup), mode);
}

function chownPlace(thread: Caller, place: Location | Errno, uid: number, gid: number): number {
  return typeof place === 'number' ? place : chown(thread.process.fs, place, uid, gid);
}

function sysFchownat(thread: Caller, args: Args): number {
  const flags = args.int(4);
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return EINVAL;
  const lookup = lookupFlags((flags & AT_SYMLINK_NOFOLLOW) !== 0, (flags & AT_EMPTY_PATH) !== 0);
  return chownPlace(thread, resolveAt(thread, args.int(0), args.addr(1), lookup), args.int(2), args.int(3));
}

interface NewTimes {
  readonly atime: NewTime;
  readonly mtime: NewTime;
}
const NOW: NewTimes = { atime: 'now', mtime: 'now' };

/** One timespec of utimensat, at `base` in $struct. */
function timespecAt(base: number): NewTime | Errno {
  const nsec = TIMESPEC.get($view, base, 'tv_nsec');
  if (nsec === UTIME_NOW) return 'now';
  if (nsec === UTIME_OMIT) return null;
  if (nsec < 0 || nsec > 999_999_999) return EINVAL;
  return { sec: TIMESPEC.get($view, base, 'tv_sec'), nsec };
}

function timespecsIn(thread: Caller, addr: number): NewTimes | Errno {
  if (addr === 0) return NOW;
  const failed = thread.process.memory.copyIn(addr, $struct, 0, 2 * TIMESPEC.size);
  if (failed !== 0) return failed;
  const atime = timespecAt(0);
  const mtime = timespecAt(TIMESPEC.size);
  if (typeof atime === 'number') return atime;
  return typeof mtime === 'number' ? mtime : { atime, mtime };
}

function timevalAt(base: number): NewTime | Errno {
  const usec = TIMEVAL.get($view, base, 'tv_usec');
  if (usec < 0 || usec > 999_999) return EINVAL;
  return { sec: TIMEVAL.get($view, base, 'tv_sec'), nsec: usec * 1000 };
}

function timevalsIn(thread: Caller, addr: number): NewTimes | Errno {
  if (addr === 0) return NOW;
  const failed = thread.process.memory.copyIn(addr, $struct, 0, 2 * TIMEVAL.size);
  if (failed !== 0) return failed;
  const atime = timevalAt(0);
  const mtime = timevalAt(TIMEVAL.size);
  if (typeof atime === 'number') return atime;
  return typeof mtime === 'number' ? mtime : { atime, mtime };
}

function utimbufIn(thread: Caller, addr: number): NewTimes | Errno {
  if (addr === 0) return NOW;
  const failed = thread.process.memory.copyIn(addr, $struct, 0, UTIMBUF.size);
  if (failed !== 0) return failed;
  const atime = { sec: UTIMBUF.get($view, 0, 'actime'), nsec: 0 };
  return { atime, mtime: { sec: UTIMBUF.get($view, 0, 'modtime'), nsec: 0 } };
}

function setTimes(thread: Caller, place: Location | Errno, times: NewTimes): number {
  return typeof place === 'number' ? place : utimens(thread.process.fs, place, times.atime, times.mtime);
}

function timesAt(thread: Caller, dirfd: number, pathAddr: number, times: NewTimes | Errno): number {
  if (typeof times === 'number') return times;
  const isFile = pathAddr === 0 && dirfd !== AT_FDCWD;
  return setTimes(
    thread,
    isFile ? filePlace(thread, dirfd) : resolveAt(thread, dirfd, pathAddr, LOOKUP_FOLLOW),
    times,
  );
}

function sysUtimensat(thread: Caller, args: Args): number {
  const flags = args.int(3);
  const times = timespecsIn(thread, args.addr(2));
  if (typeof times === 'number') return times;
  if (times.atime === null && times.mtime === null) return 0;
  const isFile = args.addr(1) === 0 && args.int(0) !== AT_FDCWD;
  if (isFile) return flags !== 0 ? EINVAL : setTimes(thread, filePlace(thread, args.int(0)), times);
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return EINVAL;
  const lookup = lookupFlags((flags & AT_SYMLINK_NOFOLLOW) !== 0, (flags & AT_EMPTY_PATH) !== 0);
  return setTimes(thread, resolveAt(thread, args.int(0), args.addr(1), lookup), times);
}

function sysTruncate(thread: Caller, args: Args): number {
  const size = args.offset(1);
  if (size < 0) return EINVAL;
  const wait = thread.callState instanceof LeaseWait ? thread.callState : null;
  const place = wait?.place ?? resolveAt(thread, AT_FDCWD, args.addr(0), LOOKUP_FOLLOW);
  if (typeof place === 'number') return place;
  const { inode } = place.dentry;
  if (inode === null) return ENOENT;
  const limited = isRegular(inode) ? mayGrowTo(thread, inode, size) : 0;
  const result = limited !== 0 ? limited : truncate(thread.process.fs, place, size);
  if (result === EAGAIN) return waitForLeases(thread, place, true);
  wait?.abandon();
  return result;
}

function sysFtruncate(thread: Caller, args: Args): number {
  const size = args.offset(1);
  if (size < 0) return EINVAL;
  const handle = fileOf(thread, args.int(0));
  if (typeof handle === 'number') return handle;
  const { inode } = handle;
  if (!isRegular(inode) || !canWrite(handle)) return EINVAL;
  if (inode.writers < 0) return ETXTBSY;
  const limited = mayGrowTo(thread, inode, size);
  return limited !== 0 ? limited : setSize(thread.process.fs, inode, size, handle.location?.dentry ?? null);
}

export const attributeRows: readonly SyscallRow[] = [
  { number: 76, name: 'truncate', args: ['path', 'offset'], run: sysTruncate },
  { number: 77, name: 'ftruncate', args: ['fd', 'offset'], run: sysFtruncate },
  {
    number: 90,
    name: 'chmod',
    args: ['path', 'mode'],
    run: (t, a) => chmodAt(t, AT_FDCWD, a.addr(0), a.uint(1), 0),
  },
  {
    number: 91,
    name: 'fchmod',
    args: ['fd', 'mode'],
    run: (t, a) => chmodPlace(t, filePlace(t, a.int(0)), a.uint(1)),
  },
  {
    number: 92,
    name: 'chown',
    args: ['path', 'int', 'int'],
    run: (t, a) => chownPlace(t, resolveAt(t, AT_FDCWD, a.addr(0), LOOKUP_FOLLOW), a.int(1), a.int(2)),
  },
  {
    number: 93,
    name: 'fchown',
    args: ['fd', 'int', 'int'],
    run: (t, a) => chownPlace(t, filePlace(t, a.int(0)), a.int(1), a.int(2)),
  },
  {
    number: 94,
    name: 'lchown',
    args: ['path', 'int', 'int'],
    run: (t, a) => chownPlace(t, resolveAt(t, AT_FDCWD, a.addr(0), 0), a.int(1), a.int(2)),
  },
  {
    number: 132,
    name: 'utime',
    args: ['path', 'addr'],
    run: (t, a) => timesAt(t, AT_FDCWD, a.addr(0), utimbufIn(t, a.addr(1))),
  },
  {
    number: 235,
    name: 'utimes',
    args: ['path', 'addr'],
    run: (t, a) => timesAt(t, AT_FDCWD, a.addr(0), timevalsIn(t, a.addr(1))),
  },
  { number: 260, name: 'fchownat', args: ['dirfd', 'path', 'int', 'int', 'at-flags'], run: sysFchownat },
  {
    number: 261,
    name: 'futimesat',
    args: ['dirfd', 'path', 'addr'],
    run: (t, a) => timesAt(t, a.int(0), a.addr(1), timevalsIn(t, a.addr(2))),
  },
  {
    number: 268,
    name: 'fchmodat',
    args: ['dirfd', 'path', 'mode'],
    run: (t, a) => chmodAt(t, a.int(0), a.addr(1), a.uint(2), 0),
  },
  { number: 280, name: 'utimensat', args: ['dirfd', 'path', 'addr', 'at-flags'], run: sysUtimensat },
  {
    number: 452,
    name: 'fchmodat2',
    args: ['dirfd', 'path', 'mode', 'hex'],
    run: (t, a) => chmodAt(t, a.int(0), a.addr(1), a.uint(2), a.int(3)),
  },
];
