import type { Sink, Source } from './types.js';

/** Bytes of the kernel's or the API's own as what a read fills. */
export class BufferSink implements Sink {
  /** Bytes that have come. */
  length = 0;

  constructor(
    readonly bytes: Uint8Array,
    private readonly limit = bytes.length,
  ) {}

  get remaining(): number {
    return this.limit - this.length;
  }

  put(source: Uint8Array, start: number, end: number): number {
    const count = Math.min(end - start, this.remaining);
    this.bytes.set(source.subarray(start, start + count), this.length);
    this.length += count;
    return count;
  }

  zero(count: number): number {
    const zeros = Math.min(count, this.remaining);
    this.bytes.fill(0, this.length, this.length + zeros);
    this.length += zeros;
    return zeros;
  }
}

/** Bytes of the kernel's or the API's own as what a write takes from. */
export class BufferSource implements Source {
  constructor(
    private readonly bytes: Uint8Array,
    private position = 0,
    private readonly end = bytes.length,
  ) {}

  get remaining(): number {
    return this.end - this.position;
  }

  take(target: Uint8Array, start: number, end: number): number {
    const count = Math.min(end - start, this.remaining);
    target.set(this.bytes.subarray(this.position, this.position + count), start);
    this.position += count;
    return count;
  }
}
