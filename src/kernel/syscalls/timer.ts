import {
  CLOCK_MONOTONIC_RAW,
  ITIMER_PROF,
  ITIMER_REAL,
  ITIMER_VIRTUAL,
  SIGEV_NONE,
  SIGEV_SIGNAL,
  SIGEV_THREAD_ID,
  TIMER_ABSTIME,
} from '../abi/time.js';
import { SIGALRM, SIGRTMAX } from '../abi/signal.js';
import { EAGAIN, EFAULT, EINVAL, type Errno } from '../errno.js';
import { getI64, setU64 } from '../process/registers.js';
import type { Thread } from '../process/thread.js';
import { totalUsage } from '../process/usage.js';
import { PosixTimer, type TimerEvent } from '../time/posix-timer.js';
import { timersOf, type CpuTimer } from '../time/process-timers.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import { cpuClockOf, isTimerClock, isValidTime, monotonicOf } from './time.js';
import { $view, readStruct, writeStruct } from './user.js';

export const ITIMERVAL_SIZE = 32;
const SIGEVENT_SIZE = 64;
/** Like RLIMIT_SIGPENDING, which Linux counts timers against. */
const MAX_TIMERS = 32768;

/** A timer's state in milliseconds: time left (0: not set) and interval. */
export interface TimerState {
  readonly left: number;
  readonly interval: number;
}

const MICRO = 1e3;
export const NANO = 1e6;
/** Of a unit: what comes of reckoning in milliseconds, which must not count as another one begun. */
const NOISE = 0.25;

/** Writes $buffer's struct itimerval (units of MICRO) or itimerspec (NANO). */
export function putState(state: TimerState, unit: number): void {
  [state.interval, state.left].forEach((ms, i) => {
    const parts = Math.ceil((ms % 1000) * unit - NOISE);
    const carry = parts >= 1000 * unit ? 1 : 0;
    setU64($view, 16 * i, Math.floor(ms / 1000) + carry);
    setU64($view, 16 * i + 8, carry === 1 ? 0 : parts);
  });
}

/** Reads it; null when it is not valid. */
export function takeState(unit: number): TimerState | null {
  const times = [0, 16].map((at) => {
    const [sec, part] = [getI64($view, at), getI64($view, at + 8)];
    return sec < 0 || part < 0 || part >= 1000 * unit ? null : sec * 1000 + part / unit;
  });
  const [interval, left] = times;
  return interval === null || left === null ? null : { interval, left };
}

function stateOf(thread: Thread, which: number): TimerState {
  const { process } = thread;
  const timers = timersOf(process);
  if (which === ITIMER_REAL) return { left: timers.real.remaining, interval: timers.real.interval };
  const timer = cpuTimerOf(thread, which);
  const left = timer.at === Infinity ? 0 : Math.max(0.001, timer.at - totalUsage(process).cpuMs);
  return { left, interval: timer.interval };
}

function cpuTimerOf({ process }: Thread, which: number): CpuTimer {
  const timers = timersOf(process);
  return which === ITIMER_VIRTUAL ? timers.virtual : timers.prof;
}

function setTimer(thread: Thread, which: number, state: TimerState): void {
  const { process } = thread;
  const { real } = timersOf(process);
  if (which === ITIMER_REAL) {
    if (state.left === 0) real.clear();
    else real.set(process.kernel.clock.nowMs() + state.left, state.interval);
    return;
  }
  const timer = cpuTimerOf(thread, which);
  timer.at = state.left === 0 ? Infinity : totalUsage(process).cpuMs + state.left;
  timer.interval = state.interval;
}

function isItimer(which: number): boolean {
  return which === ITIMER_REAL || which === ITIMER_VIRTUAL || which === ITIMER_PROF;
}

function sysGetitimer(thread: Thread, args: Args): number {
  const which = args.int(0);
  if (!isItimer(which)) return EINVAL;
  putState(stateOf(thread, which), MICRO);
  return writeStruct(thread.process.memory, args.addr(1), ITIMERVAL_SIZE);
}

function sysSetitimer(thread: Thread, args: Args): number {
  const { memory } = thread.process;
  const which = args.int(0);
  let wanted: TimerState | null = { left: 0, interval: 0 };
  if (args.addr(1) !== 0) {
    const failed = readStruct(memory, args.addr(1), ITIMERVAL_SIZE);
    if (failed < 0) return failed;
    wanted = takeState(MICRO);
  }
  if (wanted === null || !isItimer(which)) return EINVAL;
  const old = stateOf(thread, which);
  setTimer(thread, which, wanted);
  if (args.addr(2) === 0) return 0;
  putState(old, MICRO);
  return writeStruct(memory, args.addr(2), ITIMERVAL_SIZE);
}

/** Whole seconds, never 0 for a timer that is set. */
function sysAlarm(thread: Thread, args: Args): number {
  const { left } = stateOf(thread, ITIMER_REAL);
  setTimer(thread, ITIMER_REAL, { left: args.uint(0) * 1000, interval: 0 });
  return left === 0 ? 0 : Math.max(1, Math.round(left / 1000));
}

