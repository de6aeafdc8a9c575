/**
 * A folder of the host as a filesystem.
 *
 * An inode stands for one file of the host, known by device and number, so that hard links are one inode and a file stays
 * what it was when the host renames it. It remembers under which names it was found; a directory is reached by an open
 * folder (Folders), a regular file that is open or was so lately by one open file (Files). Nothing else holds the host.
 *
 * What has been seen is believed for `trust` milliseconds (names, attributes, names that are missing) and asked again
 * afterwards; the host may change everything at any time. The guest's own changes are seen at once.
 *
 * The host never resolves more than one name at a time and follows no link; links' texts go to the guest's walk. Its devices,
 * sockets and FIFOs are shown and not opened; those that programs make are in the sandbox alone (Specials).
 */
import { kind } from '../../checkpoint/registry.js';
import { FALLOC_FL_KEEP_SIZE, RENAME_NOREPLACE } from '../../abi/fcntl.js';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, S_ISGID } from '../../abi/stat.js';
import { EINVAL, EIO, ELOOP, ENOENT, ENOTEMPTY, ENXIO, EOPNOTSUPP, EROFS } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { HostClock, HostFolder, HostStat, Timespec } from '../../host.js';
import type { GuardedTree } from '../trusted/guard.js';
import type {
  Attributes,
  Credentials,
  Dentry,
  FileSystem,
  FrameMemory,
  FsStatistics,
  HandleOperations,
  Inode,
} from '../types.js';
import { AttributeSetter } from './attributes.js';
import { Directories } from './directories.js';
import { Files } from './files.js';
import { Folders } from './folders.js';
import { Inodes } from './inodes.js';
import type { OwnerMap } from './inodes.js';
import { InodeGuard } from './guard.js';
import { CAN_READ, CAN_WRITE, hostPages, pathOf } from './node.js';
import type { HostInode } from './node.js';
import { Specials, isSpecialType } from './specials.js';

export interface HostFsOptions {
  /** Taken over: closed with the filesystem. */
  readonly folder: HostFolder;
  readonly clock: HostClock;
  readonly memory: FrameMemory;
  /** st_dev. */
  readonly dev: number;
  readonly readOnly?: boolean;
  /** How long the host is believed not to have changed, ms; default 50, or 1000 when read-only. */
  readonly trust?: number;
  readonly owner?: OwnerMap;
  /** Which files may be used; without it, all. */
  readonly guarded?: GuardedTree;
}

/** Within so many ms after a change, another one may leave the same time stamp. */
const TICK = 20;

const $time: Timespec = { sec: 0, nsec: 0 };

function ms(time: Timespec): number {
  return time.sec * 1000 + time.nsec / 1e6;
}

const isType = (inode: Inode, type: number): boolean => (inode.mode & S_IFMT) === type;

export class HostFs implements FileSystem {
  readonly type = 'hostfs';
  readonly dev: number;
  readonly magic: number;
  readonly readOnly: boolean;
  private readonly root_: HostInode;
  private readonly clock: HostClock;
  private readonly trust: number;
  private readonly folders = new Folders();
  private readonly specials: Specials;
  private readonly directories: Directories;
  private readonly inodes: Inodes;
  private readonly files: Files;
  private readonly attributes: AttributeSetter;
  private readonly folder: HostFolder;
  private readonly guard: InodeGuard | null;
  private distrustBefore = -Infinity;

  private constructor(options: HostFsOptions, root: HostStat, magic: number) {
    this.dev = options.dev;
    this.magic = magic;
    this.readOnly = options.readOnly ?? false;
    this.clock = options.clock;
    this.trust = options.trust ?? (this.readOnly ? 1000 : 50);
    this.folder = options.folder;
    this.inodes = new Inodes(this, options.owner ?? null, () => this.now());
    this.files = new Files(
      options.memory,
      (inode) => this.locate(inode),
      (inode, stat) => this.inodes.apply(inode, stat),
      () => this.reclaim(64) > 0,
    );
    this.attributes = new AttributeSetter(this.inodes, this.files, {
      locate: (inode) => this.locate(inode),
      stat: (inode) => this.stat(inode),
    });
    this.specials = new Specials(this, options.clock);
    this.directories = new Directories(this.folders, this.inodes, this.specials, this.clock);
    this.guard = options.guarded === undefined ? null : new InodeGuard(options.guarded);
    this.root_ = this.inodes.from(root);
    this.root_.data.folder = options.folder;
    // Never evicted.
    this.root_.references = 1;
  }

  static create(options: HostFsOptions): HostFs | Errno {
    const root = options.folder.stat();
    if (typeof root === 'number') return root as Errno;
    const space = options.folder.statfs();
    return new HostFs(options, root, typeof space === 'number' ? 0 : space.type);
  }

  root(): Inode {
    return this.root_;
  }

