/**
 * Programs' standard streams when they are no terminal: pipes whose other ends are the sandbox's host. A stream is an
 * inode of its own, so that fstat shows a pipe, and /proc/self/fd/0 and /dev/stdin open it again.
 */
import { constant, kind } from '../../checkpoint/registry.js';
import { O_ACCMODE, O_RDONLY, O_WRONLY } from '../../abi/fcntl.js';
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../../abi/poll.js';
import { S_IFIFO } from '../../abi/stat.js';
import { EACCES, EAGAIN, EBADF, ENOTTY, ENXIO, EPIPE } from '../../errno.js';
import type { Errno } from '../../errno.js';
import { WaitQueue } from '../../process/waitqueue.js';
import { FIONREAD } from '../../tty/ioctls.js';
import { AnonymousFs } from '../anonymous.js';
import { newHandle } from '../handle.js';
import type {
  Handle,
  HandleOperations,
  Inode,
  Sink,
  Source,
  UserMemory,
  VfsContext,
  Waiter,
} from '../types.js';

const PIPEFS_MAGIC = 0x50495045;
/** A pipe's inode is its owner's to read and write. */
const MODE = S_IFIFO | 0o600;
/** Output that nobody has taken yet; beyond it writers wait. */
const OUTPUT_LIMIT = 1 << 20;

/** What a program reads: bytes that the host pushes. */
export class InputStream implements HandleOperations {
  readonly seekable = false;
  private readonly queue = new WaitQueue();
  private readonly chunks: Uint8Array[] = [];
  private at = 0;
  private ended = false;
  /** Bytes that have not been read. */
  size = 0;

  /** `reader` hears when a program has read, or no longer will: time to push more. */
  constructor(private readonly reader: { inputRead(): void } | null = null) {}

  /** The bytes are taken over. */
  push(bytes: Uint8Array): void {
    if (this.ended || bytes.length === 0) return;
    this.chunks.push(bytes);
    this.size += bytes.length;
    this.queue.wake();
  }

  /** Nothing more will come: reads return 0 once everything has been read. */
  end(): void {
    this.ended = true;
    this.queue.wake();
  }

  read(_handle: Handle, sink: Sink): number | Errno {
    if (this.size === 0) return this.ended ? 0 : EAGAIN;
    let done = 0;
    for (let chunk = this.chunks[0]; chunk !== undefined && sink.remaining > 0; chunk = this.chunks[0]) {
      const count = sink.put(chunk, this.at, Math.min(chunk.length, this.at + sink.remaining));
      if (count === 0) break;
      done += count;
      this.at += count;
      if (this.at < chunk.length) continue;
      this.chunks.shift();
      this.at = 0;
    }
    this.size -= done;
    this.reader?.inputRead();
    return done;
  }

  write(): Errno {
    return EBADF;
  }

  poll(_handle: Handle, waiter: Waiter | null): number {
    waiter?.waitOn(this.queue);
    return (this.size > 0 ? POLLIN | POLLRDNORM : 0) | (this.ended ? POLLHUP : 0);
  }

  fasync(): null {
    return null;
  }

  ioctl(_handle: Handle, request: number, arg: number, user: UserMemory): number | Errno {
    return request === FIONREAD ? user.writeU32(arg, this.size) : ENOTTY;
  }
}

/** Who gets what programs write. */
export interface OutputTaker {
  /** The bytes are its own. */
  outputWritten(stream: OutputStream, bytes: Uint8Array): void;
}

/** What a program writes: bytes that go to the host. */
export class OutputStream implements HandleOperations {
  readonly seekable = false;
  private readonly queue = new WaitQueue();
  private pending = 0;
  private closed = false;

  constructor(
    private readonly taker: OutputTaker,
    /** The host says by `consumed` when it has taken bytes; else it is believed to take them at once. */
    private readonly counted = false,
  ) {}

  read(): Errno {
    return EBADF;
  }

  write(_handle: Handle, source: Source): number | Errno {
    if (this.closed) return EPIPE;
    if (this.pending >= OUTPUT_LIMIT) return EAGAIN;
    const bytes = new Uint8Array(source.remaining);
    const count = source.take(bytes, 0, bytes.length);
    if (this.counted) this.pending += count;
    if (count > 0) this.taker.outputWritten(this, count < bytes.length ? bytes.slice(0, count) : bytes);
    return count;
  }

  consumed(count: number): void {
    this.pending = Math.max(0, this.pending - count);
    this.queue.wake();
  }

  /** The reader has gone: writes fail with EPIPE. */
  close(): void {
    this.closed = true;
    this.queue.wake();
  }

  poll(_handle: Handle, waiter: Waiter | null): number {
    waiter?.waitOn(this.queue);
    if (this.closed) return POLLOUT | POLLWRNORM | POLLERR;
    return this.pending < OUTPUT_LIMIT ? POLLOUT | POLLWRNORM : 0;
  }

  fasync(): null {
    return null;
  }

  ioctl(_handle: Handle, request: number, arg: number, user: UserMemory): number | Errno {
    return request === FIONREAD ? user.writeU32(arg, 0) : ENOTTY;
  }
}

type Stream = InputStream | OutputStream;

/** Makes open files of streams. */
export class StandardStreams {
  private readonly fs: AnonymousFs;

  constructor(vfs: VfsContext, dev: number) {
    this.fs = new AnonymousFs(vfs, 'pipefs', PIPEFS_MAGIC, dev, reopen);
  }

  /** A handle with one reference, shown as `pipe:[ino]`. */
  open(stream: Stream, owner: { uid: number; gid: number }): Handle {
    const inode = this.fs.make(MODE, stream);
    inode.uid = owner.uid;
    inode.gid = owner.gid;
    const flags = stream instanceof InputStream ? O_RDONLY : O_WRONLY;
    return newHandle(inode, this.fs.place(inode, `pipe:[${inode.ino}]`), flags, stream);
  }
}

/** Opens a stream again: only the way it goes. */
function reopen(inode: Inode, flags: number): HandleOperations | Errno {
  const stream = inode.data;
  const access = flags & O_ACCMODE;
  if (stream instanceof InputStream) return access === O_RDONLY ? stream : EACCES;
  if (stream instanceof OutputStream) return access === O_WRONLY ? stream : EACCES;
  return ENXIO;
}

kind('InputStream', InputStream);
kind('OutputStream', OutputStream, {
  rebuilt: ['pending'],
  restored(stream) {
    (stream as unknown as { pending: number }).pending = 0;
  },
});
kind('StandardStreams', StandardStreams);
constant('stdio.open', reopen);
