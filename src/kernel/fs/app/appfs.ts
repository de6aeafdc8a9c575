/**
 * Files that the embedding application makes up: its functions are asked when a program looks, and told when a program
 * has written.
 *
 * A file's content is asked for when the first handle opens it, belongs to the inode while it is open, and goes back whole
 * when it was changed and is closed or synced. A file that was made and not closed yet exists only here (`#made`).
 */
import { kind } from '../../checkpoint/registry.js';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../abi/stat.js';
import { EEXIST, EFBIG, EINVAL, EIO, EISDIR, ENOENT, EPERM, EROFS } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { HostClock } from '../../host.js';
import { FilePages } from '../hostfs/pages.js';
import { PlainInode, isDirectory, touchModified } from '../inode.js';
import { emitListing } from '../listing.js';
import type {
  Attributes,
  Credentials,
  Dentry,
  DirEntry,
  FileSystem,
  FrameMemory,
  FsStatistics,
  Handle,
  HandleOperations,
  Inode,
  PageCache,
  Sink,
  Source,
  Timespec,
} from '../types.js';

/** What is at a path. */
export interface AppStat {
  readonly directory: boolean;
  readonly size: number;
  readonly mode?: number;
  /** Milliseconds since the epoch. */
  readonly mtime?: number;
}

/**
 * The application's functions. Paths are byte strings relative to the mount, '' for the mount itself. What they throw is
 * EIO for the program.
 */
export interface AppFunctions {
  stat(path: string): AppStat | null;
  list(path: string): readonly string[];
  read(path: string): Uint8Array;
  /** Absent: the mount is read-only. */
  readonly write?: (path: string, content: Uint8Array) => void;
  readonly remove?: (path: string) => void;
}

export interface AppFsOptions {
  readonly functions: AppFunctions;
  readonly memory: FrameMemory;
  readonly clock: HostClock;
  /** st_dev. */
  readonly dev: number;
  /** Tells of what a function has thrown. */
  readonly log?: (line: string) => void;
}

/** How long an answer of `stat` holds, ms. */
const TRUST = 50;
/** FUSE's: the nearest of Linux's filesystems. */
const MAGIC = 0x65735546;
/** The largest content that is kept. */
const MAX_SIZE = 2 ** 31 - 1;
const RENAME_NOREPLACE = 1;

class AppNode {
  content: Uint8Array | null = null;
  dirty = false;
  opens = 0;
  checkedAt = -Infinity;
  removed = false;
  constructor(public path: string) {}
}
type AppInode = PlainInode<AppNode>;

const $time: Timespec = { sec: 0, nsec: 0 };

export class AppFs implements FileSystem {
  readonly type = 'appfs';
  readonly magic = MAGIC;
  readonly dev: number;
  private readonly options: AppFsOptions;
  private readonly known = new Map<string, AppInode>();
  private readonly made = new Map<string, AppInode>();
  private readonly numbers = new Map<string, number>();
  private readonly root_: AppInode;

  constructor(options: AppFsOptions) {
    this.options = options;
    this.dev = options.dev;
    this.root_ = this.inode('', { directory: true, size: 0 });
    // Never evicted.
    this.root_.references = 1;
  }

  root(): Inode {
    return this.root_;
  }

  /** Asks the application; what it throws is logged and becomes EIO. */
  private ask<T>(what: string, path: string, call: () => T): T | Errno {
    try {
      return call();
    } catch (thrown) {
      const text = thrown instanceof Error ? thrown.message : String(thrown);
      this.options.log?.(`${what} of the application's file '${path}' failed: ${text}`);
      return EIO;
    }
  }

  private stat_(path: string): AppStat | Errno {
    const { functions } = this.options;
    return this.ask('stat', path, () => functions.stat(path)) ?? ENOENT;
  }

  private now(): number {
    this.options.clock.monotonic($time);
    return $time.sec * 1000 + $time.nsec / 1e6;
  }

  private numberOf(path: string): number {
    let number = this.numbers.get(path);
    if (number === undefined) this.numbers.set(path, (number = this.numbers.size + 1));
    return number;
  }

