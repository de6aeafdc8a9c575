import { constant, kind } from '../checkpoint/registry.js';
import { S_IFDIR, S_IFREG, direntType } from '../abi/stat.js';
import { EACCES, EISDIR, ENOENT, type Errno } from '../errno.js';
import { PlainInode } from './inode.js';
import { emitListing } from './listing.js';
import type { Dentry, DirEntry, FileSystem, FsStatistics, Handle, HandleOperations, Inode } from './types.js';

/** Linux's ramfs magic: the nearest to what stands in for a place where something is mounted. */
const MAGIC = 0x858458f6;

/**
 * Directories and empty files that exist only because something is mounted on or below them. Their names are dentries
 * that the VFS keeps (vfs.ts), in a directory of any filesystem; nothing can be made or removed in them.
 */
export class SyntheticFs implements FileSystem {
  readonly type = 'synthetic';
  readonly magic = MAGIC;
  private readonly top: Inode;
  private inodes = 0;

  constructor(readonly dev: number) {
    this.top = this.make(true);
  }

  make(directory: boolean): Inode {
    const inode = new PlainInode(this, ++this.inodes, directory ? S_IFDIR | 0o755 : S_IFREG | 0o444, null);
    if (directory) inode.nlink = 2;
    return inode;
  }

  root(): Inode {
    return this.top;
  }

  lookup(): Errno {
    return ENOENT;
  }

  open(inode: Inode): HandleOperations {
    return (inode.mode & S_IFDIR) !== 0 ? DIRECTORY : FILE;
  }

  statfs(): FsStatistics {
    return { bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0 };
  }
}

const FILE: HandleOperations = { seekable: true, read: () => 0, write: () => EACCES };

const DIRECTORY: HandleOperations = {
  seekable: true,
  read: () => EISDIR,
  write: () => EISDIR,
  readdir: (handle, emit) => emitListing(handle, [], emit, () => null),
  fsync: () => 0,
};

export function isSynthetic(inode: Inode): boolean {
  return inode.fs instanceof SyntheticFs;
}

/** Whether something is mounted below a name of the directory that its filesystem does not know. */
export function hasSyntheticChildren(dentry: Dentry): boolean {
  for (const { inode } of dentry.children?.values() ?? [])
    if (inode !== null && isSynthetic(inode)) return true;
  return false;
}

/** Positions in a directory from here on stand for synthetic names. */
const FIRST_SYNTHETIC = 2 ** 52;

/**
 * Emits a directory's entries, then the synthetic names in it, which its filesystem does not know.
 */
export function readDirectory(handle: Handle, emit: (entry: DirEntry) => boolean): 0 | Errno {
  const { readdir } = handle.ops;
  if (readdir === undefined) return ENOENT;
  if (handle.position < FIRST_SYNTHETIC) {
    let full = false;
    const error = readdir.call(handle.ops, handle, (entry) => {
      full = !emit(entry);
      return !full;
    });
    if (error !== 0 || full) return error;
  }
  emitSynthetic(handle, emit);
  return 0;
}

function emitSynthetic(handle: Handle, emit: (entry: DirEntry) => boolean): void {
  const first = Math.max(0, handle.position - FIRST_SYNTHETIC);
  const children = handle.location?.dentry.children;
  if (children === null || children === undefined) return;
  let index = 0;
  for (const { name, inode } of children.values()) {
    if (inode === null || !isSynthetic(inode) || index++ < first) continue;
    const offset = FIRST_SYNTHETIC + index;
    if (!emit({ ino: inode.ino, offset, type: direntType(inode.mode), name })) return;
    handle.position = offset;
  }
}

kind('SyntheticFs', SyntheticFs);
constant('synthetic.file', FILE);
constant('synthetic.directory', DIRECTORY);
