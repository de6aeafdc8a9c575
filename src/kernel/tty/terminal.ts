/**
 * A terminal as programs open it: the line discipline with a window size, a session that it controls, and those who wait
 * for it. Its peer, the sandbox's host or a pseudo-terminal's master, gives `input` and gets what is to be shown.
 *
 * Input goes to the discipline at once as far as that has room; the rest waits here, so that nothing is lost. A hang-up
 * concerns the handles that are open then: the terminal can be opened anew.
 */
import { kind } from '../checkpoint/registry.js';
import { O_ACCMODE, O_NOCTTY, O_NONBLOCK, O_WRONLY } from '../abi/fcntl.js';
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../abi/poll.js';
import { SIGCONT, SIGHUP, SIGTTIN, SIGTTOU, SIGWINCH } from '../abi/signal.js';
import { EAGAIN, EBUSY, EIO, ENOTTY, ERESTARTSYS } from '../errno.js';
import type { Errno } from '../errno.js';
import type { Handle, HandleOperations, Sink, Source, UserMemory, Waiter } from '../fs/types.js';
import type { ControllingTerminal } from '../process/controlling.js';
import { WaitQueue } from '../process/waitqueue.js';
import { terminalIoctl } from './control.js';
import { LineDiscipline } from './discipline.js';
import * as request from './ioctls.js';
import type { JobControl, TerminalCaller } from './jobcontrol.js';
import type { TerminalPeer } from './peer.js';
import { ByteQueue } from './queue.js';
import {
  EXTPROC,
  IXON,
  TOSTOP,
  VMIN,
  VSTART,
  VSTOP,
  VTIME,
  defaultTermios,
  noTermios,
  restrictToPty,
} from './termios.js';
import type { Termios } from './termios.js';

export interface TerminalOptions {
  readonly jobs: JobControl;
  /** The number behind /dev/pts/. */
  readonly index: number;
  readonly columns: number;
  readonly rows: number;
  /** The user whose it is. */
  readonly owner: number;
  readonly peer: TerminalPeer;
}

/** Input that waits for room in the discipline. */
const INCOMING_LIMIT = 16384;
/** Echo that is kept while nobody takes it. */
const ECHO_LIMIT = 4096;

const $chunk = new Uint8Array(4096);

export interface WindowSize {
  rows: number;
  columns: number;
  /** In pixels. */
  width: number;
  height: number;
}

export class Terminal implements HandleOperations, ControllingTerminal {
  readonly seekable = false;
  readonly index: number;
  /** As its name in /dev/pts shows them; chown(2) and chmod(2) change them. */
  readonly node: { uid: number; gid: number | null; mode: number | null };
  readonly jobs: JobControl;
  readonly size: WindowSize;
  readonly discipline: LineDiscipline;
  /** The session that it controls, and its foreground group; 0 for none. */
  session = 0;
  foreground = 0;
  /** TIOCEXCL: nobody but an administrator may open it. */
  exclusive = false;
  /** TIOCSLCKTRMIOS: settings that nobody can change. */
  readonly lockedSettings = noTermios();
  /** TIOCSPTLCK: it cannot be opened yet. */
  locked = false;
  /** The peer is gone for good. */
  closed = false;
  /** Handles that are open. */
  handles = 0;
  readonly readers = new WaitQueue();
  readonly writers = new WaitQueue();
  private readonly peer: TerminalPeer;
  private readonly incoming = new ByteQueue();
  /** Counts hang-ups: a handle of an earlier time is hung up. */
  private era = 0;

  constructor(options: TerminalOptions) {
    this.index = options.index;
    this.node = { uid: options.owner, gid: null, mode: null };
    this.jobs = options.jobs;
    this.size = { rows: options.rows, columns: options.columns, width: 0, height: 0 };
    this.peer = options.peer;
    this.discipline = new LineDiscipline(this);
  }

  // The side of keys and screen.

  /** Bytes from the keys; returns how many are taken. When there is room for more the peer is told. */
  input(bytes: Uint8Array, from = 0, to = bytes.length): number {
    if (this.closed) return to - from;
    const direct = this.incoming.length > 0 ? 0 : this.discipline.receive(bytes, from, to);
    const rest = Math.min(to - from - direct, INCOMING_LIMIT - this.incoming.length);
    if (rest > 0) this.incoming.push(bytes, from + direct, from + direct + rest);
    this.show();
    return direct + rest;
  }

  /** Bytes that `input` takes at least. */
  get inputRoom(): number {
    return INCOMING_LIMIT - this.incoming.length;
  }

  /** Forgets input that the discipline has had no room for. */
  dropIncoming(): void {
    this.incoming.truncate(0);
    this.peer.accepts();
  }

  /** The discipline may have room again. */
  private pump(): void {
    if (this.incoming.length === 0) return;
    const before = this.incoming.length;
    this.incoming.feed((bytes, from, to) => this.discipline.receive(bytes, from, to));
    this.show();
    if (this.incoming.length < before) this.peer.accepts();
  }