  private inode(path: string, stat: AppStat): AppInode {
    const type = stat.directory ? S_IFDIR : S_IFREG;
    const known = this.known.get(path);
    const inode =
      known !== undefined && (known.mode & S_IFMT) === type
        ? known
        : new PlainInode(this, this.numberOf(path), type, new AppNode(path));
    this.known.set(path, inode);
    this.apply(inode, stat);
    return inode;
  }

  private apply(inode: AppInode, stat: AppStat): void {
    const { functions, clock } = this.options;
    const writable = functions.write !== undefined ? 0o222 : 0;
    const mode = stat.mode ?? (stat.directory ? 0o555 | writable : 0o444 | (writable & 0o200));
    inode.mode = (inode.mode & S_IFMT) | (mode & 0o7777);
    inode.nlink = stat.directory ? 2 : 1;
    inode.data.checkedAt = this.now();
    if (inode.data.content === null) this.setSize(inode, stat.size);
    if (stat.mtime === undefined) {
      if (inode.mtime.sec === 0) touchModified(inode, clock);
      return;
    }
    const sec = Math.floor(stat.mtime / 1000);
    const nsec = Math.floor((stat.mtime - sec * 1000) * 1e6);
    for (const time of [inode.atime, inode.mtime, inode.ctime]) Object.assign(time, { sec, nsec });
  }

  private setSize(inode: AppInode, size: number): void {
    inode.size = size;
    inode.blocks = Math.ceil(size / 512);
  }

  lookup(dir: Inode, name: string): Inode | Errno {
    const path = this.join(dir, name);
    const made = this.made.get(path);
    if (made !== undefined) return made;
    const stat = this.stat_(path);
    return typeof stat === 'number' ? stat : this.inode(path, stat);
  }

  private join(dir: Inode, name: string): string {
    const { path } = (dir as AppInode).data;
    return path === '' ? name : `${path}/${name}`;
  }

  revalidate({ inode }: Dentry): boolean {
    if (inode === null) return false;
    const known = inode as AppInode;
    const { path, checkedAt, removed } = known.data;
    if (removed) return false;
    if (this.made.has(path) || this.now() - checkedAt < TRUST) return true;
    const stat = this.stat_(path);
    return typeof stat !== 'number' && this.inode(path, stat) === known;
  }

  refresh(inode: Inode): 0 {
    const known = inode as AppInode;
    const { path, checkedAt, removed } = known.data;
    if (removed || this.made.has(path) || this.now() - checkedAt < TRUST) return 0;
    const stat = this.stat_(path);
    if (typeof stat !== 'number' && stat.directory === isDirectory(known)) this.apply(known, stat);
    return 0;
  }

  // Changing.

  create(dir: Inode, name: string, mode: number, cred: Credentials): Inode | Errno {
    if (this.options.functions.write === undefined) return EROFS;
    const path = this.join(dir, name);
    if (this.made.has(path)) return EEXIST;
    const inode: AppInode = new PlainInode(this, this.numberOf(path), S_IFREG | mode, new AppNode(path));
    inode.uid = cred.fsuid;
    inode.gid = cred.fsgid;
    inode.data.content = new Uint8Array(0);
    inode.data.dirty = true;
    touchModified(inode, this.options.clock);
    this.known.set(path, inode);
    this.made.set(path, inode);
    return inode;
  }

  unlink(_dir: Inode, _name: string, inode: Inode): 0 | Errno {
    const known = inode as AppInode;
    const { remove } = this.options.functions;
    const { path } = known.data;
    if (remove === undefined) return this.options.functions.write === undefined ? EROFS : EPERM;
    if (!this.made.has(path)) {
      const failed = this.ask('remove', path, () => remove(path));
      if (failed !== undefined) return failed;
    }
    this.forget(known);
    known.nlink = 0;
    return 0;
  }

