import { kind } from '../checkpoint/registry.js';
import { ENOENT, ENXIO, type Errno } from '../errno.js';
import { namelessDentry, unattachedDentry } from './dentry.js';
import { PlainInode } from './inode.js';
import type { FileSystem, FsStatistics, HandleOperations, Inode, Location, VfsContext } from './types.js';
import { MountPoint } from './mount.js';

/**
 * A filesystem for files that have no path: pipefs, sockfs, anon_inodefs. It makes inodes and the places at which handles
 * show them; nothing can be looked up in it.
 */
export class AnonymousFs implements FileSystem {
  readonly mount: MountPoint;
  private inodes = 0;

  constructor(
    private readonly vfs: VfsContext,
    readonly type: string,
    readonly magic: number,
    readonly dev: number,
    /** Opens an inode again through /proc/<pid>/fd; ENXIO without. */
    private readonly reopen?: (inode: Inode, flags: number) => HandleOperations | Errno,
  ) {
    this.mount = new MountPoint(vfs, this, unattachedDentry('', this.make(0, null)), 0, 0);
  }

  /** `mode` with the type. */
  make<Data>(mode: number, data: Data): PlainInode<Data> {
    const inode = new PlainInode(this, ++this.inodes, mode, data);
    this.vfs.clock.realtime(inode.mtime);
    Object.assign(inode.atime, inode.mtime);
    Object.assign(inode.ctime, inode.mtime);
    return inode;
  }

  /** Takes in an inode that was another kernel's: under a number that is free here. */
  adopt(inode: Inode): void {
    (inode as { ino: number }).ino = ++this.inodes;
  }

  /** A place for an inode; `name` as /proc/<pid>/fd shows it: `pipe:[7]`, `anon_inode:[eventfd]`. */
  place(inode: Inode, name: string): Location {
    return { mount: this.mount, dentry: namelessDentry(name, inode) };
  }

  root(): Inode {
    return this.make(0, null);
  }

  lookup(): Errno {
    return ENOENT;
  }

  open(inode: Inode, flags: number): HandleOperations | Errno {
    return this.reopen?.(inode, flags) ?? ENXIO;
  }

  statfs(): FsStatistics {
    return { bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0 };
  }
}

kind('AnonymousFs', AnonymousFs);
