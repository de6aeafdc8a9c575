import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDBAND,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
} from '../abi/poll.js';
import { RLIMIT_NOFILE } from '../abi/resource.js';
import { EBADF, EFAULT, EINVAL, ERESTARTNOHAND, ERESTART_RESTARTBLOCK, WAIT, type Errno } from '../errno.js';
import { isPathOnly } from '../fs/handle.js';
import type { Waiter } from '../fs/types.js';
import type { Timespec } from '../host.js';
import { getU64 } from '../process/registers.js';
import type { Thread } from '../process/thread.js';
import { fromMs, toMs } from '../time/clock.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import { readSigset } from './signal.js';
import { isValidTime } from './time.js';
import { $view, readPair, readStruct, writePair } from './user.js';

const POLLFD_SIZE = 8;
/** What a file without a poll operation, a regular one, always answers. */
const DEFAULT_EVENTS = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;

const $time: Timespec = { sec: 0, nsec: 0 };

interface PollState {
  readonly until: number;
}

/** What is the case with a descriptor; POLLNVAL when it is not open. */
function eventsOf(thread: Thread, fd: number, waiter: Waiter | null): number {
  const handle = thread.process.files.get(fd);
  if (typeof handle === 'number' || isPathOnly(handle)) return POLLNVAL;
  return handle.ops.poll?.(handle, waiter) ?? DEFAULT_EVENTS;
}

/** Looks at all of struct pollfd in `fds`, fills in revents, and returns how many have any. */
function pollAll(thread: Thread, fds: DataView, waiter: Waiter | null): number {
  let ready = 0;
  for (let at = 0; at < fds.byteLength; at += POLLFD_SIZE) {
    const fd = fds.getInt32(at, true);
    const wanted = fds.getInt16(at + 4, true) | POLLERR | POLLHUP | POLLNVAL;
    const events = fd < 0 ? 0 : eventsOf(thread, fd, waiter) & wanted;
    fds.setInt16(at + 6, events, true);
    if (events !== 0) ready++;
  }
  return ready;
}

/**
 * One try of poll, select and their relatives: `look` says how many are ready and makes its waiter wait. 0 when time is
 * up, WAIT, or `interrupted` when a signal is there.
 */
function tryPoll(
  thread: Thread,
  until: number,
  look: (waiter: Waiter | null) => number,
  interrupted: () => number,
): number {
  const ready = look(null);
  if (ready !== 0) return ready;
  if (until <= 0 || thread.process.kernel.clock.nowMs() >= until) return 0;
  if (thread.signalled) return interrupted();
  look(thread);
  thread.callState = { until } satisfies PollState;
  if (until !== Infinity) thread.waitUntil(until);
  return WAIT;
}

/** The deadline kept from an earlier try, or a new one; 0: not to wait at all. */
export function untilOf(thread: Thread, fresh: () => number | Errno): number | Errno {
  const state = thread.callState as PollState | undefined;
  return state === undefined ? fresh() : state.until;
}

export function after(thread: Thread, ms: number): number {
  return ms <= 0 ? 0 : thread.process.kernel.clock.nowMs() + ms;
}

/** poll's part after its timeout is known. */
function pollFds(thread: Thread, args: Args, until: number, interrupted: () => number): number {
  const { process } = thread;
  const count = args.uint(1);
  if (count > process.limit(RLIMIT_NOFILE)) return EINVAL;
  const bytes = new Uint8Array(count * POLLFD_SIZE);
  const failed = process.memory.copyIn(args.addr(0), bytes, 0, bytes.length);
  if (failed < 0) return failed;
  const fds = new DataView(bytes.buffer);
  const result = tryPoll(thread, until, (waiter) => pollAll(thread, fds, waiter), interrupted);
  if (result < 0) return result;
  return process.memory.copyOut(args.addr(0), bytes, 0, bytes.length) < 0 ? EFAULT : result;
}

function sysPoll(thread: Thread, args: Args): number {
  const timeout = args.int(2);
  const until = untilOf(thread, () => (timeout < 0 ? Infinity : after(thread, timeout)));
  return pollFds(thread, args, until, () => {
    thread.resume = { number: thread.callNumber, state: { until } satisfies PollState };
    return ERESTART_RESTARTBLOCK;
  });
}

/** A timeout as struct timespec, or timeval with `unit` 1000. */
export function timeoutOf(thread: Thread, addr: number, unit: number): number | Errno {
  if (addr === 0) return Infinity;
  if (readPair(thread.process.memory, addr, $time) < 0) return EFAULT;
  $time.nsec *= unit;
  return isValidTime($time) ? after(thread, toMs($time)) : EINVAL;
}

/** What is left of the time goes back to where it came from, unless it cannot be written. */
function writeLeft(thread: Thread, addr: number, until: number, unit: number): void {
  if (addr === 0) return;
  fromMs(Math.max(0, until - thread.process.kernel.clock.nowMs()), $time);
  writePair(thread.process.memory, addr, $time.sec, Math.floor($time.nsec / unit));
}

