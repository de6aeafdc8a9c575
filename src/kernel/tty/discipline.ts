/**
 * The line discipline N_TTY (termios(3), Linux's drivers/tty/n_tty.c): what happens to bytes between a terminal's keys
 * and a program's read, and between its write and the screen. It knows settings and bytes; signals and wake-ups are for
 * whoever it belongs to.
 */
import { InputBuffer, INPUT_LIMIT } from './input.js';
import { OutputProcessor } from './output.js';
import {
  DISABLED,
  ECHO,
  ECHOCTL,
  ECHOE,
  ECHOK,
  ECHOKE,
  ECHONL,
  ECHOPRT,
  ICANON,
  ICRNL,
  IEXTEN,
  IGNCR,
  IMAXBEL,
  INLCR,
  ISIG,
  ISTRIP,
  IUCLC,
  IUTF8,
  IXANY,
  IXON,
  NOFLSH,
  PARMRK,
  VEOF,
  VEOL,
  VEOL2,
  VERASE,
  VINTR,
  VKILL,
  VLNEXT,
  VQUIT,
  VREPRINT,
  VSTART,
  VSTOP,
  VSUSP,
  VWERASE,
  defaultTermios,
} from './termios.js';
import type { Termios } from './termios.js';
import { SIGINT, SIGQUIT, SIGTSTP } from '../abi/signal.js';

const BELL = 7;
const BACKSPACE = 8;
const TAB = 9;
const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const CARET = 0x5e;
const DELETE = 0x7f;

/** What the discipline asks of its terminal. */
export interface DisciplineEvents {
  /** ISIG's characters: the signal goes to the foreground group. */
  signal(signal: number): void;
  /** There is more to read. */
  readable(): void;
  /** Output goes on after a stop. */
  writable(): void;
}

const SIGNALS: readonly (readonly [character: number, signal: number])[] = [
  [VINTR, SIGINT],
  [VQUIT, SIGQUIT],
  [VSUSP, SIGTSTP],
];

export class LineDiscipline {
  readonly termios: Termios = defaultTermios();
  readonly input = new InputBuffer();
  readonly output = new OutputProcessor(this.termios);
  /** ^S has stopped the output. */
  stopped = false;
  /** The line that is being edited. */
  #line: number[] = [];
  /** The column where it begins on the screen. */
  #lineColumn = 0;
  /** The next character is to be taken as it is. */
  #literal = false;

  constructor(private readonly events: DisciplineEvents) {}

