/** Mounts, names and files as the other kernel finds them again. */
import { S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK } from '../../abi/stat.js';
import { O_RDONLY } from '../../abi/fcntl.js';
import { BufferSink } from '../../fs/buffer.js';
import { newHandle, releaseHandle } from '../../fs/handle.js';
import { HostFs } from '../../fs/hostfs/hostfs.js';
import { contentOf, type OverlayInode } from '../../fs/overlay/node.js';
import { OverlayFs } from '../../fs/overlay/overlay.js';
import { absolutePath } from '../../fs/path.js';
import { PseudoInode } from '../../fs/pseudo/inode.js';
import { TmpFs } from '../../fs/tmpfs/tmpfs.js';
import type { Dentry, FileSystem, Inode, Location, Mount } from '../../fs/types.js';
import type { MovedFile, MovedMount } from './format.js';

/** The mounts as people know them. */
export function mountNames(mounts: readonly Mount[], root: Location): MovedMount[] {
  return mounts.map((mount) => ({
    path: absolutePath({ mount, dentry: mount.root }, root),
    type: mount.fs.type,
  }));
}

/** Whether an inode's meaning depends on something that has a number or a name of its own, such as a process. */
function isOfFamily(inode: PseudoInode): boolean {
  for (let at: PseudoInode | null = inode; at !== null; at = at.parent)
    if (at.data.family !== null) return true;
  return false;
}

/** Where the bytes of a file are. */
function originOf(inode: Inode): MovedFile['origin'] {
  const { fs } = inode;
  if (fs instanceof HostFs) return 'host';
  if (fs instanceof OverlayFs) return originOf(contentOf((inode as OverlayInode).data));
  return fs instanceof TmpFs ? 'memory' : 'given';
}

/** A regular file's bytes; null if they cannot be read. */
function contentOfFile(inode: Inode, dentry: Dentry): Uint8Array | null {
  const ops = inode.fs.open(inode, O_RDONLY, dentry);
  if (typeof ops === 'number') return null;
  const handle = newHandle(inode, null, O_RDONLY, ops);
  const sink = new BufferSink(new Uint8Array(inode.size));
  let count = 1;
  while (count > 0 && sink.remaining > 0) count = ops.read(handle, sink, sink.length);
  releaseHandle(handle);
  return sink.remaining === 0 ? sink.bytes : null;
}

/** Gives names to what is found by its path, and remembers the files. */
export class Places {
  private readonly numbers = new Map<Dentry, number>();
  private readonly dentries: { readonly mount: number; readonly dentry: Dentry }[] = [];
  private readonly inodes = new Map<Inode, number>();

  /** `mounts`: those that all kernels of the same settings have, in their order. */
  constructor(
    private readonly mounts: readonly Mount[],
    private readonly current: readonly Mount[],
  ) {}

  /** Files that have been named, and are in memory that nobody else can see. */
  *memoryInodes(): Iterable<Inode> {
    for (const inode of this.inodes.keys()) if (originOf(inode) === 'memory') yield inode;
  }

  inodesNamed(): Iterable<Inode> {
    return this.inodes.keys();
  }

  /** The name of a mount, dentry, filesystem or inode; null for what is not found by its path. */
  nameOf(thing: object): string | null {
    const mount = this.mounts.indexOf(thing as Mount);
    if (mount >= 0) return this.current.includes(thing as Mount) ? `mount.${mount}` : null;
    const fs = this.mounts.findIndex((known) => known.fs === (thing as FileSystem));
    if (fs >= 0) return `fs.${fs}`;
    return null;
  }

  /** Whether a dentry is found again by its path. */
  isPlace(dentry: Dentry): boolean {
    const mount = this.mountOf(dentry);
    if (mount < 0) return false;
    const { inode } = dentry;
    return !(inode instanceof PseudoInode && isOfFamily(inode));
  }

  dentryName(dentry: Dentry): string {
    return `file.${this.enter(dentry)}`;
  }

