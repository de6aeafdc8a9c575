import { kind } from '../../checkpoint/registry.js';
import { O_ACCMODE, O_RDONLY, O_TRUNC } from '../../abi/fcntl.js';
import { S_IFDIR, S_IFMT } from '../../abi/stat.js';
import { EXDEV, type Errno } from '../../errno.js';
import type { FileGuard, GuardedTree } from '../trusted/guard.js';
import type { Dentry } from '../types.js';
import type { HostInode } from './node.js';

/** A FileGuard's questions, asked about inodes and names of one hostfs. */
export class InodeGuard {
  private readonly guard: FileGuard;
  private readonly base: string;

  constructor({ guard, path }: GuardedTree) {
    this.guard = guard;
    this.base = path === '/' ? '' : path;
  }

  private pathOf(inode: HostInode): string {
    const name = inode.data.names.at(-1);
    return name === undefined ? this.base : `${this.pathOf(name.dir)}/${name.name}`;
  }

  private ofDentry({ name, parent }: Dentry): string {
    return parent === null ? this.base : `${this.ofDentry(parent)}/${name}`;
  }

  /** All paths under which a file has been found. */
  private paths(inode: HostInode): string[] {
    const { names } = inode.data;
    return names.length === 0 ? [this.base] : names.map(({ dir, name }) => `${this.pathOf(dir)}/${name}`);
  }

  mayOpen(inode: HostInode, flags: number, dentry: Dentry | undefined): 0 | Errno {
    const write = (flags & O_ACCMODE) !== O_RDONLY || (flags & O_TRUNC) !== 0;
    return this.guard.mayOpen(this.opened(inode, dentry), write);
  }

  /** The path that a file is opened by; without a name (from an overlay) the one by which it was found last. */
  private opened(inode: HostInode, dentry: Dentry | undefined): string {
    return dentry === undefined ? this.pathOf(inode) : this.ofDentry(dentry);
  }

  /** Checks a trusted file that has just been opened, and has all reading of it checked from now on. */
  verify(inode: HostInode, dentry: Dentry | undefined): 0 | Errno {
    const { data } = inode;
    if (data.file === null) return 0;
    const verified = this.guard.verify(this.opened(inode, dentry), data.file);
    if (typeof verified === 'number') return verified;
    if (verified === null) return 0;
    data.verified = verified;
    inode.size = verified.size;
    return 0;
  }

  /** A file can be changed if it can be under all its names. */
  mayChange(inode: HostInode): 0 | Errno {
    for (const path of this.paths(inode)) {
      const denied = this.guard.mayChange(path);
      if (denied !== 0) return denied;
    }
    return 0;
  }

  mayChangeName(dir: HostInode, name: string): 0 | Errno {
    return this.guard.mayChange(`${this.pathOf(dir)}/${name}`);
  }

  /** What is in a directory moves with it: it stays among what is allowed as a whole, or is moved piece by piece. */
  mayMove(inode: HostInode, dir: HostInode, name: string, newDir: HostInode, newName: string): 0 | Errno {
    const denied = this.mayChangeName(dir, name) || this.mayChangeName(newDir, newName);
    if (denied !== 0 || (inode.mode & S_IFMT) !== S_IFDIR) return denied;
    const from = `${this.pathOf(dir)}/${name}`;
    const to = `${this.pathOf(newDir)}/${newName}`;
    return this.guard.coversTree(from) && this.guard.coversTree(to) ? 0 : EXDEV;
  }

  mayFollow(link: HostInode, target: string): 0 | Errno {
    return this.guard.mayFollow(this.pathOf(link), target);
  }
}

kind('InodeGuard', InodeGuard);
