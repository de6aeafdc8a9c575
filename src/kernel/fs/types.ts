/**
 * The VFS's objects.
 *
 *   Mount   an instance of a filesystem at a place in the tree; holds its root dentry
 *   Dentry  a name in a directory, to an inode or to nothing (negative); parents hold children
 *   Inode   a file, while a dentry or handle refers to it
 *   Handle  an open file description; holds inode, dentry and mount
 *
 * A filesystem supplies operations on inodes and handles; the VFS has done walking, permissions, mount flags, name
 * lengths and type checks before it calls one, and keeps the dentries right afterwards.
 *
 * Names, paths and link targets are byte strings: one character (0..255) a byte, as Linux has bytes and not text.
 */
import type { Errno } from '../errno.js';
import type { Frames } from '../../machine/types.js';
import type { HostClock, Timespec } from '../host.js';
import type { FsSettings } from './settings.js';
import type { FutexQueues } from '../futex/table.js';
import type { Caller } from '../types.js';

export type { Timespec };

/** What a read fills. Both count down `remaining`; a short count means that user memory ended (EFAULT if nothing fit). */
export interface Sink {
  readonly remaining: number;
  /** Appends source[start, end); returns how many bytes fit. */
  put(source: Uint8Array, start: number, end: number): number;
  /** Appends `count` zeros. */
  zero(count: number): number;
}
/** What a write takes from. */
export interface Source {
  readonly remaining: number;
  /** Moves the next bytes to target[start, end); returns how many came. */
  take(target: Uint8Array, start: number, end: number): number;
}

export interface Credentials {
  ruid: number;
  euid: number;
  suid: number;
  fsuid: number;
  rgid: number;
  egid: number;
  sgid: number;
  fsgid: number;
  groups: readonly number[];
  /** Whether a capability (capabilities(7)) is in effect; without it, user 0 has all (permission.ts: `capable`). */
  capable?(capability: number): boolean;
}

/** Where a path begins and on whose behalf it is walked: a process's, or the kernel's own. */
export interface PathContext {
  root: Location;
  cwd: Location;
  umask: number;
  readonly cred: Credentials;
}

/** A place in the tree: which dentry, seen through which mount. */
export interface Location {
  readonly mount: Mount;
  readonly dentry: Dentry;
}

export interface Inode {
  readonly fs: FileSystem;
  readonly ino: number;
  /** Type and permission bits, as st_mode. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  nlink: number;
  /** Device number of a device node, as st_rdev. */
  rdev: number;
  /** 512-byte blocks, as st_blocks; without it as many as the size needs. */
  blocks?: number;
  readonly atime: Timespec;
  readonly mtime: Timespec;
  readonly ctime: Timespec;
  /** The filesystem's own. */
  data: unknown;
  /** Handles and dentries that refer to it; at 0 the filesystem's `evict` runs. */
  references: number;
  /** Pages for mmap, made at first use; see mm/pagecache.ts. */
  pages: PageCache | null;
  /** Locks on the file, made at first use. */
  locks: unknown;
  /** Extended attributes, made at first use; kept here for filesystems with `FileSystem.xattrs`. */
  xattrs: Map<string, Uint8Array> | null;
  /** Handles open for writing; below 0, that many running programs forbid it (ETXTBSY). */
  writers: number;
  /** Handles open for reading alone, of regular files. */
  readers: number;
  /** Leases on the file (leases.ts); null for none. */
  leases: unknown;
  /** The pipe behind a FIFO while somebody has it open. */
  pipe: unknown;
  /** Who wants to know what happens to it (notify.ts); null for nobody. */
  watches: InodeWatches | null;
  /** When it was made, if the filesystem knows. */
  btime?: Timespec;
  /** It was made without a name and may still be given one (O_TMPFILE without O_EXCL). */
  linkable?: boolean;
}

/** Watches on an inode. */
export interface InodeWatches {
  /** `mask` of IN_*; `name` of a file in a watched directory; `unlinked`: that is no longer its name. */
  tell(mask: number, name: string | null, cookie: number, unlinked: boolean): void;
  /** The file has no names any more, and the last of them is not in use: they end. */
  gone(): void;
}

