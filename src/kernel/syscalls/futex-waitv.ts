/** futex_waitv(2): waits on several words at once (kernel/futex/waitwake.c). */
import { kind } from '../checkpoint/registry.js';
import { CLOCK_MONOTONIC, CLOCK_REALTIME } from '../abi/time.js';
import { EAGAIN, EFAULT, EINVAL, ERESTARTSYS, ETIMEDOUT, WAIT, type Errno } from '../errno.js';
import { FutexWaiter, isAligned } from '../futex/table.js';
import type { Timespec } from '../host.js';
import { getU64 } from '../process/registers.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import { isValidTime, monotonicOf } from './time.js';
import { readPair } from './user.js';

/** struct futex_waitv: value, address, flags, and a field that must be 0. */
const WAITV_SIZE = 24;
const FUTEX_WAITV_MAX = 128;
const FUTEX2_SIZE_U32 = 2;
const FUTEX2_PRIVATE = 128;

class VectorWait {
  constructor(
    readonly waiters: readonly FutexWaiter[],
    readonly until: number,
  ) {}

  abandon(): void {
    for (const waiter of this.waiters) waiter.queue.delete(waiter);
  }
}

const $time: Timespec = { sec: 0, nsec: 0 };

interface Word {
  readonly addr: number;
  readonly value: number;
  readonly isPrivate: boolean;
}

function readWords({ process }: Thread, addr: number, count: number): Word[] | Errno {
  const bytes = new Uint8Array(count * WAITV_SIZE);
  const view = new DataView(bytes.buffer);
  if (process.memory.copyIn(addr, bytes, 0, bytes.length) < 0) return EFAULT;
  const words: Word[] = [];
  for (let at = 0; at < bytes.length; at += WAITV_SIZE) {
    const flags = view.getUint32(at + 16, true);
    if ((flags & ~FUTEX2_PRIVATE) !== FUTEX2_SIZE_U32 || view.getUint32(at + 20, true) !== 0) return EINVAL;
    const isPrivate = (flags & FUTEX2_PRIVATE) !== 0;
    words.push({ addr: getU64(view, at + 8), value: view.getUint32(at, true), isPrivate });
  }
  return words;
}

function sysFutexWaitv(thread: Thread, args: Args): number {
  const before = thread.callState as VectorWait | undefined;
  if (before !== undefined) return goOn(thread, before);
  const { process } = thread;
  const count = args.uint(1);
  if (args.uint(2) !== 0 || count === 0 || count > FUTEX_WAITV_MAX || args.addr(0) === 0) return EINVAL;
  let until = Infinity;
  if (args.addr(3) !== 0) {
    const clock = args.int(4);
    if (clock !== CLOCK_MONOTONIC && clock !== CLOCK_REALTIME) return EINVAL;
    if (readPair(process.memory, args.addr(3), $time) < 0) return EFAULT;
    if (!isValidTime($time)) return EINVAL;
    until = Math.max(0, monotonicOf(process, clock, $time));
  }
  const words = readWords(thread, args.addr(0), count);
  return typeof words === 'number' ? words : begin(thread, words, until);
}

function begin(thread: Thread, words: readonly Word[], until: number): number {
  const { process } = thread;
  const waiters: FutexWaiter[] = [];
  for (const { addr, isPrivate } of words) {
    if (!isAligned(addr)) return EINVAL;
    const queue = process.kernel.futexes.queue(process.mm, addr, isPrivate);
    if (typeof queue === 'number') return queue;
    waiters.push(new FutexWaiter(thread, queue));
  }
  for (const { addr, value } of words) {
    const word = process.memory.readU32(addr);
    if (word < 0) return EFAULT;
    if (word !== value) return EAGAIN;
  }
  for (const waiter of waiters) waiter.queue.add(waiter);
  return goOn(thread, new VectorWait(waiters, until));
}

/** The place of the word that was woken. */
function goOn(thread: Thread, waiting: VectorWait): number {
  const woken = waiting.waiters.findLastIndex((waiter) => waiter.woken);
  const { until } = waiting;
  const late = thread.process.kernel.clock.nowMs() >= until;
  if (woken >= 0 || late || thread.signalled) {
    waiting.abandon();
    return woken >= 0 ? woken : late ? ETIMEDOUT : ERESTARTSYS;
  }
  thread.callState = waiting;
  if (until !== Infinity) thread.waitUntil(until);
  return WAIT;
}

export const futexWaitvRows: readonly ThreadRow[] = [
  { number: 449, name: 'futex_waitv', args: ['addr', 'uint', 'hex', 'timespec', 'int'], run: sysFutexWaitv },
];

kind('VectorWait', VectorWait);
