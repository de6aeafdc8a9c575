/** Copying between open files inside the kernel: sendfile, copy_file_range, splice, tee, vmsplice. */
import { O_APPEND, O_NONBLOCK, SPLICE_F_NONBLOCK } from '../abi/fcntl.js';
import { IN_ACCESS } from '../abi/inotify.js';
import { MAX_FILE_SIZE, MAX_RW_COUNT } from '../abi/limits.js';
import { SIGPIPE } from '../abi/signal.js';
import { putU64 } from '../abi/struct.js';
import {
  EAGAIN,
  EBADF,
  EFAULT,
  EINVAL,
  EISDIR,
  EOVERFLOW,
  EPIPE,
  ESPIPE,
  EXDEV,
  WAIT,
  type Errno,
} from '../errno.js';
import { BufferSink, BufferSource } from '../fs/buffer.js';
import { canRead, canWrite } from '../fs/handle.js';
import { isDirectory, isRegular } from '../fs/inode.js';
import { notifyHandle } from '../fs/notify.js';
import { pipeOf, type Pipe } from '../fs/pipe/pipe.js';
import { doneBefore, readHandle, waitForHandle, writeHandle } from '../fs/transfer.js';
import type { Handle } from '../fs/types.js';
import { countRead, countWrite } from '../process/iocounts.js';
import type { Args, Caller, SyscallRow } from '../types.js';
import { $struct, $view, fileOf, readI64 } from './file-args.js';
import { vectorSink, vectorSource } from './file-vector.js';

/** Bytes on their way between two files. */
const $bytes = new Uint8Array(64 * 1024);

/** A file in a copy: its position is the handle's, or what an argument points to. */
interface End {
  readonly handle: Handle;
  /** Where the position is kept in user memory; 0 for the handle's own. */
  readonly addr: number;
  position: number;
  /** As an output: it has not taken all of what came last. */
  full: boolean;
}

function endOf(thread: Caller, handle: Handle, addr: number): End | Errno {
  if (addr === 0) return { handle, addr, position: handle.position, full: false };
  const offset = readI64(thread, addr);
  if (typeof offset === 'number') return offset;
  return offset.value < 0 ? EINVAL : { handle, addr, position: offset.value, full: false };
}

/** Leaves the position where the copy has got to. */
function settle(thread: Caller, end: End): 0 | Errno {
  if (end.addr === 0) {
    if (end.handle.ops.seekable) end.handle.position = end.position;
    return 0;
  }
  putU64($view, 0, end.position);
  return thread.process.memory.copyOut(end.addr, $struct, 0, 8) === 0 ? 0 : EFAULT;
}

/** Copies until `length` bytes are over, the input ends, or the output takes no more. */
function copy(thread: Caller, from: End, to: End, length: number): number {
  let done = 0;
  while (done < length) {
    const sink = new BufferSink($bytes, Math.min($bytes.length, length - done));
    const got = from.handle.ops.read(from.handle, sink, from.position);
    if (got > 0) notifyHandle(from.handle, IN_ACCESS);
    if (got <= 0) return done > 0 ? done : got;
    const source = new BufferSource($bytes, 0, got);
    const put = writeHandle(thread, to.handle, source, to.position, 0, { nowait: true });
    to.full = put < got;
    if (put < 0) return done > 0 ? done : put;
    from.position += put;
    to.position += put;
    done += put;
    if (to.full) break;
  }
  countRead(thread, done);
  countWrite(thread, done);
  return done;
}

function sysSendfile(thread: Caller, args: Args): number {
  const input = fileOf(thread, args.int(1));
  const output = fileOf(thread, args.int(0));
  if (typeof input === 'number' || (!canRead(input) && !isDirectory(input.inode))) return EBADF;
  if (typeof output === 'number' || !canWrite(output)) return EBADF;
  if (args.addr(2) !== 0 && !input.ops.seekable) return ESPIPE;
  const from = endOf(thread, input, args.addr(2));
  if (typeof from === 'number') return from;
  if (
    args.size(3) >= 2 ** 63 ||
    (output.flags & O_APPEND) !== 0 ||
    isDirectory(input.inode) ||
    !input.ops.seekable
  )
    return EINVAL;
  const to: End = { handle: output, addr: 0, position: output.position, full: false };
  return sendAll(thread, from, to, Math.min(args.size(3), MAX_RW_COUNT));
}