/** timer_create's notification; null addr: SIGALRM with the timer's number. */
function readEvent(thread: Thread, addr: number, id: number): TimerEvent | Errno {
  if (addr === 0) return { notify: SIGEV_SIGNAL, signo: SIGALRM, valueLo: id, valueHi: 0, thread: null };
  const failed = readStruct(thread.process.memory, addr, SIGEVENT_SIZE);
  if (failed < 0) return failed as Errno;
  const [valueLo, valueHi] = [$view.getUint32(0, true), $view.getUint32(4, true)];
  const [signo, notify, tid] = [8, 12, 16].map((at) => $view.getInt32(at, true));
  if (notify === SIGEV_NONE) return { notify, signo, valueLo, valueHi, thread: null };
  if (signo < 1 || signo > SIGRTMAX) return EINVAL;
  if (notify === SIGEV_SIGNAL) return { notify, signo, valueLo, valueHi, thread: null };
  const target = thread.process.kernel.threads.get(tid);
  const valid = (notify & ~SIGEV_SIGNAL) === SIGEV_THREAD_ID && target?.process === thread.process;
  return valid && target !== undefined ? { notify, signo, valueLo, valueHi, thread: target } : EINVAL;
}

function sysTimerCreate(thread: Thread, args: Args): number {
  const { process } = thread;
  const clock = args.int(0);
  const cpu = cpuClockOf(thread, clock);
  if (cpu === null && (!isTimerClock(clock) || clock === CLOCK_MONOTONIC_RAW)) return EINVAL;
  const timers = timersOf(process);
  if (timers.posix.size >= MAX_TIMERS) return EAGAIN;
  const id = timers.allocateId();
  const event = readEvent(thread, args.addr(1), id);
  if (typeof event === 'number') return event;
  if (process.memory.writeU32(args.addr(2), id) < 0) return EFAULT;
  timers.posix.set(id, new PosixTimer(id, clock, process, event, cpu));
  return 0;
}

function timerOf({ process }: Thread, args: Args): PosixTimer | null {
  return process.timers?.posix.get(args.int(0)) ?? null;
}

function putTimer(timer: PosixTimer): void {
  putState({ left: timer.remaining, interval: timer.interval }, NANO);
}

function sysTimerSettime(thread: Thread, args: Args): number {
  const { process } = thread;
  if (args.addr(2) === 0) return EINVAL;
  const failed = readStruct(process.memory, args.addr(2), ITIMERVAL_SIZE);
  if (failed < 0) return failed;
  const wanted = takeState(NANO);
  const value = { sec: getI64($view, 16), nsec: getI64($view, 24) };
  const timer = timerOf(thread, args);
  if (timer === null || wanted === null || !isValidTime(value)) return EINVAL;
  putTimer(timer);
  const wasOut = args.addr(3) === 0 ? 0 : writeStruct(process.memory, args.addr(3), ITIMERVAL_SIZE);
  const cpu = cpuClockOf(thread, timer.clock);
  const absolute = (args.uint(1) & TIMER_ABSTIME) !== 0;
  const now = cpu?.now() ?? process.kernel.clock.nowMs();
  const at =
    absolute && cpu === null
      ? monotonicOf(process, timer.clock, value)
      : absolute
        ? wanted.left
        : now + wanted.left;
  timer.set(wanted.left === 0 ? Infinity : at, wanted.interval);
  return wasOut;
}

function sysTimerGettime(thread: Thread, args: Args): number {
  const timer = timerOf(thread, args);
  if (timer === null) return EINVAL;
  putTimer(timer);
  return writeStruct(thread.process.memory, args.addr(1), ITIMERVAL_SIZE);
}

function sysTimerDelete(thread: Thread, args: Args): number {
  const timer = timerOf(thread, args);
  if (timer === null) return EINVAL;
  timer.destroy();
  thread.process.timers?.posix.delete(timer.id);
  return 0;
}

export const timerRows: readonly ThreadRow[] = [
  { number: 36, name: 'getitimer', args: ['int', 'addr'], run: sysGetitimer },
  { number: 37, name: 'alarm', args: ['uint'], run: sysAlarm },
  { number: 38, name: 'setitimer', args: ['int', 'addr', 'addr'], run: sysSetitimer },
  { number: 222, name: 'timer_create', args: ['clock', 'addr', 'addr'], run: sysTimerCreate },
  { number: 223, name: 'timer_settime', args: ['int', 'hex', 'addr', 'addr'], run: sysTimerSettime },
  { number: 224, name: 'timer_gettime', args: ['int', 'addr'], run: sysTimerGettime },
  {
    number: 225,
    name: 'timer_getoverrun',
    args: ['int'],
    run: (thread, args) => timerOf(thread, args)?.overrun ?? EINVAL,
  },
  { number: 226, name: 'timer_delete', args: ['int'], run: sysTimerDelete },
];