/** A file's pages in frames, shared by all mappings and by the filesystem where it keeps its content there. */
export interface PageCache {
  /** The frame of page `index`, read in when absent; an Errno (EIO, ENOMEM, ENXIO past the end). Borrowed: retain it. */
  frame(index: number): number | Errno;
  /** Called before a shared mapping of the page becomes writable. */
  dirty(index: number): 0 | Errno;
  /** Writes dirty pages of [start, end) bytes back. */
  sync(start: number, end: number): 0 | Errno;
  /** An area begins or ceases to map it (vm_operations_struct's open and close). */
  opened?(): void;
  closed?(): void;
  /** Areas that map it: mm adds and removes them; whoever truncates or punches a hole tells them. */
  readonly mappings?: Set<PageMapping>;
  /** Words in it that threads wait on, by their place (futex(2)). */
  futexes?: FutexQueues | null;
}

/** An area of memory that maps a PageCache. */
export interface PageMapping {
  /** Pages [start, end) of the file are no longer the cache's: page table entries for them must go. */
  zap(start: number, end: number): void;
  /** The file now ends before page `start`: copies of pages from there on, which private mappings have made, go too. */
  truncate(start: number): void;
  /** A shared mapping that may write (VM_SHARED with VM_MAYWRITE): F_SEAL_WRITE is refused meanwhile. */
  readonly sharedWritable: boolean;
}

export interface Dentry {
  name: string;
  /** Null for a filesystem's root. */
  parent: Dentry | null;
  inode: Inode | null;
  /** Mounts on this dentry, the last one visible. */
  readonly mounts: Mount[];
  /** Names below that are known, to be there or not; made at first use. */
  children: Map<string, Dentry> | null;
  /** The name has been removed, or no longer means this inode. */
  deleted: boolean;
  /** It stands for a file that never had a name. */
  readonly nameless: boolean;
  /** Uses besides children and mounts that keep it from being forgotten: handles, working directories. */
  pins: number;
  /** The age of the cache when it was last walked over. */
  used: number;
}

export interface Mount {
  readonly vfs: VfsContext;
  readonly fs: FileSystem;
  readonly root: Dentry;
  /** Where it is mounted; null for the first. */
  parent: Location | null;
  /** MS_RDONLY, MS_NOSUID ... (abi/mount.ts). */
  flags: number;
  readonly id: number;
}

/** How many instances and watches of inotify a user has, for the limits on them. */
export interface InotifyAccount {
  instances: number;
  watches: number;
}

/** What all mounts of one kernel share. */
export interface VfsContext {
  readonly clock: HostClock;
  readonly settings: FsSettings;
  readonly mounts: readonly Mount[];
  /** Dentries in the cache, and its age: what was not used since the last sweep is older. */
  readonly dentries: { count: number; age: number };
  /** Made at first use: the filesystem of files that are no files, and what inotify counts by user. */
  anonymousInodes: FileSystem | null;
  inotifyAccounts: Map<number, InotifyAccount> | null;
  /** A new pipe without a name; `flags`: O_NONBLOCK. */
  createPipe(cred: Credentials, flags: number): { reader: Handle; writer: Handle };
  /** A file without a name (memfd_create(2)); `flags` of MFD_*. */
  createMemfd(name: string, flags: number, cred: Credentials): Handle | Errno;
  /** The same as pages to be mapped, for shared memory; the inode has no reference yet. */
  createShared(name: string, size: number, cred: Credentials): SharedFile | Errno;
  /** Opens a device node of a filesystem that does not open them itself; ENXIO when nothing has that number. */
  openDevice(inode: Inode, flags: number): HandleOperations | Errno;
}

/** A file without a name that is only mapped. */
export interface SharedFile {
  readonly inode: Inode;
  readonly location: Location;
  readonly pages: PageCache;
}

export interface Handle {
  readonly inode: Inode;
  readonly location: Location | null;
  /** O_RDONLY, O_WRONLY or O_RDWR, and O_PATH. */
  readonly access: number;
  /** Status flags that F_SETFL can change, and the rest of open's. */
  flags: number;
  position: number;
  /** What the filesystem keeps per open. */
  data: unknown;
  readonly ops: HandleOperations;
  /** Descriptors and kernel uses; at 0 `release` runs (handle.ts: `releaseHandle`). */
  references: number;
  /** F_SETOWN and F_SETSIG; absent until set. */
  owner?: HandleOwner;
  /** Who is told when the handle is released, without keeping it from that: epoll sets. */
  watches?: Set<HandleWatch>;
}

export interface HandleWatch {
  /** A descriptor for it in `table` has been closed. */
  closed?(table: object): void;
  handleReleased(): void;
}

