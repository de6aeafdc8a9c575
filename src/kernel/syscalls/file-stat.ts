/** stat, statx, statfs, access (fs/stat.c, fs/statfs.c, fs/open.c). */
import {
  AT_EACCESS,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_NO_AUTOMOUNT,
  AT_STATX_SYNC_TYPE,
  AT_SYMLINK_NOFOLLOW,
  W_OK,
  X_OK,
} from '../abi/fcntl.js';
import { NAME_MAX } from '../abi/limits.js';
import {
  MS_NOATIME,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSYMFOLLOW,
  MS_RELATIME,
  ST_NOATIME,
  ST_NODIRATIME,
  ST_NOSYMFOLLOW,
  ST_RELATIME,
  ST_VALID,
} from '../abi/mount.js';
import {
  STAT,
  STATFS,
  STATX,
  STATX_ATTR_MOUNT_ROOT,
  STATX_BASIC_STATS,
  STATX_BTIME,
  STATX_MNT_ID,
  STATX_RESERVED,
  STATX_SIZE,
  majorOf,
  minorOf,
} from '../abi/stat.js';
import { putU64 } from '../abi/struct.js';
import { EACCES, EINVAL, ENOENT, type Errno } from '../errno.js';
import { isRegular } from '../fs/inode.js';
import { inodePermission, realCredentials, wantWrite } from '../fs/permission.js';
import type { Inode, Location, Mount, Timespec } from '../fs/types.js';
import { LOOKUP_FOLLOW } from '../fs/walk.js';
import type { Args, Caller, SyscallRow } from '../types.js';
import { $struct, $view, lookupFlags, pathIn, resolveAt, resolvePath, structOut } from './file-args.js';

const BLOCK = 512;
const PREFERRED_BLOCK = 4096;

function blocksOf(inode: Inode): number {
  return inode.blocks ?? Math.ceil(inode.size / BLOCK);
}

const ST = STAT.offsets;

function putTime(at: number, { sec, nsec }: Timespec): void {
  putU64($view, at, sec);
  putU64($view, at + 8, nsec);
}

function statOut(thread: Caller, inode: Inode | null | undefined, addr: number): 0 | Errno {
  if (inode === null || inode === undefined) return ENOENT;
  const failed = inode.fs.refresh?.(inode) ?? 0;
  if (failed !== 0) return failed;
  $struct.fill(0, 0, STAT.size);
  // Field by field: an object of values would take a third of the whole call.
  putU64($view, ST.st_dev, inode.fs.dev);
  putU64($view, ST.st_ino, inode.ino);
  putU64($view, ST.st_nlink, inode.nlink);
  $view.setInt32(ST.st_mode, inode.mode, true);
  $view.setInt32(ST.st_uid, inode.uid, true);
  $view.setInt32(ST.st_gid, inode.gid, true);
  putU64($view, ST.st_rdev, inode.rdev);
  putU64($view, ST.st_size, inode.size);
  putU64($view, ST.st_blksize, PREFERRED_BLOCK);
  putU64($view, ST.st_blocks, blocksOf(inode));
  putTime(ST.st_atime, inode.atime);
  putTime(ST.st_mtime, inode.mtime);
  putTime(ST.st_ctime, inode.ctime);
  return structOut(thread, addr, STAT);
}

function statPath(thread: Caller, dirfd: number, pathAddr: number, lookup: number, addr: number): number {
  const place = resolveAt(thread, dirfd, pathAddr, lookup);
  return typeof place === 'number' ? place : statOut(thread, place.dentry.inode, addr);
}

function sysFstat(thread: Caller, args: Args): number {
  return statFd(thread, args.int(0), args.addr(1));
}

function statFd(thread: Caller, fd: number, addr: number): number {
  const handle = thread.process.files.get(fd);
  return typeof handle === 'number' ? handle : statOut(thread, handle.inode, addr);
}

const STAT_FLAGS = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;

/** The path of a call that takes AT_EMPTY_PATH: a null one is empty then. */
function emptyOrPath(thread: Caller, addr: number, empty: boolean): string | Errno {
  return empty && addr === 0 ? '' : pathIn(thread, addr);
}

