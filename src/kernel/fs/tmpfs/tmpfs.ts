/**
 * Files in memory: tmpfs(5). Content lies in frames (content.ts), names in maps (directory.ts). An inode lives while it
 * has a name or somebody refers to it.
 */
import { kind } from '../../checkpoint/registry.js';
import { PAGE_SIZE } from '../../../machine/layout.js';
import {
  F_SEAL_FUTURE_WRITE,
  F_SEAL_WRITE,
  O_NOATIME,
  RENAME_EXCHANGE,
  RENAME_WHITEOUT,
} from '../../abi/fcntl.js';
import { S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../abi/stat.js';
import {
  EFBIG,
  ENOENT,
  ENOSPC,
  ENOTEMPTY,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  ELOOP,
  type Errno,
} from '../../errno.js';
import type { HostClock } from '../../host.js';
import { PlainInode, copyTime, initOwner, isDirectory, touchAccessed, touchModified } from '../inode.js';
import type {
  Attributes,
  Credentials,
  FileSystem,
  FrameMemory,
  FsStatistics,
  Handle,
  HandleOperations,
  Inode,
  PageCache,
  Sink,
  Source,
} from '../types.js';
import { FileContent, type PageBudget } from './content.js';
import { DIRECTORY_OPERATIONS, Directory } from './directory.js';

export interface TmpFsOptions {
  readonly memory: FrameMemory;
  readonly clock: HostClock;
  /** st_dev. */
  readonly dev: number;
  /** Bytes of content at most; half of memory without it. */
  readonly size?: number;
  /** Files at most; without it as many as half of memory has pages. */
  readonly inodes?: number;
  /** Permission bits of the root; default 1777. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** As /proc/filesystems has it; default tmpfs. */
  readonly type?: string;
}

const TMPFS_MAGIC = 0x01021994;
/** What a directory's size counts for each entry (BOGO_DIRENT_SIZE). */
const DIRENT_SIZE = 20;

export class TmpFs implements FileSystem {
  readonly type: string;
  readonly dev: number;
  readonly magic = TMPFS_MAGIC;
  readonly xattrs = true;
  private readonly memory: FrameMemory;
  private readonly clock: HostClock;
  private readonly budget: PageBudget;
  private readonly inodeLimit: number;
  private readonly top: Inode;
  private inodes = 0;
  private nextIno = 1;

  constructor(options: TmpFsOptions) {
    this.type = options.type ?? 'tmpfs';
    this.dev = options.dev;
    this.memory = options.memory;
    this.clock = options.clock;
    const half = Math.floor(options.memory.frames.total / 2);
    const limit = options.size === undefined ? half : Math.ceil(options.size / PAGE_SIZE);
    this.budget = { used: 0, limit };
    this.inodeLimit = options.inodes ?? half;
    this.top = this.make(S_IFDIR | (options.mode ?? 0o1777), new Directory());
    this.top.uid = options.uid ?? 0;
    this.top.gid = options.gid ?? 0;
  }

  root(): Inode {
    return this.top;
  }

  private make(mode: number, data: unknown): Inode {
    const inode = new PlainInode(this, this.nextIno++, mode, data);
    inode.btime = { sec: 0, nsec: 0 };
    touchModified(inode, this.clock);
    copyTime(inode.ctime, inode.atime);
    copyTime(inode.ctime, inode.btime);
    if (isDirectory(inode)) {
      inode.nlink = 2;
      inode.size = 2 * DIRENT_SIZE;
    }
    this.inodes++;
    return inode;
  }

  /** A new inode for `dir`; ENOSPC when there are too many. */
  private makeIn(dir: Inode, mode: number, data: unknown, cred: Credentials): Inode | Errno {
    if (this.inodes >= this.inodeLimit) return ENOSPC;
    const inode = this.make(mode, data);
    initOwner(inode, dir, cred);
    if ((mode & S_IFMT) === S_IFREG) inode.data = new FileContent(inode, this.memory, this.budget);
    return inode;
  }

  private addName(dir: Inode, name: string, inode: Inode): void {
    directoryOf(dir).add(name, inode);
    this.changedDirectory(dir, isDirectory(inode) ? 1 : 0, 1);
  }

  private removeName(dir: Inode, name: string, inode: Inode): void {
    directoryOf(dir).delete(name);
    this.changedDirectory(dir, isDirectory(inode) ? -1 : 0, -1);
  }

  private changedDirectory(dir: Inode, subdirectories: number, entries: number): void {
    dir.nlink += subdirectories;
    dir.size += entries * DIRENT_SIZE;
    touchModified(dir, this.clock);
  }

  lookup(dir: Inode, name: string): Inode | Errno {
    return directoryOf(dir).get(name) ?? ENOENT;
  }

  create(dir: Inode, name: string, mode: number, cred: Credentials): Inode | Errno {
    return this.mknod(dir, name, S_IFREG | mode, 0, cred);
  }

  mknod(dir: Inode, name: string, mode: number, rdev: number, cred: Credentials): Inode | Errno {
    const inode = this.makeIn(dir, mode, null, cred);
    if (typeof inode === 'number') return inode;
    inode.rdev = rdev;
    this.addName(dir, name, inode);
    return inode;
  }

  mkdir(dir: Inode, name: string, mode: number, cred: Credentials): Inode | Errno {
    const inode = this.makeIn(dir, S_IFDIR | mode, new Directory(), cred);
    if (typeof inode !== 'number') this.addName(dir, name, inode);
    return inode;
  }

  symlink(dir: Inode, name: string, target: string, cred: Credentials): Inode | Errno {
    const inode = this.makeIn(dir, S_IFLNK | 0o777, target, cred);
    if (typeof inode === 'number') return inode;
    inode.size = target.length;
    this.addName(dir, name, inode);
    return inode;
  }

  tmpfile(dir: Inode, mode: number, cred: Credentials): Inode | Errno {
    const inode = this.makeIn(dir, S_IFREG | mode, null, cred);
    if (typeof inode !== 'number') inode.nlink = 0;
    return inode;
  }

  /** A regular file that no directory has; its seals are what memfd_create(2) says. */
  makeUnnamed(mode: number, cred: Credentials, seals: number): Inode | Errno {
    const inode = this.tmpfile(this.top, mode, cred);
    if (typeof inode !== 'number') contentOf(inode).seals = seals;
    return inode;
  }

  link(dir: Inode, name: string, inode: Inode): 0 {
    inode.nlink++;
    this.clock.realtime(inode.ctime);
    this.addName(dir, name, inode);
    return 0;
  }

  unlink(dir: Inode, name: string, inode: Inode): 0 {
    this.removeName(dir, name, inode);
    this.lostName(inode);
    return 0;
  }

  rmdir(dir: Inode, name: string, inode: Inode): 0 | Errno {
    if (directoryOf(inode).size > 0) return ENOTEMPTY;
    return this.unlink(dir, name, inode);
  }

  private lostName(inode: Inode): void {
    inode.nlink = isDirectory(inode) ? 0 : inode.nlink - 1;
    this.clock.realtime(inode.ctime);
    if (inode.references === 0) this.evict(inode);
  }

  rename(
    dir: Inode,
    name: string,
    inode: Inode,
    newDir: Inode,
    newName: string,
    replaced: Inode | null,
    flags: number,
  ): 0 | Errno {
    if ((flags & RENAME_EXCHANGE) !== 0 && replaced !== null) {
      this.exchange(dir, name, inode, newDir, newName, replaced);
      return 0;
    }
    if (replaced !== null) {
      if (isDirectory(replaced) && directoryOf(replaced).size > 0) return ENOTEMPTY;
      this.unlink(newDir, newName, replaced);
    }
    this.removeName(dir, name, inode);
    this.addName(newDir, newName, inode);
    this.clock.realtime(inode.ctime);
    if ((flags & RENAME_WHITEOUT) !== 0) this.addName(dir, name, this.make(S_IFCHR, null));
    return 0;
  }

  private exchange(
    dir: Inode,
    name: string,
    inode: Inode,
    newDir: Inode,
    newName: string,
    other: Inode,
  ): void {
    directoryOf(dir).exchange(name, other);
    directoryOf(newDir).exchange(newName, inode);
    const moved = (isDirectory(other) ? 1 : 0) - (isDirectory(inode) ? 1 : 0);
    this.changedDirectory(dir, dir === newDir ? 0 : moved, 0);
    this.changedDirectory(newDir, dir === newDir ? 0 : -moved, 0);
    this.clock.realtime(inode.ctime);
    this.clock.realtime(other.ctime);
  }

  readlink(inode: Inode): string {
    touchAccessed(inode, this.clock);
    return String(inode.data);
  }

  open(inode: Inode): HandleOperations | Errno {
    switch (inode.mode & S_IFMT) {
      case S_IFREG:
        return this.files;
      case S_IFDIR:
        return DIRECTORY_OPERATIONS;
      case S_IFLNK:
        return ELOOP;
      default:
        return ENXIO;
    }
  }

  setattr(inode: Inode, changes: Attributes): 0 | Errno {
    if (changes.size !== undefined) {
      const failed = this.resize(inode, changes.size);
      if (failed !== 0) return failed;
    }
    if (changes.mode !== undefined) inode.mode = (inode.mode & S_IFMT) | changes.mode;
    if (changes.uid !== undefined) inode.uid = changes.uid;
    if (changes.gid !== undefined) inode.gid = changes.gid;
    if (changes.atime !== undefined) copyTime(changes.atime, inode.atime);
    if (changes.mtime !== undefined) copyTime(changes.mtime, inode.mtime);
    this.clock.realtime(inode.ctime);
    return 0;
  }

  private resize(inode: Inode, size: number): 0 | Errno {
    if (!(inode.data instanceof FileContent)) return EPERM;
    const failed = inode.data.resize(size);
    if (failed === 0) touchModified(inode, this.clock);
    return failed;
  }

  fallocate(inode: Inode, mode: number, offset: number, length: number): 0 | Errno {
    if (!(inode.data instanceof FileContent)) return EOPNOTSUPP;
    const failed = inode.data.fallocate(mode, offset, length);
    if (failed === 0) touchModified(inode, this.clock);
    return failed;
  }

  seekHole(inode: Inode, offset: number, hole: boolean): number | Errno {
    return inode.data instanceof FileContent ? inode.data.seek(offset, hole) : ENXIO;
  }

  statfs(): FsStatistics {
    const { used, limit } = this.budget;
    const free = Math.max(0, limit - used);
    const ffree = this.inodeLimit - this.inodes;
    return { bsize: PAGE_SIZE, blocks: limit, bfree: free, bavail: free, files: this.inodeLimit, ffree };
  }

  sync(): 0 {
    return 0;
  }

  evict(inode: Inode): void {
    if (inode.nlink > 0) return;
    if (inode.data instanceof FileContent) inode.data.dispose();
    this.inodes--;
  }

  private readonly files: HandleOperations = {
    seekable: true,
    read: (handle, sink, position) => this.read(handle, sink, position),
    write: (handle, source, position) => this.write(handle, source, position),
    mmap: ({ inode }, sharedWritable) => mapPages(contentOf(inode), sharedWritable === true),
    fsync: () => 0,
  };

  private read(handle: Handle, sink: Sink, position: number): number | Errno {
    const done = contentOf(handle.inode).read(sink, position);
    if (done > 0 && (handle.flags & O_NOATIME) === 0) touchAccessed(handle.inode, this.clock);
    return done;
  }

  private write({ inode }: Handle, source: Source, position: number): number | Errno {
    if (position > MAX_SIZE - source.remaining) return EFBIG;
    const done = contentOf(inode).write(source, position);
    if (done > 0) touchModified(inode, this.clock);
    return done;
  }
}

const MAX_SIZE = Number.MAX_SAFE_INTEGER - PAGE_SIZE;

function mapPages(content: FileContent, sharedWritable: boolean): PageCache | Errno {
  const sealed = (content.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0;
  return sharedWritable && sealed ? EPERM : content;
}

function directoryOf(inode: Inode): Directory {
  return inode.data as Directory;
}

function contentOf(inode: Inode): FileContent {
  return inode.data as FileContent;
}

kind('TmpFs', TmpFs);
