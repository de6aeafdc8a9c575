/**
 * Files in memory that a child has changed in its kernel's copy: they are made here, too, when it ends. What both have
 * changed is as the one that ended last has it.
 */
import { kind } from '../checkpoint/registry.js';
import { errnoName } from '../abi/errno-names.js';
import { O_CREAT, O_NOFOLLOW, O_RDONLY, O_TRUNC, O_WRONLY } from '../abi/fcntl.js';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../abi/stat.js';
import { EEXIST, ENOENT, ENOTDIR, type Errno } from '../errno.js';
import { chmod, chown, utimens } from '../fs/attributes.js';
import { BufferSink, BufferSource } from '../fs/buffer.js';
import { mkdir, mknod, symlink } from '../fs/create.js';
import { newHandle, releaseHandle } from '../fs/handle.js';
import { open } from '../fs/open.js';
import { OverlayFs } from '../fs/overlay/overlay.js';
import { absolutePath } from '../fs/path.js';
import { rmdir, unlink } from '../fs/remove.js';
import { Directory } from '../fs/tmpfs/directory.js';
import { TmpFs } from '../fs/tmpfs/tmpfs.js';
import type { FileSystem, Inode, Mount, PathContext, Timespec, VfsContext } from '../fs/types.js';
import { walk } from '../fs/walk.js';

/** A file as it is now; `path` from the mount's root. */
export interface FileChange {
  /** Where the mount is. */
  readonly mount: string;
  readonly path: string;
  /** 0: it has been removed. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly mtime: Timespec;
  /** Of a regular file, unless only its attributes have changed. */
  readonly content: Uint8Array | null;
  /** Of a link. */
  readonly target: string;
}

/** A tree in memory. */
interface Tree {
  readonly mount: Mount;
  readonly at: string;
  readonly before: ReadonlyMap<string, string>;
}

export class Baseline {
  constructor(readonly trees: readonly Tree[]) {}
}

type Tell = (path: string, inode: Inode | null) => void;

/** Calls `tell` for what is in memory of a filesystem, parents first; with null for names that hide what is below them. */
function eachFile(fs: FileSystem, tell: Tell): void {
  const overlay = fs instanceof OverlayFs ? fs : null;
  const top = overlay === null ? fs.root() : (overlay.memory?.root() ?? null);
  const visit = (dir: Inode, path: string): void => {
    if (!(dir.data instanceof Directory)) return;
    for (const name of overlay?.hiddenIn(dir) ?? [])
      if (dir.data.get(name) === undefined) tell(`${path}${name}`, null);
    for (const [name, { inode }] of dir.data.iterate()) {
      tell(`${path}${name}`, inode);
      visit(inode, `${path}${name}/`);
    }
  };
  if (top !== null) visit(top, '');
}

function inMemory({ fs }: Mount): boolean {
  return fs instanceof TmpFs || fs instanceof OverlayFs;
}

function stateOf(inode: Inode | null): string {
  if (inode === null) return 'hidden';
  const { ino, ctime, mtime } = inode;
  return `${ino} ${ctime.sec}.${ctime.nsec} ${mtime.sec}.${mtime.nsec}`;
}

export function baselineOf(vfs: VfsContext): Baseline {
  const [first] = vfs.mounts;
  const trees: Tree[] = [];
  const seen = new Set<FileSystem>();
  for (const mount of vfs.mounts) {
    if (first === undefined || !inMemory(mount) || mount.fs.root() !== mount.root.inode || seen.has(mount.fs))
      continue;
    seen.add(mount.fs);
    const before = new Map<string, string>();
    eachFile(mount.fs, (path, inode) => before.set(path, stateOf(inode)));
    const at = absolutePath({ mount, dentry: mount.root }, { mount: first, dentry: first.root });
    trees.push({ mount, at, before });
  }
  return new Baseline(trees);
}

/** Removals first, the deepest before those above; then what is new or another, parents first. */
export function changesSince({ trees }: Baseline): FileChange[] {
  const removed: FileChange[] = [];
  const made: FileChange[] = [];
  for (const { mount, at, before } of trees) {
    const left = new Set(before.keys());
    eachFile(mount.fs, (path, inode) => {
      left.delete(path);
      if (before.get(path) === stateOf(inode)) return;
      if (inode === null) removed.push({ ...GONE, mount: at, path });
      else made.push(changeOf(mount.fs, at, path, inode));
    });
    for (const path of left) if (before.get(path) !== 'hidden') removed.push({ ...GONE, mount: at, path });
  }
  removed.sort((a, b) => b.path.length - a.path.length);
  return [...removed, ...made];
}

