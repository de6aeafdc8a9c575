/** What a program writes, on its way to whoever reads it: bytes come from the backend and are acknowledged when taken. */

/** Bytes that wait in a stream before the guest's writes are held back by the backend. */
const HIGH_WATER = 1 << 18;

/** Takes bytes at once, or later if it returns a promise; false: no more are wanted. */
export type Take = (bytes: Uint8Array) => boolean | Promise<boolean>;

/** Who reads an output. */
interface Reader {
  push(bytes: Uint8Array): void;
  end(): void;
}

export interface OutputEvents {
  /** So many bytes have been taken. */
  consumed(count: number): void;
  /** Nobody reads any more. */
  closed(): void;
}

/** One output stream; what comes before anybody reads it waits. */
export class Output {
  private reader: Reader | null = null;
  private readable: ReadableStream<Uint8Array> | null = null;
  private readonly early: Uint8Array[] = [];
  private ended = false;

  constructor(private readonly events: OutputEvents) {}

  get stream(): ReadableStream<Uint8Array> {
    if (this.readable === null) {
      const reader = new StreamReader(this.events);
      this.readable = reader.stream;
      this.attach(reader);
    }
    return this.readable;
  }

  /** Gives everything to `take`, in place of the stream; resolves at the end, or when `take` wants no more. */
  drain(take: Take): Promise<void> {
    return new Promise((resolve) => this.attach(new TakeReader(take, this.events, resolve)));
  }

  private attach(reader: Reader): void {
    this.reader = reader;
    for (const bytes of this.early.splice(0)) reader.push(bytes);
    if (this.ended) reader.end();
  }

  push(bytes: Uint8Array): void {
    if (this.reader === null) this.early.push(bytes);
    else this.reader.push(bytes);
  }

  end(): void {
    this.ended = true;
    this.reader?.end();
  }
}

/** A web stream. */
class StreamReader implements Reader {
  readonly stream: ReadableStream<Uint8Array>;
  private controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  private pushed = 0;
  private acknowledged = 0;
  private ended = false;

  constructor(private readonly events: OutputEvents) {
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.controller = controller;
        },
        pull: (controller) => this.acknowledge(HIGH_WATER - (controller.desiredSize ?? HIGH_WATER)),
        cancel: () => {
          this.ended = true;
          events.closed();
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
    this.events.consumed(taken);
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

/** A function: web streams take longer to load and to go through than a short program takes. */
class TakeReader implements Reader {
  private readonly queue: Uint8Array[] = [];
  private busy = false;
  private ended = false;
  private wanted = true;

  constructor(
    private readonly take: Take,
    private readonly events: OutputEvents,
    private readonly done: () => void,
  ) {}

  push(bytes: Uint8Array): void {
    if (!this.wanted) return;
    this.queue.push(bytes);
    this.pump();
  }

  end(): void {
    this.ended = true;
    this.pump();
  }

  private pump(): void {
    while (!this.busy) {
      const bytes = this.queue.shift();
      if (bytes === undefined) {
        if (this.ended) this.done();
        return;
      }
      const taken = this.take(bytes);
      if (typeof taken === 'boolean') this.taken(bytes.length, taken);
      else void this.later(bytes.length, taken);
    }
  }

  private async later(count: number, taken: Promise<boolean>): Promise<void> {
    this.busy = true;
    const goesOn = await taken;
    this.busy = false;
    this.taken(count, goesOn);
    this.pump();
  }

  private taken(count: number, goesOn: boolean): void {
    if (goesOn) return this.events.consumed(count);
    this.wanted = false;
    this.queue.length = 0;
    this.events.closed();
    this.done();
  }
}
