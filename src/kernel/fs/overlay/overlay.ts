/**
 * A read-only tree with changes in memory above it, as Linux's overlayfs (Documentation/filesystems/overlayfs.rst).
 *
 * The lower layers are never written. What is changed is first made again in the upper layer, at the same path ("copied
 * up"): attributes at once, a file's content only when it is opened for writing, so that chmod, rename and link of a
 * large file cost nothing. Directories of the same path are merged. What the upper layer cannot say itself (which names
 * are gone, what a moved directory is still merged with, what number a file had) is in its inode's Shadow.
 *
 * Unlike Linux's, directories of lower layers can be renamed, and a file's hard links in the lower layer stay links of one
 * file when it is changed.
 */
import { kind } from '../../checkpoint/registry.js';
import { O_ACCMODE, O_DIRECTORY, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '../../abi/fcntl.js';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../abi/stat.js';
import { EINVAL, EISDIR, ELOOP, ENOENT, ENOTEMPTY, ENXIO, EOPNOTSUPP, EROFS } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { HostClock } from '../../host.js';
import { releaseHandle } from '../handle.js';
import { isDirectory, isRegular } from '../inode.js';
import { emitListing } from '../listing.js';
import type { Listed } from '../listing.js';
import type {
  Attributes,
  Credentials,
  DirEntry,
  FileSystem,
  FsStatistics,
  Handle,
  HandleOperations,
  Inode,
  Location,
  Timespec,
} from '../types.js';
import { listReal, openReal, OverlayFile } from './handles.js';
import { Layers } from './layers.js';
import { contentOf, metadataOf } from './node.js';
import type { OverlayInode } from './node.js';
import { copyContent } from './transfer.js';

const OVERLAYFS_SUPER_MAGIC = 0x794c7630;
const RENAME_NOREPLACE = 1;

export interface OverlayOptions {
  /** Read-only trees, the top one first. */
  readonly lowers: readonly [FileSystem, ...FileSystem[]];
  /** An empty filesystem in memory, this overlay's own; null: nothing can be changed. */
  readonly upper: FileSystem | null;
  readonly dev: number;
  readonly clock: HostClock;
}

const $now: Timespec = { sec: 0, nsec: 0 };

interface Child extends Listed {
  readonly ino: number;
}

/** Who a copied file belongs to. */
function credentialsOf({ uid, gid }: Inode): Credentials {
  return { ruid: 0, euid: 0, suid: 0, fsuid: uid, rgid: 0, egid: 0, sgid: 0, fsgid: gid, groups: [] };
}

function first(lowers: readonly Inode[]): readonly [Inode, ...Inode[]] | null {
  const [top, ...rest] = lowers;
  return top === undefined ? null : [top, ...rest];
}

export class OverlayFs implements FileSystem {
  readonly type = 'overlay';
  readonly magic = OVERLAYFS_SUPER_MAGIC;
  readonly xattrs = true;
  readonly dev: number;
  private readonly lowers: readonly FileSystem[];
  private readonly upper: FileSystem | null;
  private readonly clock: HostClock;
  private readonly layers: Layers;
  private readonly root_: OverlayInode;

  constructor({ lowers, upper, dev, clock }: OverlayOptions) {
    this.dev = dev;
    this.clock = clock;
    this.lowers = lowers;
    this.upper = upper;
    this.layers = new Layers(this, lowers);
    const [top, ...rest] = lowers;
    this.root_ = this.layers.fromLower([top.root(), ...rest.map((lower) => lower.root())], null, '');
    // Never evicted.
    this.root_.references = 1;
    if (upper === null) return;
    this.layers.addUpper(this.root_, upper.root());
    this.setAttributes(this.root_, top.root());
    this.layers.pull(this.root_, true);
  }

  root(): Inode {
    return this.root_;
  }

  /** What has been changed, as a filesystem in memory; null if nothing can be. */
  get memory(): FileSystem | null {
    return this.upper;
  }

  /** Names below a directory of that filesystem which are no longer there. */
  hiddenIn(upperDir: Inode): Iterable<string> {
    return this.layers.shadowOf(upperDir)?.hidden ?? [];
  }

  /** Whether a file of that filesystem still has the content of the one below it. */
  showsBelow(upperFile: Inode): boolean {
    return this.layers.shadowOf(upperFile)?.lowerData === true;
  }

  // Looking up.

  lookup(dir: Inode, name: string): Inode | Errno {
    const parent = dir as OverlayInode;
    const { upper } = parent.data;
    const above = upper === null ? ENOENT : upper.fs.lookup(upper, name);
    if (typeof above !== 'number') return this.layers.fromUpper(above, parent, name);
    if (above !== ENOENT) return above;
    const below = this.below(parent, name);
    if (typeof below === 'number') return below;
    const lowers = first(below);
    return lowers === null ? ENOENT : this.layers.fromLower(lowers, parent, name);
  }

  /** What the lower layers have under a name: a file, or the directories that are merged. */
  private below(dir: OverlayInode, name: string): Inode[] | Errno {
    const found: Inode[] = [];
    if (dir.data.shadow?.hidden.has(name) === true) return found;
    for (const lower of dir.data.lowers) {
      const inode = lower.fs.lookup(lower, name);
      if (inode === ENOENT) continue;
      if (typeof inode === 'number') return found.length > 0 ? found : inode;
      if (!isDirectory(inode)) return found.length > 0 ? found : [inode];
      found.push(inode);
    }
    return found;
  }

  /** From now on the lower layers' file of this name is not there. */
  private hide(dir: OverlayInode, name: string): void {
    dir.data.shadow?.hidden.add(name);
  }

  refresh(inode: Inode): 0 | Errno {
    const known = inode as OverlayInode;
    const from = metadataOf(known.data);
    const content = contentOf(known.data);
    from.fs.refresh?.(from);
    if (content !== from) content.fs.refresh?.(content);
    this.layers.pull(known);
    return 0;
  }

  // Copying up.

  /** Makes the inode in the upper layer, if it is not there; a file still without its content. */
  private copyUp(inode: OverlayInode): Inode | Errno {
    const { upper, parent, name } = inode.data;
    if (upper !== null) return upper;
    if (this.upper === null) return EROFS;
    const dir = this.copyUp(parent ?? this.root_);
    if (typeof dir === 'number') return dir;
    const made = parent === null ? this.makeNameless(inode, dir) : this.make(inode, dir, name);
    if (typeof made === 'number') return made;
    this.layers.addUpper(inode, made);
    return this.setAttributes(inode, inode) || made;
  }

  /** The lower file has lost the name it was known by, and lives on in handles or under another one. */
  private makeNameless(inode: OverlayInode, dir: Inode): Inode | Errno {
    if (!isRegular(inode)) return ENOENT;
    return dir.fs.tmpfile?.(dir, inode.mode & 0o7777, credentialsOf(inode)) ?? EROFS;
  }

  private make(inode: OverlayInode, dir: Inode, name: string): Inode | Errno {
    const { fs } = dir;
    const cred = credentialsOf(inode);
    const mode = inode.mode & 0o7777;
    switch (inode.mode & S_IFMT) {
      case S_IFDIR:
        return fs.mkdir?.(dir, name, mode, cred) ?? EROFS;
      case S_IFREG:
        return fs.create?.(dir, name, mode, cred) ?? EROFS;
      case S_IFLNK: {
        const target = this.readlink(inode);
        return typeof target === 'string' ? (fs.symlink?.(dir, name, target, cred) ?? EROFS) : EINVAL;
      }
      default:
        return fs.mknod?.(dir, name, inode.mode, inode.rdev, cred) ?? EROFS;
    }
  }

  /** Gives the upper inode the attributes of `like`. */
  private setAttributes(inode: OverlayInode, like: Inode): 0 | Errno {
    const { upper } = inode.data;
    const { uid, gid } = like;
    const times = { atime: { ...like.atime }, mtime: { ...like.mtime } };
    const mode = (like.mode & S_IFMT) === S_IFLNK ? {} : { mode: like.mode & 0o7777 };
    return upper?.fs.setattr?.(upper, { ...mode, uid, gid, ...times }) ?? 0;
  }

  /** Brings a file's content up; `size` 0: it is about to be thrown away. */
  private copyData(inode: OverlayInode, size = Infinity): Inode | Errno {
    const upper = this.copyUp(inode);
    const { shadow } = inode.data;
    if (typeof upper === 'number' || shadow === null || !shadow.lowerData) return upper;
    const error = size === 0 ? 0 : this.fill(inode, upper);
    if (error !== 0) return error;
    shadow.lowerData = false;
    return upper;
  }

  private fill(inode: OverlayInode, upper: Inode): 0 | Errno {
    const mtime = { ...inode.mtime };
    const from = openReal(contentOf(inode.data), O_RDONLY);
    if (typeof from === 'number') return from;
    const to = openReal(upper, O_RDWR);
    const error = typeof to === 'number' ? to : copyContent(from, to);
    releaseHandle(from);
    if (typeof to !== 'number') releaseHandle(to);
    if (error !== 0) upper.fs.setattr?.(upper, { size: 0 });
    upper.fs.setattr?.(upper, { mtime });
    return error;
  }

  // Changing.

  setattr(inode: Inode, changes: Attributes): 0 | Errno {
    const known = inode as OverlayInode;
    const upper = changes.size === undefined ? this.copyUp(known) : this.copyData(known, changes.size);
    if (typeof upper === 'number') return upper;
    const error = upper.fs.setattr?.(upper, changes) ?? EROFS;
    this.layers.pull(known, true);
    return error;
  }

  fallocate(inode: Inode, mode: number, offset: number, length: number): 0 | Errno {
    const known = inode as OverlayInode;
    const upper = this.copyData(known);
    if (typeof upper === 'number') return upper;
    const error = upper.fs.fallocate?.(upper, mode, offset, length) ?? EOPNOTSUPP;
    this.layers.pull(known);
    return error;
  }

  seekHole(inode: Inode, offset: number, hole: boolean): number | Errno {
    const content = contentOf((inode as OverlayInode).data);
    if (content.fs.seekHole !== undefined) return content.fs.seekHole(content, offset, hole);
    if (offset >= content.size) return ENXIO;
    return hole ? content.size : offset;
  }

  /** Makes something new in the upper directory. */
  private new(dir: Inode, name: string, make: (upper: Inode) => Inode | Errno | undefined): Inode | Errno {
    const parent = dir as OverlayInode;
    const upper = this.copyUp(parent);
    if (typeof upper === 'number') return upper;
    const made = make(upper) ?? EROFS;
    if (typeof made === 'number') return made;
    this.layers.pull(parent);
    return this.layers.fromUpper(made, parent, name);
  }

  create(dir: Inode, name: string, mode: number, cred: Credentials): Inode | Errno {
    return this.new(dir, name, (upper) => upper.fs.create?.(upper, name, mode, cred));
  }

  mkdir(dir: Inode, name: string, mode: number, cred: Credentials): Inode | Errno {
    return this.new(dir, name, (upper) => upper.fs.mkdir?.(upper, name, mode, cred));
  }

  mknod(dir: Inode, name: string, mode: number, rdev: number, cred: Credentials): Inode | Errno {
    return this.new(dir, name, (upper) => upper.fs.mknod?.(upper, name, mode, rdev, cred));
  }

  symlink(dir: Inode, name: string, target: string, cred: Credentials): Inode | Errno {
    return this.new(dir, name, (upper) => upper.fs.symlink?.(upper, name, target, cred));
  }

  tmpfile(dir: Inode, mode: number, cred: Credentials): Inode | Errno {
    return this.new(dir, '', (upper) => upper.fs.tmpfile?.(upper, mode, cred) ?? EOPNOTSUPP);
  }

  link(dir: Inode, name: string, inode: Inode): 0 | Errno {
    const known = inode as OverlayInode;
    const [parent, upper] = [this.copyUp(dir as OverlayInode), this.copyUp(known)];
    if (typeof parent === 'number') return parent;
    if (typeof upper === 'number') return upper;
    const error = parent.fs.link?.(parent, name, upper) ?? EROFS;
    if (error !== 0) return error;
    this.layers.countLinks(known, 1);
    this.layers.pull(dir as OverlayInode);
    return 0;
  }

  unlink(dir: Inode, name: string, inode: Inode): 0 | Errno {
    return this.remove(dir as OverlayInode, name, inode as OverlayInode, (upper, removed) =>
      upper.fs.unlink?.(upper, name, removed),
    );
  }

  rmdir(dir: Inode, name: string, inode: Inode): 0 | Errno {
    const empty = this.isEmpty(inode as OverlayInode);
    if (typeof empty === 'number') return empty;
    if (!empty) return ENOTEMPTY;
    return this.remove(dir as OverlayInode, name, inode as OverlayInode, (upper, removed) =>
      upper.fs.rmdir?.(upper, name, removed),
    );
  }

  private isEmpty(dir: OverlayInode): boolean | Errno {
    const children = this.children(dir);
    return Array.isArray(children) ? children.length === 0 : children;
  }

  /** Takes a name away: from the upper layer if it is there, and out of sight in the lower ones. */
  private remove(
    dir: OverlayInode,
    name: string,
    inode: OverlayInode,
    remove: (upper: Inode, removed: Inode) => 0 | Errno | undefined,
  ): 0 | Errno {
    const parent = this.copyUp(dir);
    if (typeof parent === 'number') return parent;
    const above = parent.fs.lookup(parent, name);
    if (typeof above !== 'number') {
      const error = remove(parent, above) ?? EROFS;
      if (error !== 0) return error;
    }
    this.hide(dir, name);
    if (typeof above === 'number') this.touch(parent);
    this.layers.countLinks(inode, -1);
    if (inode.data.parent === dir && inode.data.name === name) inode.data.parent = null;
    this.layers.pull(dir);
    return 0;
  }

  /** A name that was only hidden has changed the directory all the same. */
  private touch(upper: Inode): void {
    this.clock.realtime($now);
    upper.fs.setattr?.(upper, { mtime: $now });
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
    const [source, target, moved] = [dir, newDir, inode] as [OverlayInode, OverlayInode, OverlayInode];
    const gone = replaced as OverlayInode | null;
    if (gone !== null && isDirectory(gone) && this.isEmpty(gone) !== true) return ENOTEMPTY;
    const [from, to, upper] = [this.copyUp(source), this.copyUp(target), this.copyUp(moved)];
    if (typeof from === 'number') return from;
    if (typeof to === 'number') return to;
    if (typeof upper === 'number') return upper;
    const above = to.fs.lookup(to, newName);
    const over = typeof above === 'number' ? null : above;
    const error = from.fs.rename?.(from, name, upper, to, newName, over, 0) ?? EROFS;
    if (error !== 0) return error;
    this.hide(source, name);
    this.hide(target, newName);
    moved.data.parent = target;
    moved.data.name = newName;
    if (gone !== null && gone !== moved) this.layers.countLinks(gone, -1);
    for (const changed of [source, target, moved]) this.layers.pull(changed);
    return 0;
  }

  readlink(inode: Inode): string | Location | Errno {
    const from = metadataOf((inode as OverlayInode).data);
    return from.fs.readlink?.(from) ?? EINVAL;
  }

  // Opening.

  open(inode: Inode, flags: number): HandleOperations | Errno {
    const known = inode as OverlayInode;
    switch (inode.mode & S_IFMT) {
      case S_IFREG:
        return this.openFile(known, flags);
      case S_IFDIR:
        return this.directories;
      case S_IFLNK:
        return ELOOP;
      default:
        return ENXIO;
    }
  }

  private openFile(inode: OverlayInode, flags: number): HandleOperations | Errno {
    const access = flags & O_ACCMODE;
    const writes = access === O_WRONLY || access === O_RDWR || (flags & O_TRUNC) !== 0;
    const content = writes
      ? this.copyData(inode, (flags & O_TRUNC) !== 0 ? 0 : Infinity)
      : contentOf(inode.data);
    if (typeof content === 'number') return content;
    const real = openReal(content, flags & ~O_DIRECTORY);
    if (writes) this.layers.pull(inode);
    return typeof real === 'number' ? real : new OverlayFile(real, this.layers);
  }

  private readonly directories: HandleOperations = {
    seekable: true,
    read: () => EISDIR,
    write: () => EISDIR,
    readdir: (handle, emit) => this.readdir(handle, emit),
    fsync: () => 0,
  };

  private readdir(handle: Handle, emit: (entry: DirEntry) => boolean): 0 | Errno {
    if (handle.position === 0 || !Array.isArray(handle.data)) {
      const children = this.children(handle.inode as OverlayInode);
      if (!Array.isArray(children)) return children;
      handle.data = children;
    }
    return emitListing(handle, handle.data as readonly Child[], emit, ({ ino }) => ino);
  }

  /** The names of all layers, each once. */
  private children(dir: OverlayInode): Child[] | Errno {
    const found = new Map<string, Child>();
    const { upper, lowers, shadow } = dir.data;
    const above = upper === null ? [] : listReal(upper);
    if (!Array.isArray(above)) return above;
    for (const { name, type, ino } of above) {
      const inode = upper?.fs.lookup(upper, name);
      const shown = inode === undefined || typeof inode === 'number' ? ino : this.layers.upperNumber(inode);
      found.set(name, { name, type, ino: shown });
    }
    for (const lower of lowers) {
      const below = listReal(lower);
      if (!Array.isArray(below)) return below;
      for (const { name, type, ino } of below) {
        if (found.has(name) || shadow?.hidden.has(name) === true) continue;
        found.set(name, { name, type, ino: this.layers.lowerNumber(lower.fs, ino) });
      }
    }
    return [...found.values()];
  }

  // The whole.

  statfs(): FsStatistics {
    return (this.upper ?? this.lowers[0])?.statfs() ?? NOTHING;
  }

  reclaim(pages: number): number {
    let given = 0;
    for (const lower of this.lowers) given += lower.reclaim?.(pages - given) ?? 0;
    return given;
  }

  evict(inode: Inode): void {
    const known = inode as OverlayInode;
    if (known === this.root_) return;
    // Extended attributes set on a file that was only below must not be lost with this inode.
    if (known.xattrs !== null && known.nlink > 0) this.copyUp(known);
    this.layers.forget(known);
  }
}

const NOTHING: FsStatistics = { bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0 };

kind('OverlayFs', OverlayFs);
