/** /proc/<pid>/{fd,fdinfo}: open files (proc_pid_fd(5), proc_pid_fdinfo(5)). */
import { O_ACCMODE, O_CLOEXEC, O_LARGEFILE, O_RDONLY, O_WRONLY } from '../../abi/fcntl.js';
import { ENOENT } from '../../errno.js';
import type { Errno } from '../../errno.js';
import { dir, family, file, link, parseNumber } from '../pseudo/row.js';
import type { Content, Row } from '../pseudo/row.js';
import type { Handle, Location } from '../types.js';
import { lockLine } from './locks.js';
import type { KernelView } from './subject.js';
import type { ProcessView } from './subject-process.js';
import { mayRead, ownerOf, sameProcess } from './task.js';
import type { OfProcess, TaskSubject } from './task.js';

interface FdSubject extends OfProcess {
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
  label: '<fd>',
  find: findFd,
  list: ({ process }: TaskSubject) => (process.files?.list() ?? []).map(String),
  order: Number,
  same: (a: FdSubject, b: FdSubject) => a.fd === b.fd && sameProcess(a, b),
};

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

/** Threads of a process always reach their own files (proc_fd_permission). */
function fdPermission({ process }: TaskSubject): 0 | null {
  return process.isCaller ? 0 : null;
}

function locksOf({ kernel, process }: FdSubject, handle: Handle): string {
  const locks = kernel.locks().filter(({ inode, pid }) => inode === handle.inode && pid === process.pid);
  return locks.map((lock, index) => `lock:\t${lockLine(lock, index + 1)}`).join('');
}

function fdinfo(subject: FdSubject): Content {
  const handle = handleOf(subject);
  if (typeof handle === 'number') return ENOENT;
  const cloexec = subject.process.files?.closeOnExec(subject.fd) === true ? O_CLOEXEC : 0;
  const flags = handle.flags | handle.access | O_LARGEFILE | cloexec;
  const mount = handle.location?.mount.id ?? 0;
  const { position, inode, ops } = handle;
  const head = `pos:\t${position}\nflags:\t0${flags.toString(8)}\nmnt_id:\t${mount}\nino:\t${inode.ino}\n`;
  return head + locksOf(subject, handle) + (ops.fdinfo?.(handle) ?? '');
}

export const descriptorRows: readonly Row<TaskSubject>[] = [
  dir(
    'fd',
    [family(fds, link('', linkTarget, { mode: linkMode, owner: ownerOf, size: 64, access: mayRead }))],
    {
      mode: 0o500,
      size: ({ process }) => process.files?.list().length ?? 0,
      permission: fdPermission,
    },
  ),
  dir('fdinfo', [family(fds, file('', fdinfo, { owner: ownerOf, access: mayRead }))], { access: mayRead }),
];
