/** Output processing (OPOST) and where the cursor stands because of it. What comes out waits until it is taken. */
import { kind } from '../checkpoint/registry.js';
import { OCRNL, OLCUC, ONLCR, ONLRET, ONOCR, OPOST, TABDLY, XTABS } from './termios.js';
import type { Termios } from './termios.js';

const BACKSPACE = 8;
const TAB = 9;
const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;

export class OutputProcessor {
  /** Columns from the left. */
  column = 0;
  /** Bytes that wait in `buffer`. */
  length = 0;
  buffer = new Uint8Array(256);
  /** The column before the waiting bytes. */
  private settledColumn = 0;

  constructor(private readonly termios: Termios) {}

  /** The most bytes that one becomes. */
  get expansion(): number {
    const { oflag } = this.termios;
    return (oflag & OPOST) === 0 ? 1 : (oflag & TABDLY) === XTABS ? 8 : 2;
  }

  /** Processes bytes that a program has written. */
  write(bytes: Uint8Array, start: number, end: number): void {
    if ((this.termios.oflag & OPOST) === 0) this.emitAll(bytes, start, end);
    else for (let i = start; i < end; i++) this.process(bytes[i] ?? 0);
  }

  /** The waiting bytes have been taken. */
  taken(): void {
    this.length = 0;
    this.settledColumn = this.column;
  }

  /** The waiting bytes are not to be seen. */
  discard(): void {
    this.length = 0;
    this.column = this.settledColumn;
  }

  /** One byte, processed as the settings say. */
  put(byte: number): void {
    if ((this.termios.oflag & OPOST) === 0) this.emit(byte);
    else this.process(byte);
  }

  private emit(byte: number): void {
    if (this.length === this.buffer.length) this.grow(1);
    this.buffer[this.length++] = byte;
  }

  private emitAll(bytes: Uint8Array, start: number, end: number): void {
    this.grow(end - start);
    this.buffer.set(bytes.subarray(start, end), this.length);
    this.length += end - start;
  }

  private grow(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.buffer.length, this.length + count));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }

  private process(byte: number): void {
    if (byte === NEWLINE) this.newline();
    else if (byte === RETURN) this.return();
    else if (byte === TAB) this.tab();
    else if (byte === BACKSPACE) this.backspace();
    else this.plain(byte);
  }

  private newline(): void {
    const { oflag } = this.termios;
    if ((oflag & ONLCR) !== 0) this.emit(RETURN);
    if ((oflag & (ONLCR | ONLRET)) !== 0) this.column = 0;
    this.emit(NEWLINE);
  }

  private return(): void {
    const { oflag } = this.termios;
    if ((oflag & ONOCR) !== 0 && this.column === 0) return;
    if ((oflag & OCRNL) !== 0) {
      this.emit(NEWLINE);
      if ((oflag & ONLRET) !== 0) this.column = 0;
      return;
    }
    this.column = 0;
    this.emit(RETURN);
  }

  private tab(): void {
    const width = 8 - (this.column % 8);
    this.column += width;
    if ((this.termios.oflag & TABDLY) !== XTABS) this.emit(TAB);
    else for (let i = 0; i < width; i++) this.emit(SPACE);
  }

  private backspace(): void {
    if (this.column > 0) this.column--;
    this.emit(BACKSPACE);
  }

  /** Neither control characters nor a UTF-8 character's later bytes move the cursor. */
  private plain(byte: number): void {
    const isLower = byte >= 0x61 && byte <= 0x7a;
    const shown = isLower && (this.termios.oflag & OLCUC) !== 0 ? byte - 32 : byte;
    const moves = byte >= SPACE && byte !== 0x7f && (byte & 0xc0) !== 0x80;
    if (moves) this.column++;
    this.emit(shown);
  }
}

kind('OutputProcessor', OutputProcessor);
