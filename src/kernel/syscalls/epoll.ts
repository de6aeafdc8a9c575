import { kind } from '../checkpoint/registry.js';
import {
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLWAKEUP,
  EPOLL_EVENT_SIZE,
} from '../abi/epoll.js';
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from '../abi/poll.js';
import { EBADF, EEXIST, EFAULT, EINTR, EINVAL, ELOOP, EPERM, WAIT, type Errno } from '../errno.js';
import { isPathOnly } from '../fs/handle.js';
import type { Handle } from '../fs/types.js';
import { hasTooManyPaths, wouldLoop } from '../ipc/epoll-nesting.js';
import { epollOf, openEpoll, readInterest, type Epoll, type EpollInterest } from '../ipc/epoll.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import { installHandle } from './install.js';
import { after, borrowMask, timeoutOf, untilOf } from './poll.js';
import type { ThreadRow } from './row.js';
import { $view, readStruct } from './user.js';

/** INT_MAX bytes of events. */
const MAX_EVENTS = Math.floor(0x7fffffff / EPOLL_EVENT_SIZE);
/** What may be asked for together with EPOLLEXCLUSIVE. */
const EXCLUSIVE_OK = POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;

function createEpoll({ process }: Thread, flags: number): number {
  if ((flags & ~EPOLL_CLOEXEC) !== 0) return EINVAL;
  return installHandle(process, openEpoll(process.fs.root.mount.vfs), flags !== 0);
}

function sysEpollCreate(thread: Thread, args: Args): number {
  return args.int(0) <= 0 ? EINVAL : createEpoll(thread, 0);
}

function sysEpollCreate1(thread: Thread, args: Args): number {
  return createEpoll(thread, args.uint(0));
}

function openFile({ process }: Thread, fd: number): Handle | Errno {
  const handle = process.files.get(fd);
  return typeof handle !== 'number' && isPathOnly(handle) ? EBADF : handle;
}

function sysEpollCtl(thread: Thread, args: Args): number {
  const [op, fd] = [args.int(1), args.int(2)];
  let interest: EpollInterest = { events: 0, dataLo: 0, dataHi: 0 };
  if (op !== EPOLL_CTL_DEL) {
    if (readStruct(thread.process.memory, args.addr(3), EPOLL_EVENT_SIZE) < 0) return EFAULT;
    interest = readInterest($view);
  }
  const self = openFile(thread, args.int(0));
  if (typeof self === 'number') return self;
  const target = openFile(thread, fd);
  if (typeof target === 'number') return target;
  if (target.ops.poll === undefined) return EPERM;
  const epoll = epollOf(self);
  if (typeof epoll === 'number' || self === target) return EINVAL;
  interest.events &= ~EPOLLWAKEUP;
  if (op !== EPOLL_CTL_DEL && !mayBeExclusive(op, interest.events, target)) return EINVAL;
  if (op === EPOLL_CTL_ADD) return addItem(epoll, self, target, fd, interest);
  interest.events |= POLLERR | POLLHUP;
  if (op === EPOLL_CTL_MOD) return epoll.modify(target, fd, interest);
  return op === EPOLL_CTL_DEL ? epoll.delete(target, fd) : EINVAL;
}

function mayBeExclusive(op: number, events: number, target: Handle): boolean {
  if ((events & EPOLLEXCLUSIVE) === 0) return true;
  if (op === EPOLL_CTL_MOD) return false;
  return op !== EPOLL_CTL_ADD || (typeof epollOf(target) === 'number' && (events & ~EXCLUSIVE_OK) === 0);
}

function addItem(epoll: Epoll, self: Handle, target: Handle, fd: number, interest: EpollInterest): number {
  if (wouldLoop(self, target)) return ELOOP;
  if (epoll.has(target, fd)) return EEXIST;
  if (hasTooManyPaths(self, target)) return EINVAL;
  interest.events |= POLLERR | POLLHUP;
  epoll.add(target, fd, interest);
  return 0;
}

/** A thread in epoll_wait; if it ends there, a wake-up that it has had goes to another one. */
class EpollWait {
  constructor(
    readonly until: number,
    private readonly epoll: Epoll,
  ) {}

  abandon(): void {
    this.epoll.passOn();
  }
}

/** epoll_wait's part after its timeout is known. It is never made again after a signal. */
function waitForEvents(thread: Thread, args: Args, until: number): number {
  const { process } = thread;
  const most = args.int(2);
  const handle = openFile(thread, args.int(0));
  if (typeof handle === 'number') return handle;
  if (most <= 0 || most > MAX_EVENTS) return EINVAL;
  const sink = process.memory.sink(args.addr(1), most * EPOLL_EVENT_SIZE);
  if (typeof sink === 'number') return sink;
  const epoll = epollOf(handle);
  if (typeof epoll === 'number') return epoll;
  const sent = epoll.send(sink, most);
  if (sent !== 0) return sent;
  if (until <= 0 || process.kernel.clock.nowMs() >= until) return 0;
  if (thread.signalled) return EINTR;
  thread.waitOn(epoll.waiters);
  thread.callState ??= new EpollWait(until, epoll);
  if (until !== Infinity) thread.waitUntil(until);
  return WAIT;
}

function millisecondsOf(thread: Thread, timeout: number): number {
  return untilOf(thread, () => (timeout < 0 ? Infinity : after(thread, timeout)));
}

function sysEpollWait(thread: Thread, args: Args): number {
  return waitForEvents(thread, args, millisecondsOf(thread, args.int(3)));
}

function sysEpollPwait(thread: Thread, args: Args): number {
  const failed = borrowMask(thread, args.addr(4), args.size(5));
  return failed < 0 ? failed : sysEpollWait(thread, args);
}

function sysEpollPwait2(thread: Thread, args: Args): number {
  const until = untilOf(thread, () => timeoutOf(thread, args.addr(3), 1));
  if (until < 0) return until;
  const failed = borrowMask(thread, args.addr(4), args.size(5));
  return failed < 0 ? failed : waitForEvents(thread, args, until);
}

export const epollRows: readonly ThreadRow[] = [
  { number: 213, name: 'epoll_create', args: ['int'], run: sysEpollCreate },
  { number: 232, name: 'epoll_wait', args: ['fd', 'addr', 'int', 'int'], run: sysEpollWait },
  { number: 233, name: 'epoll_ctl', args: ['fd', 'int', 'fd', 'addr'], run: sysEpollCtl },
  {
    number: 281,
    name: 'epoll_pwait',
    args: ['fd', 'addr', 'int', 'int', 'sigset', 'size'],
    run: sysEpollPwait,
  },
  { number: 291, name: 'epoll_create1', args: ['hex'], run: sysEpollCreate1 },
  {
    number: 441,
    name: 'epoll_pwait2',
    args: ['fd', 'addr', 'int', 'timespec', 'sigset', 'size'],
    run: sysEpollPwait2,
  },
];

kind('EpollWait', EpollWait);