  /** The path no longer means this inode, and nothing of it is to be written any more. */
  private forget(inode: AppInode): void {
    const { path } = inode.data;
    inode.data.removed = true;
    inode.data.dirty = false;
    this.made.delete(path);
    if (this.known.get(path) === inode) this.known.delete(path);
  }

  /** A file is written under its new name and removed under the old one; directories are not the application's to move. */
  rename(
    _dir: Inode,
    _name: string,
    inode: Inode,
    newDir: Inode,
    newName: string,
    replaced: Inode | null,
    flags: number,
  ): 0 | Errno {
    if ((flags & ~RENAME_NOREPLACE) !== 0) return EINVAL;
    const { write, remove } = this.options.functions;
    const known = inode as AppInode;
    if (write === undefined) return EROFS;
    if (remove === undefined || isDirectory(inode)) return EPERM;
    const content = this.load(known);
    if (typeof content === 'number') return content;
    const [from, to] = [known.data.path, this.join(newDir, newName)];
    const failed = this.ask('write', to, () => write(to, content.slice()));
    if (failed !== undefined) return failed;
    if (!this.made.has(from)) this.ask('remove', from, () => remove(from));
    if (replaced !== null) this.forget(replaced as AppInode);
    this.forget(known);
    known.data.removed = false;
    known.data.path = to;
    this.known.set(to, known);
    return 0;
  }

  /** Times and permissions are the application's to say: times are accepted and forgotten, the rest is refused. */
  setattr(inode: Inode, { mode, uid, gid, size }: Attributes): 0 | Errno {
    if (this.options.functions.write === undefined) return EROFS;
    if (mode !== undefined || uid !== undefined || gid !== undefined) return EPERM;
    return size === undefined ? 0 : this.resize(inode as AppInode, size);
  }

  private resize(inode: AppInode, size: number): 0 | Errno {
    if (size > MAX_SIZE) return EFBIG;
    const content = size === 0 ? new Uint8Array(0) : this.load(inode);
    if (typeof content === 'number') return content;
    const resized = new Uint8Array(size);
    resized.set(content.subarray(0, size));
    this.changed(inode, resized);
    (inode.pages as FilePages | null)?.truncate(size);
    return inode.data.opens > 0 ? 0 : this.save(inode);
  }

  private changed(inode: AppInode, content: Uint8Array): void {
    inode.data.content = content;
    inode.data.dirty = true;
    this.setSize(inode, content.length);
    touchModified(inode, this.options.clock);
  }

  // Content.

  private load(inode: AppInode): Uint8Array | Errno {
    const { data } = inode;
    if (data.content !== null) return data.content;
    const content = this.ask('read', data.path, () => this.options.functions.read(data.path));
    if (typeof content === 'number') return content;
    // A copy: it will be written to, and may be a view of something larger.
    data.content = content.slice();
    this.setSize(inode, content.length);
    return data.content;
  }

  private save(inode: AppInode): 0 | Errno {
    const { data } = inode;
    const { write } = this.options.functions;
    const pages = inode.pages as FilePages | null;
    pages?.sync(0, Number.MAX_SAFE_INTEGER);
    if (!data.dirty || data.content === null || write === undefined || data.removed) return 0;
    const content = data.content.slice();
    const failed = this.ask('write', data.path, () => write(data.path, content));
    if (failed !== undefined) return failed;
    data.dirty = false;
    this.made.delete(data.path);
    return 0;
  }

  open(inode: Inode): HandleOperations | Errno {
    const known = inode as AppInode;
    if (isDirectory(known)) return this.directories;
    const content = this.load(known);
    if (typeof content === 'number') return content;
    known.data.opens++;
    return this.files;
  }

  private readonly files: HandleOperations = {
    seekable: true,
    read: (handle, sink, position) => this.read_(handle.inode as AppInode, sink, position),
    write: (handle, source, position) => this.write_(handle.inode as AppInode, source, position),
    mmap: (handle) => this.mmap(handle.inode as AppInode),
    fsync: (handle) => this.save(handle.inode as AppInode),
    flush: (handle) => this.save(handle.inode as AppInode),
    release: (handle) => this.release(handle.inode as AppInode),
  };