  #is(byte: number, character: number): boolean {
    const set = this.termios.cc[character];
    return byte === set && set !== DISABLED;
  }

  get #canonical(): boolean {
    return (this.termios.lflag & ICANON) !== 0;
  }

  #local(flag: number): boolean {
    return (this.termios.lflag & flag) !== 0;
  }

  /** Bytes from the keys. What is echoed waits in `output`. */
  receive(bytes: Uint8Array): void {
    const raw: number[] = [];
    for (const byte of bytes) this.#receiveByte(byte, raw);
    this.#deliver(raw);
  }

  #deliver(raw: number[]): void {
    if (raw.length === 0) return;
    const room = Math.max(0, INPUT_LIMIT - 1 - this.input.size);
    if (room === 0) return;
    this.input.push(Uint8Array.from(raw.slice(0, room)));
    raw.length = 0;
    this.events.readable();
  }

  #receiveByte(received: number, raw: number[]): void {
    const byte = this.#translate(received);
    if (byte < 0) return;
    if (this.#literal) {
      this.#literal = false;
      this.#store(byte, raw, true);
      return;
    }
    if (this.#flowControl(byte) || this.#signals(byte, raw)) return;
    if (this.#canonical) this.#edit(byte, raw);
    else this.#store(byte, raw);
  }

  /** Input flags on one byte; -1: it is dropped. */
  #translate(received: number): number {
    const { iflag } = this.termios;
    let byte = (iflag & ISTRIP) !== 0 ? received & 0x7f : received;
    if ((iflag & IUCLC) !== 0 && this.#local(IEXTEN) && byte >= 0x41 && byte <= 0x5a) byte += 32;
    if (byte === RETURN) {
      if ((iflag & IGNCR) !== 0) return -1;
      return (iflag & ICRNL) !== 0 && !this.#literal ? NEWLINE : byte;
    }
    return byte === NEWLINE && (iflag & INLCR) !== 0 && !this.#literal ? RETURN : byte;
  }

  #flowControl(byte: number): boolean {
    const { iflag } = this.termios;
    if ((iflag & IXON) === 0) return false;
    if (this.#is(byte, VSTOP)) {
      this.stopped = true;
      return true;
    }
    if (this.#is(byte, VSTART)) {
      this.start();
      return true;
    }
    if (this.stopped && (iflag & IXANY) !== 0) this.start();
    return false;
  }

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.events.writable();
  }

  #signals(byte: number, raw: number[]): boolean {
    if (!this.#local(ISIG)) return false;
    const found = SIGNALS.find(([character]) => this.#is(byte, character));
    if (found === undefined) return false;
    if (!this.#local(NOFLSH)) {
      this.flushInput();
      raw.length = 0;
      // As on Linux what has been typed along with the character is not shown either.
      this.output.flush();
    }
    if (this.stopped) this.start();
    if (this.#local(ECHO)) this.#echo(byte);
    this.events.signal(found[1]);
    return true;
  }

  #edit(byte: number, raw: number[]): void {
    const extended = this.#local(IEXTEN);
    if (this.#is(byte, VERASE)) this.#erase();
    else if (this.#is(byte, VKILL)) this.#kill();
    else if (extended && this.#is(byte, VWERASE)) this.#eraseWord();
    else if (extended && this.#is(byte, VLNEXT)) this.#literalNext();
    else if (extended && this.#local(ECHO) && this.#is(byte, VREPRINT)) this.#reprint(byte);
    else if (this.#is(byte, VEOF)) this.#endLine();
    else this.#store(byte, raw);
  }

  #literalNext(): void {
    this.#literal = true;
    if (!this.#local(ECHO) || !this.#local(ECHOCTL)) return;
    this.output.put(CARET);
    this.output.put(BACKSPACE);
  }

  /** A byte that means itself; `literal`: even a newline, which then ends nothing. */
  #store(byte: number, raw: number[], literal = false): void {
    const doubled = byte === 0xff && (this.termios.iflag & (PARMRK | ISTRIP)) === PARMRK;
    if (!this.#canonical) {
      if (this.#local(ECHO)) this.#echo(byte);
      raw.push(byte);
      if (doubled) raw.push(byte);
      return;
    }
    const ends = !literal && this.#endsLine(byte);
    this.#echoTyped(byte, literal);
    if (!ends && this.#line.length + this.input.size >= INPUT_LIMIT - 1) {
      if ((this.termios.iflag & IMAXBEL) !== 0) this.output.put(BELL);
      return;
    }
    this.#line.push(byte);
    if (doubled) this.#line.push(byte);
    if (ends) this.#endLine();
  }

  #endsLine(byte: number): boolean {
    return byte === NEWLINE || this.#is(byte, VEOL) || (this.#local(IEXTEN) && this.#is(byte, VEOL2));
  }

  #echoTyped(byte: number, literal: boolean): void {
    if (this.#line.length === 0) this.#lineColumn = this.output.column;
    if (this.#local(ECHO) || (byte === NEWLINE && this.#local(ECHONL))) this.#echo(byte, literal);
  }

  /** Shows a byte: control characters as ^X, except tabs and the newlines that end lines. */
  #echo(byte: number, literal = false): void {
    const isControl = byte < SPACE || byte === DELETE;
    const moves = byte === TAB || (byte === NEWLINE && !literal);
    if (!isControl || !this.#local(ECHOCTL) || moves) this.output.put(byte);
    else {
      this.output.put(CARET);
      this.output.put(byte ^ 0x40);
    }
  }

  #endLine(): void {
    this.input.push(Uint8Array.from(this.#line));
    this.#line = [];
    this.events.readable();
  }

  #showsErasing(): boolean {
    return this.#local(ECHO) && this.#local(ECHOE) && !this.#local(ECHOPRT);
  }

  #erase(): void {
    const length = this.#lastLength();
    if (length === 0) return;
    const erased = this.#line.splice(this.#line.length - length);
    if (!this.#local(ECHO)) return;
    if (this.#showsErasing()) this.#rubOut(erased[0] ?? 0);
    else this.#echo(this.termios.cc[VERASE] ?? 0);
  }

  /** Bytes of the last character: several in UTF-8. */
  #lastLength(): number {
    const { length } = this.#line;
    if (length === 0) return 0;
    if ((this.termios.iflag & IUTF8) === 0) return 1;
    let start = length - 1;
    while (start > 0 && ((this.#line[start] ?? 0) & 0xc0) === 0x80) start--;
    return length - start;
  }

  /** Takes a character off the screen that is no longer in the line. */
  #rubOut(byte: number): void {
    for (let left = this.#widthOf(byte); left > 0; left--) {
      this.output.put(BACKSPACE);
      if (byte === TAB) continue;
      this.output.put(SPACE);
      this.output.put(BACKSPACE);
    }
  }

  #widthOf(byte: number): number {
    if (byte === TAB) return this.#tabWidth();
    const isControl = byte < SPACE || byte === DELETE;
    return isControl ? (this.#local(ECHOCTL) ? 2 : 0) : 1;
  }

  /** How far the tab behind the line, as it now is, had moved the cursor. */
  #tabWidth(): number {
    let column = this.#lineColumn;
    for (const byte of this.#line) {
      if (byte === TAB) column += 8 - (column % 8);
      else if ((byte & 0xc0) !== 0x80 || (this.termios.iflag & IUTF8) === 0) column += this.#widthOf(byte);
    }
    return 8 - (column % 8);
  }

  #eraseWord(): void {
    const isWord = (byte: number) => /[A-Za-z0-9_]/.test(String.fromCharCode(byte)) || byte >= 0x80;
    let seen = false;
    for (let last = this.#line.at(-1); last !== undefined; last = this.#line.at(-1)) {
      if (isWord(last)) seen = true;
      else if (seen) return;
      this.#erase();
    }
  }

  #kill(): void {
    const shows = this.#showsErasing() && this.#local(ECHOKE) && this.#local(ECHOK);
    if (shows) {
      while (this.#line.length > 0) this.#erase();
      return;
    }
    this.#line = [];
    if (!this.#local(ECHO)) return;
    this.#echo(this.termios.cc[VKILL] ?? 0);
    if (this.#local(ECHOK)) this.output.put(NEWLINE);
  }

  #reprint(byte: number): void {
    this.#echo(byte);
    this.output.put(NEWLINE);
    for (const typed of this.#line) this.#echo(typed);
  }

  flushInput(): void {
    this.#line = [];
    this.#literal = false;
    this.input.clear();
  }

  /** The settings have changed: a line that was being edited can now be read, and a stop may no longer hold. */
  settingsChanged(wasCanonical: boolean): void {
    if (wasCanonical && !this.#canonical && this.#line.length > 0) this.#endLine();
    if ((this.termios.iflag & IXON) === 0) this.start();
  }

  get isCanonical(): boolean {
    return this.#canonical;
  }
}
