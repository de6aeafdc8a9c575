import { MAX_FILE_SIZE } from '../abi/limits.js';
import { SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET } from '../abi/fcntl.js';
import { EINVAL, ENXIO, ESPIPE, type Errno } from '../errno.js';
import { isDirectory } from './inode.js';
import type { Handle } from './types.js';

/** lseek(2): moves the handle's position; returns it. */
export function seek(handle: Handle, offset: number, whence: number): number | Errno {
  if (whence < SEEK_SET || whence > SEEK_HOLE) return EINVAL;
  if (!handle.ops.seekable) return ESPIPE;
  const position = handle.ops.seek?.(handle, offset, whence) ?? newPosition(handle, offset, whence);
  if (position >= 0) handle.position = position;
  return position;
}

function newPosition(handle: Handle, offset: number, whence: number): number | Errno {
  if (whence >= SEEK_DATA) return seekContent(handle, offset, whence === SEEK_HOLE);
  const position =
    offset + (whence === SEEK_CUR ? handle.position : whence === SEEK_END ? sizeOf(handle) : 0);
  return position < 0 || position > MAX_FILE_SIZE ? EINVAL : position;
}

/** The new position in a file that has no end: a process's memory, and what tells of its pages (mem_lseek). */
export function seekWithoutEnd(handle: Handle, offset: number, whence: number): number | Errno {
  if (whence !== SEEK_SET && whence !== SEEK_CUR) return EINVAL;
  return newPosition(handle, offset, whence);
}

/** A directory's size means nothing for its positions. */
function sizeOf({ inode }: Handle): number {
  inode.fs.refresh?.(inode);
  return isDirectory(inode) ? 0 : inode.size;
}

function seekContent(handle: Handle, offset: number, hole: boolean): number | Errno {
  const size = sizeOf(handle);
  const { inode } = handle;
  if (isDirectory(inode)) return EINVAL;
  if (offset < 0 || offset >= size) return ENXIO;
  return inode.fs.seekHole?.(inode, offset, hole) ?? (hole ? size : offset);
}
