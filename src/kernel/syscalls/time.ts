import {
  CLOCK_MONOTONIC_RAW,
  CLOCK_PROCESS_CPUTIME_ID,
  CLOCK_REALTIME,
  CLOCK_THREAD_CPUTIME_ID,
  TICK_NS,
  TIMER_ABSTIME,
} from '../abi/time.js';
import { EFAULT, EINVAL, EOPNOTSUPP, EPERM, ERESTARTNOHAND, ERESTART_RESTARTBLOCK, WAIT } from '../errno.js';
import type { Timespec } from '../host.js';
import type { Process } from '../process/process.js';
import type { Thread } from '../process/thread.js';
import { CpuClock } from '../time/cpu-clock.js';
import { fromMs, isCoarse, isMonotonic, isRealtime, toMs } from '../time/clock.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import { $view, clearBuffer, readPair, writePair, writeStruct } from './user.js';

const $time: Timespec = { sec: 0, nsec: 0 };

/** Processor-time clocks of other processes: ~pid << 3, and these bits (linux/posix-timers.h). */
const CPUCLOCK_PERTHREAD = 4;
const CPUCLOCK_MASK = 3;
const CPUCLOCK_MAX = 3;

/** A processor-time clock; null for another kind of clock or one of nobody. */
export function cpuClockOf(thread: Thread, clock: number): CpuClock | null {
  const { process } = thread;
  const { kernel } = process;
  if (clock === CLOCK_PROCESS_CPUTIME_ID) return new CpuClock(process, null);
  if (clock === CLOCK_THREAD_CPUTIME_ID) return new CpuClock(process, thread);
  if (clock >= 0 || (clock & CPUCLOCK_MASK) >= CPUCLOCK_MAX) return null;
  const id = ~(clock >> 3);
  if ((clock & CPUCLOCK_PERTHREAD) === 0) {
    const target = id === 0 ? process : kernel.processes.get(id);
    return target === undefined ? null : new CpuClock(target, null);
  }
  const other = id === 0 ? thread : kernel.threads.get(id);
  return other?.process === process ? new CpuClock(process, other) : null;
}

function readClock(thread: Thread, clock: number, out: Timespec): boolean {
  if (thread.process.kernel.clock.read(clock, out)) return true;
  const cpu = cpuClockOf(thread, clock);
  if (cpu !== null) fromMs(cpu.now(), out);
  return cpu !== null;
}

function sysClockGettime(thread: Thread, args: Args): number {
  if (!readClock(thread, args.int(0), $time)) return EINVAL;
  return writePair(thread.process.memory, args.addr(1), $time.sec, $time.nsec);
}

function sysClockGetres(thread: Thread, args: Args): number {
  const clock = args.int(0);
  if (!readClock(thread, clock, $time)) return EINVAL;
  if (args.addr(1) === 0) return 0;
  return writePair(thread.process.memory, args.addr(1), 0, isCoarse(clock) ? TICK_NS : 1);
}

function sysClockSettime(thread: Thread, args: Args): number {
  const failed = readPair(thread.process.memory, args.addr(1), $time);
  if (failed < 0) return failed;
  return args.int(0) === CLOCK_REALTIME ? EPERM : EINVAL;
}

function sysGettimeofday({ process }: Thread, args: Args): number {
  if (args.addr(0) !== 0) {
    process.kernel.clock.realtime($time);
    const failed = writePair(process.memory, args.addr(0), $time.sec, Math.floor($time.nsec / 1000));
    if (failed < 0) return failed;
  }
  if (args.addr(1) === 0) return 0;
  clearBuffer(8);
  return writeStruct(process.memory, args.addr(1), 8);
}

function sysTime({ process }: Thread, args: Args): number {
  process.kernel.clock.realtime($time);
  const { sec } = $time;
  if (args.addr(0) === 0) return sec;
  clearBuffer(8);
  $view.setUint32(0, sec >>> 0, true);
  $view.setUint32(4, Math.floor(sec / 0x100000000), true);
  return writeStruct(process.memory, args.addr(0), 8) < 0 ? EFAULT : sec;
}

/** Until when a call sleeps: the kernel's monotonic time, kept between its tries. */
export interface Deadline {
  readonly until: number;
}

export function isValidTime(time: Timespec): boolean {
  return time.sec >= 0 && time.nsec >= 0 && time.nsec < 1e9;
}

/** The monotonic time in milliseconds of an absolute time on `clock`. */
export function monotonicOf(process: Process, clock: number, time: Timespec): number {
  const { clock: clocks } = process.kernel;
  return isRealtime(clock) ? toMs(time) - clocks.realtimeOffsetMs() : toMs(time);
}

