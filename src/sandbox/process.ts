/** A program that runs in a sandbox, with its streams. */
import type { Backend, OutputStream, ProcessId } from './backend.js';
import { Output, type Take } from './output.js';
import type { ExitStatus, SpawnOptions } from './types.js';

/** Made by Sandbox.spawn. */
export class SandboxProcess {
  /** Settles when the program has ended and all its output has been handed over; never rejects for a bad status. */
  readonly exit: Promise<ExitStatus>;
  private input: WritableStream<Uint8Array> | null = null;
  private readonly outputs: Record<OutputStream, Output>;
  private settle: (status: ExitStatus) => void = () => undefined;
  private fail: (error: Error) => void = () => undefined;
  private ended = false;
  private moving: Promise<void> | null = null;
  private readonly cleanups: (() => void)[] = [];

  constructor(
    private backend: Backend,
    private id: ProcessId,
    options: SpawnOptions,
    /** Its streams are a terminal. */
    readonly hasTerminal: boolean,
  ) {
    this.exit = new Promise((resolve, reject) => {
      this.settle = resolve;
      this.fail = reject;
    });
    this.exit.catch(() => undefined);
    const tell = (call: (backend: Backend, id: ProcessId) => Promise<void>): void =>
      void this.call(call).catch(() => undefined);
    const output = (stream: OutputStream): Output =>
      new Output({
        consumed: (count) => tell((backend, id) => backend.consumed(id, stream, count)),
        closed: () => tell((backend, id) => backend.closeOutput(id, stream)),
      });
    this.outputs = { 1: output(1), 2: output(2) };
    this.limit(options);
  }

  get stdin(): WritableStream<Uint8Array> {
    this.input ??= new WritableStream<Uint8Array>({
      write: (bytes) => this.call((backend, id) => backend.writeInput(id, bytes)),
      close: () => this.call((backend, id) => backend.endInput(id)),
    });
    return this.input;
  }

  get stdout(): ReadableStream<Uint8Array> {
    return this.outputs[1].stream;
  }
  /** Empty for a program with a terminal. */
  get stderr(): ReadableStream<Uint8Array> {
    return this.outputs[2].stream;
  }

  /** @internal Gives all output to a function, in place of `stdout` or `stderr`; resolves at its end. */
  drain(stream: OutputStream, take: Take): Promise<void> {
    return this.outputs[stream].drain(take);
  }

  /** @internal Closes standard input to which nothing is written. */
  async endInput(): Promise<void> {
    await this.call((backend, id) => backend.endInput(id));
  }

  /** Sends a signal by its number; default SIGTERM. Nothing happens once the program has ended. */
  async kill(signal = 15): Promise<void> {
    await this.call((backend, id) => backend.kill(id, signal));
  }

  /** Tells a program with a terminal of a new window size. */
  async resize(columns: number, rows: number): Promise<void> {
    await this.call((backend, id) => backend.resize(id, columns, rows));
  }

  /** Asks the sandbox in which the program is; while it moves, once it is known which one that is. */
  private async call(ask: (backend: Backend, id: ProcessId) => Promise<void>): Promise<void> {
    if (this.moving !== null) await this.moving;
    if (!this.ended) await ask(this.backend, this.id);
  }

  /** @internal It may go to another sandbox until `over`. */
  moves(over: Promise<void> | null): void {
    this.moving = over;
  }

  /** @internal Whose program it is, and the number that it has there. */
  get place(): { readonly backend: Backend; readonly id: ProcessId } {
    return { backend: this.backend, id: this.id };
  }

  /** @internal It goes on in another sandbox. */
  goesOn(backend: Backend, id: ProcessId): void {
    this.backend = backend;
    this.id = id;
  }

  private limit(options: SpawnOptions): void {
    const end = (): void => void this.call((backend, id) => backend.end(id)).catch(() => undefined);
    if (options.timeout !== undefined) {
      const timer = setTimeout(end, options.timeout);
      this.cleanups.push(() => clearTimeout(timer));
    }
    const signal = options.signal;
    if (signal === undefined) return;
    if (signal.aborted) return end();
    signal.addEventListener('abort', end, { once: true });
    this.cleanups.push(() => signal.removeEventListener('abort', end));
  }

  /** @internal */
  received(stream: OutputStream, bytes: Uint8Array): void {
    this.outputs[stream].push(bytes);
  }

  /** @internal */
  exited(status: ExitStatus): void {
    this.finish();
    this.settle(status);
  }

  /** @internal */
  lost(error: Error): void {
    if (this.ended) return;
    this.finish();
    this.fail(error);
  }

  private finish(): void {
    this.ended = true;
    for (const cleanup of this.cleanups) cleanup();
    this.outputs[1].end();
    this.outputs[2].end();
  }
}
