import { kind } from '../../checkpoint/registry.js';
import { PAGE_SIZE } from '../../../machine/layout.js';
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_ZERO_RANGE,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
} from '../../abi/fcntl.js';
import { EBUSY, EFAULT, EINVAL, ENOMEM, ENOSPC, ENXIO, EOPNOTSUPP, EPERM, type Errno } from '../../errno.js';
import type { FrameMemory, Inode, PageCache, PageMapping, Sink, Source } from '../types.js';

/** What a tmpfs may hold, counted in pages over all its files. */
export interface PageBudget {
  used: number;
  limit: number;
}

const ALL_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | 0x20;

/**
 * A file's bytes in frames. These are the pages that mappings see: reading, writing and mapping are one. A page that was
 * never written is absent and reads as zeros. The inode's size is the truth about the end; a present page is zero behind it.
 */
export class FileContent implements PageCache {
  readonly mappings = new Set<PageMapping>();
  /** F_SEAL_*; an ordinary file refuses to be sealed. */
  seals = F_SEAL_SEAL;
  private readonly frames = new Map<number, number>();
  /** Pages from here on are absent. */
  private end = 0;

  constructor(
    private readonly inode: Inode,
    private readonly memory: FrameMemory,
    private readonly budget: PageBudget,
  ) {}

  /** Present pages. */
  get pages(): number {
    return this.frames.size;
  }

  frame(index: number): number | Errno {
    const known = this.frames.get(index);
    if (known !== undefined) return known;
    if (index * PAGE_SIZE >= this.inode.size) return ENXIO;
    const frame = this.allocate(index);
    // A mapping that finds the filesystem full sees it as the end of the file.
    return frame === ENOSPC ? ENXIO : frame;
  }

  dirty(): 0 {
    return 0;
  }

  sync(): 0 {
    return 0;
  }

  private allocate(index: number): number | Errno {
    const { budget } = this;
    if (budget.used >= budget.limit) return ENOSPC;
    const frame = this.memory.frames.allocate();
    if (frame === 0) return ENOMEM;
    budget.used++;
    if (this.memory.usage !== undefined) this.memory.usage.shmem++;
    this.frames.set(index, frame);
    this.end = Math.max(this.end, index + 1);
    this.inode.blocks = this.frames.size * BLOCKS_A_PAGE;
    return frame;
  }

  private drop(index: number): void {
    const frame = this.frames.get(index);
    if (frame === undefined) return;
    this.frames.delete(index);
    this.memory.frames.release(frame);
    this.budget.used--;
    if (this.memory.usage !== undefined) this.memory.usage.shmem--;
  }

  /** The frames that it has, which `change` may replace. */
  eachFrame(change: (frame: number) => number): void {
    for (const [index, frame] of this.frames) this.frames.set(index, change(frame));
  }

  /** What it has counts here: it was another kernel's. */
  adopted(): void {
    this.budget.used += this.frames.size;
    if (this.memory.usage !== undefined) this.memory.usage.shmem += this.frames.size;
  }

  read(sink: Sink, position: number): number | Errno {
    const length = Math.min(sink.remaining, this.inode.size - position);
    let done = 0;
    while (done < length) {
      const at = position + done;
      const offset = at % PAGE_SIZE;
      const index = (at - offset) / PAGE_SIZE;
      const count = Math.min(this.runOf(index, offset + length - done) - offset, length - done);
      const put = this.readPiece(sink, index, offset, count);
      done += put;
      if (put < count) break;
    }
    return done > 0 || length <= 0 ? done : EFAULT;
  }

  /** How many bytes from a page's start on lie behind each other in the memory: a page, or so many as are asked for. */
  private runOf(index: number, length: number): number {
    const frame = this.frames.get(index);
    let count = 1;
    if (frame !== undefined)
      while (count * PAGE_SIZE < length && this.frames.get(index + count) === frame + count) count++;
    return count * PAGE_SIZE;
  }

  private readPiece(sink: Sink, index: number, offset: number, count: number): number {
    const frame = this.frames.get(index);
    if (frame === undefined) return sink.zero(count);
    const base = frame * PAGE_SIZE + offset;
    return sink.put(this.memory.u8, base, base + count);
  }

