/** A program that the API started: its streams or its terminal, and what is still to be told about it. */
import { kind } from '../kernel/checkpoint/registry.js';
import { O_RDWR } from '../kernel/abi/fcntl.js';
import type { Terminals } from '../kernel/fs/dev/devpts.js';
import { newHandle } from '../kernel/fs/handle.js';
import {
  InputStream,
  OutputStream,
  type OutputTaker,
  type StandardStreams,
} from '../kernel/fs/stdio/streams.js';
import type { Handle, Inode, Location } from '../kernel/fs/types.js';
import type { Process } from '../kernel/process/process.js';
import type { TerminalPeer } from '../kernel/tty/peer.js';
import { Terminal } from '../kernel/tty/terminal.js';
import type { OutputStream as StreamNumber } from './backend.js';

/** Input that the program has not read yet; beyond it `writeInput` waits. */
const INPUT_LIMIT = 1 << 18;

/** The program's side of its standard streams, and the host's. */
export interface Streams {
  readonly handles: Handle[];
  write(bytes: Uint8Array): Promise<void>;
  end(): void;
  consumed(stream: StreamNumber, count: number): void;
  closeOutput(stream: StreamNumber): void;
  resize(columns: number, rows: number): void;
  /** The program has ended. */
  release(): void;
  /** After a restore: who gets the output now. */
  reconnect(deliver: Deliver): void;
}

/** A program that the API has started. */
export interface Guest {
  readonly process: Process;
  readonly streams: Streams;
}

export type Deliver = (stream: StreamNumber, bytes: Uint8Array) => void;

/** Three pipes to the host. */
export class PipeStreams implements Streams, OutputTaker {
  readonly handles: Handle[];
  private readonly input = new InputStream(this);
  private readonly outputs: Record<StreamNumber, OutputStream>;
  private waiting: (() => void)[] = [];

  constructor(
    standard: StandardStreams,
    owner: { uid: number; gid: number },
    private deliver: Deliver,
  ) {
    this.outputs = { 1: new OutputStream(this, true), 2: new OutputStream(this, true) };
    this.handles = [this.input, this.outputs[1], this.outputs[2]].map((stream) =>
      standard.open(stream, owner),
    );
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.input.push(bytes);
    if (this.input.size >= INPUT_LIMIT) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  outputWritten(stream: OutputStream, bytes: Uint8Array): void {
    this.deliver(stream === this.outputs[1] ? 1 : 2, bytes);
  }

  inputRead(): void {
    if (this.input.size >= INPUT_LIMIT) return;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  end(): void {
    this.input.end();
  }
  consumed(stream: StreamNumber, count: number): void {
    this.outputs[stream].consumed(count);
  }
  closeOutput(stream: StreamNumber): void {
    this.outputs[stream].close();
  }
  resize(): void {}
  reconnect(deliver: Deliver): void {
    this.deliver = deliver;
    this.waiting = [];
  }

  release(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

export interface TerminalPlace {
  readonly terminals: Terminals;
  /** Where /dev/pts/N is found once the terminal has been added. */
  readonly find: (index: number) => { inode: Inode; location: Location } | null;
}

/** Output that the reader has not taken yet; beyond it programs wait. Small, so that little comes after ^C. */
const TERMINAL_LIMIT = 1 << 16;

/** A terminal for all three streams; its other side is the sandbox's host. */
export class TerminalStreams implements Streams, TerminalPeer {
  readonly handles: Handle[];
  readonly terminal: Terminal;
  private pending = 0;
  private waiting: (() => void)[] = [];

  constructor(
    private readonly place: TerminalPlace,
    size: { columns: number; rows: number },
    owner: number,
    private deliver: Deliver,
  ) {
    const { terminals } = place;
    const index = terminals.freeIndex();
    this.terminal = new Terminal({ jobs: terminals.jobs, index, ...size, owner, peer: this });
    terminals.add(this.terminal);
    const found = place.find(index);
    if (found === null) throw new Error(`there is no /dev/pts/${index}`);
    const handle = newHandle(found.inode, found.location, O_RDWR, this.terminal);
    handle.references = 3;
    this.handles = [handle, handle, handle];
  }

  /** Makes the program the leader of a session that this terminal controls. */
  controls(process: Process): void {
    process.sid = process.pgid = process.pid;
    process.terminal = this.terminal;
    this.terminal.session = process.pid;
    this.terminal.foreground = process.pid;
  }

  // As the terminal's peer.

  get room(): number {
    return TERMINAL_LIMIT - this.pending;
  }
  show(bytes: Uint8Array, from: number, to: number): void {
    this.pending += to - from;
    this.deliver(1, bytes.slice(from, to));
  }
  accepts(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
  /** What has been delivered is out of reach. */
  dropOutput(): void {}
  tell(): void {}
  inUse(open: boolean): void {
    if (!open && this.terminal.closed) this.place.terminals.terminalClosed(this.terminal);
  }

  // As the program's streams.

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += this.terminal.input(bytes, at);
      if (at < bytes.length) await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }
  /** The keys are gone: as if the line were hung up. */
  end(): void {
    this.close();
  }
  consumed(_stream: StreamNumber, count: number): void {
    this.pending = Math.max(0, this.pending - count);
    if (this.room > 0) this.terminal.outputTaken();
  }
  closeOutput(): void {
    this.close();
  }
  resize(columns: number, rows: number): void {
    this.terminal.resize({ columns, rows, width: 0, height: 0 });
  }
  release(): void {
    this.close();
  }

  reconnect(deliver: Deliver): void {
    this.deliver = deliver;
    this.waiting = [];
    this.pending = 0;
  }

  private close(): void {
    if (this.terminal.closed) return;
    const { terminals } = this.place;
    terminals.masterClosed(this.terminal);
    this.terminal.close();
    if (this.terminal.handles === 0) terminals.terminalClosed(this.terminal);
    this.accepts();
  }
}

// Who waits to write more, and who has taken how much, are the caller's affairs: another one begins anew.
// Those of a program that has ended, which others still have, have no caller.
const restored = (streams: Streams): void => streams.reconnect(() => undefined);
kind('PipeStreams', PipeStreams, { rebuilt: ['deliver', 'waiting'], restored });
kind('TerminalStreams', TerminalStreams, { rebuilt: ['deliver', 'waiting', 'pending'], restored });
