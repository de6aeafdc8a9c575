/** Space and durability: lseek, fallocate, fsync and relatives (fs/open.c, fs/sync.c, mm/fadvise.c). */
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, SYNC_FILE_RANGE_VALID } from '../abi/fcntl.js';
import { IN_MODIFY } from '../abi/inotify.js';
import { MAX_FILE_SIZE } from '../abi/limits.js';
import { S_IFDIR, S_IFIFO, S_IFMT } from '../abi/stat.js';
import { EBADF, EINVAL, EISDIR, ENODEV, EOPNOTSUPP, ESPIPE, type Errno } from '../errno.js';
import { removePrivileges } from '../fs/attributes.js';
import { canRead, canWrite } from '../fs/handle.js';
import { isDirectory, isRegular, isSymlink } from '../fs/inode.js';
import { notifyHandle } from '../fs/notify.js';
import { seek } from '../fs/seek.js';
import { mayGrowTo } from '../fs/transfer.js';
import type { FileSystem } from '../fs/types.js';
import type { Args, Caller, SyscallRow } from '../types.js';
import { fileOf } from './file-args.js';

function sysLseek(thread: Caller, args: Args): number {
  const handle = fileOf(thread, args.int(0));
  return typeof handle === 'number' ? handle : seek(handle, args.offset(1), args.uint(2));
}

/** COLLAPSE, ZERO, INSERT, UNSHARE: one of them at a time, or of PUNCH_HOLE. */
const FALLOC_MODES = 0x7a;
/** Collapsing and inserting move the size and cannot keep it. */
const FALLOC_MOVES = 0x28;

function isFallocateMode(mode: number): boolean {
  const operation = mode & FALLOC_MODES;
  if ((mode & ~(FALLOC_MODES | FALLOC_FL_KEEP_SIZE)) !== 0 || (operation & (operation - 1)) !== 0)
    return false;
  const keep = (mode & FALLOC_FL_KEEP_SIZE) !== 0;
  return operation === FALLOC_FL_PUNCH_HOLE ? keep : !keep || (operation & FALLOC_MOVES) === 0;
}

function sysFallocate(thread: Caller, args: Args): number {
  const handle = fileOf(thread, args.int(0));
  if (typeof handle === 'number') return handle;
  const mode = args.int(1);
  const offset = args.offset(2);
  const length = args.offset(3);
  if (offset < 0 || length <= 0) return EINVAL;
  if (!isFallocateMode(mode)) return EOPNOTSUPP;
  if (!canWrite(handle)) return EBADF;
  const { inode } = handle;
  if (!isRegular(inode)) return notAllocatable(inode.mode & S_IFMT);
  const grows = (mode & (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) === 0;
  const limited = grows || offset + length > MAX_FILE_SIZE ? mayGrowTo(thread, inode, offset + length) : 0;
  if (limited !== 0) return limited;
  const failed = removePrivileges(thread.process.fs, handle);
  if (failed !== 0) return failed;
  const result = inode.fs.fallocate?.(inode, mode, offset, length) ?? EOPNOTSUPP;
  if (result === 0) notifyHandle(handle, IN_MODIFY);
  return result;
}

function notAllocatable(type: number): Errno {
  if (type === S_IFIFO) return ESPIPE;
  return type === S_IFDIR ? EISDIR : ENODEV;
}

function fsync(thread: Caller, args: Args): number {
  const handle = fileOf(thread, args.int(0));
  return typeof handle === 'number' ? handle : (handle.ops.fsync?.(handle) ?? EINVAL);
}

function sysSync({ process }: Caller): number {
  const done = new Set<FileSystem>();
  for (const { fs } of process.fs.root.mount.vfs.mounts) {
    if (!done.has(fs)) fs.sync?.();
    done.add(fs);
  }
  return 0;
}

function sysSyncfs(thread: Caller, args: Args): number {
  const handle = fileOf(thread, args.int(0));
  return typeof handle === 'number' ? handle : (handle.inode.fs.sync?.() ?? 0);
}

function sysSyncFileRange(thread: Caller, args: Args): number {
  const handle = fileOf(thread, args.int(0));
  if (typeof handle === 'number') return handle;
  const offset = args.offset(1);
  const length = args.offset(2);
  if ((args.uint(3) & ~SYNC_FILE_RANGE_VALID) !== 0 || offset < 0 || length < 0) return EINVAL;
  const { inode } = handle;
  if (!isRegular(inode) && !isDirectory(inode) && !isSymlink(inode)) return ESPIPE;
  return inode.pages?.sync(offset, length === 0 ? Infinity : offset + length) ?? 0;
}

const POSIX_FADV_NOREUSE = 5;

/** Advice changes nothing here; it is only checked. */
function sysFadvise64(thread: Caller, args: Args): number {
  const handle = fileOf(thread, args.int(0));
  if (typeof handle === 'number') return handle;
  if ((handle.inode.mode & S_IFMT) === S_IFIFO) return ESPIPE;
  return args.offset(2) < 0 || args.uint(3) > POSIX_FADV_NOREUSE ? EINVAL : 0;
}

function sysReadahead(thread: Caller, args: Args): number {
  const handle = fileOf(thread, args.int(0));
  if (typeof handle === 'number') return handle;
  if (!canRead(handle)) return EBADF;
  return isRegular(handle.inode) ? 0 : EINVAL;
}

export const spaceRows: readonly SyscallRow[] = [
  { number: 8, name: 'lseek', args: ['fd', 'offset', 'whence'], run: sysLseek },
  { number: 74, name: 'fsync', args: ['fd'], run: fsync },
  { number: 75, name: 'fdatasync', args: ['fd'], run: fsync },
  { number: 162, name: 'sync', args: [], run: sysSync },
  { number: 187, name: 'readahead', args: ['fd', 'offset', 'size'], run: sysReadahead },
  { number: 221, name: 'fadvise64', args: ['fd', 'offset', 'offset', 'int'], run: sysFadvise64 },
  { number: 277, name: 'sync_file_range', args: ['fd', 'offset', 'offset', 'hex'], run: sysSyncFileRange },
  { number: 285, name: 'fallocate', args: ['fd', 'hex', 'offset', 'offset'], run: sysFallocate },
  { number: 306, name: 'syncfs', args: ['fd'], run: sysSyncfs },
];
