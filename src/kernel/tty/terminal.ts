/**
 * A terminal: the line discipline with a window size, a session that it controls, and those who wait for it. What lies
 * behind it, the sandbox's host or a pseudo-terminal's master, gives `input` and takes `onOutput`'s bytes.
 *
 * Job control: a process that is not in the foreground group is sent SIGTTIN when it reads, and SIGTTOU when it changes
 * the terminal (or writes, with TOSTOP).
 */
import { O_NOCTTY, O_NONBLOCK } from '../abi/fcntl.js';
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../abi/poll.js';
import { SIGCONT, SIGHUP, SIGTTIN, SIGTTOU, SIGWINCH } from '../abi/signal.js';
import { EAGAIN, EIO, ERESTARTSYS } from '../errno.js';
import type { Errno } from '../errno.js';
import type { Handle, HandleOperations, Sink, Source, UserMemory, Waiter } from '../fs/types.js';
import { WaitQueue } from '../process/waitqueue.js';
import { terminalIoctl } from './control.js';
import { LineDiscipline } from './discipline.js';
import type { JobControl, TerminalCaller } from './jobcontrol.js';
import { TOSTOP, VMIN, VTIME } from './termios.js';

export interface TerminalOptions {
  readonly jobs: JobControl;
  /** The number behind /dev/pts/. */
  readonly index: number;
  readonly columns: number;
  readonly rows: number;
  /** The user whose it is. */
  readonly owner: number;
  /** Gets what is to be shown; the bytes are its own. */
  readonly onOutput: (bytes: Uint8Array) => void;
}

const $chunk = new Uint8Array(4096);

export class Terminal implements HandleOperations {
  readonly seekable = false;
  readonly index: number;
  readonly owner: number;
  readonly discipline: LineDiscipline;
  readonly jobs: JobControl;
  /** rows, columns, and pixels as a program has set them. */
  readonly size: { rows: number; columns: number; width: number; height: number };
  /** The session that it controls, and its foreground group; 0 for none. */
  session = 0;
  foreground = 0;
  /** TIOCEXCL: nobody but root may open it. */
  exclusive = false;
  hungUp = false;
  readonly readers = new WaitQueue();
  readonly writers = new WaitQueue();
  /** Output given to `onOutput` and not yet taken, where the other side says so. */
  pendingOutput = 0;
  #cancelTimer: (() => void) | null = null;
  #timeIsUp = false;
  readonly #onOutput: (bytes: Uint8Array) => void;

  constructor(options: TerminalOptions) {
    this.index = options.index;
    this.owner = options.owner;
    this.jobs = options.jobs;
    this.size = { rows: options.rows, columns: options.columns, width: 0, height: 0 };
    this.#onOutput = options.onOutput;
    this.discipline = new LineDiscipline({
      signal: (signal) => this.#signal(signal),
      readable: () => void this.readers.wake(),
      writable: () => void this.writers.wake(),
    });
  }

  // The side of keys and screen.

  /** Bytes from the keys. */
  input(bytes: Uint8Array): void {
    if (this.hungUp) return;
    this.discipline.receive(bytes);
    this.#show();
  }

