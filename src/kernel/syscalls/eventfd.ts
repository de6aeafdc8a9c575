import { O_CLOEXEC, O_NONBLOCK } from '../abi/fcntl.js';
import { EINVAL } from '../errno.js';
import { openEventfd } from '../ipc/eventfd.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import { installHandle } from './install.js';
import type { ThreadRow } from './row.js';

const EFD_SEMAPHORE = 1;

function makeEventfd({ process }: Thread, initial: number, flags: number): number {
  if ((flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK)) !== 0) return EINVAL;
  const handle = openEventfd(process.fs.root.mount.vfs, initial, (flags & EFD_SEMAPHORE) !== 0, flags);
  return installHandle(process, handle, (flags & O_CLOEXEC) !== 0);
}

function sysEventfd2(thread: Thread, args: Args): number {
  return makeEventfd(thread, args.uint(0), args.uint(1));
}

function sysEventfd(thread: Thread, args: Args): number {
  return makeEventfd(thread, args.uint(0), 0);
}

export const eventfdRows: readonly ThreadRow[] = [
  { number: 284, name: 'eventfd', args: ['uint'], run: sysEventfd },
  { number: 290, name: 'eventfd2', args: ['uint', 'hex'], run: sysEventfd2 },
];
