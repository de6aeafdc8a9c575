/** A program that runs in a sandbox, with its streams. */
import type { Backend, OutputStream, ProcessId } from './backend.js';
import type { ExitStatus, SpawnOptions } from './types.js';

const SIGKILL = 9;

/** Bytes that wait in a stream before the guest's writes are held back by the backend. */
const HIGH_WATER = 1 << 18;

/** One output stream: bytes come from the backend and are acknowledged as the reader takes them. */
class Output {
  readonly stream: ReadableStream<Uint8Array>;
  private controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  private pushed = 0;
  private acknowledged = 0;
  private ended = false;

  constructor(
    private readonly consumed: (count: number) => void,
    closed: () => void,
  ) {
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.controller = controller;
        },
        pull: (controller) => this.acknowledge(HIGH_WATER - (controller.desiredSize ?? HIGH_WATER)),
        cancel: () => {
          this.ended = true;
          closed();
        },
      },
      { highWaterMark: HIGH_WATER, size: (chunk) => chunk.length },
    );
  }

  /** Reports what has left the queue, of which `queued` bytes remain. */
  private acknowledge(queued: number): void {
    const taken = this.pushed - queued - this.acknowledged;
    if (taken <= 0) return;
    this.acknowledged += taken;
    this.consumed(taken);
  }

  push(bytes: Uint8Array): void {
    this.pushed += bytes.length;
    if (!this.ended) this.controller?.enqueue(bytes);
  }

  end(): void {
    if (!this.ended) this.controller?.close();
    this.ended = true;
  }
}

/** Made by Sandbox.spawn. */
export class SandboxProcess {
  /** Settles when the program has ended and all its output has been handed over; never rejects for a bad status. */
  readonly exit: Promise<ExitStatus>;
  readonly stdin: WritableStream<Uint8Array>;
  private readonly outputs: Record<OutputStream, Output>;
  private settle: (status: ExitStatus) => void = () => undefined;
  private fail: (error: Error) => void = () => undefined;
  private ended = false;
  private readonly cleanups: (() => void)[] = [];

  constructor(
    private readonly backend: Backend,
    private readonly id: ProcessId,
    options: SpawnOptions,
  ) {
    this.exit = new Promise((resolve, reject) => {
      this.settle = resolve;
      this.fail = reject;
    });
    this.exit.catch(() => undefined);
    const output = (stream: OutputStream): Output =>
      new Output(
        (count) => void backend.consumed(id, stream, count).catch(() => undefined),
        () => void backend.closeOutput(id, stream).catch(() => undefined),
      );
    this.outputs = { 1: output(1), 2: output(2) };
    this.stdin = new WritableStream<Uint8Array>({
      write: (bytes) => (this.ended ? undefined : backend.writeInput(id, bytes)),
      close: () => (this.ended ? undefined : backend.endInput(id)),
    });
    this.limit(options);
  }

  get stdout(): ReadableStream<Uint8Array> {
    return this.outputs[1].stream;
  }
  /** Empty for a program with a terminal. */
  get stderr(): ReadableStream<Uint8Array> {
    return this.outputs[2].stream;
  }

  /** Sends a signal by its number; default SIGTERM. Nothing happens once the program has ended. */
  async kill(signal = 15): Promise<void> {
    if (!this.ended) await this.backend.kill(this.id, signal);
  }

  /** Tells a program with a terminal of a new window size. */
  async resize(columns: number, rows: number): Promise<void> {
    if (!this.ended) await this.backend.resize(this.id, columns, rows);
  }

  private limit(options: SpawnOptions): void {
    const end = (): void => void this.kill(SIGKILL).catch(() => undefined);
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