  private show(): void {
    const { output } = this.discipline;
    if (output.length === 0) return;
    if (this.discipline.stopped) output.length = Math.min(output.length, ECHO_LIMIT);
    else if (this.peer.room < -ECHO_LIMIT) output.discard();
    else {
      this.peer.show(output.buffer, 0, output.length);
      output.taken();
    }
  }

  // What its discipline tells.

  signal(signal: number): void {
    this.signalForeground(signal);
  }

  readable(): void {
    this.readers.wake(Infinity, POLLIN | POLLRDNORM);
  }

  flow(stopped: boolean): void {
    this.peer.tell(
      stopped ? request.TIOCPKT_STOP : request.TIOCPKT_START,
      request.TIOCPKT_STOP | request.TIOCPKT_START,
    );
    if (stopped) return;
    this.show();
    this.writers.wake();
  }

  flushed(): void {
    this.peer.dropOutput();
    this.peer.tell(request.TIOCPKT_FLUSHREAD, 0);
  }

  /** Drops input that was not read. */
  flushInput(): void {
    this.incoming.truncate(0);
    this.discipline.flushInput();
    this.peer.tell(request.TIOCPKT_FLUSHREAD, 0);
    this.peer.accepts();
  }

  flushOutput(): void {
    this.peer.dropOutput();
    this.writers.wake();
  }

  /** A byte past the processing of output (TCIOFF, TCION). */
  send(byte: number): void {
    $chunk[0] = byte;
    this.peer.show($chunk, 0, 1);
  }

  resize(size: Readonly<WindowSize>): void {
    const { rows, columns, width, height } = this.size;
    const same =
      size.rows === rows && size.columns === columns && size.width === width && size.height === height;
    if (same) return;
    this.signalForeground(SIGWINCH);
    Object.assign(this.size, size);
  }

  signalForeground(signal: number): void {
    if (this.foreground !== 0) this.jobs.signalGroup(this.foreground, signal);
  }

  /** All who have it open get no more of it, and its session is told (vhangup(2), the master's end). */
  hangup(): void {
    const { session, foreground } = this;
    this.era++;
    this.incoming.truncate(0);
    this.discipline.flushInput();
    this.discipline.stoppedByKey = this.discipline.stoppedByCall = false;
    const before = { ...this.discipline.termios };
    Object.assign(this.discipline.termios, { ...defaultTermios(), cc: this.discipline.termios.cc });
    this.discipline.termios.cc.set(defaultTermios().cc);
    this.discipline.settingsChanged(before);
    this.session = this.foreground = 0;
    if (session !== 0) this.jobs.hangUp(session, foreground);
    this.readers.wake();
    this.writers.wake();
  }

  /** The peer is gone. */
  close(): void {
    this.closed = true;
    this.hangup();
  }

  // Sessions.

  /** Whether it may be opened now. */
  mayOpen(): 0 | Errno {
    if (this.closed || this.locked) return EIO;
    return this.exclusive && this.jobs.caller()?.isAdmin === false ? EBUSY : 0;
  }

  /** A process opens it: a session leader without a terminal gets it as its own. */
  opened(handle: Handle): void {
    handle.data = this.era;
    this.handles++;
    if (this.handles === 1) this.peer.inUse(true);
    const caller = this.jobs.caller();
    const reads = (handle.flags & O_ACCMODE) !== O_WRONLY;
    if (caller === null || !reads || (handle.flags & O_NOCTTY) !== 0) return;
    if (caller.isSessionLeader && caller.terminal === null && this.session === 0) this.controls(caller);
  }

  release(): void {
    this.handles--;
    if (this.handles === 0) this.peer.inUse(false);
  }

  controls(caller: TerminalCaller): void {
    this.session = caller.sid;
    this.foreground = caller.pgid;
    caller.terminal = this;
  }

  leaveSession(): void {
    if (this.session !== 0) this.jobs.detach(this.session);
    this.session = this.foreground = 0;
  }

  private isBackground(caller: TerminalCaller | null): caller is TerminalCaller {
    return (
      caller !== null && caller.terminal === this && caller.pgid !== this.foreground && this.foreground !== 0
    );
  }

  /** Whether the caller may change the terminal now (tty_check_change). */
  mayChange(): 0 | Errno {
    const caller = this.jobs.caller();
    if (!this.isBackground(caller) || caller.ignores(SIGTTOU)) return 0;
    if (caller.isOrphaned) return EIO;
    this.jobs.signalGroup(caller.pgid, SIGTTOU);
    return ERESTARTSYS;
  }

  private mayRead(): 0 | Errno {
    const caller = this.jobs.caller();
    if (!this.isBackground(caller)) return 0;
    if (caller.ignores(SIGTTIN) || caller.isOrphaned) return EIO;
    this.jobs.signalGroup(caller.pgid, SIGTTIN);
    return ERESTARTSYS;
  }

  // The side of programs.

  private isHungUp(handle: Handle): boolean {
    return handle.data !== this.era;
  }