  private now(): number {
    this.clock.monotonic($time);
    return ms($time);
  }

  /** Something from outside has reached the guest, which may come with changes to the folder: nothing seen is believed. */
  distrust(): void {
    this.distrustBefore = this.now();
  }

  private isFresh(checkedAt: number): boolean {
    return checkedAt > this.distrustBefore && this.now() - checkedAt < this.trust;
  }

  private locate(inode: HostInode): { folder: HostFolder; name: string } | Errno {
    if (inode === this.root_) return { folder: this.folder, name: '.' };
    const name = inode.data.names.at(-1);
    if (name === undefined) return ENOENT;
    const folder = this.folders.of(name.dir);
    return typeof folder === 'number' ? folder : { folder, name: name.name };
  }

  // Looking up.

  lookup(dir: Inode, name: string): Inode | Errno {
    const parent = dir as HostInode;
    const special = this.specials.in(parent, name);
    if (special !== undefined) return special;
    const stat = this.find(parent, name);
    if (typeof stat === 'number') return stat;
    const inode = this.inodes.from(stat);
    inode.data.addName(parent, name);
    return inode;
  }

  private find(dir: HostInode, name: string): HostStat | Errno {
    const node = dir.data;
    const listed = node.listed?.get(name);
    if (listed !== undefined) {
      node.listed?.delete(name);
      if (this.isFresh(node.listedAt)) return listed;
    }
    if (node.absent.has(name)) {
      this.refresh(dir);
      if (node.absent.has(name)) return ENOENT;
    }
    return this.ask(dir, name);
  }

  private ask(dir: HostInode, name: string): HostStat | Errno {
    const folder = this.folders.of(dir);
    if (typeof folder === 'number') return folder;
    const stat = folder.lookup(name);
    if (stat === ENOENT) this.rememberAbsent(dir, name);
    return stat as HostStat | Errno;
  }

  private rememberAbsent(dir: HostInode, name: string): void {
    this.refresh(dir);
    this.clock.realtime($time);
    if (ms($time) - ms(dir.data.seen.mtime) > TICK) dir.data.absent.add(name);
  }

  revalidate(dentry: Dentry): boolean {
    const inode = dentry.inode as HostInode | null;
    const dir = dentry.parent?.inode as HostInode | null | undefined;
    if (inode === null) return false;
    if (this.specials.has(inode)) return true;
    if (dir === null || dir === undefined || this.isFresh(inode.data.checkedAt)) return true;
    const folder = this.folders.of(dir);
    const stat = typeof folder === 'number' ? folder : folder.lookup(dentry.name);
    if (typeof stat === 'number') return false;
    return this.inodes.from(stat) === inode;
  }

  // Attributes.

  refresh(inode: Inode): 0 | Errno {
    const known = inode as HostInode;
    if (this.isFresh(known.data.checkedAt)) return 0;
    const stat = this.stat(known);
    const { seen } = known.data;
    if (typeof stat !== 'number' && stat.ino === seen.ino && stat.dev === seen.dev) {
      this.inodes.apply(known, stat);
    } else if (isType(known, S_IFDIR) || known.data.names.length === 0) {
      known.nlink = 0;
    }
    return 0;
  }

  private stat(inode: HostInode): HostStat | number {
    const { file, folder } = inode.data;
    if (file !== null) return file.stat();
    if (folder !== null) return folder.stat();
    const place = this.locate(inode);
    return typeof place === 'number' ? place : place.folder.lookup(place.name);
  }

  private changed(inode: Inode): void {
    (inode as HostInode).data.checkedAt = -Infinity;
    this.refresh(inode);
  }

  setattr(inode: Inode, changes: Attributes): 0 | Errno {
    if (this.readOnly) return EROFS;
    const known = inode as HostInode;
    if (this.specials.has(known)) {
      this.specials.set(known, changes);
      return 0;
    }
    const error = this.guard?.mayChange(known) || this.attributes.set(known, changes);
    this.changed(known);
    return error;
  }

  // Making and removing names.

  /** Runs a change to an entry of `dir`; afterwards the directory is looked at again. */
  private inFolder(dir: Inode, name: string, change: (folder: HostFolder) => number): 0 | Errno {
    if (this.readOnly) return EROFS;
    const denied = this.guard?.mayChangeName(dir as HostInode, name) ?? 0;
    if (denied !== 0) return denied;
    const folder = this.folders.of(dir as HostInode);
    if (typeof folder === 'number') return folder;
    const result = change(folder);
    const { data } = dir as HostInode;
    data.absent.delete(name);
    data.listed?.delete(name);
    data.checkedAt = -Infinity;
    return result < 0 ? (result as Errno) : 0;
  }