/** Who gets SIGIO for a handle: as in struct f_owner_ex. */
export interface HandleOwner {
  /** F_OWNER_TID, F_OWNER_PID or F_OWNER_PGRP. */
  readonly type: number;
  /** 0 when there is nobody of that id any more. */
  readonly id: number;
  /** F_SETSIG; 0: SIGIO. */
  signal: number;
  /** Something can be read or written, as `code` of POLL_* says. */
  ready(code: number, fd: number): void;
  /** Urgent data has come. */
  urgent(): void;
}

/** Events as poll(2) has them. */
export type PollMask = number;

/**
 * Operations on a handle. Reads and writes at `position` do not move handle.position; the syscall layer does. None waits:
 * what would have to returns EAGAIN, and the syscall layer, if the handle is not O_NONBLOCK, gives its thread to `poll`
 * and tries again when that wakes it.
 */
export interface HandleOperations {
  /** Called once, when the handle has been made. */
  opened?(handle: Handle): void;
  read(handle: Handle, sink: Sink, position: number): number | Errno;
  write(handle: Handle, source: Source, position: number): number | Errno;
  /** Terminals (VTIME): milliseconds until a read that has to wait ends with what there is, Infinity for never. */
  readTimeout?(handle: Handle): number;
  /** Changes when something arrives: the time then begins anew. */
  arrived?(handle: Handle): number;
  /** What a read that is not to wait any longer gets. */
  readAvailable?(handle: Handle, sink: Sink): number | Errno;
  /** What a read that has waited gets in place of an end. */
  endForWaiting?(handle: Handle): 0 | Errno;
  /**
   * In place of `read` and `write` for a thread, by who waits by rules of its own (sockets: time limits): WAIT after
   * queueing it. What earlier tries of the call have done is in thread.callState, as `done`.
   */
  readFor?(thread: Caller, handle: Handle, sink: Sink, waits: boolean): number | Errno;
  writeFor?(thread: Caller, handle: Handle, source: Source, waits: boolean): number | Errno;
  /** Position counts (regular files) or not (pipes, sockets, terminals): ESPIPE. */
  readonly seekable: boolean;
  /** Null: the default for regular files. */
  seek?(handle: Handle, offset: number, whence: number): number | Errno;
  /** Entries from `handle.position` on; `emit` false means full. Position is whatever the filesystem puts in d_off. */
  readdir?(handle: Handle, emit: (entry: DirEntry) => boolean): 0 | Errno;
  /** A waiter is put on all queues that may change the answer, whatever it is now. */
  poll?(handle: Handle, waiter: Waiter | null): PollMask;
  /** An open that has to wait (FIFOs): false until it is over. The handle is not the program's before. */
  openDone?(handle: Handle): boolean;
  /** It tells its owner what can be read or written (O_ASYNC). The group that owns it if nobody else does, or null. */
  fasync?(): number | null;
  ioctl?(handle: Handle, request: number, arg: number, user: UserMemory): number | Errno;
  /** Pages for mmap; ENODEV without. `sharedWritable`: MAP_SHARED with PROT_WRITE, which a sealed file refuses. */
  mmap?(handle: Handle, sharedWritable?: boolean): PageCache | Errno;
  fsync?(handle: Handle): 0 | Errno;
  flush?(handle: Handle): 0 | Errno;
  release?(handle: Handle): void;
  /** Lines that /proc/<pid>/fdinfo shows behind those that all files have. */
  fdinfo?(handle: Handle): string;
}

export interface DirEntry {
  ino: number;
  /** What lseek goes back to for the entry behind this one. */
  offset: number;
  type: number;
  name: string;
}

export interface Attributes {
  /** Permission bits, without the type. */
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  atime?: Timespec;
  mtime?: Timespec;
}

