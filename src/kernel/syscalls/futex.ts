import { kind } from '../checkpoint/registry.js';
import {
  FUTEX_BITSET_MATCH_ANY,
  FUTEX_CLOCK_REALTIME,
  FUTEX_CMD_MASK,
  FUTEX_CMP_REQUEUE,
  FUTEX_CMP_REQUEUE_PI,
  FUTEX_LOCK_PI,
  FUTEX_LOCK_PI2,
  FUTEX_REQUEUE,
  FUTEX_TRYLOCK_PI,
  FUTEX_UNLOCK_PI,
  FUTEX_WAIT,
  FUTEX_WAIT_BITSET,
  FUTEX_WAIT_REQUEUE_PI,
  FUTEX_WAKE,
  FUTEX_WAKE_BITSET,
  FUTEX_WAKE_OP,
} from '../abi/futex.js';
import { CLOCK_MONOTONIC, CLOCK_REALTIME } from '../abi/time.js';
import {
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOSYS,
  ERESTARTSYS,
  ERESTART_RESTARTBLOCK,
  ETIMEDOUT,
  WAIT,
  type Errno,
} from '../errno.js';
import { FutexWaiter, requeue, wakeQueue } from '../futex/table.js';
import type { Timespec } from '../host.js';
import type { Thread } from '../process/thread.js';
import { toMs } from '../time/clock.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import { cmpRequeuePi, lockPi, queueOf, unlockPi, waitRequeuePi } from './futex-pi.js';
import { isValidTime, monotonicOf } from './time.js';
import { readPair } from './user.js';

/** What a wait remembers between its tries; without a waiter after restart_syscall. */
class FutexWait {
  waiter: FutexWaiter | null = null;

  constructor(readonly until: number) {}

  abandon(): void {
    this.waiter?.queue.delete(this.waiter);
  }
}

const $time: Timespec = { sec: 0, nsec: 0 };

/** When a wait ends: FUTEX_WAIT's time is relative, FUTEX_WAIT_BITSET's absolute. */
function deadline({ process }: Thread, addr: number, op: number): number | Errno {
  if (addr === 0) return Infinity;
  if (readPair(process.memory, addr, $time) < 0) return EFAULT;
  if (!isValidTime($time)) return EINVAL;
  if ((op & FUTEX_CMD_MASK) === FUTEX_WAIT) return process.kernel.clock.nowMs() + toMs($time);
  const clock = (op & FUTEX_CLOCK_REALTIME) !== 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
  return Math.max(0, monotonicOf(process, clock, $time));
}

function wait(thread: Thread, args: Args, bitset: number): number {
  const op = args.int(1);
  if (bitset === 0) return EINVAL;
  let state = thread.callState as FutexWait | undefined;
  if (state === undefined) {
    const until = deadline(thread, args.addr(3), op);
    if (until < 0) return until;
    state = new FutexWait(until);
  }
  return state.waiter === null
    ? beginWait(thread, args, state, bitset)
    : goOnWaiting(thread, state, state.waiter);
}

function beginWait(thread: Thread, args: Args, state: FutexWait, bitset: number): number {
  const queue = queueOf(thread, args.addr(0), args.int(1));
  if (typeof queue === 'number') return queue;
  const value = thread.process.memory.readU32(args.addr(0));
  if (value < 0) return EFAULT;
  if (value !== args.uint(2)) return EAGAIN;
  state.waiter = new FutexWaiter(thread, queue, bitset);
  queue.add(state.waiter);
  return goOnWaiting(thread, state, state.waiter);
}

function goOnWaiting(thread: Thread, state: FutexWait, waiter: FutexWaiter): number {
  if (waiter.woken) return 0;
  const { until } = state;
  if (thread.process.kernel.clock.nowMs() >= until) {
    state.abandon();
    return ETIMEDOUT;
  }
  if (thread.signalled) {
    state.abandon();
    if (until === Infinity) return ERESTARTSYS;
    thread.resume = { number: thread.callNumber, state: new FutexWait(until) };
    return ERESTART_RESTARTBLOCK;
  }
  thread.callState = state;
  if (until !== Infinity) thread.waitUntil(until);
  return WAIT;
}

function wake(thread: Thread, args: Args, bitset: number): number {
  if (bitset === 0) return EINVAL;
  const queue = queueOf(thread, args.addr(0), args.int(1));
  return typeof queue === 'number' ? queue : wakeQueue(queue, Math.max(1, args.int(2)), bitset);
}