  /** A new entry belongs to who made it, as far as the host lets Culm give it away. */
  private give(dir: Inode, name: string, cred: Credentials): Inode | Errno {
    const inode = this.lookup(dir, name);
    if (typeof inode === 'number') return inode;
    const inherited = (dir.mode & S_ISGID) !== 0;
    this.attributes.setOwner(inode as HostInode, {
      uid: cred.fsuid,
      gid: inherited ? inode.gid : cred.fsgid,
    });
    this.changed(inode);
    return inode;
  }

  create(dir: Inode, name: string, mode: number, cred: Credentials): Inode | Errno {
    let file: ReturnType<HostFolder['create']> = EIO;
    const error = this.inFolder(dir, name, (folder) => {
      file = folder.create(name, mode);
      return typeof file === 'number' ? file : 0;
    });
    if (error !== 0) return error;
    const inode = this.lookup(dir, name);
    if (typeof inode === 'number') {
      if (typeof file !== 'number') (file as { close(): void }).close();
      return inode;
    }
    if (typeof file !== 'number') this.files.adopt(inode as HostInode, file, CAN_READ | CAN_WRITE);
    return this.give(dir, name, cred);
  }

  mkdir(dir: Inode, name: string, mode: number, cred: Credentials): Inode | Errno {
    const error = this.inFolder(dir, name, (folder) => folder.mkdir(name, mode));
    return error !== 0 ? error : this.give(dir, name, cred);
  }

  mknod(dir: Inode, name: string, mode: number, rdev: number, cred: Credentials): Inode | Errno {
    if (!isSpecialType(mode)) return this.create(dir, name, mode, cred);
    if (this.readOnly) return EROFS;
    const denied = this.guard?.mayChangeName(dir as HostInode, name) ?? 0;
    return denied !== 0 ? denied : this.specials.make(dir as HostInode, name, mode, rdev, cred);
  }

  symlink(dir: Inode, name: string, target: string, cred: Credentials): Inode | Errno {
    const error = this.inFolder(dir, name, (folder) => folder.symlink(name, target));
    return error !== 0 ? error : this.give(dir, name, cred);
  }

  link(dir: Inode, name: string, inode: Inode): 0 | Errno {
    const known = inode as HostInode;
    if (this.specials.has(known)) {
      this.specials.add(dir as HostInode, name, known);
      return 0;
    }
    const denied = this.guard?.mayChange(known) ?? 0;
    if (denied !== 0) return denied;
    const place = this.locate(known);
    if (typeof place === 'number') return place;
    const error = this.inFolder(dir, name, (folder) => folder.link(place.folder, place.name, name));
    if (error !== 0) return error;
    known.data.addName(dir as HostInode, name);
    this.changed(known);
    return 0;
  }

  unlink(dir: Inode, name: string, inode: Inode): 0 | Errno {
    if (this.specials.has(inode as HostInode)) {
      this.specials.remove(dir as HostInode, name);
      return 0;
    }
    const error = this.inFolder(dir, name, (folder) => folder.unlink(name));
    return error !== 0 ? error : this.gone(dir, name, inode);
  }

  rmdir(dir: Inode, name: string, inode: Inode): 0 | Errno {
    if (this.specials.fills(inode as HostInode)) return ENOTEMPTY;
    const error = this.inFolder(dir, name, (folder) => folder.rmdir(name));
    return error !== 0 ? error : this.gone(dir, name, inode);
  }

  private gone(dir: Inode, name: string, inode: Inode): 0 {
    const known = inode as HostInode;
    known.data.dropName(dir as HostInode, name);
    known.nlink = isType(known, S_IFDIR) ? 0 : Math.max(0, known.nlink - 1);
    this.changed(known);
    if (known.data.names.length === 0) this.files.closeIfIdle(known);
    return 0;
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
    if ((flags & ~RENAME_NOREPLACE) !== 0) return EINVAL;
    const denied = this.guard?.mayMove(
      inode as HostInode,
      dir as HostInode,
      name,
      newDir as HostInode,
      newName,
    );
    if (denied !== undefined && denied !== 0) return denied;
    if (this.specials.has(inode as HostInode)) {
      if (replaced === inode) return 0;
      const cleared = replaced === null ? 0 : this.unlink(newDir, newName, replaced);
      if (cleared !== 0) return cleared;
      this.specials.add(newDir as HostInode, newName, inode as HostInode);
      this.specials.remove(dir as HostInode, name);
      return 0;
    }
    if (replaced !== null && this.specials.fills(replaced as HostInode)) return ENOTEMPTY;
    const error = this.inFolder(newDir, newName, (to) =>
      this.inFolder(dir, name, (from) => from.rename(name, to, newName)),
    );
    if (error !== 0) return error;
    // Two names of one file: rename(2) leaves both.
    if (replaced === inode) return 0;
    const known = inode as HostInode;
    known.data.dropName(dir as HostInode, name);
    known.data.addName(newDir as HostInode, newName);
    this.changed(known);
    if (replaced === null) return 0;
    if (this.specials.has(replaced as HostInode)) this.specials.remove(newDir as HostInode, newName);
    else this.gone(newDir, newName, replaced);
    return 0;
  }

