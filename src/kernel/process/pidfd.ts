import { kind } from '../checkpoint/registry.js';
import { O_RDWR } from '../abi/fcntl.js';
import { PIDFD_NONBLOCK, PIDFD_THREAD } from '../abi/pidfd.js';
import { POLLHUP, POLLIN, POLLRDNORM } from '../abi/poll.js';
import { EBADF, EINVAL, ENOTTY, type Errno } from '../errno.js';
import type { Handle, HandleOperations, PollMask, VfsContext, Waiter } from '../fs/types.js';
import { openAnonymous } from '../ipc/anonymous-inodes.js';
import type { Process } from './process.js';
import { DEAD } from './state.js';
import type { Thread } from './thread.js';
import { WaitQueue } from './waitqueue.js';

/** pidfd_open(2): a process, or one of its threads, whatever becomes of its number. */
export class PidFile implements HandleOperations {
  readonly seekable = false;

  constructor(
    readonly process: Process,
    /** PIDFD_THREAD. */
    readonly thread: Thread | null,
  ) {}

  /** It has been waited for: the number is nobody's any more, or another's. */
  get isGone(): boolean {
    const { process, thread } = this;
    if (thread !== null && thread.tid !== process.pid) return thread.state === DEAD;
    return process.kernel.processes.get(process.pid) !== process;
  }

  private get hasEnded(): boolean {
    return this.thread === null ? this.process.zombie : this.thread.state === DEAD;
  }

  read(): Errno {
    return EINVAL;
  }

  write(): Errno {
    return EINVAL;
  }

  ioctl(): Errno {
    return ENOTTY;
  }

  poll(_handle: Handle, waiter: Waiter | null): PollMask {
    waiter?.waitOn(this.process.exitEvents);
    if (this.thread !== null) {
      this.thread.exitEvents ??= new WaitQueue();
      waiter?.waitOn(this.thread.exitEvents);
    }
    if (this.isGone) return POLLIN | POLLRDNORM | POLLHUP;
    return this.hasEnded ? POLLIN | POLLRDNORM : 0;
  }

  fdinfo(): string {
    const pid = this.isGone ? -1 : (this.thread?.tid ?? this.process.pid);
    return `Pid:\t${pid}\nNSpid:\t${pid}\n`;
  }
}

/** A new handle with one reference; `flags` of PIDFD_*. */
export function openPidfd(vfs: VfsContext, process: Process, thread: Thread | null, flags: number): Handle {
  const status = O_RDWR | (flags & (PIDFD_NONBLOCK | PIDFD_THREAD));
  return openAnonymous(vfs, '[pidfd]', status, new PidFile(process, thread));
}

export function pidFileOf(handle: Handle | Errno): PidFile | Errno {
  return typeof handle !== 'number' && handle.ops instanceof PidFile ? handle.ops : EBADF;
}

kind('PidFile', PidFile);
