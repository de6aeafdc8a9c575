/** Making names: mkdir, mknod, symlink, link (fs/namei.c: filename_create and what follows). */
import { CAP_MKNOD } from '../abi/capability.js';
import { IN_ATTRIB, IN_CREATE } from '../abi/inotify.js';
import {
  S_IALLUGO,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  S_ISVTX,
} from '../abi/stat.js';
import { EEXIST, EINVAL, ENOENT, EPERM, EXDEV, type Errno } from '../errno.js';
import { addDentry, instantiate, lookupDentry } from './dentry.js';
import { isDirectory } from './inode.js';
import { notifyInode, notifyName } from './notify.js';
import {
  MAY_READ,
  MAY_WRITE,
  capable,
  inodePermission,
  isOwnerOrCapable,
  mayCreate,
  wantWrite,
} from './permission.js';
import type { FsSettings } from './settings.js';
import type { Credentials, Dentry, FileSystem, Inode, Location, Mount, PathContext } from './types.js';
import { LAST_NORM, walkParent } from './walk.js';

/** A name that does not exist yet. */
interface NewName {
  readonly mount: Mount;
  readonly dir: Dentry;
  readonly inode: Inode;
  readonly fs: FileSystem;
  readonly negative: Dentry;
}

function newName(context: PathContext, start: Location, path: string, asDirectory: boolean): NewName | Errno {
  const place = walkParent(context, start, path);
  if (typeof place === 'number') return place;
  if (place.lastType !== LAST_NORM) return EEXIST;
  const { mount, dentry: dir } = place;
  const negative = lookupDentry(mount.vfs, dir, place.last);
  if (typeof negative === 'number') return negative;
  if (negative.inode !== null) return EEXIST;
  if (place.trailingSlash && !asDirectory) return ENOENT;
  const error = wantWrite(mount);
  if (error !== 0) return error;
  return dir.inode === null ? ENOENT : { mount, dir, inode: dir.inode, fs: dir.inode.fs, negative };
}

/** The same, in a directory in which the caller may make it. */
function allowedName(
  context: PathContext,
  start: Location,
  path: string,
  asDirectory: boolean,
): NewName | Errno {
  const at = newName(context, start, path, asDirectory);
  if (typeof at === 'number') return at;
  const denied = mayCreate(at.dir, context.cred);
  return denied === 0 ? at : denied;
}

/** Gives the name its inode, once the filesystem has made it. */
function finish(at: NewName, made: Inode | Errno): 0 | Errno {
  if (typeof made === 'number') return made;
  attachNew(at.mount, at.dir, at.negative, made);
  return 0;
}

/** Makes a negative dentry positive; it may have been dropped while the filesystem worked. */
export function attachNew(mount: Mount, dir: Dentry, negative: Dentry, inode: Inode): Dentry {
  const dentry = negative.deleted ? addDentry(mount.vfs, dir, negative.name, inode) : negative;
  if (dentry === negative) instantiate(negative, inode);
  notifyName(dir.inode, dentry.name, inode, IN_CREATE);
  return dentry;
}

export function mkdir(context: PathContext, start: Location, path: string, mode: number): 0 | Errno {
  const at = allowedName(context, start, path, true);
  if (typeof at === 'number') return at;
  const bits = mode & (0o777 | S_ISVTX) & ~context.umask;
  return finish(at, at.fs.mkdir?.(at.inode, at.negative.name, bits, context.cred) ?? EPERM);
}

const NODE_TYPES = [0, S_IFREG, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK];

/** A regular file, FIFO, socket or (CAP_MKNOD) device node; `mode` with the type, 0 for a regular file. */
export function mknod(
  context: PathContext,
  start: Location,
  path: string,
  mode: number,
  rdev: number,
): 0 | Errno {
  const type = mode & S_IFMT;
  if (type === S_IFDIR) return EPERM;
  if (!NODE_TYPES.includes(type)) return EINVAL;
  const at = allowedName(context, start, path, false);
  if (typeof at === 'number') return at;
  const { cred } = context;
  const bits = mode & S_IALLUGO & ~context.umask;
  if (type === 0 || type === S_IFREG) {
    return finish(at, at.fs.create?.(at.inode, at.negative.name, bits, cred) ?? EPERM);
  }
  const isDevice = type === S_IFCHR || type === S_IFBLK;
  const isWhiteout = type === S_IFCHR && rdev === 0;
  if (isDevice && !isWhiteout && !capable(cred, CAP_MKNOD)) return EPERM;
  return finish(
    at,
    at.fs.mknod?.(at.inode, at.negative.name, type | bits, isDevice ? rdev : 0, cred) ?? EPERM,
  );
}

export function symlink(context: PathContext, target: string, start: Location, path: string): 0 | Errno {
  if (target === '') return ENOENT;
  const at = allowedName(context, start, path, false);
  if (typeof at === 'number') return at;
  return finish(at, at.fs.symlink?.(at.inode, at.negative.name, target, context.cred) ?? EPERM);
}

/** Gives the file at `source` a further name. */
export function link(context: PathContext, source: Location, start: Location, path: string): 0 | Errno {
  const at = newName(context, start, path, false);
  if (typeof at === 'number') return at;
  const { inode } = source.dentry;
  if (inode === null) return ENOENT;
  if (source.mount !== at.mount) return EXDEV;
  const error = mayLink(inode, context.cred, at.mount.vfs.settings) || mayCreate(at.dir, context.cred);
  if (error !== 0) return error;
  if (inode.fs !== at.fs) return EXDEV;
  if (at.fs.link === undefined || isDirectory(inode)) return EPERM;
  if (inode.nlink === 0 && inode.linkable !== true) return ENOENT;
  const failed = at.fs.link(at.inode, at.negative.name, inode);
  if (failed !== 0) return failed;
  inode.linkable = false;
  notifyInode(inode, IN_ATTRIB);
  return finish(at, inode);
}

/** fs.protected_hardlinks: who may not write a file, or finds it special, cannot link it. */
function mayLink(inode: Inode, cred: Credentials, settings: FsSettings): 0 | Errno {
  if (settings.protectedHardlinks === 0) return 0;
  if (isOwnerOrCapable(inode, cred)) return 0;
  const special = (inode.mode & S_IFMT) !== S_IFREG || (inode.mode & 0o4000) !== 0;
  if (special || (inode.mode & 0o2010) === 0o2010) return EPERM;
  return inodePermission(inode, MAY_READ | MAY_WRITE, cred) === 0 ? 0 : EPERM;
}
