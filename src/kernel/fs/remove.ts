/** Removing names: unlink and rmdir (fs/namei.c: do_unlinkat, do_rmdir). */
import { IN_ATTRIB, IN_DELETE } from '../abi/inotify.js';
import { EBUSY, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, type Errno } from '../errno.js';
import { dropDentry, lookupDentry } from './dentry.js';
import { isDirectory } from './inode.js';
import { isMountPoint } from './mount.js';
import { notifyInode, notifyName } from './notify.js';
import { mayDelete, wantWrite } from './permission.js';
import { hasSyntheticChildren, isSynthetic } from './synthetic.js';
import type { Dentry, Inode, Location, PathContext } from './types.js';
import { LAST_DOT, LAST_DOTDOT, LAST_NORM, walkParent, type Walk } from './walk.js';

/** A name that is to be removed. */
interface Victim {
  readonly dir: Dentry;
  readonly dirInode: Inode;
  readonly dentry: Dentry;
  readonly inode: Inode;
}

export function unlink(context: PathContext, start: Location, path: string): 0 | Errno {
  const place = walkParent(context, start, path);
  if (typeof place === 'number') return place;
  if (place.lastType !== LAST_NORM) return EISDIR;
  const victim = find(place);
  if (typeof victim === 'number') return victim;
  if (place.trailingSlash) return isDirectory(victim.inode) ? EISDIR : ENOTDIR;
  const error = mayRemove(victim, false, context);
  if (error !== 0) return error;
  const { dirInode, dentry, inode } = victim;
  const failed = dirInode.fs.unlink?.(dirInode, dentry.name, inode) ?? EPERM;
  if (failed === 0) notifyInode(inode, IN_ATTRIB);
  if (failed === 0) removed(place, victim);
  return failed;
}

export function rmdir(context: PathContext, start: Location, path: string): 0 | Errno {
  const place = walkParent(context, start, path);
  if (typeof place === 'number') return place;
  if (place.lastType === LAST_DOTDOT) return ENOTEMPTY;
  if (place.lastType === LAST_DOT) return EINVAL;
  if (place.lastType !== LAST_NORM) return EBUSY;
  const victim = find(place);
  if (typeof victim === 'number') return victim;
  const error = mayRemove(victim, true, context);
  if (error !== 0) return error;
  const { dirInode, dentry, inode } = victim;
  if (hasSyntheticChildren(dentry)) return ENOTEMPTY;
  const failed = dirInode.fs.rmdir?.(dirInode, dentry.name, inode) ?? EPERM;
  if (failed === 0) removed(place, victim);
  return failed;
}

/** If nothing else refers to the file, it has gone before its directory is told. */
function removed({ mount }: Walk, { dirInode, dentry, inode }: Victim): void {
  dropDentry(mount.vfs, dentry);
  notifyName(dirInode, dentry.name, inode, IN_DELETE);
}

function find(place: Walk): Victim | Errno {
  const error = wantWrite(place.mount);
  if (error !== 0) return error;
  const dentry = lookupDentry(place.mount.vfs, place.dentry, place.last);
  if (typeof dentry === 'number') return dentry;
  const dirInode = place.dentry.inode;
  if (dentry.inode === null || dirInode === null) return ENOENT;
  return { dir: place.dentry, dirInode, dentry, inode: dentry.inode };
}

function mayRemove({ dir, dentry, inode }: Victim, asDirectory: boolean, context: PathContext): 0 | Errno {
  const error = mayDelete(dir, inode, asDirectory, context.cred);
  if (error !== 0) return error;
  return isMountPoint(dentry) || isSynthetic(inode) ? EBUSY : 0;
}
