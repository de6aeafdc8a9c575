/** Bytes on their way between the two sides of a terminal, first in first out; room is made as they come. */
import { kind } from '../checkpoint/registry.js';
import { EFAULT } from '../errno.js';
import type { Errno } from '../errno.js';
import type { Sink } from '../fs/types.js';

const FIRST_STORAGE = 1024;

export class ByteQueue {
  /** Bytes in it. */
  length = 0;
  private ring = new Uint8Array(0);
  private start = 0;

  push(bytes: Uint8Array, from: number, to: number): void {
    this.grow(to - from);
    for (let at = from; at < to;) {
      const end = (this.start + this.length) % this.ring.length;
      const count = Math.min(to - at, this.ring.length - end);
      this.ring.set(bytes.subarray(at, at + count), end);
      this.length += count;
      at += count;
    }
  }

  private grow(count: number): void {
    const needed = this.length + count;
    if (needed <= this.ring.length) return;
    const larger = new Uint8Array(Math.max(FIRST_STORAGE, 2 ** Math.ceil(Math.log2(needed))));
    const first = Math.min(this.length, this.ring.length - this.start);
    larger.set(this.ring.subarray(this.start, this.start + first));
    larger.set(this.ring.subarray(0, this.length - first), first);
    this.ring = larger;
    this.start = 0;
  }

  /** Moves as much as the sink takes; EFAULT if it can take nothing. */
  moveTo(sink: Sink): number | Errno {
    const wanted = Math.min(this.length, sink.remaining);
    let done = 0;
    while (done < wanted) {
      const count = Math.min(wanted - done, this.ring.length - this.start);
      const put = sink.put(this.ring, this.start, this.start + count);
      this.drop(put);
      done += put;
      if (put < count) break;
    }
    return done === 0 && wanted > 0 ? EFAULT : done;
  }

  /** Gives stretches to `take`, which says how many bytes of each it takes, until it leaves some. */
  feed(take: (bytes: Uint8Array, from: number, to: number) => number): void {
    while (this.length > 0) {
      const to = Math.min(this.start + this.length, this.ring.length);
      const count = to - this.start;
      const took = take(this.ring, this.start, to);
      this.drop(took);
      if (took < count) return;
    }
  }

  /** Forgets the first bytes. */
  drop(count: number): void {
    this.length -= count;
    this.start = this.length === 0 ? 0 : (this.start + count) % this.ring.length;
  }

  /** Keeps only the first bytes. */
  truncate(length: number): void {
    this.length = Math.min(this.length, length);
  }
}

kind('ByteQueue', ByteQueue);
