/** The rows of /proc/<pid> and /proc/<pid>/task/<tid>. */
import { O_ACCMODE, O_CLOEXEC, O_LARGEFILE, O_RDONLY, O_WRONLY } from '../../abi/fcntl.js';
import { EACCES, EINVAL, ENOENT } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { Handle, Location } from '../types.js';
import { constant, dir, family, file, link, parseNumber } from '../pseudo/row.js';
import type { Content, Owner, Row } from '../pseudo/row.js';
import { maps, smaps, smapsRollup } from './maps.js';
import { mountinfo, mounts, mountstats } from './mounts.js';
import { io, limits, stat, statm, status } from './status.js';
import type { TaskSubject } from './status.js';
import type { KernelView, MemoryView, ProcessView, ThreadView } from './subject.js';
import { hex, written, writtenNumber } from './text.js';

function ownerOf({ process }: TaskSubject): Owner {
  return process.owner;
}

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

function setComm({ thread }: TaskSubject, bytes: Uint8Array): 0 {
  thread.setName(written(bytes).slice(0, COMM_LENGTH));
  return 0;
}

function setOomScoreAdj({ process }: TaskSubject, bytes: Uint8Array): 0 | Errno {
  const value = writtenNumber(bytes, -1000, 1000);
  if (value === null) return EINVAL;
  if (value < process.oomScoreAdj && process.cred.uids[1] !== 0) return EACCES;
  process.oomScoreAdj = value;
  return 0;
}

function exe({ process: { memory } }: TaskSubject): Location | Errno {
  return memory?.exe ?? ENOENT;
}

/** Linux's score goes from 0 to 2000 with the share of memory used; 666 is that of a process that uses nothing. */
function oomScore({ process }: TaskSubject): string {
  return `${Math.max(0, Math.round(666 + (process.oomScoreAdj * 2) / 3))}\n`;
}

const ID_MAP = '         0          0 4294967295\n';

interface FdSubject {
  readonly kernel: KernelView;
  readonly process: ProcessView;
  readonly fd: number;
}

function handleOf({ process, fd }: FdSubject): Handle | Errno {
  return process.files?.get(fd) ?? ENOENT;
}

function findFd({ kernel, process }: TaskSubject, name: string): FdSubject | null {
  const fd = parseNumber(name);
  const subject = { kernel, process, fd };
  return fd < 0 || typeof handleOf(subject) === 'number' ? null : subject;
}

const fds = {
  find: findFd,
  list: ({ process }: TaskSubject) => (process.files?.list() ?? []).map(String),
  same: (a: FdSubject, b: FdSubject) => a.fd === b.fd && sameProcess(a, b),
};

function sameProcess(a: { process: ProcessView }, b: { process: ProcessView }): boolean {
  return a.process.pid === b.process.pid && a.process.startedMs === b.process.startedMs;
}

/** The link's permissions say how the file is open. */
function linkMode(subject: FdSubject): number {
  const handle = handleOf(subject);
  if (typeof handle === 'number') return 0;
  const access = handle.access & O_ACCMODE;
  return access === O_RDONLY ? 0o500 : access === O_WRONLY ? 0o300 : 0o700;
}

function linkTarget(subject: FdSubject): string | Location | Errno {
  const handle = handleOf(subject);
  if (typeof handle === 'number') return ENOENT;
  return handle.location ?? `anon_inode:[${handle.inode.fs.type}]`;
}

function fdDirectory(): Row<TaskSubject> {
  const owner = ({ process }: FdSubject) => process.owner;
  const row = link('', linkTarget, { mode: linkMode, owner, size: 64 });
  const size = ({ process }: TaskSubject) => process.files?.list().length ?? 0;
  return dir('fd', [family(fds, row)], { mode: 0o500, size });
}

function fdinfo(subject: FdSubject): Content {
  const handle = handleOf(subject);
  if (typeof handle === 'number') return ENOENT;
  const cloexec = subject.process.files?.closeOnExec(subject.fd) === true ? O_CLOEXEC : 0;
  const flags = handle.flags | handle.access | O_LARGEFILE | cloexec;
  const mount = handle.location?.mount.id ?? 0;
  const own = handle.ops.fdinfo?.(handle) ?? '';
  return `pos:\t${handle.position}\nflags:\t0${flags.toString(8)}\nmnt_id:\t${mount}\nino:\t${handle.inode.ino}\n${own}`;
}

function fdinfoDirectory(): Row<TaskSubject> {
  const owner = ({ process }: FdSubject) => process.owner;
  return dir('fdinfo', [family(fds, file('', fdinfo, { mode: 0o444, owner }))]);
}

/** What a process and each of its threads have alike. */
const TASK_ROWS: readonly Row<TaskSubject>[] = [
  file('auxv', ({ process }) => process.memory?.auxv ?? '', { mode: 0o400 }),
  constant('cgroup', '0::/'),
  file('cmdline', cmdline),
  file('comm', ({ thread }) => `${thread.name}\n`, { save: setComm }),
  constant('cpuset', '/'),
  link('cwd', ({ process }) => (process.memory === null ? ENOENT : process.cwd)),
  file('environ', environ, { mode: 0o400 }),
  link('exe', exe),
  fdDirectory(),
  fdinfoDirectory(),
  constant('gid_map', ID_MAP.trimEnd(), { mode: 0o644 }),
  file('io', io, { mode: 0o400 }),
  file('limits', limits),
  constant('loginuid', 4294967295, { mode: 0o644 }),
  file('maps', maps),
  file('mountinfo', mountinfo),
  file('mounts', mounts),
  file('oom_score', oomScore),
  file('oom_score_adj', ({ process }) => `${process.oomScoreAdj}\n`, { save: setOomScoreAdj }),
  file('personality', ({ process }) => `${hex(process.personality, 8)}\n`, { mode: 0o400 }),
  link('root', ({ process }) => (process.memory === null ? ENOENT : process.root)),
  file('schedstat', ({ thread }) => `${Math.floor(thread.cpuMs * 1e6)} 0 ${thread.voluntarySwitches}\n`),
  constant('sessionid', 4294967295),
  constant('setgroups', 'allow', { mode: 0o644 }),
  file('smaps', smaps),
  file('smaps_rollup', smapsRollup),
  file('stack', '', { mode: 0o400 }),
  file('stat', stat),
  file('statm', statm),
  file('status', status),
  constant('uid_map', ID_MAP.trimEnd(), { mode: 0o644 }),
  file('wchan', '0'),
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
  find: findThread,
  list: ({ process }: TaskSubject) => process.threads().map((thread) => `${thread.tid}`),
  same: (a: TaskSubject, b: TaskSubject) => a.thread.tid === b.thread.tid && sameProcess(a, b),
};

const THREAD_ROW = dir('', [...TASK_ROWS, file('children', childrenOf)], { owner: ownerOf });

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

/** One row for all of /proc/<pid>. */
export const processFamily: Row<KernelView> = family(
  {
    find: findProcess,
    list: (kernel: KernelView) => kernel.processes().map((process) => `${process.pid}`),
    same: sameProcess,
  },
  dir(
    '',
    [
      ...TASK_ROWS,
      file('coredump_filter', '00000033\n', { mode: 0o644 }),
      file('mountstats', mountstats, { mode: 0o400 }),
      file('timerslack_ns', '50000\n', { mode: 0o666 }),
      dir('task', [family(threads, THREAD_ROW)], {}),
    ],
    { owner: ownerOf },
  ),
);
