import { pinsInUse } from '../fs/dentry.js';
import { handlesInUse } from '../fs/handle.js';
import { inodesInUse } from '../fs/inode.js';
import type { Dentry, Inode } from '../fs/types.js';
import type { Vfs } from '../fs/vfs.js';
import type { Kernel } from '../kernel.js';

/** What the kernel holds. When all programs have ended, everything but caches is back where it was. */
export interface ObjectCounts {
  readonly processes: number;
  readonly threads: number;
  /** Open files (descriptions, not descriptors). */
  readonly openFiles: number;
  /** Inodes in use that have no cached name. */
  readonly inodes: number;
  readonly cachedNames: number;
  /** How often names are held: by open files, mounts, and processes that stand there. */
  readonly heldNames: number;
  readonly timers: number;
  /** System V shared memory, semaphores and message queues. */
  readonly ipcObjects: number;
}

export function countObjects(kernel: Kernel, vfs: Vfs): ObjectCounts {
  const named = new Set<Inode>();
  for (const { root } of vfs.mounts) collectInodes(root, named);
  const { shm, sem, msg } = kernel.ipc;
  return {
    processes: kernel.processes.size,
    threads: kernel.threads.size,
    openFiles: handlesInUse.count,
    inodes: inodesInUse.count - named.size,
    cachedNames: vfs.dentries.count,
    heldNames: pinsInUse.count,
    timers: kernel.timers.size,
    ipcObjects: shm.segments.count + sem.arrays.count + msg.queues.count,
  };
}

function collectInodes(top: Dentry, into: Set<Inode>): void {
  const left: Dentry[] = [top];
  for (let dentry = left.pop(); dentry !== undefined; dentry = left.pop()) {
    if (dentry.inode !== null) into.add(dentry.inode);
    if (dentry.children !== null) left.push(...dentry.children.values());
  }
}
