/** Bytes of a checkpoint, written and read. Numbers are little-endian, whatever the engine. */
import { Damaged } from './damaged.js';

const FIRST_SIZE = 1 << 12;

/** Grows as it is written to. */
export class Writer {
  private bytes: Uint8Array;
  private view: DataView;
  length = 0;

  /** `size`: how much will be written, if that is known. */
  constructor(size = FIRST_SIZE) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  private reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.bytes.length));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  u32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }

  f64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** A whole number from 0 to 2^53, seven bits a byte. */
  count(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.length++] = rest;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** One byte a character where they fit, else two. */
  text(value: string): void {
    let wide = false;
    for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) > 0xff) wide = true;
    this.count(value.length * 2 + (wide ? 1 : 0));
    this.reserve(value.length * 2);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      this.bytes[this.length++] = code & 0xff;
      if (wide) this.bytes[this.length++] = code >>> 8;
    }
  }

  /** What has been written; borrowed. */
  done(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

/** Reads what may be damaged: whatever does not fit throws Damaged. */
export class Reader {
  private at = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  private take(count: number): number {
    if (count > this.left) throw new Damaged('it ends too early');
    const { at } = this;
    this.at += count;
    return at;
  }

  u8(): number {
    return this.bytes[this.take(1)] as number;
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  f64(): number {
    return this.view.getFloat64(this.take(8), true);
  }

  count(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 0x80) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? value : this.tooLarge();
    }
    return this.tooLarge();
  }

  private tooLarge(): never {
    throw new Damaged('a number is too large');
  }

  /** A number of things of which each takes at least `least` bytes. */
  countOf(least: number): number {
    const count = this.count();
    if (count * least > this.left) throw new Damaged('there are fewer parts than it says');
    return count;
  }

  /** The number of one of `limit` things. */
  index(limit: number): number {
    const index = this.count();
    if (index >= limit) throw new Damaged('a reference leads nowhere');
    return index;
  }

  /** Borrowed. */
  raw(count: number): Uint8Array {
    const at = this.take(count);
    return this.bytes.subarray(at, at + count);
  }

  text(): string {
    const header = this.count();
    const wide = header % 2;
    const length = (header - wide) / 2;
    const bytes = this.raw(length * (1 + wide));
    let text = '';
    for (let i = 0; i < length; i++)
      text += String.fromCharCode(
        wide === 0 ? (bytes[i] as number) : (bytes[2 * i] as number) | ((bytes[2 * i + 1] as number) << 8),
      );
    return text;
  }
}
