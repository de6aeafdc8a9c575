/**
 * What a terminal has received and its readers have not taken, in a ring as Linux's n_tty has it: lines that are complete,
 * each with its end marked, and behind them the line that is being edited.
 */
import { kind } from '../checkpoint/registry.js';
import { EFAULT } from '../errno.js';
import type { Errno } from '../errno.js';
import type { Sink } from '../fs/types.js';

/** N_TTY_BUF_SIZE. */
export const INPUT_SIZE = 4096;
const MASK = INPUT_SIZE - 1;

const LINE_END = 1;
/** The end that an end-of-file character makes: it is not read itself. */
const FILE_END = 2;

export class InputBuffer {
  private readonly bytes = new Uint8Array(INPUT_SIZE);
  private readonly ends = new Uint8Array(INPUT_SIZE);
  /** Counts of bytes since the start: taken, in complete lines, received. */
  private tail = 0;
  private lines = 0;
  private head = 0;

  /** All bytes in it. */
  get size(): number {
    return this.head - this.tail;
  }

  /** Changes when something comes. */
  get received(): number {
    return this.head;
  }

  /** Whether there is a line or an end of file. */
  get hasLine(): boolean {
    return this.lines !== this.tail;
  }

  /** Bytes of the line that is being edited. */
  get editing(): number {
    return this.head - this.lines;
  }

  /** The byte so far from the end: 1 is the last one. */
  fromEnd(distance: number): number {
    return this.bytes[(this.head - distance) & MASK] ?? 0;
  }

  push(byte: number): void {
    this.bytes[this.head & MASK] = byte;
    this.ends[this.head & MASK] = 0;
    this.head++;
  }

  pushAll(bytes: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to; at++) this.push(bytes[at] ?? 0);
  }

  /** Takes the last bytes back. */
  unpush(count: number): void {
    this.head -= count;
  }

  /** The last byte ends its line. */
  endLine(): void {
    this.ends[(this.head - 1) & MASK] = LINE_END;
    this.lines = this.head;
  }

  endFile(): void {
    this.push(0);
    this.ends[(this.head - 1) & MASK] = FILE_END;
    this.lines = this.head;
  }

  clear(): void {
    this.tail = this.lines = this.head;
  }

  /** Canonical mode begins or ends: what is there is one line, or no lines at all. */
  reframe(canonical: boolean): void {
    this.ends.fill(0);
    this.lines = this.tail;
    if (canonical && this.size > 0) this.endLine();
  }

  /** Bytes of all lines, as FIONREAD tells them. */
  get lineBytes(): number {
    let count = this.lines - this.tail;
    for (let at = this.tail; at < this.lines; at++) if (this.ends[at & MASK] === FILE_END) count--;
    return count;
  }

  /** Reads from the first line only; 0 is end of file, which is thereby taken. */
  readLine(sink: Sink): number | Errno {
    if (sink.remaining === 0) return 0;
    const limit = Math.min(this.lines, this.tail + sink.remaining);
    let end = this.tail;
    while (end < limit && this.ends[end & MASK] === 0) end++;
    const whole = end < limit && this.ends[end & MASK] === LINE_END;
    const wanted = end - this.tail + (whole ? 1 : 0);
    const done = this.take(sink, wanted);
    // An end of file right behind the rest of its line belongs to it, even when the line has filled the buffer.
    if (done === wanted && !whole && this.hasLine && this.ends[this.tail & MASK] === FILE_END) this.tail++;
    return done;
  }

  /** Reads whatever there is. */
  readRaw(sink: Sink): number | Errno {
    const done = this.take(sink, Math.min(this.size, sink.remaining));
    this.lines = Math.max(this.lines, this.tail);
    return done;
  }

  private take(sink: Sink, wanted: number): number | Errno {
    let done = 0;
    while (done < wanted) {
      const from = this.tail & MASK;
      const count = Math.min(wanted - done, INPUT_SIZE - from);
      const put = sink.put(this.bytes, from, from + count);
      this.tail += put;
      done += put;
      if (put < count) break;
    }
    return done === 0 && wanted > 0 ? EFAULT : done;
  }
}

kind('InputBuffer', InputBuffer);