/** Copies all that there is; waits for room as often as needed, unless the output is O_NONBLOCK. */
function sendAll(thread: Caller, from: End, to: End, length: number): number {
  const before = doneBefore(thread);
  const done = copy(thread, from, to, length - before);
  if (done < 0 && done !== EAGAIN) return before > 0 ? before : done;
  const total = before + Math.max(0, done);
  const failed = done > 0 ? settle(thread, to) || settle(thread, from) : 0;
  if (failed !== 0) return failed;
  // An input that ends before its size (cut meanwhile, or unreadable) is not worth waiting for.
  const more = done === EAGAIN || (to.full && total < length);
  if (!more) return total;
  const waiting = (to.handle.flags & O_NONBLOCK) === 0 ? waitForHandle(thread, to.handle) : EAGAIN;
  if (waiting === WAIT) thread.callState = total;
  return waiting !== WAIT && total > 0 ? total : waiting;
}

function sysCopyFileRange(thread: Caller, args: Args): number {
  const input = fileOf(thread, args.int(0));
  const output = fileOf(thread, args.int(2));
  if (typeof input === 'number' || typeof output === 'number') return EBADF;
  const from = endOf(thread, input, args.addr(1));
  if (typeof from === 'number') return from;
  const to = endOf(thread, output, args.addr(3));
  if (typeof to === 'number') return to;
  const failed = args.uint(5) !== 0 ? EINVAL : mayCopyRange(from, to);
  if (failed !== 0) return failed;
  input.inode.fs.refresh?.(input.inode);
  const rest = Math.max(0, input.inode.size - from.position);
  const length = Math.min(args.size(4), MAX_RW_COUNT, rest);
  if (overlap(from, to, length)) return EINVAL;
  const done = copy(thread, from, to, length);
  if (done < 0) return done;
  return settle(thread, to) || settle(thread, from) || done;
}

function mayCopyRange(
  { handle: input, position }: End,
  { handle: output, position: target }: End,
): 0 | Errno {
  if (isDirectory(input.inode) || isDirectory(output.inode)) return EISDIR;
  if (!isRegular(input.inode) || !isRegular(output.inode)) return EINVAL;
  if (!canRead(input) || !canWrite(output) || (output.flags & O_APPEND) !== 0) return EBADF;
  if (input.inode.fs.type !== output.inode.fs.type) return EXDEV;
  return position > MAX_FILE_SIZE || target > MAX_FILE_SIZE ? EOVERFLOW : 0;
}

function overlap(from: End, to: End, length: number): boolean {
  if (from.handle.inode !== to.handle.inode) return false;
  return from.position < to.position + length && to.position < from.position + length;
}

/** The two ends of a splice; a pipe has no position to give. */
function spliceEnd(thread: Caller, handle: Handle, addr: number): End | Errno {
  if (addr !== 0 && !handle.ops.seekable) return ESPIPE;
  return endOf(thread, handle, addr);
}

function sysSplice(thread: Caller, args: Args): number {
  const flags = args.uint(5);
  const length = Math.min(args.size(4), MAX_RW_COUNT);
  if (length === 0) return 0;
  if ((flags & ~15) !== 0) return EINVAL;
  const input = fileOf(thread, args.int(0));
  const output = fileOf(thread, args.int(2));
  if (typeof input === 'number' || typeof output === 'number') return EBADF;
  if (!canRead(input) || !canWrite(output)) return EBADF;
  const from = spliceEnd(thread, input, args.addr(1));
  if (typeof from === 'number') return from;
  const to = spliceEnd(thread, output, args.addr(3));
  if (typeof to === 'number') return to;
  const done = spliceEnds(thread, from, to, length, (flags & SPLICE_F_NONBLOCK) !== 0);
  if (done < 0) return done;
  return settle(thread, to) || settle(thread, from) || done;
}

function spliceEnds(thread: Caller, from: End, to: End, length: number, nowait: boolean): number {
  if (isDirectory(from.handle.inode)) return EINVAL;
  const source = pipeOf(from.handle);
  const target = pipeOf(to.handle);
  if (typeof source !== 'number') {
    if (source === target || (to.handle.flags & O_APPEND) !== 0) return EINVAL;
    return fromPipe(thread, from.handle, source, to, length, nowait);
  }
  return typeof target === 'number' ? EINVAL : toPipe(thread, from, to.handle, target, length, nowait);
}

