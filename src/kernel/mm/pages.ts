import { kind } from '../checkpoint/registry.js';
import { PAGE_SIZE } from '../../machine/layout.js';
import type { Frames } from '../../machine/types.js';
import { ENOMEM, type Errno } from '../errno.js';
import type { PageCache } from '../fs/types.js';

/** Pages of zeros that mappings share: MAP_SHARED without a file. Areas count as references. */
export class AnonymousPages implements PageCache {
  private readonly frames = new Map<number, number>();
  private references = 0;

  constructor(
    private readonly memory: Frames,
    /** A frame of zeros; 0 when memory is exhausted. */
    private readonly source: { allocate(): number } = memory,
  ) {}

  /** Pages present. */
  get count(): number {
    return this.frames.size;
  }

  frame(index: number): number | Errno {
    const known = this.frames.get(index);
    if (known !== undefined) return known;
    const frame = this.source.allocate();
    if (frame === 0) return ENOMEM;
    this.frames.set(index, frame);
    return frame;
  }

  dirty(): 0 {
    return 0;
  }

  sync(): 0 {
    return 0;
  }

  /** MADV_REMOVE: the bytes of [start, end) read as zeros again. */
  remove(start: number, end: number): void {
    for (let index = start / PAGE_SIZE; index < end / PAGE_SIZE; index++) {
      const frame = this.frames.get(index);
      if (frame === undefined) continue;
      this.frames.delete(index);
      this.memory.release(frame);
    }
  }

  /** The frames that it has, which `change` may replace. */
  eachFrame(change: (frame: number) => number): void {
    for (const [index, frame] of this.frames) this.frames.set(index, change(frame));
  }

  retain(): void {
    this.references++;
  }

  /** The last reference frees the pages. */
  release(): void {
    if (--this.references > 0) return;
    for (const frame of this.frames.values()) this.memory.release(frame);
    this.frames.clear();
  }
}

kind('AnonymousPages', AnonymousPages);