/** Sleeps until `until`: 0 when it is over, WAIT, or `interrupted()` when a signal is there. */
function sleepUntil(thread: Thread, until: number, interrupted: () => number): number {
  if (thread.process.kernel.clock.nowMs() >= until) return 0;
  if (thread.signalled) return interrupted();
  thread.callState = { until } satisfies Deadline;
  thread.waitUntil(until);
  return WAIT;
}

/** Sleeps for a time: what is left is written to `remaining` when a signal interrupts. */
function sleepRelative(thread: Thread, request: number, remaining: number): number {
  const { process } = thread;
  const { clock } = process.kernel;
  let state = thread.callState as Deadline | undefined;
  if (state === undefined) {
    if (readPair(process.memory, request, $time) < 0) return EFAULT;
    if (!isValidTime($time)) return EINVAL;
    state = { until: clock.nowMs() + toMs($time) };
  }
  const { until } = state;
  return sleepUntil(thread, until, () => {
    thread.resume = { number: thread.callNumber, state: { until } satisfies Deadline };
    if (remaining === 0) return ERESTART_RESTARTBLOCK;
    fromMs(Math.max(0, until - clock.nowMs()), $time);
    return writePair(process.memory, remaining, $time.sec, $time.nsec) < 0 ? EFAULT : ERESTART_RESTARTBLOCK;
  });
}

function sysNanosleep(thread: Thread, args: Args): number {
  return sleepRelative(thread, args.addr(0), args.addr(1));
}

function sysClockNanosleep(thread: Thread, args: Args): number {
  const clock = args.int(0);
  if (clock === CLOCK_THREAD_CPUTIME_ID) return EINVAL;
  const cpu = cpuClockOf(thread, clock);
  if (cpu === null && !isRealtime(clock) && !isMonotonic(clock)) return EINVAL;
  if (cpu !== null || isCoarse(clock)) return EOPNOTSUPP;
  if ((args.uint(1) & TIMER_ABSTIME) === 0) return sleepRelative(thread, args.addr(2), args.addr(3));
  const { process } = thread;
  if (readPair(process.memory, args.addr(2), $time) < 0) return EFAULT;
  if (!isValidTime($time)) return EINVAL;
  return sleepUntil(thread, monotonicOf(process, clock, $time), () => ERESTARTNOHAND);
}

/** What adjtimex(2) tells of a clock that nobody disciplines. */
const TIME_ERROR = 5;
const STA_UNSYNC = 0x40;
const TIMEX_SIZE = 208;

function sysAdjtimex({ process }: Thread, args: Args): number {
  const modes = process.memory.readU32(args.addr(0));
  if (modes < 0) return modes;
  if (modes !== 0) return EPERM;
  clearBuffer(TIMEX_SIZE);
  $view.setUint32(40, STA_UNSYNC, true);
  $view.setUint32(88, 10_000, true);
  const failed = writeStruct(process.memory, args.addr(0), TIMEX_SIZE);
  return failed < 0 ? failed : TIME_ERROR;
}

export const timeRows: readonly ThreadRow[] = [
  { number: 35, name: 'nanosleep', args: ['timespec', 'addr'], run: sysNanosleep },
  { number: 96, name: 'gettimeofday', args: ['addr', 'addr'], run: sysGettimeofday },
  { number: 159, name: 'adjtimex', args: ['addr'], run: sysAdjtimex, note: 'the clock cannot be adjusted' },
  { number: 164, name: 'settimeofday', args: ['addr', 'addr'], run: () => EPERM },
  { number: 201, name: 'time', args: ['addr'], run: sysTime },
  { number: 227, name: 'clock_settime', args: ['clock', 'timespec'], run: sysClockSettime },
  { number: 228, name: 'clock_gettime', args: ['clock', 'timespec-out'], run: sysClockGettime },
  { number: 229, name: 'clock_getres', args: ['clock', 'timespec-out'], run: sysClockGetres },
  {
    number: 230,
    name: 'clock_nanosleep',
    args: ['clock', 'hex', 'timespec', 'addr'],
    run: sysClockNanosleep,
    note: 'not on clocks of processor time',
  },
];

/** Clocks of elapsed time that timers can be on. */
export function isTimerClock(clock: number): boolean {
  return !isCoarse(clock) && clock !== CLOCK_MONOTONIC_RAW && (isRealtime(clock) || isMonotonic(clock));
}
