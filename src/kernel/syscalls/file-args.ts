/** What the families of file calls share: descriptors, paths and structs from user memory. */
import { AT_FDCWD } from '../abi/fcntl.js';
import { PATH_MAX } from '../abi/limits.js';

import { EBADF, ENOENT, ENOTDIR, type Errno } from '../errno.js';
import { isPathOnly } from '../fs/handle.js';
import type { Handle, Location, PathContext } from '../fs/types.js';
import { LOOKUP_EMPTY, LOOKUP_FOLLOW, walk } from '../fs/walk.js';
import type { Caller } from '../types.js';

/** Structs on their way between a call and user memory. */
export const $struct = new Uint8Array(256);
export const $view = new DataView($struct.buffer);

/** The open file of a descriptor, which is not only a place (O_PATH). */
export function fileOf(thread: Caller, fd: number): Handle | Errno {
  const handle = thread.process.files.get(fd);
  return typeof handle !== 'number' && isPathOnly(handle) ? EBADF : handle;
}

/** Where a handle's file is seen; for what has no name at all, EBADF. */
export function placeOf(handle: Handle): Location | Errno {
  return handle.location ?? EBADF;
}

/** The place of a descriptor that is not O_PATH. */
export function filePlace(thread: Caller, fd: number): Location | Errno {
  const handle = fileOf(thread, fd);
  return typeof handle === 'number' ? handle : placeOf(handle);
}

/** A path from user memory: EFAULT, ENAMETOOLONG. */
export function pathIn(thread: Caller, addr: number): string | Errno {
  return thread.process.memory.stringIn(addr, PATH_MAX);
}

/** Where a path begins that is relative to `dirfd`. */
export function startOf(thread: Caller, dirfd: number, path: string): Location | Errno {
  if (dirfd === AT_FDCWD || path.charCodeAt(0) === 0x2f) return thread.process.fs.cwd;
  const handle = thread.process.files.get(dirfd);
  return typeof handle === 'number' ? handle : (handle.location ?? ENOTDIR);
}

/** The place that a path argument names, by default in the caller's context; `lookup` of LOOKUP_*. */
export function resolveAt(
  thread: Caller,
  dirfd: number,
  pathAddr: number,
  lookup: number,
  context: PathContext = thread.process.fs,
): Location | Errno {
  const path = pathIn(thread, pathAddr);
  return typeof path === 'number' ? path : resolvePath(thread, dirfd, path, lookup, context);
}

export function resolvePath(
  thread: Caller,
  dirfd: number,
  path: string,
  lookup: number,
  context: PathContext = thread.process.fs,
): Location | Errno {
  if (path === '' && (lookup & LOOKUP_EMPTY) === 0) return ENOENT;
  const start = startOf(thread, dirfd, path);
  return typeof start === 'number' ? start : walk(context, start, path, lookup);
}

/** LOOKUP_* for a path argument: followed unless `nofollow`, empty if `empty` allows it. */
export function lookupFlags(nofollow: boolean, empty: boolean): number {
  return (nofollow ? 0 : LOOKUP_FOLLOW) | (empty ? LOOKUP_EMPTY : 0);
}

interface Sized {
  readonly size: number;
}

/** Reads a struct into $struct. */
export function structIn(thread: Caller, addr: number, { size }: Sized): 0 | Errno {
  return thread.process.memory.copyIn(addr, $struct, 0, size);
}

/** Writes a struct from $struct. */
export function structOut(thread: Caller, addr: number, { size }: Sized): 0 | Errno {
  return thread.process.memory.copyOut(addr, $struct, 0, size);
}

/** A signed 64-bit number from user memory, in an object since it may be below 0. */
export function readI64(thread: Caller, addr: number): { value: number } | Errno {
  const failed = thread.process.memory.copyIn(addr, $struct, 0, 8);
  if (failed !== 0) return failed;
  return { value: $view.getUint32(0, true) + $view.getInt32(4, true) * 0x100000000 };
}
