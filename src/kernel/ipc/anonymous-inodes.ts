import { AnonymousFs } from '../fs/anonymous.js';
import { newHandle } from '../fs/handle.js';
import type { Handle, HandleOperations, VfsContext } from '../fs/types.js';

const ANON_INODE_FS_MAGIC = 0x09041934;
/** st_dev of files that are no files; below the numbers that the VFS gives out. */
const ANON_INODE_DEV = 15;
const MODE = 0o600;

/** The filesystem of a kernel's files that are no files: anon_inodefs. */
export function anonymousInodes(vfs: VfsContext): AnonymousFs {
  if (vfs.anonymousInodes instanceof AnonymousFs) return vfs.anonymousInodes;
  const fs = new AnonymousFs(vfs, 'anon_inodefs', ANON_INODE_FS_MAGIC, ANON_INODE_DEV);
  vfs.anonymousInodes = fs;
  return fs;
}

/** A new handle, with one reference, on nothing but its operations; `name` as /proc shows it: `[eventfd]`. */
export function openAnonymous(vfs: VfsContext, name: string, flags: number, ops: HandleOperations): Handle {
  const fs = anonymousInodes(vfs);
  const inode = fs.make(MODE, null);
  return newHandle(inode, fs.place(inode, `anon_inode:${name}`), flags, ops);
}
