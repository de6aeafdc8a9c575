import type { Errno } from '../errno.js';
import type { Handle, Sink } from '../fs/types.js';

/** Collects what a handle's read gives into a buffer of the kernel's. */
class BufferSink implements Sink {
  private filled = 0;

  constructor(private readonly buffer: Uint8Array) {}

  get remaining(): number {
    return this.buffer.length - this.filled;
  }

  put(source: Uint8Array, start: number, end: number): number {
    const count = Math.min(end - start, this.remaining);
    this.buffer.set(source.subarray(start, start + count), this.filled);
    this.filled += count;
    return count;
  }

  zero(count: number): number {
    const fits = Math.min(count, this.remaining);
    this.buffer.fill(0, this.filled, this.filled + fits);
    this.filled += fits;
    return fits;
  }
}

/** Reads up to `length` bytes at `position`; fewer at the file's end. */
export function readFile(handle: Handle, position: number, length: number): Uint8Array | Errno {
  const buffer = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const count = handle.ops.read(handle, new BufferSink(buffer.subarray(done)), position + done);
    if (count < 0) return count as Errno;
    if (count === 0) break;
    done += count;
  }
  return buffer.subarray(0, done);
}