const GONE: Omit<FileChange, 'mount' | 'path'> = {
  mode: 0,
  uid: 0,
  gid: 0,
  rdev: 0,
  mtime: { sec: 0, nsec: 0 },
  content: null,
  target: '',
};

function changeOf(fs: FileSystem, mount: string, path: string, inode: Inode): FileChange {
  const { mode, uid, gid, rdev, mtime } = inode;
  const type = mode & S_IFMT;
  const below = fs instanceof OverlayFs && fs.showsBelow(inode);
  const target = type === S_IFLNK ? inode.fs.readlink?.(inode) : '';
  return {
    mount,
    path,
    mode,
    uid,
    gid,
    rdev,
    mtime: { ...mtime },
    content: type === S_IFREG && !below ? contentOf(inode) : null,
    target: typeof target === 'string' ? target : '',
  };
}

function contentOf(inode: Inode): Uint8Array | null {
  const ops = inode.fs.open(inode, O_RDONLY);
  if (typeof ops === 'number') return null;
  const handle = newHandle(inode, null, O_RDONLY, ops);
  const sink = new BufferSink(new Uint8Array(inode.size));
  for (let count = 1; count > 0 && sink.remaining > 0;) count = ops.read(handle, sink, sink.length);
  releaseHandle(handle);
  return sink.bytes.subarray(0, sink.length);
}

/** What cannot be done is told of, a line each. */
export function applyChanges(
  vfs: VfsContext & { context?(): PathContext },
  changes: readonly FileChange[],
  log: (line: string) => void,
): void {
  const [first] = vfs.mounts;
  if (first === undefined || changes.length === 0) return;
  const root = { mount: first, dentry: first.root };
  const context: PathContext = { root, cwd: root, umask: 0, cred: KERNEL };
  const tell = ({ mount, path }: FileChange, result: number): void => {
    if (result !== 0)
      log(
        `${shown(mount, path)}, which a child has changed in its kernel, stays as it was: ${errnoName(result)}`,
      );
  };
  for (const change of changes)
    tell(change, change.mode === 0 ? remove(context, change) : make(context, change));
  // Times of folders after all that is in them.
  for (const change of [...changes].reverse()) if (change.mode !== 0) dress(context, change);
}

const KERNEL = { ruid: 0, euid: 0, suid: 0, fsuid: 0, rgid: 0, egid: 0, sgid: 0, fsgid: 0, groups: [] };

function shown(mount: string, path: string): string {
  return `${mount.replace(/\/*$/, '/')}${path}`;
}

function remove(context: PathContext, { mount, path }: FileChange): number {
  const name = shown(mount, path);
  const removed = unlink(context, context.cwd, name);
  const result = removed < 0 && removed !== ENOENT ? rmdir(context, context.cwd, name) : removed;
  return result === ENOENT || result === ENOTDIR ? 0 : result;
}

function make(context: PathContext, change: FileChange): number {
  const { mode, target, rdev, content } = change;
  const name = shown(change.mount, change.path);
  const type = mode & S_IFMT;
  const permissions = mode & 0o7777;
  const { cwd } = context;
  const found = walk(context, cwd, name, 0);
  const known = typeof found === 'number' ? 0 : (found.dentry.inode?.mode ?? 0) & S_IFMT;
  if (known === type && (type === S_IFDIR || (type === S_IFREG && content === null))) return 0;
  if (known !== 0 && (known !== type || type !== S_IFREG)) remove(context, change);
  if (type === S_IFDIR) return without(mkdir(context, cwd, name, permissions), EEXIST);
  if (type === S_IFLNK) return symlink(context, target, cwd, name);
  if (type !== S_IFREG) return mknod(context, cwd, name, mode, rdev);
  const handle = open(context, cwd, name, {
    flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW,
    mode: permissions,
  });
  if (typeof handle === 'number') return handle;
  const result = writeAll(handle, content ?? new Uint8Array(0));
  releaseHandle(handle);
  return result;
}

function without(result: number, errno: Errno): number {
  return result === errno ? 0 : result;
}

function writeAll(handle: Exclude<ReturnType<typeof open>, number>, bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length;) {
    const count = handle.ops.write(handle, new BufferSource(bytes, at), at);
    if (count <= 0) return count;
    at += count;
  }
  return 0;
}

function dress(context: PathContext, { mount, path, uid, gid, mode, mtime }: FileChange): void {
  const place = walk(context, context.cwd, shown(mount, path), 0);
  if (typeof place === 'number' || place.dentry.inode === null) return;
  chown(context, place, uid, gid);
  if ((mode & S_IFMT) !== S_IFLNK) chmod(context, place, mode & 0o7777);
  utimens(context, place, null, mtime);
}

kind('Baseline', Baseline);
