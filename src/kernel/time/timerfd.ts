import { kind } from '../checkpoint/registry.js';
import { O_NONBLOCK, O_RDWR } from '../abi/fcntl.js';
import { POLLIN } from '../abi/poll.js';
import { TFD_IOC_SET_TICKS } from '../abi/timerfd.js';
import { EAGAIN, EFAULT, EINVAL, ENOTTY, type Errno } from '../errno.js';
import type {
  Handle,
  HandleOperations,
  PollMask,
  Sink,
  UserMemory,
  VfsContext,
  Waiter,
} from '../fs/types.js';
import { openAnonymous } from '../ipc/anonymous-inodes.js';
import type { Kernel } from '../kernel.js';
import { getU64, setU64 } from '../process/registers.js';
import { WaitQueue } from '../process/waitqueue.js';
import { Timer, type TimerOwner } from './timers.js';

const $ticks = new Uint8Array(8);
const $view = new DataView($ticks.buffer);

/**
 * timerfd_create(2). A timer that repeats is set again only when somebody looks, so that one that nobody reads costs
 * nothing. Times are milliseconds of the kernel's monotonic clock.
 */
export class TimerFile implements HandleOperations, TimerOwner {
  /** Positions are taken and mean nothing (noop_llseek). */
  readonly seekable = true;
  interval = 0;
  private ticks = 0;
  /** It has expired, and if it repeats it is to be set again. */
  private expired = false;
  private settimeFlags = 0;
  private readonly queue = new WaitQueue();
  private readonly timer: Timer;

  constructor(
    private readonly kernel: Kernel,
    readonly clock: number,
  ) {
    this.timer = new Timer(this);
  }

  seek(): number {
    return 0;
  }

  /** Milliseconds until it expires next, 0 when it is not set. */
  get remaining(): number {
    this.catchUp();
    return this.timer.armed ? Math.max(0.000_001, this.timer.at - this.kernel.clock.nowMs()) : 0;
  }

  /** Expires at `at` and then every `interval`, if that is not 0; never with Infinity. */
  set(at: number, interval: number, flags: number): void {
    this.ticks = 0;
    this.expired = false;
    this.interval = interval;
    this.settimeFlags = flags;
    this.kernel.timers.remove(this.timer);
    this.timer.at = at;
    if (at !== Infinity) this.kernel.timers.add(this.timer, at);
    this.fireIfDue();
  }

  fire(): void {
    this.expired = true;
    this.ticks++;
    this.queue.wake(Infinity, POLLIN);
  }

  /** The heap is looked at between slices; what is due is due before. */
  private fireIfDue(): void {
    if (!this.timer.armed || this.timer.at > this.kernel.clock.nowMs()) return;
    this.kernel.timers.remove(this.timer);
    this.fire();
  }

  /** Counts the expirations since the first one that was noticed, and sets the timer again. */
  private catchUp(): void {
    this.fireIfDue();
    if (!this.expired || this.interval === 0) return;
    this.expired = false;
    const late = this.kernel.clock.nowMs() - this.timer.at;
    const passed = Math.floor(late / this.interval);
    this.ticks += passed;
    this.kernel.timers.add(this.timer, this.timer.at + (passed + 1) * this.interval);
  }

  read(_handle: Handle, sink: Sink): number | Errno {
    if (sink.remaining < 8) return EINVAL;
    this.fireIfDue();
    if (this.ticks === 0) return EAGAIN;
    this.catchUp();
    setU64($view, 0, this.ticks);
    this.ticks = 0;
    this.expired = false;
    return sink.put($ticks, 0, 8) === 8 ? 8 : EFAULT;
  }

  write(): Errno {
    return EINVAL;
  }

  poll(_handle: Handle, waiter: Waiter | null): PollMask {
    // Who is about to wait is not waiting yet and could not be woken: it is left to the heap, which comes next.
    if (waiter === null) this.fireIfDue();
    else waiter.waitOn(this.queue);
    return this.ticks > 0 ? POLLIN : 0;
  }

  ioctl(_handle: Handle, request: number, arg: number, user: UserMemory): number | Errno {
    if (request !== TFD_IOC_SET_TICKS) return ENOTTY;
    if (user.copyIn(arg, $ticks, 0, 8) < 0) return EFAULT;
    const ticks = getU64($view, 0);
    if (ticks === 0) return EINVAL;
    this.ticks = ticks;
    this.queue.wake(Infinity, POLLIN);
    return 0;
  }

  release(): void {
    this.kernel.timers.remove(this.timer);
  }

  fdinfo(): string {
    const { remaining, ticks, interval } = this;
    const flags = `0${this.settimeFlags.toString(8)}`;
    return (
      `clockid: ${this.clock}\nticks: ${ticks}\nsettime flags: ${flags}\n` +
      `it_value: ${pair(remaining)}\nit_interval: ${pair(interval)}\n`
    );
  }
}

function pair(ms: number): string {
  const sec = Math.floor(ms / 1000);
  return `(${sec}, ${Math.floor((ms - sec * 1000) * 1e6)})`;
}

/** A new timer with one reference; `flags`: O_NONBLOCK. */
export function openTimerfd(kernel: Kernel, vfs: VfsContext, clock: number, flags: number): Handle {
  return openAnonymous(vfs, '[timerfd]', O_RDWR | (flags & O_NONBLOCK), new TimerFile(kernel, clock));
}

kind('TimerFile', TimerFile);
