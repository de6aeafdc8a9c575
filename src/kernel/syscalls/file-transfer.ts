/** read, write and their relatives (fs/read_write.c). */
import {
  O_APPEND,
  RWF_APPEND,
  RWF_DSYNC,
  RWF_HIPRI,
  RWF_NOAPPEND,
  RWF_NOWAIT,
  RWF_SYNC,
} from '../abi/fcntl.js';
import { EBADF, EINVAL, EOPNOTSUPP, ESPIPE, WAIT, type Errno } from '../errno.js';
import { canRead, canWrite } from '../fs/handle.js';
import { doneBefore, readHandle, writeHandle, writePosition, type TransferOptions } from '../fs/transfer.js';
import type { Handle, Sink, Source } from '../fs/types.js';
import { countRead, countWrite } from '../process/iocounts.js';
import type { Args, Caller, SyscallRow } from '../types.js';
import { fileOf } from './file-args.js';
import { bufferSink, bufferSource, vectorSink, vectorSource } from './file-vector.js';

/** In place of an offset: where the handle stands, which then moves. */
const AT_HANDLE = null;

function readable(thread: Caller, fd: number): Handle | Errno {
  const handle = fileOf(thread, fd);
  return typeof handle !== 'number' && !canRead(handle) ? EBADF : handle;
}

function writable(thread: Caller, fd: number): Handle | Errno {
  const handle = fileOf(thread, fd);
  return typeof handle !== 'number' && !canWrite(handle) ? EBADF : handle;
}

function readInto(
  thread: Caller,
  handle: Handle,
  sink: Sink | Errno,
  offset: number | null,
  options?: TransferOptions,
): number {
  if (typeof sink === 'number') return sink;
  const done = readHandle(thread, handle, sink, offset ?? handle.position, options);
  if (done > 0 && offset === null && handle.ops.seekable) handle.position += done;
  if (done !== WAIT) countRead(thread, done);
  return done;
}

function writeFrom(
  thread: Caller,
  handle: Handle,
  source: Source | Errno,
  offset: number | null,
  options?: TransferOptions,
): number {
  if (typeof source === 'number') return source;
  const position = writePosition(handle, offset ?? handle.position, options);
  const done = writeHandle(thread, handle, source, position, doneBefore(thread), options);
  if (done > 0 && offset === null && handle.ops.seekable) handle.position = position + done;
  if (done !== WAIT) countWrite(thread, done);
  return done;
}

function sysRead(thread: Caller, args: Args): number {
  const handle = readable(thread, args.int(0));
  if (typeof handle === 'number') return handle;
  const sink = bufferSink(thread.process.memory, args.addr(1), args.size(2), doneBefore(thread));
  return readInto(thread, handle, sink, AT_HANDLE);
}

function sysWrite(thread: Caller, args: Args): number {
  const handle = writable(thread, args.int(0));
  if (typeof handle === 'number') return handle;
  const { memory } = thread.process;
  const source = bufferSource(memory, args.addr(1), args.size(2), doneBefore(thread));
  return writeFrom(thread, handle, source, AT_HANDLE);
}

/** A file for a transfer at an offset, which files without positions refuse before anything else. */
function positioned(
  thread: Caller,
  fd: number,
  offset: number | null,
  may: (handle: Handle) => boolean,
): Handle | Errno {
  if (offset !== null && offset < 0) return EINVAL;
  const handle = fileOf(thread, fd);
  if (typeof handle === 'number') return handle;
  if (offset !== null && !handle.ops.seekable) return ESPIPE;
  return may(handle) ? handle : EBADF;
}

function sysPread(thread: Caller, args: Args): number {
  const handle = positioned(thread, args.int(0), args.offset(3), canRead);
  if (typeof handle === 'number') return handle;
  const sink = bufferSink(thread.process.memory, args.addr(1), args.size(2), 0);
  return readInto(thread, handle, sink, args.offset(3));
}

function sysPwrite(thread: Caller, args: Args): number {
  const handle = positioned(thread, args.int(0), args.offset(3), canWrite);
  if (typeof handle === 'number') return handle;
  const source = bufferSource(thread.process.memory, args.addr(1), args.size(2), 0);
  return writeFrom(thread, handle, source, args.offset(3));
}

function sysReadv(thread: Caller, args: Args): number {
  return readVectorAt(thread, args, AT_HANDLE);
}

