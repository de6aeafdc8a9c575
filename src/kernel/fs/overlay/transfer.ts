import type { Errno } from '../../errno.js';
import type { Handle, Sink, Source } from '../types.js';

/** A buffer that is read into, and then written from. */
class Buffer implements Sink, Source {
  private readonly bytes = new Uint8Array(64 * 1024);
  private filled = 0;
  private taken = 0;
  private filling = true;

  get remaining(): number {
    return this.filling ? this.bytes.length - this.filled : this.filled - this.taken;
  }

  put(source: Uint8Array, start: number, end: number): number {
    const count = Math.min(end - start, this.remaining);
    this.bytes.set(source.subarray(start, start + count), this.filled);
    this.filled += count;
    return count;
  }

  zero(count: number): number {
    const zeros = Math.min(count, this.remaining);
    this.bytes.fill(0, this.filled, this.filled + zeros);
    this.filled += zeros;
    return zeros;
  }

  take(target: Uint8Array, start: number, end: number): number {
    const count = Math.min(end - start, this.remaining);
    target.set(this.bytes.subarray(this.taken, this.taken + count), start);
    this.taken += count;
    return count;
  }

  startFilling(): void {
    this.filled = 0;
    this.taken = 0;
    this.filling = true;
  }

  startTaking(): void {
    this.filling = false;
  }
}

/** Copies a file's whole content into an empty one. */
export function copyContent(from: Handle, to: Handle): 0 | Errno {
  const buffer = new Buffer();
  for (let position = 0; ;) {
    buffer.startFilling();
    const read = from.ops.read(from, buffer, position);
    if (read <= 0) return read as 0 | Errno;
    buffer.startTaking();
    while (buffer.remaining > 0) {
      const written = to.ops.write(to, buffer, position);
      if (written < 0) return written as Errno;
      position += written;
    }
  }
}
