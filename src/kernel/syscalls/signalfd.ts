import { O_CLOEXEC, O_NONBLOCK } from '../abi/fcntl.js';
import { SIGKILL, SIGSTOP } from '../abi/signal.js';
import { EBADF, EINVAL } from '../errno.js';
import { isPathOnly } from '../fs/handle.js';
import type { Thread } from '../process/thread.js';
import { SignalFile, openSignalfd } from '../signal/signalfd.js';
import type { Args } from '../types.js';
import { installHandle } from './install.js';
import type { ThreadRow } from './row.js';
import { readSigset } from './signal.js';

const SIGSET_SIZE = 8;

function makeSignalfd({ process }: Thread, args: Args, flags: number): number {
  const fd = args.int(0);
  if (args.size(2) !== SIGSET_SIZE) return EINVAL;
  const set = readSigset(process.memory, args.addr(1));
  if (typeof set === 'number') return set;
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) return EINVAL;
  set.delete(SIGKILL);
  set.delete(SIGSTOP);
  if (fd === -1) {
    const handle = openSignalfd(process.kernel, process.fs.root.mount.vfs, set, flags);
    return installHandle(process, handle, (flags & O_CLOEXEC) !== 0);
  }
  const handle = process.files.get(fd);
  if (typeof handle === 'number' || isPathOnly(handle)) return EBADF;
  if (!(handle.ops instanceof SignalFile)) return EINVAL;
  handle.ops.setWanted(set);
  process.handlers.arrivals?.wake();
  return fd;
}

function sysSignalfd(thread: Thread, args: Args): number {
  return makeSignalfd(thread, args, 0);
}

function sysSignalfd4(thread: Thread, args: Args): number {
  return makeSignalfd(thread, args, args.uint(3));
}

export const signalfdRows: readonly ThreadRow[] = [
  { number: 282, name: 'signalfd', args: ['int', 'sigset', 'size'], run: sysSignalfd },
  { number: 289, name: 'signalfd4', args: ['int', 'sigset', 'size', 'hex'], run: sysSignalfd4 },
];