function sysNewfstatat(thread: Caller, args: Args): number {
  const flags = args.int(3);
  if ((flags & ~STAT_FLAGS) !== 0) return EINVAL;
  const empty = (flags & AT_EMPTY_PATH) !== 0;
  const path = emptyOrPath(thread, args.addr(1), empty);
  if (typeof path === 'number') return path;
  if (path === '' && empty && args.int(0) >= 0) return statFd(thread, args.int(0), args.addr(2));
  const lookup = lookupFlags((flags & AT_SYMLINK_NOFOLLOW) !== 0, empty);
  const place = resolvePath(thread, args.int(0), path, lookup);
  return typeof place === 'number' ? place : statOut(thread, place.dentry.inode, args.addr(2));
}

function sysStatx(thread: Caller, args: Args): number {
  const flags = args.int(2);
  const mask = args.uint(3);
  if ((mask & STATX_RESERVED) !== 0 || (flags & AT_STATX_SYNC_TYPE) === AT_STATX_SYNC_TYPE) return EINVAL;
  if ((flags & ~STAT_FLAGS) !== 0) return EINVAL;
  const empty = (flags & AT_EMPTY_PATH) !== 0;
  const path = emptyOrPath(thread, args.addr(1), empty);
  if (typeof path === 'number') return path;
  const lookup = lookupFlags((flags & AT_SYMLINK_NOFOLLOW) !== 0, empty);
  const place = resolvePath(thread, args.int(0), path, lookup);
  return typeof place === 'number' ? place : statxOut(thread, place, args.addr(4));
}

function statxOut(thread: Caller, place: Location, addr: number): number {
  const { inode } = place.dentry;
  if (inode === null) return ENOENT;
  const failed = inode.fs.refresh?.(inode) ?? 0;
  if (failed !== 0) return failed;
  $struct.fill(0);
  const { btime } = inode;
  STATX.putAll($view, 0, {
    stx_mask: STATX_BASIC_STATS | STATX_MNT_ID | (btime === undefined ? 0 : STATX_BTIME),
    stx_blksize: PREFERRED_BLOCK,
    stx_attributes: place.dentry === place.mount.root ? STATX_ATTR_MOUNT_ROOT : 0,
    stx_nlink: inode.nlink,
    stx_uid: inode.uid,
    stx_gid: inode.gid,
    stx_mode: inode.mode,
    stx_ino: inode.ino,
    stx_size: inode.size,
    stx_blocks: blocksOf(inode),
    stx_attributes_mask: STATX_ATTR_MOUNT_ROOT,
    stx_atime_sec: inode.atime.sec,
    stx_atime_nsec: inode.atime.nsec,
    stx_btime_sec: btime?.sec ?? 0,
    stx_btime_nsec: btime?.nsec ?? 0,
    stx_ctime_sec: inode.ctime.sec,
    stx_ctime_nsec: inode.ctime.nsec,
    stx_mtime_sec: inode.mtime.sec,
    stx_mtime_nsec: inode.mtime.nsec,
    stx_rdev_major: majorOf(inode.rdev),
    stx_rdev_minor: minorOf(inode.rdev),
    stx_dev_major: majorOf(inode.fs.dev),
    stx_dev_minor: minorOf(inode.fs.dev),
    stx_mnt_id: place.mount.id,
  });
  return structOut(thread, addr, { size: STATX_SIZE });
}

/** Mount flags that statfs(2) shows at other bits than mount(2) takes them. */
const MOVED_FLAGS: readonly (readonly [number, number])[] = [
  [MS_NOATIME, ST_NOATIME],
  [MS_NODIRATIME, ST_NODIRATIME],
  [MS_RELATIME, ST_RELATIME],
  [MS_NOSYMFOLLOW, ST_NOSYMFOLLOW],
];
/** ro, nosuid, nodev, noexec, sync. */
const SAME_FLAGS = 31;

function flagsOf(mount: Mount): number {
  let flags = ST_VALID | (mount.flags & SAME_FLAGS);
  for (const [from, to] of MOVED_FLAGS) if ((mount.flags & from) !== 0) flags |= to;
  return flags;
}

