/** Directories: listing them, and where a process stands (fs/readdir.c, fs/open.c, fs/d_path.c). */
import { AT_FDCWD } from '../abi/fcntl.js';
import { IN_ACCESS } from '../abi/inotify.js';
import { CAP_SYS_CHROOT } from '../abi/capability.js';
import { DIRENT, DIRENT64, DIRENT64_NAME, DIRENT_NAME } from '../abi/stat.js';
import { EINVAL, ENOENT, ENOTDIR, EPERM, ERANGE, type Errno } from '../errno.js';
import { pinDentry, unpinDentry } from '../fs/dentry.js';
import { isDirectory } from '../fs/inode.js';
import { absolutePath } from '../fs/path.js';
import { MAY_EXEC, capable, inodePermission } from '../fs/permission.js';
import { notifyHandle } from '../fs/notify.js';
import { readDirectory } from '../fs/synthetic.js';
import type { DirEntry, Handle, Location, PathContext } from '../fs/types.js';
import { LOOKUP_DIRECTORY, LOOKUP_FOLLOW } from '../fs/walk.js';
import type { Args, Caller, SyscallRow } from '../types.js';
import { fileOf, placeOf, resolveAt } from './file-args.js';

/** Entries on their way to user memory: what one call gives at most. */
const $entries = new Uint8Array(64 * 1024);
const $view = new DataView($entries.buffer);

/** Writes one entry at `at`, `length` bytes with padding. */
type Put = (at: number, length: number, entry: DirEntry) => void;

interface Format {
  /** Bytes besides the name, its NUL included. */
  readonly overhead: number;
  readonly put: Put;
}

function putName(at: number, end: number, name: string): void {
  $entries.fill(0, at, end);
  for (let i = 0; i < name.length; i++) $entries[at + i] = name.charCodeAt(i);
}

const DIRENT64_FORMAT: Format = {
  overhead: DIRENT64_NAME + 1,
  put: (at, length, entry) => {
    DIRENT64.put($view, at, 'd_ino', entry.ino);
    DIRENT64.put($view, at, 'd_off', entry.offset);
    DIRENT64.put($view, at, 'd_reclen', length);
    DIRENT64.put($view, at, 'd_type', entry.type);
    putName(at + DIRENT64_NAME, at + length, entry.name);
  },
};

/** The old format has the type in its last byte. */
const DIRENT_FORMAT: Format = {
  overhead: DIRENT_NAME + 2,
  put: (at, length, entry) => {
    DIRENT.put($view, at, 'd_ino', entry.ino);
    DIRENT.put($view, at, 'd_off', entry.offset);
    DIRENT.put($view, at, 'd_reclen', length);
    putName(at + DIRENT_NAME, at + length, entry.name);
    $entries[at + length - 1] = entry.type;
  },
};

const ALIGNMENT = 8;

function getdents(thread: Caller, args: Args, format: Format): number {
  const handle = fileOf(thread, args.int(0));
  if (typeof handle === 'number') return handle;
  if (handle.ops.readdir === undefined) return ENOTDIR;
  if (handle.location?.dentry.deleted === true) return ENOENT;
  const start = handle.position;
  const filled = fill(handle, Math.min(args.uint(2), $entries.length), format);
  if (filled < 0) return filled;
  notifyHandle(handle, IN_ACCESS);
  const failed = thread.process.memory.copyOut(args.addr(1), $entries, 0, filled);
  if (failed === 0) return filled;
  handle.position = start;
  return failed;
}

/** Puts entries into $entries; returns how many bytes. EINVAL when not even the first fits. */
function fill(handle: Handle, size: number, { overhead, put }: Format): number {
  let at = 0;
  let full = false;
  const failed = readDirectory(handle, (entry) => {
    const length = Math.ceil((overhead + entry.name.length) / ALIGNMENT) * ALIGNMENT;
    full = at + length > size;
    if (full) return false;
    put(at, length, entry);
    at += length;
    return true;
  });
  if (failed !== 0 && at === 0) return failed;
  return full && at === 0 ? EINVAL : at;
}

/** Whether a process may stand at a place. */
function mayEnter(context: PathContext, place: Location): 0 | Errno {
  const { inode } = place.dentry;
  if (inode === null) return ENOENT;
  return isDirectory(inode) ? inodePermission(inode, MAY_EXEC, context.cred) : ENOTDIR;
}

/** The place stays in the cache, the one that is left need not (set_fs_pwd, set_fs_root). */
function move(context: PathContext, what: 'cwd' | 'root', place: Location): void {
  const before = context[what];
  pinDentry(place.dentry);
  context[what] = place;
  unpinDentry(before.dentry);
}

function sysChdir(thread: Caller, args: Args): number {
  const context = thread.process.fs;
  const place = resolveAt(thread, AT_FDCWD, args.addr(0), LOOKUP_FOLLOW | LOOKUP_DIRECTORY);
  if (typeof place === 'number') return place;
  const denied = mayEnter(context, place);
  if (denied === 0) move(context, 'cwd', place);
  return denied;
}

function sysFchdir(thread: Caller, args: Args): number {
  const context = thread.process.fs;
  const handle = thread.process.files.get(args.int(0));
  if (typeof handle === 'number') return handle;
  if (!isDirectory(handle.inode)) return ENOTDIR;
  const place = placeOf(handle);
  if (typeof place === 'number') return place;
  const denied = mayEnter(context, place);
  if (denied === 0) move(context, 'cwd', place);
  return denied;
}

function sysChroot(thread: Caller, args: Args): number {
  const context = thread.process.fs;
  const place = resolveAt(thread, AT_FDCWD, args.addr(0), LOOKUP_FOLLOW | LOOKUP_DIRECTORY);
  if (typeof place === 'number') return place;
  const denied = mayEnter(context, place);
  if (denied !== 0) return denied;
  if (!capable(context.cred, CAP_SYS_CHROOT)) return EPERM;
  move(context, 'root', place);
  return 0;
}

function sysGetcwd(thread: Caller, args: Args): number {
  const { cwd, root } = thread.process.fs;
  if (cwd.dentry.deleted) return ENOENT;
  const path = absolutePath(cwd, root);
  if (path.length + 1 > args.size(1)) return ERANGE;
  const bytes = Uint8Array.from(`${path}\0`, (char) => char.charCodeAt(0));
  const failed = thread.process.memory.copyOut(args.addr(0), bytes, 0, bytes.length);
  return failed === 0 ? bytes.length : failed;
}

function sysUmask({ process }: Caller, args: Args): number {
  const old = process.fs.umask;
  process.fs.umask = args.int(0) & 0o777;
  return old;
}

export const directoryRows: readonly SyscallRow[] = [
  {
    number: 78,
    name: 'getdents',
    args: ['fd', 'addr', 'uint'],
    run: (thread, args) => getdents(thread, args, DIRENT_FORMAT),
  },
  { number: 79, name: 'getcwd', args: ['addr', 'size'], run: sysGetcwd },
  { number: 80, name: 'chdir', args: ['path'], run: sysChdir },
  { number: 81, name: 'fchdir', args: ['fd'], run: sysFchdir },
  { number: 95, name: 'umask', args: ['mode'], run: sysUmask },
  { number: 161, name: 'chroot', args: ['path'], run: sysChroot },
  {
    number: 217,
    name: 'getdents64',
    args: ['fd', 'addr', 'uint'],
    run: (thread, args) => getdents(thread, args, DIRENT64_FORMAT),
  },
];
