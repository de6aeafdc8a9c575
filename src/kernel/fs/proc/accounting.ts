/** /proc/<pid>/{limits,io}: what a process may use, and what it has transferred (proc(5)). */
import { file } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import { mayRead } from './task.js';
import type { TaskSubject } from './task.js';

/** Names and units of the limits, by number. */
const LIMITS: readonly (readonly [string, string])[] = [
  ['Max cpu time', 'seconds'],
  ['Max file size', 'bytes'],
  ['Max data size', 'bytes'],
  ['Max stack size', 'bytes'],
  ['Max core file size', 'bytes'],
  ['Max resident set', 'bytes'],
  ['Max processes', 'processes'],
  ['Max open files', 'files'],
  ['Max locked memory', 'bytes'],
  ['Max address space', 'bytes'],
  ['Max file locks', 'locks'],
  ['Max pending signals', 'signals'],
  ['Max msgqueue size', 'bytes'],
  ['Max nice priority', ''],
  ['Max realtime priority', ''],
  ['Max realtime timeout', 'us'],
];

function limits({ process }: TaskSubject): string {
  const row = (...[name, soft, hard, unit]: readonly [string, string, string, string]) =>
    `${name.padEnd(25)} ${soft.padEnd(20)} ${hard.padEnd(20)} ${unit.padEnd(10)}\n`;
  const show = (value: number | undefined) =>
    value === undefined || value === Infinity ? 'unlimited' : `${value}`;
  const lines = LIMITS.map(([name, unit], i) =>
    row(name, show(process.limits[i]?.current), show(process.limits[i]?.maximum), unit),
  );
  return row('Limit', 'Soft Limit', 'Hard Limit', 'Units') + lines.join('');
}

function io({ process, thread, whole }: TaskSubject): string {
  const { readBytes, writtenBytes, reads, writes } = whole ? process.io : thread.io;
  return (
    `rchar: ${readBytes}\nwchar: ${writtenBytes}\nsyscr: ${reads}\nsyscw: ${writes}\n` +
    'read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n'
  );
}

export const accountingRows: readonly Row<TaskSubject>[] = [
  file('io', io, {
    mode: 0o400,
    access: mayRead,
    note: 'calls and bytes are counted; how much reached a disk is not known: 0',
  }),
  file('limits', limits),
];
