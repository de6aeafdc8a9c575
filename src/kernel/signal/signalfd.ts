import { kind } from '../checkpoint/registry.js';
import { O_NONBLOCK, O_RDWR } from '../abi/fcntl.js';
import { POLLIN } from '../abi/poll.js';
import { EAGAIN, EFAULT, EINVAL, KernelBug, type Errno } from '../errno.js';
import type { Handle, HandleOperations, PollMask, Sink, VfsContext, Waiter } from '../fs/types.js';
import { openAnonymous } from '../ipc/anonymous-inodes.js';
import type { Kernel } from '../kernel.js';
import type { Thread } from '../process/thread.js';
import { WaitQueue } from '../process/waitqueue.js';
import { takePending } from './deliver.js';
import { SIGNALFD_SIGINFO_SIZE, writeSignalfdInfo } from './signalfd-info.js';
import { SigSet } from './sigset.js';

const $info = new Uint8Array(SIGNALFD_SIGINFO_SIZE);
const $infoView = new DataView($info.buffer);

/** signalfd(2): takes signals that are pending for whoever reads, not for whoever made it. */
export class SignalFile implements HandleOperations {
  /** Positions are taken and mean nothing (noop_llseek). */
  readonly seekable = true;
  /** Signals that it does not take. */
  readonly others = new SigSet();

  constructor(
    private readonly kernel: Kernel,
    wanted: SigSet,
  ) {
    this.setWanted(wanted);
  }

  setWanted({ lo, hi }: SigSet): void {
    this.others.lo = ~lo;
    this.others.hi = ~hi;
  }

  seek(): number {
    return 0;
  }

  private get reader(): Thread {
    const { current } = this.kernel;
    if (current === null) throw new KernelBug('a signalfd is used by nobody');
    return current;
  }

  read(_handle: Handle, sink: Sink): number | Errno {
    if (sink.remaining < SIGNALFD_SIGINFO_SIZE) return EINVAL;
    const { reader } = this;
    let done = 0;
    while (sink.remaining >= SIGNALFD_SIGINFO_SIZE) {
      const info = takePending(reader, this.others);
      if (info === null) break;
      writeSignalfdInfo(info, $infoView);
      if (sink.put($info, 0, SIGNALFD_SIGINFO_SIZE) < SIGNALFD_SIGINFO_SIZE) return done > 0 ? done : EFAULT;
      done += SIGNALFD_SIGINFO_SIZE;
    }
    return done > 0 ? done : EAGAIN;
  }

  write(): Errno {
    return EINVAL;
  }

  poll(_handle: Handle, waiter: Waiter | null): PollMask {
    const { process, pending } = this.reader;
    if (waiter !== null) {
      process.handlers.arrivals ??= new WaitQueue();
      waiter.waitOn(process.handlers.arrivals);
    }
    const own = pending.set;
    const shared = process.pending.set;
    const lo = (own.lo | shared.lo) & ~this.others.lo;
    const hi = (own.hi | shared.hi) & ~this.others.hi;
    return (lo | hi) !== 0 ? POLLIN : 0;
  }

  fdinfo(): string {
    const half = (bits: number): string => (~bits >>> 0).toString(16).padStart(8, '0');
    return `sigmask:\t${half(this.others.hi)}${half(this.others.lo)}\n`;
  }
}

/** A new handle with one reference; `flags`: O_NONBLOCK. */
export function openSignalfd(kernel: Kernel, vfs: VfsContext, wanted: SigSet, flags: number): Handle {
  return openAnonymous(vfs, '[signalfd]', O_RDWR | (flags & O_NONBLOCK), new SignalFile(kernel, wanted));
}

kind('SignalFile', SignalFile);
