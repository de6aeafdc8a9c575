/** Buffers of read(2) and write(2) and their vectors of buffers (struct iovec). */
import { IOV_MAX, MAX_RW_COUNT } from '../abi/limits.js';
import { EINVAL, type Errno } from '../errno.js';
import type { Sink, Source, UserMemory } from '../fs/types.js';

const IOVEC_SIZE = 16;
const TWO_31 = 0x80000000;
const TWO_32 = 0x100000000;

interface Piece {
  readonly addr: number;
  readonly length: number;
}

/** One buffer to be filled, of at most MAX_RW_COUNT bytes, without its first `skip` bytes. */
export function bufferSink(memory: UserMemory, addr: number, length: number, skip: number): Sink | Errno {
  const whole = memory.sink(addr, length);
  if (typeof whole === 'number' || (skip === 0 && length <= MAX_RW_COUNT)) return whole;
  return memory.sink(addr + skip, Math.min(length, MAX_RW_COUNT) - skip);
}

/** One buffer to be taken from, without its first `skip` bytes. */
export function bufferSource(memory: UserMemory, addr: number, length: number, skip: number): Source | Errno {
  const whole = memory.source(addr, length);
  if (typeof whole === 'number' || (skip === 0 && length <= MAX_RW_COUNT)) return whole;
  return memory.source(addr + skip, Math.min(length, MAX_RW_COUNT) - skip);
}

/** Reads a vector (import_iovec): EINVAL for too many or too long pieces, EFAULT for bad addresses. */
function readVector(memory: UserMemory, addr: number, count: number): Piece[] | Errno {
  if (count > IOV_MAX) return EINVAL;
  const raw = new Uint8Array(count * IOVEC_SIZE);
  const failed = memory.copyIn(addr, raw, 0, raw.length);
  if (failed !== 0) return failed;
  const view = new DataView(raw.buffer);
  const pieces: Piece[] = [];
  let room = MAX_RW_COUNT;
  for (let at = 0; at < raw.length; at += IOVEC_SIZE) {
    const high = view.getUint32(at + 12, true);
    if (high >= TWO_31) return EINVAL;
    const base = view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO_32;
    const wanted = view.getUint32(at + 8, true) + high * TWO_32;
    const known = memory.sink(base, wanted);
    if (typeof known === 'number') return known;
    const length = Math.min(wanted, room);
    room -= length;
    if (length > 0) pieces.push({ addr: base, length });
  }
  return pieces;
}

function total(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** The pieces without their first `skip` bytes. */
function without(pieces: readonly Piece[], skip: number): Piece[] {
  const left: Piece[] = [];
  for (const { addr, length } of pieces) {
    const gone = Math.min(skip, length);
    skip -= gone;
    if (gone < length) left.push({ addr: addr + gone, length: length - gone });
  }
  return left;
}

/** A vector to be filled, without its first `skip` bytes. */
export function vectorSink(memory: UserMemory, addr: number, count: number, skip = 0): Sink | Errno {
  const pieces = readVector(memory, addr, count);
  return typeof pieces === 'number' ? pieces : new VectorSink(memory, without(pieces, skip));
}

/** A vector to be taken from, without its first `skip` bytes. */
export function vectorSource(memory: UserMemory, addr: number, count: number, skip: number): Source | Errno {
  const pieces = readVector(memory, addr, count);
  return typeof pieces === 'number' ? pieces : new VectorSource(memory, without(pieces, skip));
}

class VectorSink implements Sink {
  remaining: number;
  private index = 0;
  private current: Sink | null = null;

  constructor(
    private readonly memory: UserMemory,
    private readonly pieces: readonly Piece[],
  ) {
    this.remaining = total(pieces);
  }

  put(source: Uint8Array, start: number, end: number): number {
    return this.spread(end - start, (sink, done, count) =>
      sink.put(source, start + done, start + done + count),
    );
  }

  zero(count: number): number {
    return this.spread(count, (sink, _done, part) => sink.zero(part));
  }

  private spread(length: number, fill: (sink: Sink, done: number, count: number) => number): number {
    let done = 0;
    while (done < length) {
      const sink = this.piece();
      if (sink === null) break;
      const wanted = Math.min(length - done, sink.remaining);
      const count = fill(sink, done, wanted);
      done += count;
      this.remaining -= count;
      if (count < wanted) break;
    }
    return done;
  }

  /** The piece that is being filled, or null behind the last. */
  private piece(): Sink | null {
    if (this.current !== null && this.current.remaining > 0) return this.current;
    const piece = this.pieces[this.index++];
    const sink = piece === undefined ? null : this.memory.sink(piece.addr, piece.length);
    this.current = typeof sink === 'number' ? null : sink;
    return this.current;
  }
}

class VectorSource implements Source {
  remaining: number;
  private index = 0;
  private current: Source | null = null;

  constructor(
    private readonly memory: UserMemory,
    private readonly pieces: readonly Piece[],
  ) {
    this.remaining = total(pieces);
  }

  take(target: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      const source = this.piece();
      if (source === null) break;
      const wanted = Math.min(end - at, source.remaining);
      const count = source.take(target, at, at + wanted);
      at += count;
      this.remaining -= count;
      if (count < wanted) break;
    }
    return at - start;
  }

  private piece(): Source | null {
    if (this.current !== null && this.current.remaining > 0) return this.current;
    const piece = this.pieces[this.index++];
    const source = piece === undefined ? null : this.memory.source(piece.addr, piece.length);
    this.current = typeof source === 'number' ? null : source;
    return this.current;
  }
}
