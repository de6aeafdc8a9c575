/** Who may do what to an inode (generic_permission and relatives in fs/namei.c, capabilities(7)). */
import { CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID } from '../abi/capability.js';
import { MS_RDONLY } from '../abi/mount.js';
import { S_IFIFO, S_IFMT, S_IFREG, S_ISGID, S_ISVTX, S_IWGRP, S_IWOTH } from '../abi/stat.js';
import { EACCES, EISDIR, ENOENT, ENOTDIR, EPERM, EROFS, type Errno } from '../errno.js';
import { isDirectory } from './inode.js';
import type { FsSettings } from './settings.js';
import type { Credentials, Dentry, Inode, Mount } from './types.js';

export const MAY_EXEC = 1;
export const MAY_WRITE = 2;
export const MAY_READ = 4;

export function capable(cred: Credentials, capability: number): boolean {
  return cred.capable === undefined ? cred.fsuid === 0 : cred.capable(capability);
}

export function inGroup(cred: Credentials, gid: number): boolean {
  return cred.fsgid === gid || cred.groups.includes(gid);
}

/** Whether `cred` has all rights of `mask` (MAY_*) on `inode`. */
export function inodePermission(inode: Inode, mask: number, cred: Credentials): 0 | Errno {
  return inode.fs.permission?.(inode, mask, cred) ?? permissionByMode(inode, mask, cred);
}

/** The same by owner, group and permission bits alone. */
export function permissionByMode(inode: Inode, mask: number, cred: Credentials): 0 | Errno {
  const { mode } = inode;
  let bits = mode;
  if (cred.fsuid === inode.uid) bits = mode >> 6;
  else if (((mode ^ (mode >> 3)) & 7) !== 0 && inGroup(cred, inode.gid)) bits = mode >> 3;
  if ((mask & ~bits) === 0) return 0;
  return overrides(inode, mask, cred) ? 0 : EACCES;
}

function overrides(inode: Inode, mask: number, cred: Credentials): boolean {
  const searches = isDirectory(inode) ? (mask & MAY_WRITE) === 0 : mask === MAY_READ;
  if (searches && capable(cred, CAP_DAC_READ_SEARCH)) return true;
  const executable = isDirectory(inode) || (mask & MAY_EXEC) === 0 || (inode.mode & 0o111) !== 0;
  return executable && capable(cred, CAP_DAC_OVERRIDE);
}

export function isOwnerOrCapable(inode: Inode, cred: Credentials): boolean {
  return cred.fsuid === inode.uid || capable(cred, CAP_FOWNER);
}

/** mnt_want_write: EROFS on a mount for reading only. */
export function wantWrite(mount: Mount): 0 | Errno {
  return (mount.flags & MS_RDONLY) !== 0 ? EROFS : 0;
}

/** Whether a name may be made in `dir`. */
export function mayCreate(dir: Dentry, cred: Credentials): 0 | Errno {
  if (dir.deleted || dir.inode === null) return ENOENT;
  return inodePermission(dir.inode, MAY_WRITE | MAY_EXEC, cred);
}

/** Whether `victim` may be removed from `dir`, as a directory or as anything else. */
export function mayDelete(dir: Dentry, victim: Inode, asDirectory: boolean, cred: Credentials): 0 | Errno {
  if (dir.inode === null) return ENOENT;
  const error = inodePermission(dir.inode, MAY_WRITE | MAY_EXEC, cred);
  if (error !== 0) return error;
  if (isStuck(dir.inode, victim, cred)) return EPERM;
  if (asDirectory !== isDirectory(victim)) return asDirectory ? ENOTDIR : EISDIR;
  return dir.deleted ? ENOENT : 0;
}

/** In a sticky directory only the owners of the file and of the directory may remove a name. */
function isStuck(dir: Inode, victim: Inode, cred: Credentials): boolean {
  if ((dir.mode & S_ISVTX) === 0 || cred.fsuid === victim.uid || cred.fsuid === dir.uid) return false;
  return !capable(cred, CAP_FOWNER);
}

/** Whether everybody may make names in a directory, but remove only their own: /tmp. */
function isShared({ mode }: Inode): boolean {
  return (mode & (S_ISVTX | S_IWOTH)) === (S_ISVTX | S_IWOTH);
}

/** fs.protected_symlinks: what others have put into a shared directory does not lead anywhere (may_follow_link). */
export function mayFollow(link: Inode, dir: Inode, cred: Credentials, settings: FsSettings): 0 | Errno {
  if (settings.protectedSymlinks === 0 || link.uid === cred.fsuid) return 0;
  return isShared(dir) && dir.uid !== link.uid ? EACCES : 0;
}

/** fs.protected_{fifos,regular}: O_CREAT does not open what others have made there (may_create_in_sticky). */
export function mayReuse(found: Inode, dir: Inode, cred: Credentials, settings: FsSettings): 0 | Errno {
  const type = found.mode & S_IFMT;
  const level = type === S_IFIFO ? settings.protectedFifos : type === S_IFREG ? settings.protectedRegular : 0;
  if (level === 0 || (dir.mode & S_ISVTX) === 0) return 0;
  if (found.uid === dir.uid || found.uid === cred.fsuid) return 0;
  const shared = (dir.mode & S_IWOTH) !== 0 || ((dir.mode & S_IWGRP) !== 0 && level > 1);
  return shared ? EACCES : 0;
}

/** Who is not in a file's group cannot set its set-group-ID bit. */
export function withoutForeignSetgid(mode: number, gid: number, cred: Credentials): number {
  return inGroup(cred, gid) || capable(cred, CAP_FSETID) ? mode : mode & ~S_ISGID;
}

/** The credentials with which access(2) asks: the real ids in place of the effective ones. */
export function realCredentials(cred: Credentials): Credentials {
  const { ruid, rgid } = cred;
  return {
    ...cred,
    fsuid: ruid,
    fsgid: rgid,
    capable: (capability) => ruid === 0 && (cred.euid !== 0 || capable(cred, capability)),
  };
}