  write(source: Source, position: number): number | Errno {
    if ((this.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0) return EPERM;
    const length = source.remaining;
    if ((this.seals & F_SEAL_GROW) !== 0 && position + length > this.inode.size) return EPERM;
    let done = 0;
    let failed: number = EFAULT;
    while (done < length) {
      const at = position + done;
      const offset = at % PAGE_SIZE;
      const count = Math.min(PAGE_SIZE - offset, length - done);
      const took = this.writePiece(source, (at - offset) / PAGE_SIZE, offset, count);
      if (took < 0) failed = took;
      if (took > 0) done += took;
      if (took < count) break;
    }
    if (position + done > this.inode.size && done > 0) this.inode.size = position + done;
    return done > 0 || length === 0 ? done : (failed as Errno);
  }

  private writePiece(source: Source, index: number, offset: number, count: number): number {
    const known = this.frames.get(index);
    const frame = known ?? this.allocate(index);
    if (frame < 0) return frame;
    this.memory.frames.willWrite(frame, offset, count);
    const base = frame * PAGE_SIZE + offset;
    const took = source.take(this.memory.u8, base, base + count);
    if (took <= 0 && known === undefined) this.drop(index);
    return took;
  }

  /** Cuts or extends the file. */
  resize(size: number): 0 | Errno {
    const { inode } = this;
    if ((this.seals & F_SEAL_SHRINK) !== 0 && size < inode.size) return EPERM;
    if ((this.seals & F_SEAL_GROW) !== 0 && size > inode.size) return EPERM;
    const shrinks = size < inode.size;
    inode.size = size;
    if (!shrinks) return 0;
    for (const mapping of this.mappings) mapping.truncate(Math.ceil(size / PAGE_SIZE));
    this.clear(size, this.end * PAGE_SIZE);
    return 0;
  }

  /** Makes the bytes of [start, end) zeros; whole pages become absent. */
  private clear(start: number, end: number): void {
    const first = Math.ceil(start / PAGE_SIZE);
    const last = Math.min(this.end, Math.floor(end / PAGE_SIZE));
    if (first > last) this.zero(start, end);
    else {
      this.zero(start, first * PAGE_SIZE);
      if (last * PAGE_SIZE < end) this.zero(last * PAGE_SIZE, end);
    }
    if (first < last) this.dropPages(first, last);
  }

  private dropPages(first: number, last: number): void {
    for (const mapping of this.mappings) mapping.zap(first, last);
    if (last - first > this.frames.size) {
      for (const index of this.frames.keys()) if (index >= first && index < last) this.drop(index);
    } else {
      for (let index = first; index < last; index++) this.drop(index);
    }
    if (last >= this.end) this.end = Math.min(this.end, first);
    this.inode.blocks = this.frames.size * BLOCKS_A_PAGE;
  }

  /** Zeros within one page. */
  private zero(start: number, end: number): void {
    const frame = start < end ? this.frames.get(Math.floor(start / PAGE_SIZE)) : undefined;
    if (frame === undefined) return;
    const offset = start % PAGE_SIZE;
    const length = Math.min(end - start, PAGE_SIZE - offset);
    this.memory.frames.willWrite(frame, offset, length);
    this.memory.u8.fill(0, frame * PAGE_SIZE + offset, frame * PAGE_SIZE + offset + length);
  }

  fallocate(mode: number, offset: number, length: number): 0 | Errno {
    const end = offset + length;
    const keep = (mode & FALLOC_FL_KEEP_SIZE) !== 0;
    if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) !== 0)
      return EOPNOTSUPP;
    if ((mode & FALLOC_FL_PUNCH_HOLE) !== 0) {
      if ((this.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0) return EPERM;
      this.clear(offset, end);
      return 0;
    }
    if (!keep && (this.seals & F_SEAL_GROW) !== 0 && end > this.inode.size) return EPERM;
    if ((mode & FALLOC_FL_ZERO_RANGE) !== 0) this.clear(offset, end);
    const failed = this.reserve(Math.floor(offset / PAGE_SIZE), Math.ceil(end / PAGE_SIZE));
    if (failed === 0 && !keep && end > this.inode.size) this.inode.size = end;
    return failed;
  }

  /** Makes the pages [first, last) present; on failure those made go again. */
  private reserve(first: number, last: number): 0 | Errno {
    if (last - first > this.budget.limit) return ENOSPC;
    const made: number[] = [];
    for (let index = first; index < last; index++) {
      if (this.frames.has(index)) continue;
      const frame = this.allocate(index);
      if (frame < 0) {
        for (const undone of made) this.drop(undone);
        return frame as Errno;
      }
      made.push(index);
    }
    return 0;
  }

  /** SEEK_DATA and SEEK_HOLE: the next present or absent page's position at or behind `offset`, which is in the file. */
  seek(offset: number, hole: boolean): number | Errno {
    const { size } = this.inode;
    let index = Math.floor(offset / PAGE_SIZE);
    const pages = Math.ceil(size / PAGE_SIZE);
    const last = hole ? pages : Math.min(pages, this.end);
    while (index < last && this.frames.has(index) === hole) index++;
    if (index >= last) return hole ? size : ENXIO;
    return Math.max(offset, index * PAGE_SIZE);
  }

  /** F_ADD_SEALS. */
  addSeals(seals: number): 0 | Errno {
    if ((seals & ~ALL_SEALS) !== 0) return EINVAL;
    if ((this.seals & F_SEAL_SEAL) !== 0) return EPERM;
    if ((seals & F_SEAL_WRITE) !== 0 && (this.seals & F_SEAL_WRITE) === 0) {
      for (const mapping of this.mappings) if (mapping.sharedWritable) return EBUSY;
    }
    this.seals |= seals;
    return 0;
  }

  /** The file is gone: all frames are given back. */
  dispose(): void {
    this.dropPages(0, this.end);
  }
}

const BLOCKS_A_PAGE = PAGE_SIZE / 512;

kind('FileContent', FileContent);
