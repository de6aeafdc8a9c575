/** Opening (fs/namei.c: path_openat, do_open; fs/open.c: do_dentry_open). */
import {
  O_ACCMODE,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_EXCL,
  O_NOATIME,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_TMPFILE_BIT,
  O_TRUNC,
} from '../abi/fcntl.js';
import { MS_NODEV } from '../abi/mount.js';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '../abi/stat.js';
import {
  EACCES,
  EAGAIN,
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  ENOENT,
  ENOTDIR,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  ETXTBSY,
  WAIT,
  isErrno,
  type Errno,
} from '../errno.js';
import { truncateForOpen } from './attributes.js';
import { attachNew } from './create.js';
import { lookupDentry, unattachedDentry } from './dentry.js';
import { PATH_OPERATIONS, newHandle, releaseHandle } from './handle.js';
import { isDirectory, isRegular } from './inode.js';
import { breakLeases } from './leases.js';
import {
  MAY_EXEC,
  MAY_READ,
  MAY_WRITE,
  inodePermission,
  isOwnerOrCapable,
  mayCreate,
  mayReuse,
  wantWrite,
} from './permission.js';
import { openFifo } from './pipe/fifo.js';
import type { Handle, HandleOperations, Inode, Location, PathContext } from './types.js';
import { LAST_NORM, LOOKUP_DIRECTORY, LOOKUP_FOLLOW, Walk, walk } from './walk.js';

export interface OpenHow {
  /** O_*, as open(2) and openat2(2) have checked them (syscalls/file-open.ts). */
  readonly flags: number;
  /** Permission bits of a file that is made. */
  readonly mode: number;
  /** RESOLVE_*. */
  readonly resolve?: number;
  /** The caller can wait until leases have been given up; without it that is EAGAIN. */
  readonly waits?: OpenWait;
}

/** Where an open that has returned WAIT goes on (`openAllowed`). */
export interface OpenWait {
  place: Location | null;
}

/** What a file is opened for, as MAY_*; access mode 3 asks for both and gives neither. */
function accessMask(flags: number): number {
  const mode = flags & O_ACCMODE;
  const mask = mode === O_RDONLY ? MAY_READ : mode === 1 ? MAY_WRITE : MAY_READ | MAY_WRITE;
  return (flags & O_TRUNC) !== 0 ? mask | MAY_WRITE : mask;
}

/** Opens, and with O_CREAT makes, the file at a path. A FIFO's handle may not be ready yet (ops.openDone). */
export function open(context: PathContext, start: Location, path: string, how: OpenHow): Handle | Errno {
  if ((how.flags & O_PATH) !== 0) return openPath(context, start, path, how);
  if ((how.flags & O_TMPFILE_BIT) !== 0) return openTmpfile(context, start, path, how);
  if (path === '') return ENOENT;
  const place = new Walk(context, start, how.resolve ?? 0);
  const creates = (how.flags & O_CREAT) !== 0;
  let error = place.begin(path);
  for (;;) {
    if (error !== 0) return error;
    const text = creates ? lastForCreate(context, place, how) : place.takeLast(followsLast(place, how.flags));
    if (typeof text === 'object') return text;
    if (typeof text === 'string') error = place.prefix(place.trailingSlash ? `${text}/` : text);
    else if (text === 0) break;
    else return text;
  }
  if (place.trailingSlash && !place.isAtDirectory()) return ENOTDIR;
  return openFound(context, { mount: place.mount, dentry: place.dentry }, how);
}

function followsLast(place: Walk, flags: number): boolean {
  return place.trailingSlash || (flags & O_NOFOLLOW) === 0;
}

/** Takes the last name of a path with O_CREAT: a new file's handle, or what Walk.takeLast gives. */
function lastForCreate(context: PathContext, place: Walk, how: OpenHow): Handle | string | 0 | Errno {
  const { flags } = how;
  if (place.lastType !== LAST_NORM) {
    const error = place.takeLast(false);
    return error !== 0 ? error : (flags & O_EXCL) !== 0 ? EEXIST : EISDIR;
  }
  if (place.trailingSlash) return EISDIR;
  const dentry = lookupDentry(place.mount.vfs, place.dentry, place.last);
  if (typeof dentry === 'number') return dentry;
  if (dentry.inode === null) return createAndOpen(context, place, how);
  if ((flags & O_EXCL) !== 0) return EEXIST;
  const dir = place.dentry.inode;
  const text = place.enter(dentry, (flags & O_NOFOLLOW) === 0);
  const found = place.dentry.inode;
  if (text === 0 && dir !== null && found !== null) {
    const refused = mayReuse(found, dir, context.cred, place.mount.vfs.settings);
    if (refused !== 0) return refused;
  }
  return text === 0 && place.isAtDirectory() ? EISDIR : text;
}

function createAndOpen(
  context: PathContext,
  { mount, dentry: dir, last }: Walk,
  how: OpenHow,
): Handle | Errno {
  const error = wantWrite(mount) || mayCreate(dir, context.cred);
  if (error !== 0) return error;
  const { inode: dirInode } = dir;
  const negative = lookupDentry(mount.vfs, dir, last);
  if (dirInode === null || typeof negative === 'number') return ENOENT;
  const mode = how.mode & ~context.umask;
  const made = dirInode.fs.create?.(dirInode, last, mode, context.cred) ?? EACCES;
  if (typeof made === 'number') return made;
  const dentry = attachNew(mount, dir, negative, made);
  return openInode(made, { mount, dentry }, how.flags & ~O_TRUNC);
}