  /** The inode of a place, or one that has been named by its place before. */
  inodeName(inode: Inode): string | null {
    const known = this.inodes.get(inode);
    if (known !== undefined) return `inode.${known}`;
    if (!(inode instanceof PseudoInode) || isOfFamily(inode)) return null;
    const dentry = this.dentryOfPseudo(inode);
    return dentry === null ? null : `inode.${this.enter(dentry)}`;
  }

  /** A pseudo-file's place in the cache, if the cache has it; what is found by its path has one while it is in use. */
  private dentryOfPseudo(inode: PseudoInode): Dentry | null {
    const mount = this.mounts.find(({ fs }) => fs === inode.fs);
    if (mount === undefined) return null;
    const names: string[] = [];
    for (let at: PseudoInode | null = inode; at?.parent !== null && at !== null; at = at.parent)
      names.unshift(at.name);
    let dentry: Dentry | undefined = mount.root;
    for (const name of names) dentry = dentry?.children?.get(name);
    return dentry ?? null;
  }

  private mountOf(dentry: Dentry): number {
    for (let at: Dentry | null = dentry; at !== null; at = at.parent) {
      const index = this.mounts.findIndex((mount) => mount.root === at && this.current.includes(mount));
      if (index >= 0) return index;
    }
    return -1;
  }

  private enter(dentry: Dentry): number {
    const known = this.numbers.get(dentry);
    if (known !== undefined) return known;
    const mount = this.mountOf(dentry);
    // Folders come before what is in them.
    const { parent } = dentry;
    if (parent !== null && dentry !== this.mounts[mount]?.root) this.enter(parent);
    const number = this.dentries.length;
    this.numbers.set(dentry, number);
    this.dentries.push({ mount, dentry });
    if (dentry.inode !== null && !this.inodes.has(dentry.inode)) this.inodes.set(dentry.inode, number);
    return number;
  }

  /** All files that have been named; what cannot be sent is told of. */
  files(problem: (what: string) => void): MovedFile[] {
    return this.dentries.map(({ mount, dentry }) => this.file(mount, dentry, problem));
  }

  private file(mount: number, dentry: Dentry, problem: (what: string) => void): MovedFile {
    const path = this.pathIn(mount, dentry);
    const { inode, deleted } = dentry;
    const shown = `${mountShown(this.mounts[mount])}${path}`;
    if (inode === null) {
      problem(`${shown} is gone`);
      return { ...NOTHING, mount, path };
    }
    inode.fs.refresh?.(inode);
    const origin = originOf(inode);
    const type = inode.mode & S_IFMT;
    const regular = type === S_IFREG;
    let content: Uint8Array | null = null;
    if (origin !== 'given' && type === S_IFSOCK) problem(`${shown} is a socket with a name`);
    if (type === S_IFIFO && origin !== 'memory')
      problem(`${shown} is a FIFO with a name that is not in memory`);
    if (deleted && (origin !== 'memory' || !regular))
      problem(`${shown} has been removed${origin === 'host' ? ' from the host' : ''}`);
    if (origin === 'memory' && regular) {
      content = contentOfFile(inode, dentry);
      if (content === null) problem(`${shown} cannot be read`);
      else if (inode.nlink > 1) problem(`${shown} has more than one name`);
    }
    const { mode, uid, gid, size, mtime } = inode;
    return { mount, path, origin, mode, uid, gid, size, mtime: { ...mtime }, deleted, content };
  }

  private pathIn(mount: number, dentry: Dentry): string {
    const names: string[] = [];
    for (let at: Dentry | null = dentry; at !== null && at !== this.mounts[mount]?.root; at = at.parent)
      names.unshift(at.name);
    return names.join('/');
  }
}

function mountShown(mount: Mount | undefined): string {
  if (mount === undefined) return '';
  let top: Mount = mount;
  while (top.parent !== null) top = top.parent.mount;
  return absolutePath({ mount, dentry: mount.root }, { mount: top, dentry: top.root }).replace(/\/*$/, '/');
}

const NOTHING: Omit<MovedFile, 'mount' | 'path'> = {
  origin: 'given',
  mode: 0,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: { sec: 0, nsec: 0 },
  deleted: true,
  content: null,
};
