/** The caller's side of `sandbox.fs.watch`. */
import type { FileEvent } from './types.js';

/** Events that wait for the reader; if there are more, 'overflow' says that some are missing. */
const MOST = 16384;

type Result = IteratorResult<FileEvent, undefined>;

/** Events as they come; over when the watched file has gone, when told to stop, and with the sandbox. */
export class FileWatcher implements AsyncIterableIterator<FileEvent> {
  private readonly events: FileEvent[] = [];
  private ended = false;
  private error: unknown = null;
  private waiting: { resolve: (result: Result) => void; reject: (error: unknown) => void }[] = [];

  constructor(private readonly stop: () => void) {}

  received(events: readonly FileEvent[]): void {
    for (const event of events) {
      const reader = this.waiting.shift();
      if (reader !== undefined) reader.resolve({ done: false, value: event });
      else if (this.events.length < MOST) this.events.push(event);
      else if (this.events.length === MOST) this.events.push({ type: 'overflow', path: event.path });
    }
  }

  /** Nothing follows; what has come can still be read. */
  finish(error: unknown = null): void {
    if (this.ended) return;
    this.ended = true;
    this.error = error;
    for (const { resolve, reject } of this.waiting.splice(0)) {
      if (this.error === null) resolve({ done: true, value: undefined });
      else reject(this.takeError());
    }
  }

  private takeError(): unknown {
    const { error } = this;
    this.error = null;
    return error;
  }

  next(): Promise<Result> {
    const event = this.events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.error !== null) return Promise.reject(this.takeError() as Error);
    if (this.ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
    });
  }

  return(): Promise<Result> {
    this.cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  cancel(): void {
    if (!this.ended) this.stop();
    this.events.length = 0;
    this.finish();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