/** O_PATH: a handle for a place, whatever is there, without asking for rights on it. */
function openPath(context: PathContext, start: Location, path: string, how: OpenHow): Handle | Errno {
  const follow = (how.flags & O_NOFOLLOW) === 0 ? LOOKUP_FOLLOW : 0;
  const directory = (how.flags & O_DIRECTORY) !== 0 ? LOOKUP_DIRECTORY : 0;
  const place = walk(context, start, path, follow | directory, how.resolve);
  if (typeof place === 'number') return place;
  const { inode } = place.dentry;
  return inode === null ? ENOENT : newHandle(inode, place, how.flags, PATH_OPERATIONS);
}

function openTmpfile(context: PathContext, start: Location, path: string, how: OpenHow): Handle | Errno {
  const place = walk(context, start, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, how.resolve);
  if (typeof place === 'number') return place;
  const dir = place.dentry.inode;
  if (dir === null) return ENOENT;
  const { cred } = context;
  const error = wantWrite(place.mount) || inodePermission(dir, MAY_WRITE | MAY_EXEC, cred);
  if (error !== 0) return error;
  const made = dir.fs.tmpfile?.(dir, how.mode & ~context.umask, cred) ?? EOPNOTSUPP;
  if (typeof made === 'number') return made;
  made.linkable = (how.flags & O_EXCL) === 0;
  const dentry = unattachedDentry(`#${made.ino}`, made);
  dentry.parent = place.dentry;
  dentry.deleted = true;
  return openInode(made, { mount: place.mount, dentry }, how.flags);
}

/** Opens what stands at a place, with all checks of rights. */
export function openFound(context: PathContext, place: Location, how: OpenHow): Handle | Errno {
  const { inode } = place.dentry;
  const { flags } = how;
  if (inode === null) return ENOENT;
  if ((flags & O_DIRECTORY) !== 0 && !isDirectory(inode)) return ENOTDIR;
  const error = mayOpen(context, place, inode, flags);
  return error !== 0 ? error : openAllowed(context, place, inode, how);
}

/** What is left when all rights have been checked. */
export function openAllowed(
  context: PathContext,
  place: Location,
  inode: Inode,
  { flags, waits }: OpenHow,
): Handle | Errno {
  if (breakLeases(inode, flags, place.mount.vfs) !== 0) {
    if (waits === undefined || (flags & O_NONBLOCK) !== 0) return EAGAIN;
    waits.place = place;
    return WAIT;
  }
  const truncates = (flags & O_TRUNC) !== 0 && isRegular(inode);
  const handle = openInode(inode, place, flags);
  if (typeof handle === 'number' || !truncates) return handle;
  const failed = truncateForOpen(context, inode, place.dentry);
  if (failed === 0) return handle;
  releaseHandle(handle);
  return failed;
}

function mayOpen(context: PathContext, place: Location, inode: Inode, flags: number): 0 | Errno {
  const type = inode.mode & S_IFMT;
  const mask = accessMask(flags);
  if (type === S_IFLNK) return ELOOP;
  if (type === S_IFDIR && (mask & MAY_WRITE) !== 0) return EISDIR;
  if ((type === S_IFBLK || type === S_IFCHR) && (place.mount.flags & MS_NODEV) !== 0) return EACCES;
  const denied = inodePermission(inode, mask, context.cred);
  if (denied !== 0) return denied;
  if ((flags & O_NOATIME) !== 0 && !isOwnerOrCapable(inode, context.cred)) return EPERM;
  if ((mask & MAY_WRITE) === 0 || (type !== S_IFREG && type !== S_IFDIR)) return 0;
  const readOnly = wantWrite(place.mount);
  if (readOnly !== 0) return readOnly;
  return type === S_IFREG && inode.writers < 0 ? ETXTBSY : 0;
}

/** Flags that mean something only while opening. */
const ONLY_AT_OPEN = O_CREAT | O_EXCL | O_TRUNC;

function openInode(inode: Inode, place: Location, flags: number): Handle | Errno {
  if ((flags & O_DIRECT) !== 0 && isDirectory(inode)) return EINVAL;
  const ops = operationsOf(inode, place, flags);
  return isErrno(ops) ? ops : newHandle(inode, place, flags & ~ONLY_AT_OPEN, ops);
}

function operationsOf(inode: Inode, place: Location, flags: number): HandleOperations | Errno {
  const type = inode.mode & S_IFMT;
  if (type === S_IFSOCK) return ENXIO;
  const ops = inode.fs.open(inode, flags, place.dentry);
  if (ops !== ENXIO) return ops;
  if (type === S_IFIFO) return openFifo(inode, flags);
  const isDevice = type === S_IFCHR || type === S_IFBLK;
  return isDevice ? place.mount.vfs.openDevice(inode, flags) : ENXIO;
}
