import { kind } from '../checkpoint/registry.js';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, S_ISGID } from '../abi/stat.js';
import type { HostClock } from '../host.js';
import type { Credentials, FileSystem, Inode, InodeWatches, PageCache, Timespec } from './types.js';

/** What every filesystem's inodes are made of; `data` is typed by whoever made it. */
export class PlainInode<Data = unknown> implements Inode {
  uid = 0;
  gid = 0;
  size = 0;
  nlink = 1;
  rdev = 0;
  /** 512-byte blocks that the file takes. */
  blocks = 0;
  readonly atime: Timespec = { sec: 0, nsec: 0 };
  readonly mtime: Timespec = { sec: 0, nsec: 0 };
  readonly ctime: Timespec = { sec: 0, nsec: 0 };
  references = 0;
  pages: PageCache | null = null;
  locks: unknown = null;
  xattrs: Map<string, Uint8Array> | null = null;
  writers = 0;
  readers = 0;
  leases: unknown = null;
  pipe: unknown = null;
  watches: InodeWatches | null = null;
  btime?: Timespec;
  linkable = false;

  constructor(
    readonly fs: FileSystem,
    readonly ino: number,
    public mode: number,
    public data: Data,
  ) {}
}

export function copyTime(from: Timespec, to: Timespec): void {
  to.sec = from.sec;
  to.nsec = from.nsec;
}

export function isDirectory(inode: Inode): boolean {
  return (inode.mode & S_IFMT) === S_IFDIR;
}
export function isRegular(inode: Inode): boolean {
  return (inode.mode & S_IFMT) === S_IFREG;
}
export function isSymlink(inode: Inode): boolean {
  return (inode.mode & S_IFMT) === S_IFLNK;
}

/** Inodes that somebody refers to, of all kernels in this JavaScript thread: for those who look for leaks. */
export const inodesInUse = { count: 0 };

export function retainInode(inode: Inode): void {
  if (inode.references++ === 0) inodesInUse.count++;
}
/** Gives a reference back; after the last one the filesystem may forget the inode. */
export function releaseInode(inode: Inode): void {
  if (--inode.references > 0) return;
  inodesInUse.count--;
  inode.fs.evict?.(inode);
}

/** Owner and mode of what is made in `dir` (inode_init_owner): a set-group-ID directory hands on its group. */
export function initOwner(inode: Inode, dir: Inode, cred: Credentials): void {
  inode.uid = cred.fsuid;
  inode.gid = cred.fsgid;
  if ((dir.mode & S_ISGID) === 0) return;
  inode.gid = dir.gid;
  if (isDirectory(inode)) inode.mode |= S_ISGID;
}

/** mtime and ctime become now: content has changed. */
export function touchModified(inode: Inode, clock: HostClock): void {
  clock.realtime(inode.ctime);
  copyTime(inode.ctime, inode.mtime);
}

const DAY = 24 * 60 * 60;

function isBefore(a: Timespec, b: Timespec): boolean {
  return a.sec < b.sec || (a.sec === b.sec && a.nsec < b.nsec);
}

/** atime becomes now as `relatime` has it: if it is older than the last change, or a day. */
export function touchAccessed(inode: Inode, clock: Pick<HostClock, 'realtime'>): void {
  const { atime } = inode;
  clock.realtime($now);
  const current = isBefore(inode.mtime, atime) && isBefore(inode.ctime, atime);
  if (!current || $now.sec - atime.sec >= DAY) copyTime($now, atime);
}

const $now: Timespec = { sec: 0, nsec: 0 };

kind('PlainInode', PlainInode);