  readlink(inode: Inode): string | Errno {
    const known = inode as HostInode;
    if (known.data.target !== null) return this.followed(known, known.data.target);
    const place = this.locate(known);
    if (typeof place === 'number') return place;
    const target = place.folder.readlink(place.name);
    if (typeof target === 'number') return target as Errno;
    known.data.target = target;
    return this.followed(known, target);
  }

  private followed(link: HostInode, target: string): string | Errno {
    return this.guard?.mayFollow(link, target) || target;
  }

  // Opening.

  open(inode: Inode, flags: number, dentry?: Dentry): HandleOperations | Errno {
    switch (inode.mode & S_IFMT) {
      case S_IFREG: {
        const error = this.openFile(inode as HostInode, flags, dentry);
        return error !== 0 ? error : this.files;
      }
      case S_IFDIR:
        return this.directories;
      case S_IFLNK:
        return ELOOP;
      default:
        return ENXIO;
    }
  }

  private openFile(inode: HostInode, flags: number, dentry: Dentry | undefined): 0 | Errno {
    const denied = this.guard?.mayOpen(inode, flags, dentry) ?? 0;
    if (denied !== 0) return denied;
    const error = this.files.open(inode, flags);
    if (error !== 0 || this.guard === null) return error;
    const wrong = this.guard.verify(inode, dentry);
    if (wrong !== 0) this.files.closed(inode);
    return wrong;
  }

  fallocate(inode: Inode, mode: number, offset: number, length: number): 0 | Errno {
    if (this.readOnly) return EROFS;
    if ((mode & ~FALLOC_FL_KEEP_SIZE) !== 0) return EOPNOTSUPP;
    const denied = this.guard?.mayChange(inode as HostInode) ?? 0;
    if (denied !== 0) return denied;
    this.refresh(inode);
    if ((mode & FALLOC_FL_KEEP_SIZE) !== 0 || offset + length <= inode.size) return 0;
    return this.setattr(inode, { size: offset + length });
  }

  // The whole.

  statfs(): FsStatistics {
    const none = { bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0 };
    const space = this.folder.statfs();
    return typeof space === 'number' ? none : space;
  }

  sync(): 0 | Errno {
    return this.inodes.sync();
  }

  reclaim(pages: number): number {
    return this.inodes.shrink(pages);
  }

  evict(inode: Inode): void {
    const known = inode as HostInode;
    if (known === this.root_ || this.specials.has(known)) return;
    hostPages(known)?.dispose();
    known.pages = null;
    this.files.close(known);
    this.folders.close(known);
    this.inodes.forget(known);
  }

  /**
   * After a restore: the files that are known are looked for by their names in the folder as it is now. Those that a
   * handle or a mapping needs have to be there, unchanged if they are only read. `leftOut`: their pages are to be read, too.
   */
  rebind(leftOut: boolean, problem: (what: string) => void): void {
    this.folders.closeAll();
    const missing = this.inodes.rebind((inode) => this.findAgain(inode));
    for (const inode of this.inodes.all()) {
      const wrong = this.files.reopen(inode);
      if (wrong !== null) problem(`${pathOf(inode)} ${wrong}`);
      else if (leftOut && hostPages(inode)?.readClean() === false)
        problem(`${pathOf(inode)} is open, and cannot be read`);
    }
    for (const inode of missing) inode.data.names.length = 0;
  }

  /** Adds the frames in which there is what the host's files have. */
  cleanFrames(into: Set<number>): void {
    for (const inode of this.inodes.all()) hostPages(inode)?.cleanFrames(into);
  }

  private findAgain(inode: HostInode): HostStat | Errno {
    if (inode === this.root_) return this.folder.stat() as HostStat | Errno;
    const name = inode.data.names.at(-1);
    if (name === undefined) return ENOENT;
    const folder = this.folders.of(name.dir);
    return typeof folder === 'number' ? folder : (folder.lookup(name.name) as HostStat | Errno);
  }

  /**
   * Closes everything that is open on the host, after what mappings have changed is written there. The frames are the
   * machine's that ends, too: to free them one by one, and what was decoded from them, takes as long as a short program.
   */
  close(): void {
    for (const inode of this.inodes.all()) {
      hostPages(inode)?.sync(0, Number.MAX_SAFE_INTEGER);
      this.files.close(inode);
      this.folders.close(inode);
    }
    this.folder.close();
  }

  /** Closes what was open at the start; of the rest nothing can be told. */
  abandon(): void {
    this.folder.close();
  }
}

kind('HostFs', HostFs, { rebuilt: ['distrustBefore', 'folder', 'readOnly'] });
