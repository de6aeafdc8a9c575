import { kind } from '../checkpoint/registry.js';
import { O_NONBLOCK, O_RDWR } from '../abi/fcntl.js';
import { POLLERR, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../abi/poll.js';
import { EAGAIN, EFAULT, EINVAL, type Errno } from '../errno.js';
import type { Handle, HandleOperations, Sink, Source, VfsContext, Waiter } from '../fs/types.js';
import { WaitQueue } from '../process/waitqueue.js';
import { openAnonymous } from './anonymous-inodes.js';

/** The counter's greatest value; one more is what cannot be written. */
const MOST = 0xfffffffffffffffen;

const $count = new Uint8Array(8);
const $view = new DataView($count.buffer);

/** eventfd(2): a counter that is read and added to, 64 bits wide, and hence a BigInt. */
class EventCounter implements HandleOperations {
  /** Positions are taken and mean nothing (noop_llseek). */
  readonly seekable = true;
  private readonly queue = new WaitQueue();

  constructor(
    private count: bigint,
    private readonly semaphore: boolean,
  ) {}

  seek(): number {
    return 0;
  }

  read(_handle: Handle, sink: Sink): number | Errno {
    if (sink.remaining < 8) return EINVAL;
    if (this.count === 0n) return EAGAIN;
    const taken = this.semaphore ? 1n : this.count;
    $view.setBigUint64(0, taken, true);
    if (sink.put($count, 0, 8) < 8) return EFAULT;
    this.count -= taken;
    this.queue.wake(Infinity, POLLOUT);
    return 8;
  }

  write(_handle: Handle, source: Source): number | Errno {
    if (source.remaining < 8) return EINVAL;
    if (source.take($count, 0, 8) < 8) return EFAULT;
    const added = $view.getBigUint64(0, true);
    if (added > MOST) return EINVAL;
    if (added > MOST - this.count) return EAGAIN;
    this.count += added;
    this.queue.wake(Infinity, POLLIN);
    return 8;
  }

  poll(_handle: Handle, waiter: Waiter | null): number {
    waiter?.waitOn(this.queue);
    const readable = this.count > 0n ? POLLIN | POLLRDNORM : 0;
    const writable = this.count < MOST ? POLLOUT | POLLWRNORM : 0;
    return readable | writable | (this.count > MOST ? POLLERR : 0);
  }

  fdinfo({ inode }: Handle): string {
    const count = this.count.toString(16).padStart(16);
    return `eventfd-count: ${count}\neventfd-id: ${inode.ino}\neventfd-semaphore: ${this.semaphore ? 1 : 0}\n`;
  }
}

/** A new counter with one reference; `flags`: O_NONBLOCK. */
export function openEventfd(vfs: VfsContext, initial: number, semaphore: boolean, flags: number): Handle {
  const counter = new EventCounter(BigInt(initial), semaphore);
  return openAnonymous(vfs, '[eventfd]', O_RDWR | (flags & O_NONBLOCK), counter);
}

kind('EventCounter', EventCounter);
