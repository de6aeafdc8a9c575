/** Calls that make, remove and move names (fs/namei.c). */
import { AT_EMPTY_PATH, AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_FOLLOW } from '../abi/fcntl.js';
import { PATH_MAX } from '../abi/limits.js';
import { EINVAL, ENOENT, type Errno } from '../errno.js';
import { link, mkdir, mknod, symlink } from '../fs/create.js';
import { isSymlink } from '../fs/inode.js';
import { absolutePath } from '../fs/path.js';
import { rmdir, unlink } from '../fs/remove.js';
import { rename, type RenamePlace } from '../fs/rename.js';
import type { Location, PathContext } from '../fs/types.js';
import { LOOKUP_EMPTY, LOOKUP_FOLLOW } from '../fs/walk.js';
import type { Args, Caller, SyscallRow } from '../types.js';
import { lookupFlags, pathIn, resolveAt, startOf } from './file-args.js';

/** Runs `operation` with a path argument and where it begins. */
function onPath(
  thread: Caller,
  dirfd: number,
  pathAddr: number,
  operation: (context: PathContext, start: Location, path: string) => 0 | Errno,
): number {
  const { start, path } = placeIn(thread, dirfd, pathAddr);
  return typeof start === 'number' ? start : operation(thread.process.fs, start, path);
}

function placeIn(thread: Caller, dirfd: number, pathAddr: number): RenamePlace {
  const path = pathIn(thread, pathAddr);
  if (typeof path === 'number') return { start: path, path: '' };
  if (path === '') return { start: ENOENT, path };
  return { start: startOf(thread, dirfd, path), path };
}

function mkdirAt(thread: Caller, dirfd: number, pathAddr: number, mode: number): number {
  return onPath(thread, dirfd, pathAddr, (context, start, path) => mkdir(context, start, path, mode));
}

function mknodAt(thread: Caller, dirfd: number, pathAddr: number, mode: number, dev: number): number {
  return onPath(thread, dirfd, pathAddr, (context, start, path) => mknod(context, start, path, mode, dev));
}

function symlinkAt(thread: Caller, targetAddr: number, dirfd: number, pathAddr: number): number {
  const target = pathIn(thread, targetAddr);
  if (typeof target === 'number') return target;
  if (target === '') return ENOENT;
  return onPath(thread, dirfd, pathAddr, (context, start, path) => symlink(context, target, start, path));
}

function sysUnlinkat(thread: Caller, args: Args): number {
  const flags = args.int(2);
  if ((flags & ~AT_REMOVEDIR) !== 0) return EINVAL;
  return onPath(thread, args.int(0), args.addr(1), flags === 0 ? unlink : rmdir);
}

/** Two paths, each with the descriptor where it begins. */
interface TwoPaths {
  readonly from: number;
  readonly fromPath: number;
  readonly to: number;
  readonly toPath: number;
  readonly flags: number;
}

function linkAt(thread: Caller, { from, fromPath, to, toPath, flags }: TwoPaths): number {
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) !== 0) return EINVAL;
  const empty = (flags & AT_EMPTY_PATH) !== 0;
  const lookup = ((flags & AT_SYMLINK_FOLLOW) !== 0 ? LOOKUP_FOLLOW : 0) | (empty ? LOOKUP_EMPTY : 0);
  const source = resolveAt(thread, from, fromPath, lookup);
  if (typeof source === 'number') return source;
  return onPath(thread, to, toPath, (context, start, path) => link(context, source, start, path));
}

function renameAt(thread: Caller, args: TwoPaths): number {
  const from = placeIn(thread, args.from, args.fromPath);
  const to = placeIn(thread, args.to, args.toPath);
  return rename(thread.process.fs, from, to, args.flags);
}

function readlinkAt(thread: Caller, dirfd: number, pathAddr: number, buffer: number, size: number): number {
  if (size <= 0) return EINVAL;
  const path = pathIn(thread, pathAddr);
  if (typeof path === 'number') return path;
  const place = resolveAt(thread, dirfd, pathAddr, lookupFlags(true, dirfd !== AT_FDCWD));
  if (typeof place === 'number') return place;
  const { inode } = place.dentry;
  if (inode === null || !isSymlink(inode)) return path === '' ? ENOENT : EINVAL;
  const target = inode.fs.readlink?.(inode) ?? EINVAL;
  if (typeof target === 'number') return target;
  return textOut(thread, typeof target === 'string' ? target : linkText(thread, target), buffer, size);
}