function statfsOut(thread: Caller, { mount }: Location, addr: number): number {
  const { fs } = mount;
  const space = fs.statfs();
  $struct.fill(0, 0, STATFS.size);
  STATFS.putAll($view, 0, {
    f_type: fs.magic,
    f_bsize: space.bsize,
    f_blocks: space.blocks,
    f_bfree: space.bfree,
    f_bavail: space.bavail,
    f_files: space.files,
    f_ffree: space.ffree,
    f_fsid0: fs.dev,
    f_namelen: NAME_MAX,
    f_frsize: space.bsize,
    f_flags: flagsOf(mount),
  });
  return structOut(thread, addr, STATFS);
}

function sysStatfs(thread: Caller, args: Args): number {
  const place = resolveAt(thread, AT_FDCWD, args.addr(0), LOOKUP_FOLLOW);
  return typeof place === 'number' ? place : statfsOut(thread, place, args.addr(1));
}

function sysFstatfs(thread: Caller, args: Args): number {
  const handle = thread.process.files.get(args.int(0));
  if (typeof handle === 'number') return handle;
  return handle.location === null ? EINVAL : statfsOut(thread, handle.location, args.addr(1));
}

const ACCESS_FLAGS = AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;

function accessAt(thread: Caller, dirfd: number, pathAddr: number, mode: number, flags: number): number {
  if ((mode & ~7) !== 0 || (flags & ~ACCESS_FLAGS) !== 0) return EINVAL;
  const context = thread.process.fs;
  const cred = (flags & AT_EACCESS) !== 0 ? context.cred : realCredentials(context.cred);
  const lookup = lookupFlags((flags & AT_SYMLINK_NOFOLLOW) !== 0, (flags & AT_EMPTY_PATH) !== 0);
  const { root, cwd, umask } = context;
  const place = resolveAt(thread, dirfd, pathAddr, lookup, { root, cwd, umask, cred });
  if (typeof place === 'number') return place;
  const { mount, dentry } = place;
  const { inode } = dentry;
  if (inode === null) return ENOENT;
  if ((mode & X_OK) !== 0 && isRegular(inode) && (mount.flags & MS_NOEXEC) !== 0) return EACCES;
  const denied = inodePermission(inode, mode, cred);
  if (denied !== 0 || (mode & W_OK) === 0 || isSpecial(inode)) return denied;
  return wantWrite(mount);
}

/** Devices, FIFOs and sockets can be written on a mount for reading only. */
function isSpecial(inode: Inode): boolean {
  return ![0o100000, 0o040000, 0o120000].includes(inode.mode & 0o170000);
}

export const statRows: readonly SyscallRow[] = [
  {
    number: 4,
    name: 'stat',
    args: ['path', 'stat-out'],
    run: (thread, args) => statPath(thread, AT_FDCWD, args.addr(0), LOOKUP_FOLLOW, args.addr(1)),
  },
  { number: 5, name: 'fstat', args: ['fd', 'stat-out'], run: sysFstat },
  {
    number: 6,
    name: 'lstat',
    args: ['path', 'stat-out'],
    run: (thread, args) => statPath(thread, AT_FDCWD, args.addr(0), 0, args.addr(1)),
  },
  {
    number: 21,
    name: 'access',
    args: ['path', 'access-mode'],
    run: (thread, args) => accessAt(thread, AT_FDCWD, args.addr(0), args.int(1), 0),
  },
  { number: 137, name: 'statfs', args: ['path', 'addr'], run: sysStatfs },
  { number: 138, name: 'fstatfs', args: ['fd', 'addr'], run: sysFstatfs },
  { number: 262, name: 'newfstatat', args: ['dirfd', 'path', 'stat-out', 'at-flags'], run: sysNewfstatat },
  {
    number: 269,
    name: 'faccessat',
    args: ['dirfd', 'path', 'access-mode'],
    run: (thread, args) => accessAt(thread, args.int(0), args.addr(1), args.int(2), 0),
  },
  { number: 332, name: 'statx', args: ['dirfd', 'path', 'at-flags', 'hex', 'addr'], run: sysStatx },
  {
    number: 439,
    name: 'faccessat2',
    args: ['dirfd', 'path', 'access-mode', 'at-flags'],
    run: (thread, args) => accessAt(thread, args.int(0), args.addr(1), args.int(2), args.int(3)),
  },
];
