import { constant, kind } from '../checkpoint/registry.js';
import { O_ACCMODE, O_PATH, O_RDONLY } from '../abi/fcntl.js';
import { IN_OPEN } from '../abi/inotify.js';
import { EBADF, ETXTBSY, type Errno } from '../errno.js';
import { pinDentry, unpinDentry } from './dentry.js';
import { isRegular, releaseInode, retainInode } from './inode.js';
import { releaseHandleLocks, releaseOwnerLocks } from './locks.js';
import { notifyClose, notifyHandle } from './notify.js';
import type { Handle, HandleOperations, HandleOwner, HandleWatch, Inode, Location } from './types.js';

class OpenFile implements Handle {
  position = 0;
  data: unknown = null;
  references = 1;
  owner?: HandleOwner;
  watches?: Set<HandleWatch>;
  readonly access: number;

  constructor(
    readonly inode: Inode,
    readonly location: Location | null,
    public flags: number,
    readonly ops: HandleOperations,
  ) {
    this.access = flags & (O_ACCMODE | O_PATH);
  }
}

/** Open files of all kernels in this JavaScript thread: for those who look for leaks. */
export const handlesInUse = { count: 0 };

/**
 * An open file with one reference, the caller's. `flags` as open(2) takes them. The location, where there is one, says
 * under which name it is seen; /proc shows it.
 */
export function newHandle(
  inode: Inode,
  location: Location | null,
  flags: number,
  ops: HandleOperations,
): Handle {
  const handle = new OpenFile(inode, location, flags, ops);
  handlesInUse.count++;
  retainInode(inode);
  if (location !== null) pinDentry(location.dentry);
  count(handle, 1);
  ops.opened?.(handle);
  notifyHandle(handle, IN_OPEN);
  return handle;
}

/** Counts opens of regular files; access mode 3 counts as neither. */
function count(handle: Handle, change: number): void {
  const { inode } = handle;
  if (!isRegular(inode)) return;
  if (canWrite(handle)) inode.writers += change;
  else if (canRead(handle)) inode.readers += change;
}

/** Counts a handle that was another kernel's, which is whole but for that. */
export function adoptHandle(handle: Handle, opened: boolean): void {
  handlesInUse.count++;
  retainInode(handle.inode);
  if (handle.location !== null) pinDentry(handle.location.dentry);
  if (!opened) return;
  count(handle, 1);
  handle.ops.opened?.(handle);
}

export function retainHandle(handle: Handle): Handle {
  handle.references++;
  return handle;
}

/** Gives a reference back; the last one closes the file. */
export function releaseHandle(handle: Handle): void {
  if (--handle.references > 0) return;
  handlesInUse.count--;
  const { inode, location, watches } = handle;
  if (watches !== undefined) for (const watch of [...watches]) watch.handleReleased();
  notifyClose(handle, canWrite(handle));
  releaseHandleLocks(handle);
  handle.ops.release?.(handle);
  count(handle, -1);
  if (location !== null) unpinDentry(location.dentry);
  releaseInode(inode);
}

/**
 * A descriptor of the table `owner` is closed (filp_close): its POSIX locks on the file go, whatever other descriptors it
 * has for it. The result is close's.
 */
export function closeHandle(handle: Handle, owner: object): 0 | Errno {
  const flushed = isPathOnly(handle) ? 0 : (handle.ops.flush?.(handle) ?? 0);
  if (!isPathOnly(handle)) releaseOwnerLocks(handle.inode, owner);
  if (handle.watches !== undefined) for (const watch of [...handle.watches]) watch.closed?.(owner);
  releaseHandle(handle);
  return flushed;
}

/** O_PATH: the handle stands for a place and cannot be read or written. */
export function isPathOnly(handle: Handle): boolean {
  return (handle.access & O_PATH) !== 0;
}

export function canRead(handle: Handle): boolean {
  const mode = handle.access & O_ACCMODE;
  return !isPathOnly(handle) && (mode === O_RDONLY || mode === 2);
}

export function canWrite(handle: Handle): boolean {
  const mode = handle.access & O_ACCMODE;
  return !isPathOnly(handle) && (mode === 1 || mode === 2);
}

/** What an O_PATH handle can do. */
export const PATH_OPERATIONS: HandleOperations = { seekable: false, read: () => EBADF, write: () => EBADF };

/** A program is about to run from `inode`: nobody may open it for writing. ETXTBSY if somebody has. */
export function denyWrite(inode: Inode): 0 | Errno {
  if (inode.writers > 0) return ETXTBSY;
  inode.writers--;
  return 0;
}

/** Ends what a successful `denyWrite` began. */
export function allowWrite(inode: Inode): void {
  inode.writers++;
}

kind('OpenFile', OpenFile);
constant('path', PATH_OPERATIONS);
