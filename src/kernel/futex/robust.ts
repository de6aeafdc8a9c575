import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS } from '../abi/futex.js';
import { getI64, getU64 } from '../process/registers.js';
import type { Thread } from '../process/thread.js';

/** How many locks a thread's list may hold (ROBUST_LIST_LIMIT). */
const LIMIT = 2048;

const $head = new Uint8Array(24);
const $headView = new DataView($head.buffer);

/** Marks the locks that a thread holds when it ends, and wakes one that waits for each (set_robust_list(2)). */
export function releaseRobustList(thread: Thread): void {
  const { robustHead: head, process } = thread;
  thread.robustHead = 0;
  if (head === 0 || process.mmOrNull === null) return;
  if (process.memory.copyIn(head, $head, 0, 24) < 0) return;
  const offset = getI64($headView, 8);
  const pending = clearLowBit(getU64($headView, 16));
  let entry = clearLowBit(getU64($headView, 0));
  for (let n = 0; entry !== head && n < LIMIT; n++) {
    const next = readPointer(thread, entry);
    if (entry !== pending) releaseLock(thread, entry + offset, false);
    if (next === null) return;
    entry = next;
  }
  if (pending !== 0) releaseLock(thread, pending + offset, true);
}

/** Bit 0 says that the lock inherits priority. */
function clearLowBit(value: number): number {
  return value - (value % 2);
}

function readPointer(thread: Thread, addr: number): number | null {
  return thread.process.memory.copyIn(addr, $head, 0, 8) < 0 ? null : clearLowBit(getU64($headView, 0));
}

function releaseLock(thread: Thread, addr: number, isPending: boolean): void {
  const { memory, mm, kernel } = thread.process;
  const word = memory.readU32(addr);
  if (word < 0) return;
  const owner = word & FUTEX_TID_MASK;
  if (isPending && owner === 0) return void kernel.futexes.wake(mm, addr, 1);
  if (owner !== thread.tid) return;
  memory.writeU32(addr, ((word & FUTEX_WAITERS) | FUTEX_OWNER_DIED) >>> 0);
  if ((word & FUTEX_WAITERS) !== 0) kernel.futexes.wake(mm, addr, 1);
}