function fromPipe(
  thread: Caller,
  input: Handle,
  pipe: Pipe,
  to: End,
  length: number,
  nowait: boolean,
): number {
  if (pipe.length === 0) {
    if (pipe.writers === 0) return 0;
    return nowait || (input.flags & O_NONBLOCK) !== 0 ? EAGAIN : waitForHandle(thread, input);
  }
  const source = pipe.source(length);
  const offered = source.remaining;
  const done = writeHandle(thread, to.handle, source, to.position, 0, { nowait: true });
  pipe.discard(done - (offered - source.remaining));
  if (done === EAGAIN && !nowait && (to.handle.flags & O_NONBLOCK) === 0)
    return waitForHandle(thread, to.handle);
  if (done > 0) to.position += done;
  return done;
}

function toPipe(
  thread: Caller,
  from: End,
  output: Handle,
  pipe: Pipe,
  length: number,
  nowait: boolean,
): number {
  if (pipe.readers === 0) {
    thread.raise(SIGPIPE);
    return EPIPE;
  }
  if (pipe.room === 0) {
    return nowait || (output.flags & O_NONBLOCK) !== 0 ? EAGAIN : waitForHandle(thread, output);
  }
  const sink = new BufferSink($bytes, Math.min(length, pipe.room, $bytes.length));
  const got = readHandle(thread, from.handle, sink, from.position, { nowait });
  if (got <= 0) return got;
  const done = writeHandle(thread, output, new BufferSource($bytes, 0, got), 0, 0, { nowait: true });
  if (done > 0) from.position += done;
  return done;
}

function sysTee(thread: Caller, args: Args): number {
  const input = fileOf(thread, args.int(0));
  const output = fileOf(thread, args.int(1));
  const flags = args.uint(3);
  if ((flags & ~15) !== 0) return EINVAL;
  if (args.size(2) === 0) return 0;
  if (typeof input === 'number' || typeof output === 'number') return EBADF;
  if (!canRead(input) || !canWrite(output)) return EBADF;
  const source = pipeOf(input);
  const target = pipeOf(output);
  if (typeof source === 'number' || typeof target === 'number' || source === target) return EINVAL;
  const nowait = (flags & SPLICE_F_NONBLOCK) !== 0;
  if (source.length === 0 && source.writers === 0) return 0;
  if (source.length === 0) return nowait ? EAGAIN : waitForHandle(thread, input);
  if (target.readers === 0) {
    thread.raise(SIGPIPE);
    return EPIPE;
  }
  if (target.room === 0) return nowait ? EAGAIN : waitForHandle(thread, output);
  const length = Math.min(args.size(2), source.length, target.room, $bytes.length);
  source.peek($bytes, length);
  return writeHandle(thread, output, new BufferSource($bytes, 0, length), 0, 0, { nowait: true });
}

function sysVmsplice(thread: Caller, args: Args): number {
  const handle = fileOf(thread, args.int(0));
  const flags = args.uint(3);
  if ((flags & ~15) !== 0) return EINVAL;
  if (typeof handle === 'number' || typeof pipeOf(handle) === 'number') return EBADF;
  const options = { nowait: (flags & SPLICE_F_NONBLOCK) !== 0 };
  const { memory } = thread.process;
  if (!canWrite(handle)) {
    const sink = vectorSink(memory, args.addr(1), args.size(2));
    return typeof sink === 'number' ? sink : readHandle(thread, handle, sink, 0, options);
  }
  const before = typeof thread.callState === 'number' ? thread.callState : 0;
  const source = vectorSource(memory, args.addr(1), args.size(2), before);
  return typeof source === 'number' ? source : writeHandle(thread, handle, source, 0, before, options);
}

export const copyRows: readonly SyscallRow[] = [
  { number: 40, name: 'sendfile', args: ['fd', 'fd', 'addr', 'size'], run: sysSendfile },
  { number: 275, name: 'splice', args: ['fd', 'addr', 'fd', 'addr', 'size', 'hex'], run: sysSplice },
  { number: 276, name: 'tee', args: ['fd', 'fd', 'size', 'hex'], run: sysTee },
  { number: 278, name: 'vmsplice', args: ['fd', 'iovec-in', 'size', 'hex'], run: sysVmsplice },
  {
    number: 326,
    name: 'copy_file_range',
    args: ['fd', 'addr', 'fd', 'addr', 'size', 'hex'],
    run: sysCopyFileRange,
  },
];
