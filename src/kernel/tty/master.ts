/**
 * The master of a pseudo-terminal (pty(7), Linux's drivers/tty/pty.c): what is written to it is the terminal's keys, what
 * it reads the screen. It is no terminal itself: settings asked of it are its terminal's.
 */
import { kind } from '../checkpoint/registry.js';
import { O_ACCMODE, O_WRONLY } from '../abi/fcntl.js';
import { POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDNORM, POLLWRNORM } from '../abi/poll.js';
import { SIGINT, SIGQUIT, SIGTSTP } from '../abi/signal.js';
import { EAGAIN, EINVAL, EIO, EPERM } from '../errno.js';
import type { Errno } from '../errno.js';
import type { Handle, HandleOperations, Sink, Source, UserMemory, Waiter } from '../fs/types.js';
import { WaitQueue } from '../process/waitqueue.js';
import { terminalIoctl, type Call } from './control.js';
import * as request from './ioctls.js';
import type { JobControl } from './jobcontrol.js';
import type { TerminalPeer } from './peer.js';
import { ByteQueue } from './queue.js';
import { Terminal } from './terminal.js';

/** Output that nobody has read; beyond it writers wait. */
const OUTPUT_LIMIT = 16384;
/** What TCOFLUSH and signals do not reach any more: it is as good as read. */
const SETTLED = 4095;

const $chunk = new Uint8Array(4096);

/** What the pseudo-terminals of a kernel have in common. */
export interface PtyOwner {
  /** The master is gone: the terminal's name goes, and its number once nobody has it open. */
  masterClosed(terminal: Terminal): void;
  terminalClosed(terminal: Terminal): void;
}

export class PtyMaster implements HandleOperations, TerminalPeer {
  readonly seekable = false;
  readonly terminal: Terminal;
  private readonly output = new ByteQueue();
  private readonly readers = new WaitQueue();
  private readonly writers = new WaitQueue();
  /** Programs have had the terminal open, and none has now. */
  private abandoned = false;
  /** TCXONC on the master. */
  private stopped = false;
  /** TIOCPKT, and what it has to tell. */
  private packets = false;
  private status = 0;

  constructor(
    private readonly owner: PtyOwner,
    options: { jobs: JobControl; index: number; owner: number },
  ) {
    this.terminal = new Terminal({ ...options, columns: 0, rows: 0, peer: this });
    this.terminal.locked = true;
  }

  // As the terminal's peer.

  get room(): number {
    return OUTPUT_LIMIT - this.output.length;
  }

  show(bytes: Uint8Array, from: number, to: number): void {
    this.output.push(bytes, from, to);
    this.readers.wake(Infinity, POLLIN | POLLRDNORM);
  }

  dropOutput(): void {
    this.output.truncate(SETTLED);
    this.tell(request.TIOCPKT_FLUSHWRITE, 0);
  }

  accepts(): void {
    this.writers.wake(Infinity, POLLOUT | POLLWRNORM);
  }

  tell(status: number, instead: number): void {
    if (!this.packets) return;
    this.status = (this.status & ~instead) | status;
    this.readers.wake();
  }

  inUse(open: boolean): void {
    this.abandoned = !open;
    if (open) return;
    this.packets = false;
    this.readers.wake();
    this.writers.wake();
    if (this.terminal.closed) this.owner.terminalClosed(this.terminal);
  }

  // As a file.

  read(_handle: Handle, sink: Sink): number | Errno {
    if (sink.remaining === 0) return 0;
    if (this.packets && this.status !== 0) return this.readStatus(sink);
    if (this.output.length === 0) return this.abandoned ? EIO : EAGAIN;
    const wasFull = this.room <= 0;
    const mark = this.packets ? this.put(sink, request.TIOCPKT_DATA) : 0;
    const done = this.output.moveTo(sink);
    if (wasFull && this.room > 0) this.terminal.outputTaken();
    return done < 0 && mark === 0 ? done : mark + Math.max(0, done);
  }

  private readStatus(sink: Sink): number {
    const { status } = this;
    this.status = 0;
    return this.put(sink, status);
  }

  private put(sink: Sink, byte: number): number {
    $chunk[0] = byte;
    return sink.put($chunk, 0, 1);
  }

