/**
 * Reading and writing open files on behalf of a thread: what all files have in common, and waiting. A call that waits is
 * run again from the start; what a write has done so far is in thread.callState.
 */
import { IN_ACCESS, IN_MODIFY } from '../abi/inotify.js';
import { MAX_FILE_SIZE } from '../abi/limits.js';
import { O_APPEND, O_NONBLOCK } from '../abi/fcntl.js';
import { RLIMIT_FSIZE } from '../abi/resource.js';
import { SIGPIPE, SIGXFSZ } from '../abi/signal.js';
import { EAGAIN, EFBIG, EPIPE, ERESTARTSYS, WAIT, type Errno } from '../errno.js';
import type { Caller } from '../types.js';
import { removePrivileges } from './attributes.js';
import { isRegular } from './inode.js';
import { notifyHandle } from './notify.js';
import type { Handle, Inode, Sink, Source } from './types.js';

/** What a transfer does otherwise than the handle says (preadv2's flags, splice's). */
export interface TransferOptions {
  readonly nowait?: boolean;
  readonly append?: boolean;
}
const PLAIN: TransferOptions = {};

/** Puts the thread on the handle's queues; what is returned ends this try of the call. */
export function waitForHandle(thread: Caller, handle: Handle): Errno {
  if (handle.ops.poll === undefined) return EAGAIN;
  if (thread.signalled) return ERESTARTSYS;
  handle.ops.poll(handle, thread);
  return WAIT;
}

/** Bytes that earlier tries of the call have moved: a number, or what keeps more than that. */
export function doneBefore({ callState }: Caller): number {
  if (typeof callState === 'number') return callState;
  return (callState as { readonly done?: number } | null | undefined)?.done ?? 0;
}

function waits(handle: Handle, options: TransferOptions): boolean {
  return (handle.flags & O_NONBLOCK) === 0 && options.nowait !== true;
}

/** Reads at `position`, which only counts where `ops.seekable`. */
export function readHandle(
  thread: Caller,
  handle: Handle,
  sink: Sink,
  position: number,
  options = PLAIN,
): number | Errno {
  const { ops } = handle;
  if (ops.readFor !== undefined) return ops.readFor(thread, handle, sink, waits(handle, options));
  const done = ops.read(handle, sink, position);
  if (done > 0) notifyHandle(handle, IN_ACCESS);
  if (done === 0 && thread.callState !== undefined) return ops.endForWaiting?.(handle) ?? 0;
  return done === EAGAIN && waits(handle, options) ? waitForInput(thread, handle, sink) : done;
}

/** A read that waits for a while only. */
interface TimedRead {
  readonly until: number;
  /** HandleOperations.arrived when the time began. */
  readonly arrived: number;
}

function waitForInput(thread: Caller, handle: Handle, sink: Sink): number | Errno {
  const { ops } = handle;
  if (ops.readTimeout === undefined || ops.readAvailable === undefined) return waitForHandle(thread, handle);
  if (thread.signalled) {
    const got = ops.readAvailable(handle, sink);
    return got === 0 ? ERESTARTSYS : got;
  }
  const before = thread.callState as TimedRead | undefined;
  const arrived = ops.arrived?.(handle) ?? 0;
  const now = thread.nowMs();
  const until = before?.arrived === arrived ? before.until : now + ops.readTimeout(handle);
  if (until <= now) return ops.readAvailable(handle, sink);
  thread.callState = { until, arrived } satisfies TimedRead;
  if (until !== Infinity) thread.waitUntil(until);
  return waitForHandle(thread, handle);
}

/** Where a write to `handle` begins: at the end with O_APPEND. */
export function writePosition(handle: Handle, position: number, options = PLAIN): number {
  if (!handle.ops.seekable || !(options.append ?? (handle.flags & O_APPEND) !== 0)) return position;
  const { inode } = handle;
  inode.fs.refresh?.(inode);
  return inode.size;
}

/**
 * Writes all of `source`, from which the `done` bytes of earlier tries are gone already; the result counts them. A file
 * gets as much as fits, anything else is waited for unless the handle is O_NONBLOCK.
 */
export function writeHandle(
  thread: Caller,
  handle: Handle,
  source: Source,
  position: number,
  done: number,
  options = PLAIN,
): number | Errno {
  const regular = isRegular(handle.inode) && handle.ops.writeFor === undefined;
  const result = regular
    ? writeRegular(thread, handle, source, position)
    : writeOther(thread, handle, source, position, done, options);
  if (result > 0) notifyHandle(handle, IN_MODIFY);
  return result;
}

function writeOther(
  thread: Caller,
  handle: Handle,
  source: Source,
  position: number,
  done: number,
  options: TransferOptions,
): number | Errno {
  if (handle.ops.writeFor !== undefined)
    return handle.ops.writeFor(thread, handle, source, waits(handle, options));
  // Not what the source says: /dev/null takes everything and looks at nothing.
  const all = done + source.remaining;
  for (;;) {
    const count = handle.ops.write(handle, source, position);
    if (count === EPIPE) thread.raise(SIGPIPE);
    if (count === EAGAIN && waits(handle, options)) {
      const waiting = waitForHandle(thread, handle);
      thread.callState = done;
      return waiting !== WAIT && done > 0 ? done : waiting;
    }
    if (count < 0) return done > 0 ? done : count;
    done += count;
    if (done >= all || count === 0 || !waits(handle, options)) return done;
  }
}

function writeRegular(thread: Caller, handle: Handle, source: Source, position: number): number | Errno {
  if (source.remaining === 0) return 0;
  const room = roomAt(thread, position);
  if (room < 0) return room;
  const failed = removePrivileges(thread.process.fs, handle);
  if (failed !== 0) return failed;
  return handle.ops.write(
    handle,
    room < source.remaining ? new LimitedSource(source, room) : source,
    position,
  );
}

/** How many bytes may be written at `position`: EFBIG, and SIGXFSZ for the process's limit, when none. */
export function roomAt(thread: Caller, position: number): number | Errno {
  const limit = thread.process.limit(RLIMIT_FSIZE);
  if (position >= limit) {
    thread.raise(SIGXFSZ);
    return EFBIG;
  }
  return position >= MAX_FILE_SIZE ? EFBIG : Math.min(limit, MAX_FILE_SIZE) - position;
}

/** EFBIG, and SIGXFSZ, when a file may not become `size` bytes long. */
export function mayGrowTo(thread: Caller, inode: Inode, size: number): 0 | Errno {
  if (size <= inode.size) return 0;
  if (size > thread.process.limit(RLIMIT_FSIZE)) {
    thread.raise(SIGXFSZ);
    return EFBIG;
  }
  return size > MAX_FILE_SIZE ? EFBIG : 0;
}

/** The first bytes of another source. */
class LimitedSource implements Source {
  constructor(
    private readonly source: Source,
    public remaining: number,
  ) {}

  take(target: Uint8Array, start: number, end: number): number {
    const count = this.source.take(target, start, Math.min(end, start + this.remaining));
    this.remaining -= count;
    return count;
  }
}
