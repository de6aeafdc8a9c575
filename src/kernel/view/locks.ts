/** Locks on files as /proc/locks shows them: those of the files that processes have open. */
import { F_RDLCK, F_WRLCK } from '../abi/fcntl.js';
import type { LockView } from '../fs/proc/subject.js';
import { leasesOn } from '../fs/leases.js';
import { recordLocks, wholeLocks } from '../fs/locks.js';
import type { Handle, Inode } from '../fs/types.js';
import type { Kernel } from '../kernel.js';
import type { Process } from '../process/process.js';

/** Each open file description, and a process that has it. */
export function openHandles(kernel: Kernel): Map<Handle, Process> {
  const handles = new Map<Handle, Process>();
  for (const process of kernel.processes.values()) {
    if (process.zombie) continue;
    for (const fd of process.files.list()) {
      const handle = process.files.get(fd);
      if (typeof handle !== 'number' && !handles.has(handle)) handles.set(handle, process);
    }
  }
  return handles;
}

export function allLocks(kernel: Kernel): readonly LockView[] {
  const handles = openHandles(kernel);
  const inodes = new Set<Inode>([...handles.keys()].map(({ inode }) => inode));
  const locks: LockView[] = [];
  for (const inode of inodes) {
    for (const { breaking, target: type, pid } of leasesOn(inode)) {
      const state = breaking ? 'BREAKING' : 'ACTIVE';
      locks.push({ kind: 'LEASE', state, type, pid, inode, start: 0, end: Infinity });
    }
    for (const { type, pid, start, end } of recordLocks(inode))
      locks.push({
        kind: pid < 0 ? 'OFDLCK' : 'POSIX',
        state: 'ADVISORY',
        type,
        pid,
        inode,
        start,
        end,
      });
    for (const { owner, exclusive } of wholeLocks(inode)) {
      const pid = handles.get(owner as Handle)?.pid ?? -1;
      const type = exclusive ? F_WRLCK : F_RDLCK;
      locks.push({ kind: 'FLOCK', state: 'ADVISORY', type, pid, inode, start: 0, end: Infinity });
    }
  }
  return locks;
}
