/** Extended attributes (xattr(7), fs/xattr.c), for filesystems that keep them in inode.xattrs. */
import { CAP_SETFCAP, CAP_SYS_ADMIN } from '../abi/capability.js';
import { IN_ATTRIB } from '../abi/inotify.js';
import { XATTR_CREATE, XATTR_REPLACE } from '../abi/limits.js';
import { S_ISVTX } from '../abi/stat.js';
import { EEXIST, ENODATA, ENOENT, ENOSPC, EOPNOTSUPP, EPERM, type Errno } from '../errno.js';
import { isDirectory, isRegular } from './inode.js';
import { notifyDentry } from './notify.js';
import { MAY_READ, MAY_WRITE, capable, inodePermission, isOwnerOrCapable, wantWrite } from './permission.js';
import type { Credentials, Inode, Location } from './types.js';

/** Bytes of names and values that one inode may have. */
const LIMIT = 128 * 1024;

const USER = 'user.';
const TRUSTED = 'trusted.';
const SECURITY = 'security.';

/** Whether an attribute of this name may be read or written, by its class. */
function mayUse(inode: Inode, name: string, mask: number, cred: Credentials): 0 | Errno {
  if (name.startsWith(SECURITY)) return mask === MAY_READ ? 0 : mayWriteSecurity(name, cred);
  if (name.startsWith(TRUSTED)) {
    if (capable(cred, CAP_SYS_ADMIN)) return 0;
    return mask === MAY_READ ? ENODATA : EPERM;
  }
  if (!name.startsWith(USER)) return EOPNOTSUPP;
  if (!isRegular(inode) && !isDirectory(inode)) return mask === MAY_READ ? ENODATA : EPERM;
  if (mask === MAY_WRITE && isDirectory(inode) && (inode.mode & S_ISVTX) !== 0) {
    if (!isOwnerOrCapable(inode, cred)) return EPERM;
  }
  return inodePermission(inode, mask, cred);
}

function mayWriteSecurity(name: string, cred: Credentials): 0 | Errno {
  return capable(cred, name === 'security.capability' ? CAP_SETFCAP : CAP_SYS_ADMIN) ? 0 : EPERM;
}

function sizeOf(attributes: ReadonlyMap<string, Uint8Array>): number {
  let size = 0;
  for (const [name, value] of attributes) size += name.length + value.length;
  return size;
}

/** `flags` of XATTR_CREATE and XATTR_REPLACE. */
export function setXattr(
  place: Location,
  name: string,
  value: Uint8Array,
  flags: number,
  cred: Credentials,
): 0 | Errno {
  const { inode } = place.dentry;
  if (inode === null) return ENOENT;
  const denied = wantWrite(place.mount) || mayUse(inode, name, MAY_WRITE, cred);
  if (denied !== 0) return denied;
  if (inode.fs.xattrs !== true) return EOPNOTSUPP;
  const attributes = (inode.xattrs ??= new Map<string, Uint8Array>());
  const known = attributes.has(name);
  if (known && (flags & XATTR_CREATE) !== 0) return EEXIST;
  if (!known && (flags & XATTR_REPLACE) !== 0) return ENODATA;
  if (sizeOf(attributes) + name.length + value.length > LIMIT) return ENOSPC;
  attributes.set(name, value);
  changed(place, inode);
  return 0;
}

export function getXattr(place: Location, name: string, cred: Credentials): Uint8Array | Errno {
  const { inode } = place.dentry;
  if (inode === null) return ENOENT;
  const denied = mayUse(inode, name, MAY_READ, cred);
  if (denied !== 0) return denied;
  return inode.fs.xattrs === true ? (inode.xattrs?.get(name) ?? ENODATA) : EOPNOTSUPP;
}

/** The names that `cred` may know, each with a NUL behind it. */
export function listXattrs({ dentry: { inode } }: Location, cred: Credentials): string | Errno {
  if (inode === null) return ENOENT;
  const names = [...(inode.xattrs?.keys() ?? [])];
  return names
    .filter((name) => !name.startsWith(TRUSTED) || capable(cred, CAP_SYS_ADMIN))
    .map((name) => `${name}\0`)
    .join('');
}

export function removeXattr(place: Location, name: string, cred: Credentials): 0 | Errno {
  const { inode } = place.dentry;
  if (inode === null) return ENOENT;
  const denied = wantWrite(place.mount) || mayUse(inode, name, MAY_WRITE, cred);
  if (denied !== 0) return denied;
  if (inode.fs.xattrs !== true) return EOPNOTSUPP;
  if (inode.xattrs?.delete(name) !== true) return ENODATA;
  changed(place, inode);
  return 0;
}

function changed(place: Location, inode: Inode): void {
  place.mount.vfs.clock.realtime(inode.ctime);
  notifyDentry(place.dentry, IN_ATTRIB);
}