/** What a magic link shows: the path of the place where it leads. */
function linkText(thread: Caller, place: Location): string {
  return absolutePath(place, thread.process.fs.root);
}

/** Writes as much of a text as fits, without a NUL. */
function textOut(thread: Caller, text: string, buffer: number, size: number): number {
  const bytes = Uint8Array.from(text.slice(0, Math.min(size, PATH_MAX)), (char) => char.charCodeAt(0));
  const failed = thread.process.memory.copyOut(buffer, bytes, 0, bytes.length);
  return failed === 0 ? bytes.length : failed;
}

const TWO_PATHS = ['dirfd', 'path', 'dirfd', 'path', 'hex'] as const;

export const nameRows: readonly SyscallRow[] = [
  {
    number: 82,
    name: 'rename',
    args: ['path', 'path'],
    run: (t, a) =>
      renameAt(t, { from: AT_FDCWD, fromPath: a.addr(0), to: AT_FDCWD, toPath: a.addr(1), flags: 0 }),
  },
  {
    number: 83,
    name: 'mkdir',
    args: ['path', 'mode'],
    run: (t, a) => mkdirAt(t, AT_FDCWD, a.addr(0), a.uint(1)),
  },
  { number: 84, name: 'rmdir', args: ['path'], run: (t, a) => onPath(t, AT_FDCWD, a.addr(0), rmdir) },
  {
    number: 86,
    name: 'link',
    args: ['path', 'path'],
    run: (t, a) =>
      linkAt(t, { from: AT_FDCWD, fromPath: a.addr(0), to: AT_FDCWD, toPath: a.addr(1), flags: 0 }),
  },
  { number: 87, name: 'unlink', args: ['path'], run: (t, a) => onPath(t, AT_FDCWD, a.addr(0), unlink) },
  {
    number: 88,
    name: 'symlink',
    args: ['path', 'path'],
    run: (t, a) => symlinkAt(t, a.addr(0), AT_FDCWD, a.addr(1)),
  },
  {
    number: 89,
    name: 'readlink',
    args: ['path', 'buffer-out', 'size'],
    run: (t, a) => readlinkAt(t, AT_FDCWD, a.addr(0), a.addr(1), a.int(2)),
  },
  {
    number: 133,
    name: 'mknod',
    args: ['path', 'mode', 'hex'],
    run: (t, a) => mknodAt(t, AT_FDCWD, a.addr(0), a.uint(1), a.uint(2)),
  },
  {
    number: 258,
    name: 'mkdirat',
    args: ['dirfd', 'path', 'mode'],
    run: (t, a) => mkdirAt(t, a.int(0), a.addr(1), a.uint(2)),
  },
  {
    number: 259,
    name: 'mknodat',
    args: ['dirfd', 'path', 'mode', 'hex'],
    run: (t, a) => mknodAt(t, a.int(0), a.addr(1), a.uint(2), a.uint(3)),
  },
  { number: 263, name: 'unlinkat', args: ['dirfd', 'path', 'at-flags'], run: sysUnlinkat },
  {
    number: 264,
    name: 'renameat',
    args: ['dirfd', 'path', 'dirfd', 'path'],
    run: (t, a) =>
      renameAt(t, { from: a.int(0), fromPath: a.addr(1), to: a.int(2), toPath: a.addr(3), flags: 0 }),
  },
  {
    number: 265,
    name: 'linkat',
    args: TWO_PATHS,
    run: (t, a) =>
      linkAt(t, { from: a.int(0), fromPath: a.addr(1), to: a.int(2), toPath: a.addr(3), flags: a.int(4) }),
  },
  {
    number: 266,
    name: 'symlinkat',
    args: ['path', 'dirfd', 'path'],
    run: (t, a) => symlinkAt(t, a.addr(0), a.int(1), a.addr(2)),
  },
  {
    number: 267,
    name: 'readlinkat',
    args: ['dirfd', 'path', 'buffer-out', 'size'],
    run: (t, a) => readlinkAt(t, a.int(0), a.addr(1), a.addr(2), a.int(3)),
  },
  {
    number: 316,
    name: 'renameat2',
    args: TWO_PATHS,
    run: (t, a) =>
      renameAt(t, { from: a.int(0), fromPath: a.addr(1), to: a.int(2), toPath: a.addr(3), flags: a.int(4) }),
  },
];
