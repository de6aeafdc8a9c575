import { O_CLOEXEC, O_NONBLOCK } from '../abi/fcntl.js';
import {
  CLOCK_BOOTTIME,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  CLOCK_REALTIME_ALARM,
} from '../abi/time.js';
import { TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET } from '../abi/timerfd.js';
import { CAP_WAKE_ALARM } from '../abi/capability.js';
import { EBADF, EFAULT, EINVAL, EPERM, type Errno } from '../errno.js';
import { isPathOnly } from '../fs/handle.js';
import { getI64 } from '../process/registers.js';
import type { Thread } from '../process/thread.js';
import { TimerFile, openTimerfd } from '../time/timerfd.js';
import type { Args } from '../types.js';
import { installHandle } from './install.js';
import type { ThreadRow } from './row.js';
import { isValidTime, monotonicOf } from './time.js';
import { ITIMERVAL_SIZE, NANO, putState, takeState } from './timer.js';
import { $view, readStruct, writeStruct } from './user.js';

const CLOCKS = new Set([
  CLOCK_REALTIME,
  CLOCK_MONOTONIC,
  CLOCK_BOOTTIME,
  CLOCK_REALTIME_ALARM,
  CLOCK_BOOTTIME_ALARM,
]);

function mayWake({ process }: Thread, clock: number): boolean {
  const alarm = clock === CLOCK_REALTIME_ALARM || clock === CLOCK_BOOTTIME_ALARM;
  return !alarm || process.cred.capable(CAP_WAKE_ALARM);
}

function sysTimerfdCreate(thread: Thread, args: Args): number {
  const { process } = thread;
  const [clock, flags] = [args.int(0), args.uint(1)];
  if ((flags & ~(O_NONBLOCK | O_CLOEXEC)) !== 0 || !CLOCKS.has(clock)) return EINVAL;
  if (!mayWake(thread, clock)) return EPERM;
  const handle = openTimerfd(process.kernel, process.fs.root.mount.vfs, clock, flags);
  return installHandle(process, handle, (flags & O_CLOEXEC) !== 0);
}

function timerFile({ process }: Thread, fd: number): TimerFile | Errno {
  const handle = process.files.get(fd);
  if (typeof handle === 'number' || isPathOnly(handle)) return EBADF;
  return handle.ops instanceof TimerFile ? handle.ops : EINVAL;
}

function putFile(file: TimerFile): void {
  putState({ left: file.remaining, interval: file.interval }, NANO);
}

function sysTimerfdSettime(thread: Thread, args: Args): number {
  const { process } = thread;
  const flags = args.uint(1);
  if (readStruct(process.memory, args.addr(2), ITIMERVAL_SIZE) < 0) return EFAULT;
  const wanted = takeState(NANO);
  const value = { sec: getI64($view, 16), nsec: getI64($view, 24) };
  const known = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
  if ((flags & ~known) !== 0 || wanted === null || !isValidTime(value)) return EINVAL;
  const file = timerFile(thread, args.int(0));
  if (typeof file === 'number') return file;
  if (!mayWake(thread, file.clock)) return EPERM;
  putFile(file);
  const absolute = (flags & TFD_TIMER_ABSTIME) !== 0;
  const at = absolute ? monotonicOf(process, file.clock, value) : process.kernel.clock.nowMs() + wanted.left;
  file.set(wanted.left === 0 ? Infinity : at, wanted.interval, flags);
  return args.addr(3) === 0 ? 0 : writeStruct(process.memory, args.addr(3), ITIMERVAL_SIZE);
}

function sysTimerfdGettime(thread: Thread, args: Args): number {
  const file = timerFile(thread, args.int(0));
  if (typeof file === 'number') return file;
  putFile(file);
  return writeStruct(thread.process.memory, args.addr(1), ITIMERVAL_SIZE);
}

export const timerfdRows: readonly ThreadRow[] = [
  { number: 283, name: 'timerfd_create', args: ['clock', 'hex'], run: sysTimerfdCreate },
  {
    number: 286,
    name: 'timerfd_settime',
    args: ['fd', 'hex', 'addr', 'addr'],
    run: sysTimerfdSettime,
    note: 'TFD_TIMER_CANCEL_ON_SET never cancels: the clock cannot be set',
  },
  { number: 287, name: 'timerfd_gettime', args: ['fd', 'addr'], run: sysTimerfdGettime },
];