/** FUTEX_REQUEUE and FUTEX_CMP_REQUEUE: wakes some, lets others wait on another word. */
function moveWaiters(thread: Thread, args: Args, compares: boolean): number {
  const [wakes, moves] = [args.int(2), args.int(3)];
  if (wakes < 0 || moves < 0) return EINVAL;
  const from = queueOf(thread, args.addr(0), args.int(1));
  if (typeof from === 'number') return from;
  const to = queueOf(thread, args.addr(4), args.int(1));
  if (typeof to === 'number') return to;
  if (compares) {
    const value = thread.process.memory.readU32(args.addr(0));
    if (value < 0) return EFAULT;
    if (value !== args.uint(5)) return EAGAIN;
  }
  const woken = wakeQueue(from, wakes);
  const moved = woken < 0 ? woken : requeue(from, to, moves);
  return moved < 0 ? moved : woken + moved;
}

/** FUTEX_WAKE_OP's operations on the second word, and comparisons of its old value. */
const OPERATIONS: readonly ((old: number, arg: number) => number)[] = [
  (_old, arg) => arg,
  (old, arg) => old + arg,
  (old, arg) => old | arg,
  (old, arg) => old & ~arg,
  (old, arg) => old ^ arg,
];
const COMPARISONS: readonly ((old: number, arg: number) => boolean)[] = [
  (old, arg) => old === arg,
  (old, arg) => old !== arg,
  (old, arg) => old < arg,
  (old, arg) => old <= arg,
  (old, arg) => old > arg,
  (old, arg) => old >= arg,
];
const OP_ARG_SHIFT = 8;

function wakeOp(thread: Thread, args: Args): number {
  const { memory } = thread.process;
  const first = queueOf(thread, args.addr(0), args.int(1));
  if (typeof first === 'number') return first;
  const second = queueOf(thread, args.addr(4), args.int(1));
  if (typeof second === 'number') return second;
  const code = args.uint(5);
  const [opArg, cmpArg] = [(code << 8) >> 20, (code << 20) >> 20];
  const operation = OPERATIONS[(code >>> 28) & 7];
  const comparison = COMPARISONS[(code >>> 24) & 15];
  if (operation === undefined || comparison === undefined) return ENOSYS;
  const word = memory.readU32(args.addr(4));
  if (word < 0) return EFAULT;
  const old = word | 0;
  const shifts = ((code >>> 28) & OP_ARG_SHIFT) !== 0;
  const written = memory.writeU32(args.addr(4), operation(old, shifts ? 1 << (opArg & 31) : opArg) >>> 0);
  if (written < 0) return EFAULT;
  const woken = wakeQueue(first, Math.max(1, args.int(2)));
  if (woken < 0 || !comparison(old, cmpArg)) return woken;
  const more = wakeQueue(second, Math.max(1, args.int(3)));
  return more < 0 ? more : woken + more;
}

/** Operations for which the clock can be chosen. */
const TAKES_CLOCK: ReadonlySet<number> = new Set([FUTEX_WAIT_BITSET, FUTEX_WAIT_REQUEUE_PI, FUTEX_LOCK_PI2]);

function sysFutex(thread: Thread, args: Args): number {
  const op = args.int(1);
  const command = op & FUTEX_CMD_MASK;
  if ((op & FUTEX_CLOCK_REALTIME) !== 0 && !TAKES_CLOCK.has(command)) return ENOSYS;
  switch (command) {
    case FUTEX_WAIT:
      return wait(thread, args, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAIT_BITSET:
      return wait(thread, args, args.uint(5));
    case FUTEX_WAKE:
      return wake(thread, args, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
      return wake(thread, args, args.uint(5));
    case FUTEX_REQUEUE:
      return moveWaiters(thread, args, false);
    case FUTEX_CMP_REQUEUE:
      return moveWaiters(thread, args, true);
    case FUTEX_WAKE_OP:
      return wakeOp(thread, args);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
    case FUTEX_TRYLOCK_PI:
      return lockPi(thread, args, command === FUTEX_TRYLOCK_PI);
    case FUTEX_UNLOCK_PI:
      return unlockPi(thread, args);
    case FUTEX_WAIT_REQUEUE_PI:
      return waitRequeuePi(thread, args);
    case FUTEX_CMP_REQUEUE_PI:
      return cmpRequeuePi(thread, args);
    default:
      return ENOSYS;
  }
}

export const futexRows: readonly ThreadRow[] = [
  {
    number: 202,
    name: 'futex',
    args: ['addr', 'futex-op', 'int', 'addr', 'addr', 'uint'],
    run: sysFutex,
  },
];

kind('FutexWait', FutexWait);
