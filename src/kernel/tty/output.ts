/** Output processing (OPOST) and where the cursor stands because of it. */
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
  #bytes: number[] = [];

  constructor(private readonly termios: Termios) {}

  /** Processes bytes that a program has written. */
  write(bytes: Uint8Array, start: number, end: number): void {
    for (let i = start; i < end; i++) this.put(bytes[i] ?? 0);
  }

  /** Takes what has been put since. */
  flush(): Uint8Array {
    const bytes = Uint8Array.from(this.#bytes);
    this.#bytes = [];
    return bytes;
  }

  /** One byte, processed as the settings say. */
  put(byte: number): void {
    if ((this.termios.oflag & OPOST) === 0) this.#bytes.push(byte);
    else this.#process(byte);
  }

  #process(byte: number): void {
    if (byte === NEWLINE) this.#newline();
    else if (byte === RETURN) this.#return();
    else if (byte === TAB) this.#tab();
    else if (byte === BACKSPACE) this.#backspace();
    else this.#plain(byte);
  }

  #newline(): void {
    const { oflag } = this.termios;
    if ((oflag & ONLCR) !== 0) this.#bytes.push(RETURN);
    if ((oflag & (ONLCR | ONLRET)) !== 0) this.column = 0;
    this.#bytes.push(NEWLINE);
  }

  #return(): void {
    const { oflag } = this.termios;
    if ((oflag & ONOCR) !== 0 && this.column === 0) return;
    if ((oflag & OCRNL) !== 0) {
      this.#bytes.push(NEWLINE);
      if ((oflag & ONLRET) !== 0) this.column = 0;
      return;
    }
    this.column = 0;
    this.#bytes.push(RETURN);
  }

  #tab(): void {
    const width = 8 - (this.column % 8);
    this.column += width;
    if ((this.termios.oflag & TABDLY) !== XTABS) this.#bytes.push(TAB);
    else for (let i = 0; i < width; i++) this.#bytes.push(SPACE);
  }

  #backspace(): void {
    if (this.column > 0) this.column--;
    this.#bytes.push(BACKSPACE);
  }

  /** Neither control characters nor a UTF-8 character's later bytes move the cursor. */
  #plain(byte: number): void {
    const isLower = byte >= 0x61 && byte <= 0x7a;
    const shown = isLower && (this.termios.oflag & OLCUC) !== 0 ? byte - 32 : byte;
    const moves = byte >= SPACE && byte !== 0x7f && (byte & 0xc0) !== 0x80;
    if (moves) this.column++;
    this.#bytes.push(shown);
  }
}
