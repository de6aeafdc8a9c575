/** What a terminal has received and its readers have not taken: in canonical mode line by line. */
import type { Sink } from '../fs/types.js';

/** A line, its end included, or a stretch of raw bytes; empty: end of file. */
interface Chunk {
  readonly bytes: Uint8Array;
  at: number;
}

/** N_TTY_BUF_SIZE. */
export const INPUT_LIMIT = 4096;

export class InputBuffer {
  readonly #chunks: Chunk[] = [];
  #size = 0;

  /** Bytes that could be read. */
  get size(): number {
    return this.#size;
  }

  /** Whether there is a line or an end of file. */
  get hasLine(): boolean {
    return this.#chunks.length > 0;
  }

  push(bytes: Uint8Array): void {
    this.#chunks.push({ bytes, at: 0 });
    this.#size += bytes.length;
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#size = 0;
  }

  /** Bytes of the first line that are left. */
  get lineSize(): number {
    const first = this.#chunks[0];
    return first === undefined ? 0 : first.bytes.length - first.at;
  }

  /** Reads from the first line only; 0 is end of file, which is thereby taken. */
  readLine(sink: Sink): number {
    const first = this.#chunks[0];
    return first === undefined ? 0 : this.#take(first, sink);
  }

  /** Reads whatever there is. */
  readRaw(sink: Sink): number {
    let done = 0;
    for (let first = this.#chunks[0]; first !== undefined && sink.remaining > 0; first = this.#chunks[0]) {
      const before = first.at;
      done += this.#take(first, sink);
      if (this.#chunks[0] === first && first.at === before) break;
    }
    return done;
  }

  #take(chunk: Chunk, sink: Sink): number {
    const end = Math.min(chunk.bytes.length, chunk.at + sink.remaining);
    const count = sink.put(chunk.bytes, chunk.at, end);
    chunk.at += count;
    this.#size -= count;
    if (chunk.at === chunk.bytes.length) this.#chunks.shift();
    return count;
  }
}
