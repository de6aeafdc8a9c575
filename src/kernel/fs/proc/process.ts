/** /proc/<pid> and /proc/<pid>/task/<tid>: the rows of the other files put together. */
import { EBADF, ESRCH } from '../../errno.js';
import type { Errno } from '../../errno.js';
import { PseudoInode } from '../pseudo/inode.js';
import { dir, family, file, parseNumber, sorted } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import type { Handle } from '../types.js';
import { accountingRows } from './accounting.js';
import { descriptorRows } from './descriptors.js';
import { mapsRows } from './maps.js';
import { memoryRows, processMemoryRows } from './memory.js';
import { mountRows, mountstatsRow } from './mounts.js';
import { namespaceRows } from './namespaces.js';
import { netDirectory } from './net.js';
import { oomRows } from './oom.js';
import { programRows } from './program.js';
import { processTimerRows, schedulingRows } from './scheduling.js';
import { attributesDirectory } from './security.js';
import { statusRows } from './status.js';
import type { KernelView } from './subject.js';
import type { ProcessView, ThreadView } from './subject-process.js';
import { ownerOf, sameProcess } from './task.js';
import type { TaskSubject } from './task.js';

/** What a process and each of its threads have alike. */
const TASK_ROWS: readonly Row<TaskSubject>[] = [
  ...accountingRows,
  attributesDirectory,
  ...descriptorRows,
  ...mapsRows,
  ...memoryRows,
  ...mountRows,
  ...namespaceRows,
  netDirectory,
  ...oomRows,
  ...programRows,
  ...schedulingRows,
  ...statusRows,
];

function findThread({ kernel, process }: TaskSubject, name: string): TaskSubject | null {
  const tid = parseNumber(name);
  const thread = process.threads().find((candidate) => candidate.tid === tid);
  return thread === undefined ? null : { kernel, process, thread, whole: false };
}

function childrenOf({ kernel, process, thread }: TaskSubject): string {
  if (thread.tid !== process.pid) return '';
  const children = kernel.processes().filter((candidate) => candidate.ppid === process.pid);
  return children.map((child) => `${child.pid} `).join('');
}

const threads = {
  label: '<tid>',
  find: findThread,
  list: ({ process }: TaskSubject) => process.threads().map((thread) => `${thread.tid}`),
  order: Number,
  same: (a: TaskSubject, b: TaskSubject) => a.thread.tid === b.thread.tid && sameProcess(a, b),
};

const childrenRow = file('children', childrenOf, {
  note: "a process's children all stand with its first thread",
});
const threadRow = dir('', sorted([...TASK_ROWS, childrenRow]), { owner: ownerOf });

/** A zombie's first thread has ended and is shown all the same. */
function firstThread(process: ProcessView): ThreadView | null {
  return process.threads()[0] ?? null;
}

function findProcess(kernel: KernelView, name: string): TaskSubject | null {
  const pid = parseNumber(name);
  const process = pid > 0 ? kernel.process(pid) : null;
  const thread = process === null ? null : firstThread(process);
  return process === null || thread === null ? null : { kernel, process, thread, whole: true };
}

const processRow = dir(
  '',
  sorted([
    ...TASK_ROWS,
    ...processMemoryRows,
    ...processTimerRows,
    mountstatsRow,
    dir('task', [family(threads, threadRow)]),
  ]),
  { owner: ownerOf },
);

/** One row for all of /proc/<pid>. */
export const processFamily: Row<KernelView> = family(
  {
    label: '<pid>',
    find: findProcess,
    list: (kernel: KernelView) => kernel.processes().map((process) => `${process.pid}`),
    order: Number,
    same: sameProcess,
  },
  processRow,
);

/** The process whose directory in /proc an open file is: its pid; EBADF for other files, ESRCH once it has gone. */
export function pidOfDirectory({ inode }: Handle): number | Errno {
  if (!(inode instanceof PseudoInode) || inode.data.row !== processRow) return EBADF;
  return inode.alive ? (inode.subject as TaskSubject).process.pid : ESRCH;
}
