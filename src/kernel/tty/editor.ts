/** Editing a line in canonical mode, and how what is typed and erased looks on the screen. */
import { kind } from '../checkpoint/registry.js';
import type { InputBuffer } from './input.js';
import type { OutputProcessor } from './output.js';
import { ECHO, ECHOCTL, ECHOE, ECHOK, ECHOKE, ECHOPRT, IUTF8, VERASE, VKILL } from './termios.js';
import type { Termios } from './termios.js';

const BACKSPACE = 8;
const TAB = 9;
const NEWLINE = 10;
const SPACE = 32;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const CARET = 0x5e;
const DELETE = 0x7f;

function isControl(byte: number): boolean {
  return byte < SPACE || byte === DELETE;
}

/** The kernel's isalnum, which knows Latin-1, and the underscore. */
function isWord(byte: number): boolean {
  if (byte >= 0xc0) return byte !== 0xd7 && byte !== 0xf7;
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x5f
  );
}

export class LineEditor {
  /** The column where the line begins on the screen. */
  private startColumn = 0;
  /** ECHOPRT: between the backslash and the slash. */
  private erasing = false;

  constructor(
    private readonly termios: Termios,
    private readonly input: InputBuffer,
    private readonly output: OutputProcessor,
  ) {}

  private local(flag: number): boolean {
    return (this.termios.lflag & flag) !== 0;
  }

  reset(): void {
    this.erasing = false;
  }

  /** Shows a byte: control characters as ^X, except tabs. */
  echo(byte: number): void {
    if (!this.local(ECHOCTL) || !isControl(byte) || byte === TAB) return this.output.put(byte);
    this.output.put(CARET);
    this.output.put(byte ^ 0x40);
  }

  /** Shows a byte that goes into the line. */
  echoTyped(byte: number): void {
    if (this.input.editing === 0) this.startColumn = this.output.column;
    this.echo(byte);
  }

  announceLiteral(): void {
    this.finishErasing();
    if (!this.local(ECHOCTL)) return;
    this.output.put(CARET);
    this.output.put(BACKSPACE);
  }

  finishErasing(): void {
    if (!this.erasing) return;
    this.output.put(SLASH);
    this.erasing = false;
  }

  /** VERASE: one character. */
  erase(): void {
    if (this.input.editing === 0) return;
    const erased = this.eraseLast();
    if (erased >= 0) this.showErased(erased, !this.local(ECHOE));
    this.erasedAll();
  }

  /** VWERASE: the last word and what is not a word behind it. */
  eraseWord(): void {
    if (this.input.editing === 0) return;
    let seen = false;
    while (this.input.editing > 0) {
      const first = this.lastFirst();
      if (first < 0) break;
      if (isWord(first)) seen = true;
      else if (seen) break;
      this.showErased(this.eraseLast(), false);
    }
    this.erasedAll();
  }

  /** VKILL: the line. */
  kill(): void {
    const { input } = this;
    if (input.editing === 0) return;
    if (!this.local(ECHO)) return input.unpush(input.editing);
    const shows = this.local(ECHOK) && this.local(ECHOKE) && this.local(ECHOE);
    if (!shows) {
      input.unpush(input.editing);
      this.finishErasing();
      this.echo(this.termios.cc[VKILL] ?? 0);
      if (this.local(ECHOK)) this.output.put(NEWLINE);
      return;
    }
    while (input.editing > 0) {
      const erased = this.eraseLast();
      if (erased < 0) break;
      this.showErased(erased, false);
    }
    this.erasedAll();
  }

  private erasedAll(): void {
    if (this.input.editing === 0 && this.local(ECHO)) this.finishErasing();
  }

  private isContinuation(byte: number): boolean {
    return (this.termios.iflag & IUTF8) !== 0 && (byte & 0xc0) === 0x80;
  }

  /** Bytes of the last character, several in UTF-8; 0 when only the middle of one is there. */
  private lastLength(): number {
    let length = 1;
    while (length < this.input.editing && this.isContinuation(this.input.fromEnd(length))) length++;
    return this.isContinuation(this.input.fromEnd(length)) ? 0 : length;
  }

  private lastFirst(): number {
    const length = this.lastLength();
    return length === 0 ? -1 : this.input.fromEnd(length);
  }

  /** Takes the last character; returns its first byte, or -1 when it is not whole. */
  private eraseLast(): number {
    const length = this.lastLength();
    if (length === 0) return -1;
    const first = this.input.fromEnd(length);
    this.input.unpush(length);
    if (this.local(ECHO) && this.local(ECHOPRT)) this.printErased(first, length);
    return first;
  }

  /** ECHOPRT, for terminals on paper: erased characters are printed between a backslash and a slash. */
  private printErased(first: number, length: number): void {
    if (!this.erasing) this.output.put(BACKSLASH);
    this.erasing = true;
    this.echo(first);
    for (let i = 1; i < length; i++) {
      const { column } = this.output;
      // What was taken back still lies behind the line's end.
      this.output.put(this.input.fromEnd(-i));
      this.output.column = column;
    }
  }

  /** Takes an erased character off the screen; `plainly`: only the erase character is shown. */
  private showErased(byte: number, plainly: boolean): void {
    if (!this.local(ECHO) || this.local(ECHOPRT)) return;
    if (plainly) this.echo(this.termios.cc[VERASE] ?? 0);
    else if (byte === TAB) for (let left = this.tabWidth(); left > 0; left--) this.output.put(BACKSPACE);
    else for (let left = this.widthOf(byte); left > 0; left--) this.rubOut();
  }

  private rubOut(): void {
    this.output.put(BACKSPACE);
    this.output.put(SPACE);
    this.output.put(BACKSPACE);
  }

  private widthOf(byte: number): number {
    return isControl(byte) ? (this.local(ECHOCTL) ? 2 : 0) : 1;
  }

  /** How far the tab behind the line, as it now is, had moved the cursor. */
  private tabWidth(): number {
    let columns = 0;
    for (let distance = 1; distance <= this.input.editing; distance++) {
      const byte = this.input.fromEnd(distance);
      if (byte === TAB) return 8 - (columns % 8);
      if (!this.isContinuation(byte)) columns += this.widthOf(byte);
    }
    return 8 - ((this.startColumn + columns) % 8);
  }

  reprint(byte: number): void {
    this.finishErasing();
    this.echo(byte);
    this.output.put(NEWLINE);
    for (let distance = this.input.editing; distance > 0; distance--) this.echo(this.input.fromEnd(distance));
  }
}

kind('LineEditor', LineEditor);
