/** Renaming (fs/namei.c: do_renameat2, vfs_rename). */
import { RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT } from '../abi/fcntl.js';
import { EBUSY, EEXIST, EINVAL, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, EXDEV, type Errno } from '../errno.js';
import { dropDentry, exchangeDentries, lookupDentry, moveDentry, pinDentry, unpinDentry } from './dentry.js';
import { isDirectory } from './inode.js';
import { isMountPoint } from './mount.js';
import { notifyMove } from './notify.js';
import { MAY_WRITE, inodePermission, mayCreate, mayDelete, wantWrite } from './permission.js';
import { hasSyntheticChildren, isSynthetic } from './synthetic.js';
import type { Dentry, Inode, Location, PathContext } from './types.js';
import { LAST_NORM, walkParent, type Walk } from './walk.js';

/** One end of a rename. */
export interface RenamePlace {
  /** Where the path begins; an Errno, of a bad descriptor or path, counts when the walk would begin. */
  readonly start: Location | Errno;
  readonly path: string;
}

/** `flags` of RENAME_*. */
export function rename(context: PathContext, from: RenamePlace, to: RenamePlace, flags: number): 0 | Errno {
  const known = RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT;
  const exchange = (flags & RENAME_EXCHANGE) !== 0;
  if ((flags & ~known) !== 0) return EINVAL;
  if (exchange && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) !== 0) return EINVAL;
  const source = walkPlace(context, from);
  if (typeof source === 'number') return source;
  const target = walkPlace(context, to);
  if (typeof target === 'number') return target;
  if (source.mount !== target.mount) return EXDEV;
  if (source.lastType !== LAST_NORM) return EBUSY;
  if (target.lastType !== LAST_NORM) return (flags & RENAME_NOREPLACE) !== 0 ? EEXIST : EBUSY;
  const error = wantWrite(source.mount);
  return error !== 0 ? error : renameNames(context, source, target, flags);
}

function walkPlace(context: PathContext, { start, path }: RenamePlace): Walk | Errno {
  return typeof start === 'number' ? start : walkParent(context, start, path);
}

function renameNames(context: PathContext, source: Walk, target: Walk, flags: number): 0 | Errno {
  const { vfs } = source.mount;
  const old = lookupDentry(vfs, source.dentry, source.last);
  if (typeof old === 'number') return old;
  const over = lookupDentry(vfs, target.dentry, target.last);
  if (typeof over === 'number') return over;
  const error = checkNames(source, old, target, over, flags);
  if (error !== 0) return error;
  if (old.inode === null) return ENOENT;
  if (old.inode === over.inode) return 0;
  const denied = mayRename(context, source.dentry, old.inode, target.dentry, over.inode, flags);
  if (denied !== 0) return denied;
  if (isMountPoint(old) || isMountPoint(over) || isSynthetic(old.inode) || hasSyntheticChildren(old))
    return EBUSY;
  return apply(source, old, target, over, flags);
}

function checkNames(source: Walk, old: Dentry, target: Walk, over: Dentry, flags: number): 0 | Errno {
  const exchange = (flags & RENAME_EXCHANGE) !== 0;
  if (old.inode === null) return ENOENT;
  if ((flags & RENAME_NOREPLACE) !== 0 && over.inode !== null) return EEXIST;
  if (exchange) {
    if (over.inode === null) return ENOENT;
    if (!isDirectory(over.inode) && target.trailingSlash) return ENOTDIR;
  }
  if (!isDirectory(old.inode)) {
    if (source.trailingSlash || (!exchange && target.trailingSlash)) return ENOTDIR;
  }
  if (isBelow(target.dentry, old)) return EINVAL;
  if (isBelow(source.dentry, over)) return exchange ? EINVAL : ENOTEMPTY;
  return 0;
}

/** Whether `dentry` is `above` or lies below it. */
function isBelow(dentry: Dentry, above: Dentry): boolean {
  for (let at: Dentry | null = dentry; at !== null; at = at.parent) if (at === above) return true;
  return false;
}

function mayRename(
  { cred }: PathContext,
  dir: Dentry,
  inode: Inode,
  newDir: Dentry,
  over: Inode | null,
  flags: number,
): 0 | Errno {
  const exchange = (flags & RENAME_EXCHANGE) !== 0;
  const error =
    mayDelete(dir, inode, isDirectory(inode), cred) ||
    (over === null
      ? mayCreate(newDir, cred)
      : mayDelete(newDir, over, isDirectory(exchange ? over : inode), cred));
  if (error !== 0 || dir === newDir) return error;
  // A directory that moves gets another `..`.
  const denied = isDirectory(inode) ? inodePermission(inode, MAY_WRITE, cred) : 0;
  if (denied !== 0 || !exchange || over === null || !isDirectory(over)) return denied;
  return inodePermission(over, MAY_WRITE, cred);
}

function apply(source: Walk, old: Dentry, target: Walk, over: Dentry, flags: number): 0 | Errno {
  const dir = source.dentry.inode;
  const newDir = target.dentry.inode;
  if (old.inode === null || dir === null || newDir === null) return ENOENT;
  if (dir.fs !== newDir.fs) return EXDEV;
  if (dir.fs.rename === undefined) return EPERM;
  const { vfs } = source.mount;
  const { name } = old;
  const replaced = over.inode;
  const failed = dir.fs.rename(dir, name, old.inode, newDir, over.name, replaced, flags);
  if (failed !== 0) return failed;
  if ((flags & RENAME_EXCHANGE) !== 0) {
    exchangeDentries(old, over);
    notifyMove(dir, name, old, null);
    notifyMove(newDir, old.name, over, null);
    return 0;
  }
  // What is replaced goes after all has been told.
  pinDentry(over);
  dropDentry(vfs, over);
  moveDentry(vfs, old, target.dentry, target.last);
  notifyMove(dir, name, old, replaced);
  unpinDentry(over);
  return 0;
}
