/** Changing what an inode says of itself: mode, owner, times, size (fs/attr.c, fs/open.c, fs/utimes.c). */
import { CAP_CHOWN, CAP_FSETID } from '../abi/capability.js';
import { O_WRONLY } from '../abi/fcntl.js';
import { IN_ACCESS, IN_ATTRIB, IN_MODIFY } from '../abi/inotify.js';
import { S_IALLUGO, S_ISGID, S_ISUID, S_IXGRP } from '../abi/stat.js';
import { EACCES, EINVAL, EISDIR, ENOENT, EPERM, ETXTBSY, type Errno } from '../errno.js';
import { isDirectory, isRegular } from './inode.js';
import { breakLeases } from './leases.js';
import { notifyDentry } from './notify.js';
import {
  MAY_WRITE,
  capable,
  inGroup,
  inodePermission,
  isOwnerOrCapable,
  wantWrite,
  withoutForeignSetgid,
} from './permission.js';
import type {
  Attributes,
  Credentials,
  Dentry,
  Handle,
  Inode,
  Location,
  PathContext,
  Timespec,
} from './types.js';

/** `dentry`: the name by which it is done, if there is one. */
function change(inode: Inode, changes: Attributes, dentry: Dentry | null): 0 | Errno {
  const failed = inode.fs.setattr?.(inode, changes) ?? EPERM;
  if (failed === 0 && dentry !== null) notifyDentry(dentry, eventOf(changes));
  return failed;
}

/** What a change is to those who watch (fsnotify_change). */
function eventOf({ mode, uid, gid, size, atime, mtime }: Attributes): number {
  let mask = mode !== undefined || uid !== undefined || gid !== undefined ? IN_ATTRIB : 0;
  if (size !== undefined) mask |= IN_MODIFY;
  if (atime !== undefined && mtime !== undefined) mask |= IN_ATTRIB;
  else if (atime !== undefined) mask |= IN_ACCESS;
  else if (mtime !== undefined) mask |= IN_MODIFY;
  return mask;
}

/** `mode`: permission bits; a type among them is ignored. */
export function chmod({ cred }: PathContext, place: Location, mode: number): 0 | Errno {
  const { inode } = place.dentry;
  if (inode === null) return ENOENT;
  const readOnly = wantWrite(place.mount);
  if (readOnly !== 0) return readOnly;
  if (!isOwnerOrCapable(inode, cred)) return EPERM;
  return change(inode, { mode: withoutForeignSetgid(mode & S_IALLUGO, inode.gid, cred) }, place.dentry);
}

/** -1 (0xffffffff) leaves an id as it is. Set-id bits of a file that is no directory go. */
export function chown({ cred }: PathContext, place: Location, uid: number, gid: number): 0 | Errno {
  const { inode } = place.dentry;
  if (inode === null) return ENOENT;
  const readOnly = wantWrite(place.mount);
  if (readOnly !== 0) return readOnly;
  const changes: Attributes = {};
  if (uid >>> 0 !== 0xffffffff) changes.uid = uid >>> 0;
  if (gid >>> 0 !== 0xffffffff) changes.gid = gid >>> 0;
  if (!mayChown(inode, changes, cred)) return EPERM;
  const mode = isDirectory(inode) ? inode.mode : withoutSetId(inode.mode);
  if (mode !== inode.mode) {
    if (!isOwnerOrCapable(inode, cred)) return EPERM;
    changes.mode = mode & S_IALLUGO;
  }
  return change(inode, changes, place.dentry);
}

function mayChown(inode: Inode, { uid, gid }: Attributes, cred: Credentials): boolean {
  if (capable(cred, CAP_CHOWN)) return true;
  const owner = cred.fsuid === inode.uid;
  if (uid !== undefined && (!owner || uid !== inode.uid)) return false;
  return gid === undefined || (owner && (gid === inode.gid || inGroup(cred, gid)));
}

/** A set-group-ID bit without execution for the group means mandatory locking and stays. */
function withoutSetId(mode: number): number {
  const clear = (mode & S_IXGRP) !== 0 ? S_ISUID | S_ISGID : S_ISUID;
  return mode & ~clear;
}

/** What utimensat(2) sets: a time, 'now', or nothing. */
export type NewTime = Timespec | 'now' | null;

export function utimens({ cred }: PathContext, place: Location, atime: NewTime, mtime: NewTime): 0 | Errno {
  const { inode } = place.dentry;
  if (inode === null) return ENOENT;
  const readOnly = wantWrite(place.mount);
  if (readOnly !== 0) return readOnly;
  if (atime === null && mtime === null) return 0;
  if (!isOwnerOrCapable(inode, cred)) {
    if (atime !== 'now' || mtime !== 'now') return EPERM;
    if (inodePermission(inode, MAY_WRITE, cred) !== 0) return EACCES;
  }
  const changes: Attributes = {};
  const now: Timespec = { sec: 0, nsec: 0 };
  place.mount.vfs.clock.realtime(now);
  if (atime !== null) changes.atime = atime === 'now' ? now : atime;
  if (mtime !== null) changes.mtime = mtime === 'now' ? now : mtime;
  return change(inode, changes, place.dentry);
}

/** truncate(2): by path, with all checks. `size` is in range. EAGAIN: there are leases. */
export function truncate(context: PathContext, place: Location, size: number): 0 | Errno {
  const { inode } = place.dentry;
  if (inode === null) return ENOENT;
  if (isDirectory(inode)) return EISDIR;
  if (!isRegular(inode)) return EINVAL;
  const error = inodePermission(inode, MAY_WRITE, context.cred) || wantWrite(place.mount);
  if (error !== 0) return error;
  if (inode.writers < 0) return ETXTBSY;
  const leased = breakLeases(inode, O_WRONLY, place.mount.vfs);
  return leased !== 0 ? leased : setSize(context, inode, size, place.dentry);
}

/** Changes the size of a file that is open for writing; set-id bits go as after any write. */
export function setSize({ cred }: PathContext, inode: Inode, size: number, dentry: Dentry | null): 0 | Errno {
  const changes: Attributes = { size };
  const mode = modeAfterWrite(inode, cred);
  if (mode !== inode.mode) changes.mode = mode & S_IALLUGO;
  return change(inode, changes, dentry);
}

export function truncateForOpen(context: PathContext, inode: Inode, dentry: Dentry): 0 | Errno {
  return setSize(context, inode, 0, dentry);
}

function modeAfterWrite(inode: Inode, cred: Credentials): number {
  return (inode.mode & (S_ISUID | S_ISGID)) === 0 || capable(cred, CAP_FSETID)
    ? inode.mode
    : withoutSetId(inode.mode);
}

/** Takes the set-id bits away from a file that is about to be written (file_remove_privs). */
export function removePrivileges({ cred }: PathContext, { inode, location }: Handle): 0 | Errno {
  const mode = modeAfterWrite(inode, cred);
  return mode === inode.mode ? 0 : change(inode, { mode: mode & S_IALLUGO }, location?.dentry ?? null);
}
