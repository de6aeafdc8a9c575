import { KernelBug } from '../errno.js';
import { cloneRows } from './clone.js';
import { epollRows } from './epoll.js';
import { eventfdRows } from './eventfd.js';
import { fileRows } from './file.js';
import { futexWaitvRows } from './futex-waitv.js';
import { futexRows } from './futex.js';
import { identityRows } from './identity.js';
import { ioprioRows } from './ioprio.js';
import { inotifyRows } from './inotify.js';
import { memoryRows } from './memory.js';
import { pidfdRows } from './pidfd.js';
import { mqueueRows } from './mqueue.js';
import { pollRows } from './poll.js';
import { prctlRows } from './prctl.js';
import { processRows } from './process.js';
import { resourceRows } from './resource.js';
import type { ThreadRow } from './row.js';
import { rseqRows } from './rseq.js';
import { schedRows } from './sched.js';
import { signalfdRows } from './signalfd.js';
import { signalRows } from './signal.js';
import { socketRows } from './socket.js';
import { systemRows } from './system.js';
import { sysvMsgRows } from './sysv-msg.js';
import { sysvSemRows } from './sysv-sem.js';
import { sysvShmRows } from './sysv-shm.js';
import { timeRows } from './time.js';
import { timerfdRows } from './timerfd.js';
import { timerRows } from './timer.js';
import { waitRows } from './wait.js';

const FAMILIES: readonly (readonly ThreadRow[])[] = [
  epollRows,
  cloneRows,
  eventfdRows,
  fileRows,
  futexRows,
  futexWaitvRows,
  identityRows,
  inotifyRows,
  ioprioRows,
  memoryRows,
  pidfdRows,
  mqueueRows,
  pollRows,
  prctlRows,
  processRows,
  resourceRows,
  rseqRows,
  schedRows,
  signalfdRows,
  signalRows,
  socketRows,
  systemRows,
  sysvMsgRows,
  sysvSemRows,
  sysvShmRows,
  timeRows,
  timerfdRows,
  timerRows,
  waitRows,
];

function byNumber(): readonly (ThreadRow | undefined)[] {
  const rows = FAMILIES.flat();
  const table: (ThreadRow | undefined)[] = Array.from({
    length: Math.max(...rows.map((row) => row.number)) + 1,
  });
  for (const row of rows) {
    if (table[row.number] !== undefined) throw new KernelBug(`two rows for system call ${row.number}`);
    table[row.number] = row;
  }
  return table;
}

/** All system calls by number; holes are ENOSYS. */
export const SYSCALLS: readonly (ThreadRow | undefined)[] = byNumber();
