import { O_RDONLY } from '../abi/fcntl.js';
import { MS_NOEXEC } from '../abi/mount.js';
import { EACCES, EBADF, ELOOP, ENOENT, ENOTDIR, ETXTBSY, type Errno } from '../errno.js';
import { newHandle } from '../fs/handle.js';
import { isRegular, isSymlink } from '../fs/inode.js';
import { breakLeases } from '../fs/leases.js';
import { MAY_EXEC, inodePermission } from '../fs/permission.js';
import type { Handle, Location, PathContext } from '../fs/types.js';
import { LOOKUP_EMPTY, LOOKUP_FOLLOW, walk } from '../fs/walk.js';
import { errnoText } from '../abi/errno-names.js';
import type { DescriptorTable } from '../types.js';
import { failure, isFailure, type ExecFailure } from './failure.js';

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;

/** A program's file, open, and the path by which it and its scripts know it. */
export interface OpenedProgram {
  readonly handle: Handle;
  readonly path: string;
  /** The path leads through a descriptor that is closed: a script's interpreter could not open it. */
  readonly closes?: boolean;
}

/** Opens a file to be run: it must be a regular one that may be executed, and nobody may be writing to it. */
export function openExecutable(context: PathContext, path: string): Handle | ExecFailure {
  return openFrom(context, context.cwd, path, LOOKUP_FOLLOW);
}

/** The same for execveat(2): `path` starts at an open directory, or with AT_EMPTY_PATH is the open file itself. */
export function openExecutableAt(
  process: { readonly fs: PathContext; readonly files: DescriptorTable },
  fd: number,
  path: string,
  flags: number,
): OpenedProgram | ExecFailure | Errno {
  const start = path.startsWith('/') ? process.fs.cwd : placeOf(process, fd);
  if (typeof start === 'number') return start;
  const follow = (flags & AT_SYMLINK_NOFOLLOW) === 0 ? LOOKUP_FOLLOW : 0;
  const empty = (flags & AT_EMPTY_PATH) !== 0 ? LOOKUP_EMPTY : 0;
  const handle = openFrom(process.fs, start, path, follow | empty);
  if (isFailure(handle)) return handle;
  const direct = fd === AT_FDCWD || path.startsWith('/');
  if (direct) return { handle, path };
  const closes = process.files.closeOnExec(fd);
  return { handle, path: `/dev/fd/${fd}${path === '' ? '' : '/'}${path}`, closes };
}

function placeOf(
  process: { readonly fs: PathContext; readonly files: DescriptorTable },
  fd: number,
): Location | Errno {
  if (fd === AT_FDCWD) return process.fs.cwd;
  const handle = process.files.get(fd);
  return typeof handle === 'number' ? handle : (handle.location ?? EBADF);
}

function openFrom(context: PathContext, start: Location, path: string, lookup: number): Handle | ExecFailure {
  const place = walk(context, start, path, lookup);
  if (typeof place === 'number') return refusal(place, path);
  const { inode } = place.dentry;
  if (inode === null) return refusal(ENOENT, path);
  if (isSymlink(inode)) return refusal(ELOOP, path);
  if (!isRegular(inode)) return failure(EACCES, `${path}: not a regular file`);
  if ((place.mount.flags & MS_NOEXEC) !== 0)
    return failure(EACCES, `${path}: its mount allows no programs (noexec)`);
  const denied = inodePermission(inode, MAY_EXEC, context.cred);
  if (denied < 0) return refusal(denied, path);
  if (inode.writers > 0) return refusal(ETXTBSY, path);
  const leased = breakLeases(inode, O_RDONLY, place.mount.vfs);
  if (leased !== 0) return { ...refusal(leased, path), leased: place };
  const ops = inode.fs.open(inode, 0, place.dentry);
  return typeof ops === 'number' ? refusal(ops, path) : newHandle(inode, place, 0, ops);
}

function refusal(errno: Errno | 0, path: string): ExecFailure {
  const why = errno === ENOENT || errno === ENOTDIR ? 'not found' : errnoText(errno).toLowerCase();
  return failure(errno as Errno, `${path}: ${why}`);
}