/** Operations on inodes. Directory operations get names that are not '.', '..' or empty and at most 255 bytes. */
export interface FileSystem {
  /** As in /proc/filesystems. */
  readonly type: string;
  /** st_dev. */
  readonly dev: number;
  readonly magic: number;
  root(): Inode;
  lookup(dir: Inode, name: string): Inode | Errno;
  /** Extended attributes are kept in inode.xattrs; without it there are none (EOPNOTSUPP). */
  readonly xattrs?: boolean;
  /** In place of the permission bits; `mask` of MAY_READ, MAY_WRITE, MAY_EXEC. */
  permission?(inode: Inode, mask: number, cred: Credentials): 0 | Errno;
  /** A name that is not there is an error whatever is to be done with it (ENOENT, as in /proc), not a place for a new one. */
  readonly closed?: boolean;
  /** Whether a cached dentry still holds; without it, always. */
  revalidate?(dentry: Dentry): boolean;
  create?(dir: Inode, name: string, mode: number, cred: Credentials): Inode | Errno;
  mkdir?(dir: Inode, name: string, mode: number, cred: Credentials): Inode | Errno;
  mknod?(dir: Inode, name: string, mode: number, rdev: number, cred: Credentials): Inode | Errno;
  symlink?(dir: Inode, name: string, target: string, cred: Credentials): Inode | Errno;
  /** A regular file without a name (O_TMPFILE), nlink 0. */
  tmpfile?(dir: Inode, mode: number, cred: Credentials): Inode | Errno;
  link?(dir: Inode, name: string, inode: Inode): 0 | Errno;
  unlink?(dir: Inode, name: string, inode: Inode): 0 | Errno;
  rmdir?(dir: Inode, name: string, inode: Inode): 0 | Errno;
  /** Both names in this filesystem; `replaced` is what stood at the new name. */
  rename?(
    dir: Inode,
    name: string,
    inode: Inode,
    newDir: Inode,
    newName: string,
    replaced: Inode | null,
    flags: number,
  ): 0 | Errno;
  /** A text, or, for magic links, the place itself. */
  readlink?(inode: Inode): string | Location | Errno;
  /** `dentry`: under which name, where that is known. */
  open(inode: Inode, flags: number, dentry?: Dentry): HandleOperations | Errno;
  /** Brings size, times and counts of `inode` up to date before they are read. */
  refresh?(inode: Inode): 0 | Errno;
  setattr?(inode: Inode, changes: Attributes): 0 | Errno;
  /** `mode` as fallocate(2) has it, checked by the VFS: offset from 0, length above 0. */
  fallocate?(inode: Inode, mode: number, offset: number, length: number): 0 | Errno;
  /** SEEK_DATA and SEEK_HOLE; without it a file is all data. */
  seekHole?(inode: Inode, offset: number, hole: boolean): number | Errno;
  statfs(): FsStatistics;
  sync?(): 0 | Errno;
  /** Memory is short: gives up to `pages` frames of cached, unchanged content back; returns how many. */
  reclaim?(pages: number): number;
  /** The last reference has gone. */
  evict?(inode: Inode): void;
}

export interface FsStatistics {
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
}

/** The sandbox's frames, and their bytes: frame n lies at n * PAGE_SIZE. */
export interface FrameMemory {
  readonly frames: Frames;
  readonly u8: Uint8Array;
  /** What filesystems note of their use of frames, for /proc/meminfo and /proc/vmstat. */
  readonly usage?: PageCounts;
}

export interface PageCounts {
  /** Frames with pages of files that are kept elsewhere, and of files in memory. */
  cached: number;
  shmem: number;
  /** Pages read in since the start. */
  read: number;
}

/** The calling process's memory. Lengths are checked; a bad address gives EFAULT, a short copy never goes unseen. */
export interface UserMemory {
  copyIn(addr: number, into: Uint8Array, start: number, length: number): 0 | Errno;
  copyOut(addr: number, from: Uint8Array, start: number, length: number): 0 | Errno;
  /** A string up to its NUL, without it; EFAULT, or ENAMETOOLONG when `limit` bytes hold none. */
  stringIn(addr: number, limit: number): string | Errno;
  readU32(addr: number): number | Errno;
  writeU32(addr: number, value: number): 0 | Errno;
  sink(addr: number, length: number): Sink | Errno;
  source(addr: number, length: number): Source | Errno;
}

/** Someone who waits for events: a thread in a call that waits, or an item of an epoll set. */
export interface Waiter {
  /** Makes the waiter be woken by `queue`. */
  waitOn(queue: WaitQueue): void;
}
export interface WaitQueue {
  add(waiter: Wakeable): void;
  remove(waiter: Wakeable): void;
  /** Wakes all, or the first `count`; returns how many were. `events` have come to be; 0: it may be any. */
  wake(count?: number, events?: PollMask): number;
}
export interface Wakeable {
  /** Of these, a wake-up reaches only the first that has use for it (EPOLLEXCLUSIVE). */
  readonly exclusive?: boolean;
  /** False: it has no use for the wake-up. */
  wake(queue: WaitQueue, events: PollMask): boolean;
}
