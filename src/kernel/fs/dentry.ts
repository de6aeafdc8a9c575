/**
 * The dentry cache: the names that have been looked up, found or not.
 *
 * A dentry stays while it has children, mounts or pins; the others may be forgotten when there are too many (`sweep`) and
 * are looked up again when needed. A name that is removed takes its dentry out of the tree (`drop`): whoever still has it
 * sees that it is deleted.
 */
import { kind } from '../checkpoint/registry.js';
import { ENAMETOOLONG, ENOENT, type Errno } from '../errno.js';
import { NAME_MAX } from '../abi/limits.js';
import { releaseInode, retainInode } from './inode.js';
import type { Dentry, Inode, Mount, VfsContext } from './types.js';

/** Dentries that may be cached before old ones are forgotten. */
const CACHE_LIMIT = 50_000;

class CachedDentry implements Dentry {
  readonly mounts: Mount[] = [];
  children: Map<string, Dentry> | null = null;
  deleted = false;
  pins = 0;
  used = 0;

  constructor(
    public name: string,
    public parent: Dentry | null,
    public inode: Inode | null,
    readonly nameless = false,
  ) {
    if (inode !== null) retainInode(inode);
  }
}

/** A dentry that stands in no directory: a filesystem's root, or a file without a name. */
export function unattachedDentry(name: string, inode: Inode): Dentry {
  return new CachedDentry(name, null, inode);
}

/** The place of a file that never had a name (pipes, sockets): its last pin lets go of the inode. */
export function namelessDentry(name: string, inode: Inode): Dentry {
  return new CachedDentry(name, null, inode, true);
}

export function addDentry(vfs: VfsContext, parent: Dentry, name: string, inode: Inode | null): Dentry {
  const dentry = new CachedDentry(name, parent, inode);
  dentry.used = vfs.dentries.age;
  parent.children ??= new Map();
  parent.children.set(name, dentry);
  vfs.dentries.count++;
  return dentry;
}

/** A negative dentry's name has come into being. */
export function instantiate(dentry: Dentry, inode: Inode): void {
  retainInode(inode);
  dentry.inode = inode;
}

/** Pins of all kernels in this JavaScript thread: for those who look for leaks. */
export const pinsInUse = { count: 0 };

export function pinDentry(dentry: Dentry): void {
  pinsInUse.count++;
  dentry.pins++;
}

export function unpinDentry(dentry: Dentry): void {
  pinsInUse.count--;
  if (--dentry.pins === 0 && (dentry.deleted || dentry.nameless)) forgetInode(dentry);
}

function forgetInode(dentry: Dentry): void {
  const { inode } = dentry;
  if (inode === null) return;
  dentry.inode = null;
  if (inode.nlink === 0) inode.watches?.gone();
  releaseInode(inode);
}

/** Takes a dentry, and all below it, out of the tree. Whoever pins it keeps its inode. */
export function dropDentry(vfs: VfsContext, dentry: Dentry): void {
  for (const child of dentry.children?.values() ?? []) dropDentry(vfs, child);
  if (dentry.deleted) return;
  if (dentry.parent?.children?.get(dentry.name) === dentry) dentry.parent.children.delete(dentry.name);
  vfs.dentries.count--;
  dentry.deleted = true;
  if (dentry.pins === 0) forgetInode(dentry);
}

/** Puts `dentry` at another place in the tree, over what is there. */
export function moveDentry(vfs: VfsContext, dentry: Dentry, parent: Dentry, name: string): void {
  const over = parent.children?.get(name);
  if (over !== undefined && over !== dentry) dropDentry(vfs, over);
  if (dentry.parent?.children?.get(dentry.name) === dentry) dentry.parent.children.delete(dentry.name);
  attachDentry(dentry, parent, name);
}

export function exchangeDentries(a: Dentry, b: Dentry): void {
  const { parent, name } = a;
  if (parent === null || b.parent === null) return;
  attachDentry(a, b.parent, b.name);
  attachDentry(b, parent, name);
}

function attachDentry(dentry: Dentry, parent: Dentry, name: string): void {
  dentry.parent = parent;
  dentry.name = name;
  parent.children ??= new Map();
  parent.children.set(name, dentry);
}

/** The dentry of `name` in the directory `parent`, negative if there is no such name. */
export function lookupDentry(vfs: VfsContext, parent: Dentry, name: string): Dentry | Errno {
  const known = parent.children?.get(name);
  if (known !== undefined) {
    known.used = vfs.dentries.age;
    if (isValid(parent, known)) return known;
    dropDentry(vfs, known);
  }
  const dir = parent.inode;
  if (dir === null || parent.deleted) return ENOENT;
  if (name.length > NAME_MAX) return ENAMETOOLONG;
  const inode = dir.fs.lookup(dir, name);
  if (typeof inode !== 'number') return addDentry(vfs, parent, name, inode);
  return inode === ENOENT && dir.fs.closed !== true ? addDentry(vfs, parent, name, null) : inode;
}

/** A mount and a place made for one stay, whatever the filesystem below thinks. */
function isValid(parent: Dentry, dentry: Dentry): boolean {
  const dir = parent.inode;
  if (dir?.fs.revalidate === undefined || dentry.mounts.length > 0) return true;
  if (dentry.inode !== null && dentry.inode.fs !== dir.fs) return true;
  return dir.fs.revalidate(dentry) || hasMountBelow(dentry);
}

/** A name that has gone stays while something is mounted below it: what was mounted is not lost. */
function hasMountBelow(dentry: Dentry): boolean {
  for (const child of dentry.children?.values() ?? []) {
    if (child.mounts.length > 0 || hasMountBelow(child)) return true;
  }
  return false;
}

/** Forgets what has not been used since the last sweep, if there is too much. Only between operations. */
export function sweepDentries(vfs: VfsContext): void {
  if (vfs.dentries.count < CACHE_LIMIT) return;
  for (const mount of vfs.mounts) sweepBelow(vfs, mount.root);
  vfs.dentries.age++;
}

/** Forgets names that nobody needs, so that they are not written down; those of files in the page cache are kept. */
export function forgetUnused(vfs: VfsContext): void {
  for (const mount of vfs.mounts) forgetBelow(vfs, mount.root);
}

function forgetBelow(vfs: VfsContext, dentry: Dentry): void {
  for (const child of dentry.children?.values() ?? []) {
    forgetBelow(vfs, child);
    if (!isNeeded(child) && (child.inode?.pages ?? null) === null) dropDentry(vfs, child);
  }
}

function isNeeded({ pins, mounts, children }: Dentry): boolean {
  return pins > 0 || mounts.length > 0 || (children?.size ?? 0) > 0;
}

function sweepBelow(vfs: VfsContext, dentry: Dentry): void {
  for (const child of dentry.children?.values() ?? []) {
    sweepBelow(vfs, child);
    if (!isNeeded(child) && child.used < vfs.dentries.age) dropDentry(vfs, child);
  }
}

kind('CachedDentry', CachedDentry);