  read(handle: Handle, sink: Sink): number | Errno {
    if (this.isHungUp(handle)) return 0;
    const refused = this.mayRead();
    if (refused !== 0) return refused;
    if (sink.remaining === 0) return 0;
    const { input, readsLines } = this.discipline;
    if (readsLines) return input.hasLine ? this.took(input.readLine(sink)) : EAGAIN;
    const min = this.control(VMIN);
    const enough = input.size >= Math.min(Math.max(min, 1), sink.remaining);
    if (enough || (min === 0 && this.control(VTIME) === 0)) return this.readAvailable(handle, sink);
    const waits = (handle.flags & O_NONBLOCK) === 0;
    return !waits && input.size > 0 ? this.readAvailable(handle, sink) : EAGAIN;
  }

  /** A read that is not to wait any longer: what there is. */
  readAvailable(handle: Handle, sink: Sink): number | Errno {
    const { input, readsLines } = this.discipline;
    return this.isHungUp(handle) || readsLines ? 0 : this.took(input.readRaw(sink));
  }

  /** Who waits when the master goes gets an error, who comes later an end (n_tty_read). */
  endForWaiting(handle: Handle): 0 | Errno {
    return this.closed && this.isHungUp(handle) ? EIO : 0;
  }

  private took(count: number | Errno): number | Errno {
    this.pump();
    return count;
  }

  /** VTIME: with VMIN it runs from the last byte, else from the start. */
  readTimeout(): number {
    const { input, readsLines } = this.discipline;
    const tenths = this.control(VTIME);
    if (readsLines || tenths === 0 || (this.control(VMIN) > 0 && input.size === 0)) return Infinity;
    return tenths * 100;
  }

  arrived(): number {
    return this.discipline.input.received;
  }

  private control(character: number): number {
    return this.discipline.termios.cc[character] ?? 0;
  }

  write(handle: Handle, source: Source): number | Errno {
    if (this.isHungUp(handle)) return EIO;
    if ((this.discipline.termios.lflag & TOSTOP) !== 0) {
      const refused = this.mayChange();
      if (refused !== 0) return refused;
    }
    if (source.remaining === 0) return 0;
    const { output } = this.discipline;
    let done = 0;
    while (source.remaining > 0 && !this.discipline.stopped) {
      const room = Math.floor(this.peer.room / output.expansion);
      if (room <= 0) break;
      const count = source.take($chunk, 0, Math.min(source.remaining, $chunk.length, room));
      if (count === 0) break;
      output.write($chunk, 0, count);
      this.show();
      done += count;
    }
    return done === 0 ? EAGAIN : done;
  }

  poll(handle: Handle, waiter: Waiter | null): number {
    waiter?.waitOn(this.readers);
    waiter?.waitOn(this.writers);
    if (this.isHungUp(handle)) return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
    const writable = !this.discipline.stopped && this.peer.room > 0;
    return (this.isReadable() ? POLLIN | POLLRDNORM : 0) | (writable ? POLLOUT | POLLWRNORM : 0);
  }

  private isReadable(): boolean {
    const { input, readsLines } = this.discipline;
    if (readsLines) return input.hasLine;
    return input.size >= (this.control(VTIME) > 0 ? 1 : Math.max(1, this.control(VMIN)));
  }

  /** Bytes that FIONREAD tells. */
  get readableBytes(): number {
    const { input, readsLines } = this.discipline;
    return readsLines ? input.lineBytes : input.size;
  }

  fasync(): number {
    return this.foreground;
  }

  ioctl(handle: Handle, number: number, arg: number, user: UserMemory): number | Errno {
    if (this.isHungUp(handle)) return number === request.TIOCSPGRP ? ENOTTY : EIO;
    return terminalIoctl({ terminal: this, master: false, reads: canReadFrom(handle), arg, user }, number);
  }

  /** New settings have been written into the discipline's; `before` is what they were. */
  settingsChanged(before: Termios): void {
    const { termios } = this.discipline;
    restrictToPty(termios);
    const flow = keysControlFlow(termios);
    const { TIOCPKT_DOSTOP, TIOCPKT_NOSTOP } = request;
    if (flow !== keysControlFlow(before))
      this.peer.tell(flow ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP, TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
    if (((before.lflag | termios.lflag) & EXTPROC) !== 0) this.peer.tell(request.TIOCPKT_IOCTL, 0);
    this.discipline.settingsChanged(before);
    this.show();
    this.pump();
    this.readers.wake();
    this.writers.wake();
  }

  /** Writers may go on. */
  outputTaken(): void {
    this.writers.wake(Infinity, POLLOUT | POLLWRNORM);
  }

  leaderEnds(): void {
    this.signalForeground(SIGHUP);
    this.leaveSession();
  }

  /** The session's leader gives it up (TIOCNOTTY). */
  isGivenUp(): void {
    this.signalForeground(SIGHUP);
    this.signalForeground(SIGCONT);
    this.leaveSession();
  }
}

function canReadFrom(handle: Handle): boolean {
  return (handle.flags & O_ACCMODE) !== O_WRONLY;
}

/** ^S and ^Q as they are by default: the other side may handle them itself. */
function keysControlFlow({ iflag, cc }: Termios): boolean {
  return (iflag & IXON) !== 0 && cc[VSTART] === 0o21 && cc[VSTOP] === 0o23;
}

kind('Terminal', Terminal);