  private read_(inode: AppInode, sink: Sink, position: number): number {
    const { content } = inode.data;
    if (content === null || position >= content.length) return 0;
    (inode.pages as FilePages | null)?.sync(0, Number.MAX_SAFE_INTEGER);
    return sink.put(content, position, Math.min(content.length, position + sink.remaining));
  }

  private write_(inode: AppInode, source: Source, position: number): number | Errno {
    const end = position + source.remaining;
    if (end > MAX_SIZE) return EFBIG;
    const content = grown(inode.data.content ?? new Uint8Array(0), end);
    const count = source.take(content, position, end);
    this.changed(inode, content.subarray(0, Math.max(inode.size, position + count)));
    (inode.pages as FilePages | null)?.update(content, position, position + count, position);
    return count;
  }

  private mmap(inode: AppInode): PageCache {
    const { data } = inode;
    const source = {
      get size() {
        return inode.size;
      },
      read: (into: Uint8Array, start: number, length: number, position: number) => {
        const piece = (data.content ?? new Uint8Array(0)).subarray(position, position + length);
        into.set(piece, start);
        return piece.length;
      },
      write: (from: Uint8Array, start: number, length: number, position: number) => {
        data.content?.set(from.subarray(start, start + length), position);
        data.dirty = true;
        return length;
      },
    };
    inode.pages ??= new FilePages(this.options.memory, source, () => false);
    return inode.pages;
  }

  /** The last handle has gone: the next one asks for the content again. */
  private release(inode: AppInode): void {
    if (--inode.data.opens > 0) return;
    this.save(inode);
    (inode.pages as FilePages | null)?.dispose();
    inode.pages = null;
    if (!inode.data.dirty) inode.data.content = null;
  }

  private readonly directories: HandleOperations = {
    seekable: true,
    read: () => EISDIR,
    write: () => EISDIR,
    readdir: (handle, emit) => this.readdir(handle, emit),
    fsync: () => 0,
  };

  private readdir(handle: Handle, emit: (entry: DirEntry) => boolean): 0 | Errno {
    const dir = handle.inode as AppInode;
    if (handle.position === 0 || !Array.isArray(handle.data)) {
      const names = this.names(dir);
      if (!Array.isArray(names)) return names;
      handle.data = names.map((name) => ({ name, type: 0 }));
    }
    const entries = handle.data as { name: string; type: number }[];
    return emitListing(handle, entries, emit, ({ name }) => this.numberOf(this.join(dir, name)));
  }

  /** What the application lists, and what has been made since; names that are none are left out. */
  private names(dir: AppInode): string[] | Errno {
    const { path } = dir.data;
    const listed = this.ask('list', path, () => this.options.functions.list(path));
    if (typeof listed === 'number') return listed;
    const prefix = path === '' ? '' : `${path}/`;
    const made = [...this.made.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length));
    const isName = (name: string) => name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name);
    return [...new Set([...listed, ...made])].filter(isName);
  }

  statfs(): FsStatistics {
    return { bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0 };
  }

  sync(): 0 | Errno {
    for (const inode of this.known.values()) {
      const error = this.save(inode);
      if (error !== 0) return error;
    }
    return 0;
  }

  evict(inode: Inode): void {
    const known = inode as AppInode;
    if (known === this.root_ || this.made.has(known.data.path)) return;
    if (this.known.get(known.data.path) === known) this.known.delete(known.data.path);
  }
}

/** The bytes with room up to `size`; at least doubled, so that appending costs little. */
function grown(bytes: Uint8Array, size: number): Uint8Array {
  const whole = new Uint8Array(bytes.buffer, bytes.byteOffset);
  if (size <= bytes.length) return bytes;
  if (size <= whole.length) {
    whole.fill(0, bytes.length, size);
    return whole.subarray(0, size);
  }
  const larger = new Uint8Array(Math.max(size, Math.min(bytes.length * 2, MAX_SIZE)));
  larger.set(bytes);
  return larger;
}

kind('AppNode', AppNode);
kind('AppFs', AppFs);
