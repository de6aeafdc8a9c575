import { kind } from '../../checkpoint/registry.js';
import { PAGE_SIZE } from '../../../machine/layout.js';
import { EIO, ENOMEM, ENXIO } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { FrameMemory, PageCache, PageMapping } from '../types.js';

/** Where a file's bytes are kept; counts and errors as in HostFile. */
export interface PageSource {
  readonly size: number;
  read(into: Uint8Array, start: number, length: number, position: number): number;
  write(from: Uint8Array, start: number, length: number, position: number): number;
}

/**
 * Pages of a file whose content is elsewhere: read in for mappings, written back from shared ones. Plain reads and writes
 * go to the file itself; `update` shows them to the mappings, and `dirtyFrame` shows the mappings' changes to them.
 *
 * A page that has once been mapped for writing may change at any time, unseen, while a mapping has it; it stays in
 * `#written` as long as it has references beside the cache's.
 */
export class FilePages implements PageCache {
  private readonly frames = new Map<number, number>();
  private readonly written = new Set<number>();
  readonly mappings = new Set<PageMapping>();

  constructor(
    private readonly memory: FrameMemory,
    private readonly source: PageSource,
    /** Tries to free memory; true if there is a point in trying again. */
    private readonly reclaim: () => boolean,
  ) {}

  frame(index: number): number | Errno {
    const known = this.frames.get(index);
    if (known !== undefined) return known;
    const position = index * PAGE_SIZE;
    if (position >= this.source.size) return ENXIO;
    const frame = this.allocate();
    if (frame === 0) return ENOMEM;
    const read = this.fill(frame, position);
    if (read < 0) {
      this.memory.frames.release(frame);
      return EIO as Errno;
    }
    this.frames.set(index, frame);
    const { usage } = this.memory;
    if (usage !== undefined) {
      usage.cached++;
      usage.read++;
    }
    return frame;
  }

  private allocate(): number {
    const { frames } = this.memory;
    const frame = frames.allocate();
    return frame === 0 && this.reclaim() ? frames.allocate() : frame;
  }

  /** Reads until the page is full or the file ends. */
  private fill(frame: number, position: number): number {
    const base = frame * PAGE_SIZE;
    let done = 0;
    while (done < PAGE_SIZE) {
      const count = this.source.read(this.memory.u8, base + done, PAGE_SIZE - done, position + done);
      if (count < 0) return count;
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  dirty(index: number): 0 {
    this.written.add(index);
    return 0;
  }

  get hasWritten(): boolean {
    return this.written.size > 0;
  }

  /** The frame of a page whose content may be newer than the file's, or 0. */
  writtenFrame(index: number): number {
    return this.written.has(index) ? (this.frames.get(index) ?? 0) : 0;
  }

  sync(start: number, end: number): 0 | Errno {
    for (const index of this.written) {
      const position = index * PAGE_SIZE;
      if (position + PAGE_SIZE <= start || position >= end) continue;
      const error = this.writeBack(index, position);
      if (error < 0) return error as Errno;
    }
    return 0;
  }

  private writeBack(index: number, position: number): number {
    const frame = this.frames.get(index);
    const length = Math.min(PAGE_SIZE, this.source.size - position);
    if (frame === undefined || length <= 0) {
      this.written.delete(index);
      return 0;
    }
    const count = this.source.write(this.memory.u8, frame * PAGE_SIZE, length, position);
    if (count < 0) return count;
    if (this.memory.frames.references(frame) === 1) this.written.delete(index);
    return 0;
  }

  /** The file's bytes at `position` have become from[start, end): mappings see it. */
  update(from: Uint8Array, start: number, end: number, position: number): void {
    if (this.frames.size === 0) return;
    let at = start;
    while (at < end) {
      const offset = (position + at - start) % PAGE_SIZE;
      const length = Math.min(PAGE_SIZE - offset, end - at);
      const frame = this.frames.get((position + at - start - offset) / PAGE_SIZE);
      if (frame !== undefined) {
        this.memory.frames.willWrite(frame, offset, length);
        this.memory.u8.set(from.subarray(at, at + length), frame * PAGE_SIZE + offset);
      }
      at += length;
    }
  }

  /** The file has been cut to `size`: pages behind it go, and the last one's rest is zeros. */
  truncate(size: number): void {
    const firstGone = Math.ceil(size / PAGE_SIZE);
    for (const mapping of this.mappings) mapping.truncate(firstGone);
    for (const [index, frame] of this.frames) {
      const keep = size - index * PAGE_SIZE;
      if (keep >= PAGE_SIZE) continue;
      if (keep <= 0) {
        this.drop(index, frame);
        continue;
      }
      this.memory.frames.willWrite(frame, keep, PAGE_SIZE - keep);
      this.memory.u8.fill(0, frame * PAGE_SIZE + keep, (frame + 1) * PAGE_SIZE);
    }
  }

  private drop(index: number, frame: number): void {
    this.frames.delete(index);
    if (this.memory.usage !== undefined) this.memory.usage.cached--;
    this.written.delete(index);
    this.memory.frames.release(frame);
  }

  /** Somebody else has changed the file: unmapped pages are forgotten, mapped and unwritten ones are read again. */
  reload(): void {
    this.truncate(this.source.size);
    for (const [index, frame] of this.frames) {
      if (this.written.has(index)) continue;
      if (this.memory.frames.references(frame) === 1) this.drop(index, frame);
      else this.refill(index, frame);
    }
  }

  private refill(index: number, frame: number): void {
    this.memory.frames.willWrite(frame, 0, PAGE_SIZE);
    const read = this.fill(frame, index * PAGE_SIZE);
    if (read >= 0) this.memory.u8.fill(0, frame * PAGE_SIZE + read, (frame + 1) * PAGE_SIZE);
  }

  /** The frames that it has, which `change` may replace. */
  eachFrame(change: (frame: number) => number): void {
    for (const [index, frame] of this.frames) this.frames.set(index, change(frame));
  }

  /** Adds the frames in which there is what the file has. */
  cleanFrames(into: Set<number>): void {
    for (const [index, frame] of this.frames) if (!this.written.has(index)) into.add(frame);
  }

  /** After a restore without those frames' content: reads it. False if that cannot be. */
  readClean(): boolean {
    for (const [index, frame] of this.frames) {
      if (this.written.has(index)) continue;
      const read = this.fill(frame, index * PAGE_SIZE);
      if (read < 0) return false;
      this.memory.u8.fill(0, frame * PAGE_SIZE + read, (frame + 1) * PAGE_SIZE);
    }
    return true;
  }

  /** Gives up to `count` frames back that nothing maps and that need not be written; returns how many. */
  shrink(count: number): number {
    let given = 0;
    for (const [index, frame] of this.frames) {
      if (given >= count) break;
      if (this.written.has(index) || this.memory.frames.references(frame) !== 1) continue;
      this.drop(index, frame);
      given++;
    }
    return given;
  }

  /** The inode goes: all is written back and freed. */
  dispose(): void {
    this.sync(0, Number.MAX_SAFE_INTEGER);
    for (const [index, frame] of this.frames) this.drop(index, frame);
  }
}

kind('FilePages', FilePages);
