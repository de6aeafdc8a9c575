import { kind } from '../checkpoint/registry.js';
import type { Sink, Source } from '../fs/types.js';

const FIRST_STORAGE = 4096;
/** An empty ring that has grown beyond gives its storage back. */
const KEPT_STORAGE = 262144;

/** The largest storage that was given back, for the next ring that needs as much: new storage has to be cleared first. */
let $spare: Uint8Array<ArrayBuffer> | null = null;

function storage(size: number): Uint8Array<ArrayBuffer> {
  if (size <= KEPT_STORAGE || $spare === null || $spare.length < size) return new Uint8Array(size);
  const bytes = $spare;
  $spare = null;
  return bytes;
}

function giveBack(bytes: Uint8Array<ArrayBuffer>): void {
  if ($spare === null || $spare.length < bytes.length) $spare = bytes;
}

/** Bytes in order of arrival. Storage grows as needed and is used again; whoever fills it sees to the limit. */
export class ByteRing {
  private bytes = new Uint8Array(0);
  private start = 0;
  /** Bytes in the ring. */
  length = 0;

  /** Takes up to `count` bytes from `source`; fewer when its memory ends. */
  fill(source: Source, count: number): number {
    this.reserve(count);
    let done = 0;
    while (done < count) {
      const at = this.index(this.length);
      const part = Math.min(count - done, this.bytes.length - at);
      const took = source.take(this.bytes, at, at + part);
      this.length += took;
      done += took;
      if (took < part) break;
    }
    return done;
  }

  /** Appends bytes of the kernel's own. */
  append(from: Uint8Array, count = from.length): void {
    this.reserve(count);
    for (let done = 0; done < count;) {
      const at = this.index(this.length);
      const part = Math.min(count - done, this.bytes.length - at);
      this.bytes.set(from.subarray(done, done + part), at);
      this.length += part;
      done += part;
    }
  }

  /** Copies `count` bytes from `offset` on, which stay; fewer when the sink's memory ends. */
  copy(sink: Sink, offset: number, count: number): number {
    let done = 0;
    while (done < count) {
      const at = this.index(offset + done);
      const part = Math.min(count - done, this.bytes.length - at);
      const put = sink.put(this.bytes, at, at + part);
      done += put;
      if (put < part) break;
    }
    return done;
  }

  /** The byte at `offset`. */
  at(offset: number): number {
    return this.bytes[this.index(offset)];
  }

  /** Forgets the first bytes. */
  skip(count: number): void {
    this.length -= count;
    this.start = this.length === 0 ? 0 : this.index(count);
    if (this.length > 0 || this.bytes.length <= KEPT_STORAGE) return;
    giveBack(this.bytes);
    this.bytes = new Uint8Array(0);
  }

  /** Takes back the last bytes: a message of which not all could be read. */
  unfill(count: number): void {
    this.length -= count;
  }

  clear(): void {
    this.skip(this.length);
  }

  private index(offset: number): number {
    const at = this.start + offset;
    return at < this.bytes.length ? at : at - this.bytes.length;
  }

  private reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    let size = Math.max(FIRST_STORAGE, this.bytes.length);
    while (size < needed) size *= 2;
    const bytes = storage(size);
    const first = Math.min(this.length, this.bytes.length - this.start);
    bytes.set(this.bytes.subarray(this.start, this.start + first));
    bytes.set(this.bytes.subarray(0, this.length - first), first);
    this.bytes = bytes;
    this.start = 0;
  }
}

kind('ByteRing', ByteRing);
