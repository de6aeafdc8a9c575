/**
 * Programs' standard streams when they are no terminal: pipes whose other ends are the sandbox's host. A stream is an
 * inode of StreamFs, so that fstat shows a pipe, and /proc/self/fd/0 and /dev/stdin open it again.
 */
import { O_ACCMODE, O_RDONLY, O_WRONLY } from '../../abi/fcntl.js';
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../../abi/poll.js';
import { S_IFIFO } from '../../abi/stat.js';
import { EACCES, EAGAIN, EBADF, ENOENT, ENOTTY, EPIPE } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { HostClock } from '../../host.js';
import { WaitQueue } from '../../process/waitqueue.js';
import { FIONREAD } from '../../tty/ioctls.js';
import { copyTime, PlainInode } from '../inode.js';
import type {
  FileSystem,
  FsStatistics,
  Handle,
  HandleOperations,
  Inode,
  Sink,
  Source,
  UserMemory,
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
  readonly #queue = new WaitQueue();
  readonly #chunks: Uint8Array[] = [];
  #at = 0;
  #ended = false;
  /** Bytes that have not been read. */
  size = 0;
  /** Called when a program has read, or no longer will: time to push more. */
  onRead: (() => void) | null = null;

  /** The bytes are taken over. */
  push(bytes: Uint8Array): void {
    if (this.#ended || bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.size += bytes.length;
    this.#queue.wake();
  }

  /** Nothing more will come: reads return 0 once everything has been read. */
  end(): void {
    this.#ended = true;
    this.#queue.wake();
  }

  read(_handle: Handle, sink: Sink): number | Errno {
    if (this.size === 0) return this.#ended ? 0 : EAGAIN;
    let done = 0;
    for (let chunk = this.#chunks[0]; chunk !== undefined && sink.remaining > 0; chunk = this.#chunks[0]) {
      const count = sink.put(chunk, this.#at, Math.min(chunk.length, this.#at + sink.remaining));
      if (count === 0) break;
      done += count;
      this.#at += count;
      if (this.#at < chunk.length) continue;
      this.#chunks.shift();
      this.#at = 0;
    }
    this.size -= done;
    this.onRead?.();
    return done;
  }

  write(): Errno {
    return EBADF;
  }

  poll(_handle: Handle, waiter: Waiter | null): number {
    waiter?.waitOn(this.#queue);
    return (this.size > 0 ? POLLIN | POLLRDNORM : 0) | (this.#ended ? POLLHUP : 0);
  }

  ioctl(_handle: Handle, request: number, arg: number, user: UserMemory): number | Errno {
    return request === FIONREAD ? user.writeU32(arg, this.size) : ENOTTY;
  }
}

/** What a program writes: bytes that go to the host. */
export class OutputStream implements HandleOperations {
  readonly seekable = false;
  readonly #queue = new WaitQueue();
  #pending = 0;
  #closed = false;

  constructor(
    /** Gets the bytes, which are its own. */
    private readonly onData: (bytes: Uint8Array) => void,
    /** The host says by `consumed` when it has taken bytes; else it is believed to take them at once. */
    private readonly counted = false,
  ) {}

  read(): Errno {
    return EBADF;
  }

  write(_handle: Handle, source: Source): number | Errno {
    if (this.#closed) return EPIPE;
    if (this.#pending >= OUTPUT_LIMIT) return EAGAIN;
    const bytes = new Uint8Array(source.remaining);
    const count = source.take(bytes, 0, bytes.length);
    if (this.counted) this.#pending += count;
    if (count > 0) this.onData(count < bytes.length ? bytes.slice(0, count) : bytes);
    return count;
  }

  consumed(count: number): void {
    this.#pending = Math.max(0, this.#pending - count);
    this.#queue.wake();
  }

  /** The reader has gone: writes fail with EPIPE. */
  close(): void {
    this.#closed = true;
    this.#queue.wake();
  }

  poll(_handle: Handle, waiter: Waiter | null): number {
    waiter?.waitOn(this.#queue);
    if (this.#closed) return POLLOUT | POLLWRNORM | POLLERR;
    return this.#pending < OUTPUT_LIMIT ? POLLOUT | POLLWRNORM : 0;
  }

  ioctl(_handle: Handle, request: number, arg: number, user: UserMemory): number | Errno {
    return request === FIONREAD ? user.writeU32(arg, 0) : ENOTTY;
  }
}

type Stream = InputStream | OutputStream;

/** Where the streams' inodes belong: never mounted, names nothing. */
export class StreamFs implements FileSystem {
  readonly type = 'pipefs';
  readonly magic = PIPEFS_MAGIC;
  #last = 0;
  readonly #root: Inode;

  constructor(
    readonly dev: number,
    private readonly clock: HostClock,
  ) {
    this.#root = new PlainInode(this, 0, MODE, null);
  }

  root(): Inode {
    return this.#root;
  }

  lookup(): Errno {
    return ENOENT;
  }

  /** An inode for a stream, shown as `pipe:[ino]`. */
  add(stream: Stream, owner: { uid: number; gid: number }): Inode {
    const inode = new PlainInode(this, ++this.#last, MODE, stream);
    this.clock.realtime(inode.mtime);
    copyTime(inode.mtime, inode.atime);
    copyTime(inode.mtime, inode.ctime);
    inode.uid = owner.uid;
    inode.gid = owner.gid;
    return inode;
  }

  /** Opens a stream again: only the way it goes. */
  open(inode: Inode, flags: number): HandleOperations | Errno {
    const stream = inode.data;
    const access = flags & O_ACCMODE;
    if (stream instanceof InputStream) return access === O_RDONLY ? stream : EACCES;
    if (stream instanceof OutputStream) return access === O_WRONLY ? stream : EACCES;
    return ENOENT;
  }

  statfs(): FsStatistics {
    return { bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0 };
  }
}
