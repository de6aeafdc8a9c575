/** /proc/<pid>/{auxv,cmdline,comm,cwd,environ,exe,personality,root}: which program a process runs, with what, and where. */
import { EINVAL, ENOENT } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { Location } from '../types.js';
import { file, link } from '../pseudo/row.js';
import type { Content, Row } from '../pseudo/row.js';
import type { MemoryView } from './subject-process.js';
import { mayRead, mayTrace } from './task.js';
import type { TaskSubject } from './task.js';
import { hex, written } from './text.js';

function readRange(memory: MemoryView | null, start: number, end: number): Uint8Array {
  if (memory === null || end <= start) return new Uint8Array(0);
  return memory.read(start, end - start) ?? new Uint8Array(0);
}

/** The arguments; a program that has written over their end (setproctitle) goes on into the environment up to a NUL. */
function cmdline({ process: { memory } }: TaskSubject): Content {
  if (memory === null) return '';
  const { argStart, argEnd, envEnd } = memory.layout;
  const args = readRange(memory, argStart, argEnd);
  if (args.length === 0 || args.at(-1) === 0) return args;
  const all = readRange(memory, argStart, envEnd);
  const end = all.indexOf(0);
  return end < 0 ? all : all.subarray(0, end + 1);
}

function environ({ process: { memory } }: TaskSubject): Content {
  return memory === null ? '' : readRange(memory, memory.layout.envStart, memory.layout.envEnd);
}

/** TASK_COMM_LEN less its NUL. */
const COMM_LENGTH = 15;

function setComm({ thread, process }: TaskSubject, bytes: Uint8Array): 0 | Errno {
  if (!process.isCaller) return EINVAL;
  thread.setName(written(bytes).slice(0, COMM_LENGTH));
  return 0;
}

function exe({ process: { memory } }: TaskSubject): Location | Errno {
  return memory?.exe ?? ENOENT;
}

export const programRows: readonly Row<TaskSubject>[] = [
  file('arch_status', '', { note: 'empty: no AVX-512 use to tell of' }),
  file('auxv', ({ process }) => process.memory?.auxv ?? '', { mode: 0o400, access: mayRead }),
  file('cmdline', cmdline),
  file('comm', ({ thread }) => `${thread.name}\n`, { save: setComm }),
  link('cwd', ({ process }) => (process.memory === null ? ENOENT : process.cwd), { access: mayRead }),
  file('environ', environ, { mode: 0o400, access: mayRead }),
  link('exe', exe, { access: mayRead }),
  file('personality', ({ process }) => `${hex(process.personality, 8)}\n`, { mode: 0o400, access: mayTrace }),
  link('root', ({ process }) => (process.memory === null ? ENOENT : process.root), { access: mayRead }),
];
