import { kind } from '../../checkpoint/registry.js';
import { PIPE_BUF } from '../../abi/limits.js';
import { FIONREAD } from '../../abi/fcntl.js';
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../../abi/poll.js';
import { EAGAIN, EBADF, EBUSY, EFAULT, EINVAL, ENOTTY, EPERM, EPIPE, type Errno } from '../../errno.js';
import { WaitQueue } from '../../process/waitqueue.js';
import { canRead, canWrite } from '../handle.js';
import type { Handle, HandleOperations, PollMask, Sink, Source, UserMemory, Waiter } from '../types.js';

export const DEFAULT_PIPE_SIZE = 65536;
const LARGEST_PIPE = 2 ** 31;
const FIRST_STORAGE = PIPE_BUF;
const READABLE = POLLIN | POLLRDNORM;
const WRITABLE = POLLOUT | POLLWRNORM;

/** A buffer with readers and writers (pipe(7)). Bytes lie in a ring that grows up to the pipe's capacity. */
export class Pipe {
  readers = 0;
  writers = 0;
  /** Opens for each side so far: a FIFO's open waits for the other side's next one. */
  readerOpens = 0;
  writerOpens = 0;
  capacity = DEFAULT_PIPE_SIZE;
  readonly readable = new WaitQueue();
  readonly writable = new WaitQueue();
  private ring = new Uint8Array(0);
  private start = 0;
  /** Bytes in the pipe. */
  length = 0;
  /** O_DIRECT: the lengths of the writes that are in it; each is read by itself. */
  private readonly packets: number[] | null;

  constructor(packets = false) {
    this.packets = packets ? [] : null;
  }

  get room(): number {
    return this.capacity - this.length;
  }

  /** poll says that it is not writable. Nobody waits to write at other times, so that nobody need be woken. */
  private get isFull(): boolean {
    return this.room < PIPE_BUF;
  }

  addEnd(reads: boolean, writes: boolean): void {
    if (reads) {
      this.readers++;
      this.readerOpens++;
      this.writable.wake();
    }
    if (writes) {
      this.writers++;
      this.writerOpens++;
      this.readable.wake();
    }
  }

  removeEnd(reads: boolean, writes: boolean): void {
    if (reads) this.readers--;
    if (writes) this.writers--;
    this.readable.wake();
    this.writable.wake();
  }

  /** Moves up to `sink.remaining` bytes; EAGAIN when there are none but may be some, 0 at the end. */
  read(sink: Sink): number | Errno {
    if (sink.remaining === 0) return 0;
    if (this.length === 0) return this.writers === 0 ? 0 : EAGAIN;
    const packet = this.packets?.[0];
    const done = this.move(sink, Math.min(sink.remaining, packet ?? this.length));
    if (packet !== undefined && done > 0) {
      this.packets?.shift();
      this.skip(packet - done);
    }
    return done;
  }

  /** Forgets the next bytes. */
  private skip(count: number): void {
    if (count === 0) return;
    this.start = (this.start + count) % this.ring.length;
    this.length -= count;
  }

  private move(sink: Sink, length: number): number | Errno {
    const wasFull = this.isFull;
    let done = 0;
    while (done < length) {
      const count = Math.min(length - done, this.ring.length - this.start);
      const put = sink.put(this.ring, this.start, this.start + count);
      this.start = (this.start + put) % this.ring.length;
      this.length -= put;
      done += put;
      if (put < count) break;
    }
    if (done > 0 && wasFull) this.writable.wake(Infinity, WRITABLE);
    return done > 0 ? done : EFAULT;
  }

  /** Takes what there is room for; PIPE_BUF bytes and less all or none (EAGAIN). */
  write(source: Source): number | Errno {
    const wanted = source.remaining;
    if (wanted === 0) return 0;
    if (this.readers === 0) return EPIPE;
    const least = this.packets === null && wanted > PIPE_BUF ? 1 : Math.min(wanted, PIPE_BUF);
    if (this.room < least) return EAGAIN;
    const done =
      this.packets === null ? this.fill(source, Math.min(wanted, this.room)) : this.fillPackets(source);
    if (done > 0) this.readable.wake(Infinity, READABLE);
    return done > 0 ? done : EFAULT;
  }

  /** Each PIPE_BUF bytes, and the rest, become a packet, as long as there is room for it. */
  private fillPackets(source: Source): number {
    let done = 0;
    for (;;) {
      const wanted = Math.min(source.remaining, PIPE_BUF);
      if (wanted === 0 || this.room < wanted) return done;
      const took = this.fill(source, wanted);
      if (took > 0) this.packets?.push(took);
      done += took;
      if (took < wanted) return done;
    }
  }

  private fill(source: Source, length: number): number {
    this.grow(length);
    let done = 0;
    while (done < length) {
      const at = (this.start + this.length) % this.ring.length;
      const count = Math.min(length - done, this.ring.length - at);
      const took = source.take(this.ring, at, at + count);
      this.length += took;
      done += took;
      if (took < count) break;
    }
    return done;
  }

  /** The next bytes, at most `limit` of those that are there, for a write elsewhere: what it takes leaves the pipe. */
  source(limit: number): Source {
    return new PipeSource(this, Math.min(limit, this.packets?.[0] ?? this.length));
  }