  write(_handle: Handle, source: Source): number | Errno {
    if (source.remaining === 0) return 0;
    let done = 0;
    while (source.remaining > 0 && !this.stopped && this.terminal.inputRoom > 0) {
      const count = source.take(
        $chunk,
        0,
        Math.min(source.remaining, $chunk.length, this.terminal.inputRoom),
      );
      if (count === 0) break;
      this.terminal.input($chunk, 0, count);
      done += count;
    }
    return done === 0 ? EAGAIN : done;
  }

  poll(_handle: Handle, waiter: Waiter | null): number {
    waiter?.waitOn(this.readers);
    waiter?.waitOn(this.writers);
    const told = this.packets && this.status !== 0;
    const readable = told || this.output.length > 0;
    return (
      (readable ? POLLIN | POLLRDNORM : 0) |
      (told ? POLLPRI : 0) |
      (this.abandoned ? POLLHUP : 0) |
      (!this.stopped && this.terminal.inputRoom > 0 ? POLLOUT | POLLWRNORM : 0)
    );
  }

  fasync(): number {
    return this.terminal.foreground;
  }

  ioctl(handle: Handle, number: number, arg: number, user: UserMemory): number | Errno {
    const reads = (handle.flags & O_ACCMODE) !== O_WRONLY;
    const call: Call = { terminal: this.terminal, master: true, reads, arg, user };
    const own = PtyMaster.ACTIONS.get(number);
    return own === undefined ? terminalIoctl(call, number) : own(this, call);
  }

  fdinfo(): string {
    return `tty-index:\t${this.terminal.index}\n`;
  }

  release(): void {
    const { terminal } = this;
    this.owner.masterClosed(terminal);
    terminal.close();
    if (terminal.handles === 0) this.owner.terminalClosed(terminal);
  }

  /** Requests that concern the master and not its terminal. */
  private static readonly ACTIONS: ReadonlyMap<number, (master: PtyMaster, call: Call) => number> = new Map<
    number,
    (master: PtyMaster, call: Call) => number
  >([
    [request.TIOCGPTN, ({ terminal }, { arg, user }) => user.writeU32(arg, terminal.index)],
    [request.TIOCSPTLCK, (master, { arg, user }) => master.lock(user.readU32(arg))],
    [request.TIOCGPTLCK, ({ terminal }, { arg, user }) => user.writeU32(arg, terminal.locked ? 1 : 0)],
    [request.TIOCPKT, (master, { arg, user }) => master.packetMode(user.readU32(arg))],
    [request.TIOCGPKT, ({ packets }, { arg, user }) => user.writeU32(arg, packets ? 1 : 0)],
    [request.TIOCSIG, (master, { arg }) => master.signal(arg | 0)],
    [request.TIOCGPTPEER, ({ terminal }, { arg }) => terminal.jobs.openAsDescriptor(terminal, arg | 0)],
    [request.TCXONC, (master, { arg }) => master.flowControl(arg)],
    [request.TCFLSH, (master, { arg }) => master.discard(arg)],
    [request.TIOCSTI, () => EPERM],
    [request.TIOCCONS, () => EINVAL],
    [request.TIOCEXCL, () => 0],
    [request.TIOCNXCL, () => 0],
    [request.TIOCGEXCL, (_master, { arg, user }) => user.writeU32(arg, 0)],
    [request.FIONREAD, ({ output }, { arg, user }) => user.writeU32(arg, output.length)],
  ]);

  private lock(value: number): number {
    if (value < 0) return value;
    this.terminal.locked = value !== 0;
    return 0;
  }

  private packetMode(value: number): number {
    if (value < 0) return value;
    if (value !== 0 && !this.packets) this.status = 0;
    this.packets = value !== 0;
    return 0;
  }

  private signal(signal: number): number {
    if (signal !== SIGINT && signal !== SIGQUIT && signal !== SIGTSTP) return EINVAL;
    this.terminal.signalForeground(signal);
    return 0;
  }

  private flowControl(what: number): number {
    if (what > request.TCION) return EINVAL;
    if (what === request.TCOOFF) this.stopped = true;
    else if (what === request.TCOON) {
      this.stopped = false;
      this.writers.wake();
    }
    return 0;
  }

  /** Its input is what the terminal shows, its output what the terminal has not taken. */
  private discard(what: number): number {
    if (what > request.TCIOFLUSH) return EINVAL;
    if (what !== request.TCOFLUSH) {
      this.output.truncate(0);
      this.terminal.outputTaken();
    }
    if (what !== request.TCIFLUSH) this.terminal.dropIncoming();
    return 0;
  }
}

kind('PtyMaster', PtyMaster);
