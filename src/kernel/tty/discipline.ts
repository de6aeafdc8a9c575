/**
 * The line discipline N_TTY (termios(3), Linux's drivers/tty/n_tty.c): what happens to bytes between a terminal's keys
 * and a program's read, and between its write and the screen. It knows settings and bytes; signals and wake-ups are for
 * whoever it belongs to.
 */
import { kind } from '../checkpoint/registry.js';
import { LineEditor } from './editor.js';
import { InputBuffer, INPUT_SIZE } from './input.js';
import { OutputProcessor } from './output.js';
import {
  DISABLED,
  ECHO,
  ECHONL,
  EXTPROC,
  ICANON,
  ICRNL,
  IEXTEN,
  IGNCR,
  INLCR,
  ISIG,
  ISTRIP,
  IUCLC,
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

const NEWLINE = 10;
const RETURN = 13;

/** What the discipline asks of its terminal. */
export interface DisciplineEvents {
  /** ISIG's characters: the signal goes to the foreground group. */
  signal(signal: number): void;
  /** What was typed or shown before a signal is void. */
  flushed(): void;
  /** There is more to read. */
  readable(): void;
  /** Output has stopped, or goes on. */
  flow(stopped: boolean): void;
}

const SIGNALS: readonly (readonly [character: number, signal: number])[] = [
  [VINTR, SIGINT],
  [VQUIT, SIGQUIT],
  [VSUSP, SIGTSTP],
];

/** Flags with any of which bytes have to be looked at one by one. */
const INPUT_WORK = ISTRIP | IUCLC | IGNCR | ICRNL | INLCR | IXON | PARMRK;
const LOCAL_WORK = ICANON | ISIG | ECHO;

export class LineDiscipline {
  readonly termios: Termios = defaultTermios();
  readonly input = new InputBuffer();
  readonly output = new OutputProcessor(this.termios);
  /** A stop character has stopped the output; TCOOFF has. */
  stoppedByKey = false;
  stoppedByCall = false;
  /** The next character is to be taken as it is. */
  private literal = false;
  private readonly editor = new LineEditor(this.termios, this.input, this.output);

  constructor(private readonly events: DisciplineEvents) {}

  get stopped(): boolean {
    return this.stoppedByKey || this.stoppedByCall;
  }

  private is(byte: number, character: number): boolean {
    const set = this.termios.cc[character];
    return byte === set && set !== DISABLED;
  }

  private local(flag: number): boolean {
    return (this.termios.lflag & flag) !== 0;
  }

  get isCanonical(): boolean {
    return (this.termios.lflag & ICANON) !== 0;
  }

  /** Reads get lines: EXTPROC leaves them to the other side. */
  get readsLines(): boolean {
    return (this.termios.lflag & (ICANON | EXTPROC)) === ICANON;
  }

  /**
   * Bytes from the keys; returns how many there was room for. What is echoed waits in `output`. A line that is too long
   * goes on taking bytes, each in place of its last one, so that its end gets in.
   */
  receive(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to) {
      let room = INPUT_SIZE - this.input.size;
      if ((this.termios.iflag & PARMRK) !== 0) room = Math.floor((room + 3) / 4);
      room--;
      if (room <= 0) {
        if (!this.isCanonical || this.input.hasLine) break;
        if (room < 0) this.input.unpush(1);
        room = 1;
      }
      const end = Math.min(to, at + room);
      this.receiveSome(bytes, at, end);
      at = end;
    }
    if (at > from && (!this.isCanonical || this.local(EXTPROC)) && this.input.size > 0)
      this.events.readable();
    return at - from;
  }

  private receiveSome(bytes: Uint8Array, from: number, to: number): void {
    const { iflag, lflag } = this.termios;
    const plain = (iflag & INPUT_WORK) === 0 && (lflag & LOCAL_WORK) === 0 && !this.literal;
    if (plain) this.input.pushAll(bytes, from, to);
    else for (let at = from; at < to; at++) this.receiveByte(bytes[at] ?? 0);
  }

  private receiveByte(received: number): void {
    const { iflag } = this.termios;
    let byte = (iflag & ISTRIP) !== 0 ? received & 0x7f : received;
    if ((iflag & IUCLC) !== 0 && this.local(IEXTEN) && byte >= 0x41 && byte <= 0x5a) byte += 32;
    if (this.local(EXTPROC)) return this.input.push(byte);
    if (this.literal) {
      this.literal = false;
      return this.store(byte);
    }
    if (this.flowControl(byte) || this.signals(byte)) return;
    this.startByAny();
    if (byte === RETURN) {
      if ((iflag & IGNCR) !== 0) return;
      if ((iflag & ICRNL) !== 0) byte = NEWLINE;
    } else if (byte === NEWLINE && (iflag & INLCR) !== 0) byte = RETURN;
    if (this.isCanonical && this.edit(byte)) return;
    this.store(byte, byte === NEWLINE && received === RETURN);
  }

  private flowControl(byte: number): boolean {
    if ((this.termios.iflag & IXON) === 0) return false;
    if (this.is(byte, VSTART)) this.start();
    else if (this.is(byte, VSTOP)) this.stop();
    else return false;
    return true;
  }

  private stop(): void {
    if (this.stopped) return;
    this.stoppedByKey = true;
    this.events.flow(true);
  }

  /** Ends a stop by key, but not TCOOFF's. */
  start(): void {
    if (!this.stoppedByKey || this.stoppedByCall) return;
    this.stoppedByKey = false;
    this.events.flow(false);
  }

  private startByAny(): void {
    if ((this.termios.iflag & (IXON | IXANY)) === (IXON | IXANY)) this.start();
  }

  /** TCOOFF and TCOON. */
  stopByCall(on: boolean): void {
    if (this.stoppedByCall === on) return;
    const before = this.stopped;
    this.stoppedByCall = on;
    if (!on) this.stoppedByKey = false;
    if (before !== this.stopped) this.events.flow(on);
  }

  private signals(byte: number): boolean {
    if (!this.local(ISIG)) return false;
    const found = SIGNALS.find(([character]) => this.is(byte, character));
    if (found === undefined) return false;
    this.events.signal(found[1]);
    if (!this.local(NOFLSH)) {
      // As on Linux what has been typed along with the character is not shown either.
      this.output.discard();
      this.flushInput();
      this.events.flushed();
    }
    if ((this.termios.iflag & IXON) !== 0) this.start();
    if (this.local(ECHO)) this.editor.echo(byte);
    return true;
  }

  /** Characters that mean something in a line; false: this one does not. */
  private edit(byte: number): boolean {
    const extended = this.local(IEXTEN);
    if (this.is(byte, VERASE)) this.editor.erase();
    else if (this.is(byte, VKILL)) this.editor.kill();
    else if (extended && this.is(byte, VWERASE)) this.editor.eraseWord();
    else if (extended && this.is(byte, VLNEXT)) this.literalNext();
    else if (extended && this.local(ECHO) && this.is(byte, VREPRINT)) this.editor.reprint(byte);
    else return this.endLine(byte);
    return true;
  }

  private endLine(byte: number): boolean {
    if (byte === NEWLINE) {
      if (this.local(ECHO | ECHONL)) this.output.put(NEWLINE);
    } else if (this.is(byte, VEOF)) {
      this.input.endFile();
      this.events.readable();
      return true;
    } else if (this.is(byte, VEOL) || (this.local(IEXTEN) && this.is(byte, VEOL2))) {
      if (this.local(ECHO)) this.editor.echoTyped(byte);
      if (byte === 0xff && (this.termios.iflag & PARMRK) !== 0) this.input.push(byte);
    } else return false;
    this.input.push(byte);
    this.input.endLine();
    this.events.readable();
    return true;
  }

  private literalNext(): void {
    this.literal = true;
    if (this.local(ECHO)) this.editor.announceLiteral();
  }

  /** A byte that means itself; `newline`: a return that has become one, which moves the cursor even in raw mode. */
  private store(byte: number, newline = false): void {
    this.startByAny();
    if (this.local(ECHO)) {
      this.editor.finishErasing();
      if (newline) this.output.put(NEWLINE);
      else this.editor.echoTyped(byte);
    }
    if (byte === 0xff && (this.termios.iflag & PARMRK) !== 0) this.input.push(byte);
    this.input.push(byte);
  }

  /** Drops what was typed. */
  flushInput(): void {
    this.literal = false;
    this.editor.reset();
    this.input.clear();
  }

  /** The settings have changed: a line that was being edited can now be read, and a stop may no longer hold. */
  settingsChanged(before: { readonly lflag: number; readonly iflag: number }): void {
    const { lflag, iflag } = this.termios;
    if (((before.lflag ^ lflag) & (ICANON | EXTPROC)) !== 0) {
      this.input.reframe(this.isCanonical);
      this.literal = false;
      this.editor.reset();
    }
    if ((before.iflag & IXON) !== 0 && (iflag & IXON) === 0) this.start();
  }
}

kind('LineDiscipline', LineDiscipline);