  /** Copies the next `length` bytes, which stay. */
  peek(into: Uint8Array, length: number): void {
    const first = Math.min(length, this.ring.length - this.start);
    into.set(this.ring.subarray(this.start, this.start + first));
    into.set(this.ring.subarray(0, length - first), first);
  }

  /** Removes and copies the next bytes to target[at, end); there are as many. */
  take(target: Uint8Array, at: number, end: number): void {
    const wasFull = this.isFull;
    const packet = this.packets?.shift() ?? 0;
    if (packet > end - at) this.packets?.unshift(packet - (end - at));
    while (at < end) {
      const count = Math.min(end - at, this.ring.length - this.start);
      target.set(this.ring.subarray(this.start, this.start + count), at);
      this.start = (this.start + count) % this.ring.length;
      this.length -= count;
      at += count;
    }
    if (wasFull) this.writable.wake(Infinity, WRITABLE);
  }

  /** Removes the next bytes: somebody has accepted them without a look (/dev/null). */
  discard(count: number): void {
    if (count > 0) this.take(new Uint8Array(count), 0, count);
  }

  /** Makes the ring hold `more` bytes than are in it now. */
  private grow(more: number): void {
    const needed = this.length + more;
    if (needed <= this.ring.length) return;
    let size = Math.max(FIRST_STORAGE, this.ring.length);
    while (size < needed) size *= 2;
    this.moveTo(Math.min(size, this.capacity));
  }

  /** Gives the bytes a ring of another size. */
  private moveTo(size: number): void {
    const ring = new Uint8Array(size);
    const first = Math.min(this.length, this.ring.length - this.start);
    ring.set(this.ring.subarray(this.start, this.start + first));
    ring.set(this.ring.subarray(0, this.length - first), first);
    this.ring = ring;
    this.start = 0;
  }

  /** F_SETPIPE_SZ: rounded up to a power of two of pages. `limit`: fs.pipe-max-size, or Infinity. */
  resize(wanted: number, limit: number): number | Errno {
    if (wanted > LARGEST_PIPE) return EINVAL;
    let size = PIPE_BUF;
    while (size < wanted) size *= 2;
    if (size > this.capacity && size > limit) return EPERM;
    if (this.length > size) return EBUSY;
    this.capacity = size;
    if (this.ring.length > size) this.moveTo(size);
    this.writable.wake();
    return size;
  }

  poll(handle: Handle, waiter: Waiter | null): PollMask {
    let mask = 0;
    if (canRead(handle)) {
      waiter?.waitOn(this.readable);
      if (this.length > 0) mask |= READABLE;
      if (this.writers === 0 && this.writerOpens !== (handle.data as PipeEnd).otherOpens) mask |= POLLHUP;
    }
    if (canWrite(handle)) {
      waiter?.waitOn(this.writable);
      if (!this.isFull) mask |= WRITABLE;
      if (this.readers === 0) mask |= POLLERR;
    }
    return mask;
  }
}

class PipeSource implements Source {
  constructor(
    private readonly pipe: Pipe,
    public remaining: number,
  ) {}

  take(target: Uint8Array, start: number, end: number): number {
    const count = Math.min(end - start, this.remaining);
    this.pipe.take(target, start, start + count);
    this.remaining -= count;
    return count;
  }
}

/** A handle's `data`: opens of the other side when it was opened itself, or NEVER if the other side was there. */
export interface PipeEnd {
  readonly otherOpens: number;
}
const NEVER = -1;

/** Operations of a handle on `pipe`; a new handle's end is counted by `opened`. */
export class PipeOperations implements HandleOperations {
  readonly seekable = false;

  constructor(readonly pipe: Pipe) {}

  /** The last end has been closed. */
  protected unused(): void {}

  opened(handle: Handle): void {
    const { pipe } = this;
    const others = canRead(handle) ? pipe.writers : pipe.readers;
    const opens = canRead(handle) ? pipe.writerOpens : pipe.readerOpens;
    const end: PipeEnd = { otherOpens: others > 0 ? NEVER : opens };
    handle.data = end;
    pipe.addEnd(canRead(handle), canWrite(handle));
  }

  read(_handle: Handle, sink: Sink): number | Errno {
    return this.pipe.read(sink);
  }

  write(_handle: Handle, source: Source): number | Errno {
    return this.pipe.write(source);
  }

  poll(handle: Handle, waiter: Waiter | null): PollMask {
    return this.pipe.poll(handle, waiter);
  }

  fasync(): null {
    return null;
  }

  ioctl(_handle: Handle, request: number, arg: number, user: UserMemory): number | Errno {
    return request === FIONREAD ? user.writeU32(arg, this.pipe.length) : ENOTTY;
  }

  release(handle: Handle): void {
    this.pipe.removeEnd(canRead(handle), canWrite(handle));
    if (this.pipe.readers === 0 && this.pipe.writers === 0) this.unused();
  }
}

/** The pipe of a handle, EBADF when it is none. */
export function pipeOf(handle: Handle): Pipe | Errno {
  return handle.ops instanceof PipeOperations ? handle.ops.pipe : EBADF;
}

kind('Pipe', Pipe);
kind('PipeOperations', PipeOperations);
