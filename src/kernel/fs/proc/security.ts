/** /proc/<pid>/attr: what a security module would say of a process. There is none, as on a kernel that was started without. */
import { constant } from '../../checkpoint/registry.js';
import { EACCES, EINVAL, EPERM, ESRCH } from '../../errno.js';
import type { Errno } from '../../errno.js';
import { PseudoInode } from '../pseudo/inode.js';
import { data, dir } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import type { HandleOperations } from '../types.js';
import type { TaskSubject } from './task.js';

const NAMES = ['current', 'exec', 'fscreate', 'keycreate', 'sockcreate'];

/** A thread can only write its own (proc_pid_attr_write), and nobody takes that. */
function refuse({ kernel, process, thread }: TaskSubject): Errno {
  if (!process.isCaller) return EPERM;
  return kernel.current()?.tid === thread.tid ? EINVAL : EACCES;
}

const OPERATIONS: HandleOperations = {
  seekable: true,
  read: () => EINVAL,
  write({ inode }) {
    if (!(inode instanceof PseudoInode)) return EINVAL;
    return inode.alive ? refuse(inode.subject as TaskSubject) : ESRCH;
  },
};
const open = (): HandleOperations => OPERATIONS;

export const attributesDirectory: Row<TaskSubject> = dir(
  'attr',
  [...NAMES.map((name) => data<TaskSubject>(name, 0o666, open)), data('prev', 0o444, open)],
  { note: 'no security module: reading and writing are EINVAL' },
);

constant('proc.attr', OPERATIONS);