  #show(): void {
    const bytes = this.discipline.output.flush();
    if (bytes.length > 0) this.#onOutput(bytes);
  }

  resize(columns: number, rows: number): void {
    if (this.size.columns === columns && this.size.rows === rows) return;
    this.size.columns = columns;
    this.size.rows = rows;
    this.#signal(SIGWINCH);
  }

  /** The line is gone: reads end, writes fail, the session is told. */
  hangup(): void {
    if (this.hungUp) return;
    this.hungUp = true;
    this.discipline.flushInput();
    const { session, foreground } = this;
    this.leaveSession();
    if (session !== 0) {
      this.jobs.signalGroup(session, SIGHUP);
      this.jobs.signalGroup(session, SIGCONT);
      if (foreground !== 0 && foreground !== session) this.jobs.signalGroup(foreground, SIGHUP);
    }
    this.readers.wake();
    this.writers.wake();
  }

  #signal(signal: number): void {
    if (this.foreground !== 0) this.jobs.signalGroup(this.foreground, signal);
  }

  // Sessions.

  /** A process opens it: a session leader without a terminal gets it as its own. */
  opened(handle: Handle): void {
    const caller = this.jobs.caller();
    if (caller === null || (handle.flags & O_NOCTTY) !== 0) return;
    if (caller.isSessionLeader && caller.terminal === null && this.session === 0) this.controls(caller);
  }

  controls(caller: TerminalCaller): void {
    this.session = caller.sid;
    this.foreground = caller.pgid;
    caller.terminal = this;
  }

  leaveSession(): void {
    if (this.session !== 0) this.jobs.detach(this.session);
    this.session = 0;
    this.foreground = 0;
  }

  /** The session's leader gives it up, or ends: its foreground group is told. */
  hangupSession(): void {
    const { foreground } = this;
    this.leaveSession();
    if (foreground === 0) return;
    this.jobs.signalGroup(foreground, SIGHUP);
    this.jobs.signalGroup(foreground, SIGCONT);
  }

  #isBackground(caller: TerminalCaller | null): caller is TerminalCaller {
    return (
      caller !== null && caller.terminal === this && caller.pgid !== this.foreground && this.foreground !== 0
    );
  }

  /** Whether the caller may change the terminal now (tty_check_change). */
  mayChange(): 0 | Errno {
    const caller = this.jobs.caller();
    if (!this.#isBackground(caller) || caller.ignores(SIGTTOU)) return 0;
    if (caller.isOrphaned) return EIO;
    this.jobs.signalGroup(caller.pgid, SIGTTOU);
    return ERESTARTSYS;
  }

  #mayRead(): 0 | Errno {
    const caller = this.jobs.caller();
    if (!this.#isBackground(caller)) return 0;
    if (caller.ignores(SIGTTIN) || caller.isOrphaned) return EIO;
    this.jobs.signalGroup(caller.pgid, SIGTTIN);
    return ERESTARTSYS;
  }

  // The side of programs.

  read(handle: Handle, sink: Sink): number | Errno {
    const refused = this.#mayRead();
    if (refused !== 0) return refused;
    const { input, isCanonical } = this.discipline;
    if (isCanonical) {
      if (input.hasLine) return input.readLine(sink);
      return this.hungUp ? 0 : EAGAIN;
    }
    return this.#readRaw(handle, sink);
  }

  /** VMIN and VTIME as termios(3) has them. */
  #readRaw(handle: Handle, sink: Sink): number | Errno {
    const { input } = this.discipline;
    const min = this.#control(VMIN);
    const tenths = this.#control(VTIME);
    const enough = input.size >= Math.min(Math.max(min, 1), sink.remaining);
    if (enough || this.hungUp || this.#timeIsUp || (min === 0 && tenths === 0)) {
      this.#stopTimer();
      return input.readRaw(sink);
    }
    const waits = (handle.flags & O_NONBLOCK) === 0;
    // With both set the time runs between bytes, from the first one on.
    if (waits && tenths > 0 && (min === 0 || input.size > 0)) this.#startTimer(tenths * 100);
    if (!waits && input.size > 0) return input.readRaw(sink);
    return EAGAIN;
  }

  #control(character: number): number {
    return this.discipline.termios.cc[character] ?? 0;
  }

  #startTimer(ms: number): void {
    this.#cancelTimer ??= this.jobs.after(ms, () => {
      this.#timeIsUp = true;
      this.readers.wake();
    });
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#timeIsUp = false;
  }

  write(_handle: Handle, source: Source): number | Errno {
    if (this.hungUp) return EIO;
    if ((this.discipline.termios.lflag & TOSTOP) !== 0) {
      const refused = this.mayChange();
      if (refused !== 0) return refused;
    }
    if (this.discipline.stopped || this.pendingOutput >= OUTPUT_LIMIT) return EAGAIN;
    let done = 0;
    while (source.remaining > 0) {
      const count = source.take($chunk, 0, Math.min(source.remaining, $chunk.length));
      if (count === 0) break;
      this.discipline.output.write($chunk, 0, count);
      done += count;
    }
    this.#show();
    return done;
  }

  poll(_handle: Handle, waiter: Waiter | null): number {
    waiter?.waitOn(this.readers);
    waiter?.waitOn(this.writers);
    if (this.hungUp) return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
    const writable = !this.discipline.stopped && this.pendingOutput < OUTPUT_LIMIT;
    return (this.#isReadable() ? POLLIN | POLLRDNORM : 0) | (writable ? POLLOUT | POLLWRNORM : 0);
  }

  #isReadable(): boolean {
    const { input, isCanonical } = this.discipline;
    if (isCanonical) return input.hasLine;
    const least = this.#control(VTIME) > 0 ? 1 : Math.max(1, this.#control(VMIN));
    return input.size >= least || this.#timeIsUp;
  }

  /** Bytes that FIONREAD tells. */
  get readableBytes(): number {
    const { input, isCanonical } = this.discipline;
    return isCanonical ? input.lineSize : input.size;
  }

  ioctl(_handle: Handle, request: number, arg: number, user: UserMemory): number | Errno {
    return this.hungUp ? EIO : terminalIoctl(this, request, arg, user);
  }

  /** The settings or the queues have been changed from outside. */
  changed(wasCanonical: boolean): void {
    this.discipline.settingsChanged(wasCanonical);
    this.#show();
    this.readers.wake();
  }

  /** TIOCSTI. */
  pretendTyped(byte: number): void {
    this.input(Uint8Array.of(byte));
  }
}

/** More than this waiting on the other side stops writers. */
const OUTPUT_LIMIT = 1 << 20;