function sysWritev(thread: Caller, args: Args): number {
  return writeVectorAt(thread, args, AT_HANDLE);
}

function readVectorAt(thread: Caller, args: Args, offset: number | null, options?: TransferOptions): number {
  const handle = positioned(thread, args.int(0), offset, canRead);
  if (typeof handle === 'number') return handle;
  const sink = vectorSink(thread.process.memory, args.addr(1), args.size(2), doneBefore(thread));
  return readInto(thread, handle, sink, offset, options);
}

function writeVectorAt(thread: Caller, args: Args, offset: number | null, options?: TransferOptions): number {
  const handle = positioned(thread, args.int(0), offset, canWrite);
  if (typeof handle === 'number') return handle;
  const source = vectorSource(thread.process.memory, args.addr(1), args.size(2), doneBefore(thread));
  return writeFrom(thread, handle, source, offset, options);
}

function sysPreadv(thread: Caller, args: Args): number {
  return readVectorAt(thread, args, args.offset(3));
}

function sysPwritev(thread: Caller, args: Args): number {
  return writeVectorAt(thread, args, args.offset(3));
}

const KNOWN_FLAGS = RWF_HIPRI | RWF_NOWAIT | RWF_DSYNC | RWF_SYNC | RWF_APPEND | RWF_NOAPPEND;

/** The offset of preadv2 and pwritev2: -1 means the handle's position. */
function offsetOrHandle(args: Args): number | null {
  return args.offset(3) === -1 ? AT_HANDLE : args.offset(3);
}

function sysPreadv2(thread: Caller, args: Args): number {
  const flags = args.int(5);
  const offset = offsetOrHandle(args);
  const handle = positioned(thread, args.int(0), offset, canRead);
  if (typeof handle === 'number') return handle;
  if ((flags & ~KNOWN_FLAGS) !== 0) return EOPNOTSUPP;
  if ((flags & RWF_APPEND) !== 0 && (flags & RWF_NOAPPEND) !== 0) return EINVAL;
  return readVectorAt(thread, args, offset, { nowait: (flags & RWF_NOWAIT) !== 0 });
}

function sysPwritev2(thread: Caller, args: Args): number {
  const flags = args.int(5);
  const offset = offsetOrHandle(args);
  const handle = positioned(thread, args.int(0), offset, canWrite);
  if (typeof handle === 'number') return handle;
  if ((flags & ~KNOWN_FLAGS) !== 0) return EOPNOTSUPP;
  if ((flags & RWF_APPEND) !== 0 && (flags & RWF_NOAPPEND) !== 0) return EINVAL;
  const appends = (handle.flags & O_APPEND) !== 0 && (flags & RWF_NOAPPEND) === 0;
  const append = appends || (flags & RWF_APPEND) !== 0;
  return writeVectorAt(thread, args, offset, { nowait: (flags & RWF_NOWAIT) !== 0, append });
}

export const transferRows: readonly SyscallRow[] = [
  { number: 0, name: 'read', args: ['fd', 'buffer-out', 'size'], run: sysRead },
  { number: 1, name: 'write', args: ['fd', 'buffer-in', 'size'], run: sysWrite },
  { number: 17, name: 'pread64', args: ['fd', 'buffer-out', 'size', 'offset'], run: sysPread },
  { number: 18, name: 'pwrite64', args: ['fd', 'buffer-in', 'size', 'offset'], run: sysPwrite },
  { number: 19, name: 'readv', args: ['fd', 'iovec-out', 'size'], run: sysReadv },
  { number: 20, name: 'writev', args: ['fd', 'iovec-in', 'size'], run: sysWritev },
  { number: 295, name: 'preadv', args: ['fd', 'iovec-out', 'size', 'offset'], run: sysPreadv },
  { number: 296, name: 'pwritev', args: ['fd', 'iovec-in', 'size', 'offset'], run: sysPwritev },
  {
    number: 327,
    name: 'preadv2',
    args: ['fd', 'iovec-out', 'size', 'offset', 'hex', 'hex'],
    run: sysPreadv2,
  },
  {
    number: 328,
    name: 'pwritev2',
    args: ['fd', 'iovec-in', 'size', 'offset', 'hex', 'hex'],
    run: sysPwritev2,
  },
];