/** Blocks other signals for the time of the call; once, at the first try. */
export function borrowMask(thread: Thread, addr: number, size: number): 0 | Errno {
  if (addr === 0 || thread.savedMask !== null) return 0;
  if (size !== 8) return EINVAL;
  const set = readSigset(thread.process.memory, addr);
  if (typeof set === 'number') return set;
  thread.borrowMask(set);
  return 0;
}

function sysPpoll(thread: Thread, args: Args): number {
  const until = untilOf(thread, () => timeoutOf(thread, args.addr(2), 1));
  if (until < 0) return until;
  const failed = borrowMask(thread, args.addr(3), args.size(4));
  if (failed < 0) return failed;
  const result = pollFds(thread, args, until, () => ERESTARTNOHAND);
  if (result !== WAIT) writeLeft(thread, args.addr(2), until, 1);
  return result;
}

/** Which events make a descriptor ready in select's three sets. */
const READABLE = POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR;
const WRITABLE = POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR;
const SELECT_EVENTS = [READABLE, WRITABLE, POLLPRI];

/** select's sets, as bytes; null for one that is not given. */
type FdSets = readonly (Uint8Array | null)[];

function readSets(thread: Thread, args: Args, count: number): FdSets | Errno {
  const bytes = 8 * Math.ceil(count / 64);
  const sets: (Uint8Array | null)[] = [];
  for (let i = 0; i < 3; i++) {
    const addr = args.addr(1 + i);
    const set = addr === 0 ? null : new Uint8Array(bytes);
    if (set !== null && thread.process.memory.copyIn(addr, set, 0, bytes) < 0) return EFAULT;
    sets.push(set);
  }
  return sets;
}

function isSet(set: Uint8Array | null, fd: number): boolean {
  return set !== null && (set[fd >> 3] & (1 << (fd & 7))) !== 0;
}

/** Looks at the descriptors in `sets`, notes in `found` which are ready; how many, or EBADF. */
function selectAll(
  thread: Thread,
  sets: FdSets,
  found: FdSets,
  count: number,
  waiter: Waiter | null,
): number {
  let ready = 0;
  for (let fd = 0; fd < count; fd++) {
    if (!sets.some((set) => isSet(set, fd))) continue;
    const events = eventsOf(thread, fd, waiter);
    if (events === POLLNVAL) return EBADF;
    for (let i = 0; i < 3; i++) {
      const set = found[i];
      if (set === null || !isSet(sets[i], fd) || (events & SELECT_EVENTS[i]) === 0) continue;
      set[fd >> 3] |= 1 << (fd & 7);
      ready++;
    }
  }
  return ready;
}

function select(thread: Thread, args: Args, until: number): number {
  const { memory, files } = thread.process;
  if (args.int(0) < 0) return EINVAL;
  const count = Math.min(args.int(0), files.capacity);
  const sets = readSets(thread, args, count);
  if (typeof sets === 'number') return sets;
  const found = sets.map((set) => set && new Uint8Array(set.length));
  const look = (waiter: Waiter | null): number => selectAll(thread, sets, found, count, waiter);
  const result = tryPoll(thread, until, look, () => ERESTARTNOHAND);
  if (result < 0) return result;
  for (let i = 0; i < 3; i++) {
    const set = found[i];
    if (set !== null && memory.copyOut(args.addr(1 + i), set, 0, set.length) < 0) return EFAULT;
  }
  return result;
}

function sysSelect(thread: Thread, args: Args): number {
  const until = untilOf(thread, () => timeoutOf(thread, args.addr(4), 1000));
  if (until < 0) return until;
  const result = select(thread, args, until);
  if (result !== WAIT) writeLeft(thread, args.addr(4), until, 1000);
  return result;
}

function sysPselect6(thread: Thread, args: Args): number {
  const { memory } = thread.process;
  const until = untilOf(thread, () => timeoutOf(thread, args.addr(4), 1));
  if (until < 0) return until;
  if (args.addr(5) !== 0) {
    if (readStruct(memory, args.addr(5), 16) < 0) return EFAULT;
    const failed = borrowMask(thread, getU64($view, 0), getU64($view, 8));
    if (failed < 0) return failed;
  }
  const result = select(thread, args, until);
  if (result !== WAIT) writeLeft(thread, args.addr(4), until, 1);
  return result;
}

export const pollRows: readonly ThreadRow[] = [
  { number: 7, name: 'poll', args: ['addr', 'uint', 'int'], run: sysPoll },
  { number: 23, name: 'select', args: ['int', 'addr', 'addr', 'addr', 'addr'], run: sysSelect },
  {
    number: 270,
    name: 'pselect6',
    args: ['int', 'addr', 'addr', 'addr', 'timespec', 'addr'],
    run: sysPselect6,
  },
  { number: 271, name: 'ppoll', args: ['addr', 'uint', 'timespec', 'sigset', 'size'], run: sysPpoll },
];
