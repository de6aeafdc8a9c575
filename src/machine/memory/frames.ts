import { CODE_LINES, FIRST_FRAME, PAGE_SIZE } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import type { FrameState, SavedFrames } from '../types.js';

/** Told before bytes of a frame change from which code may have been made. */
export type CodeWriteListener = (frame: number, offset: number, length: number) => void;

/**
 * Counts references to frames. Frames that were never used are known to be zero; freed ones are kept in a list and
 * zeroed when they are handed out again.
 */
export class FrameTable implements SavedFrames {
  readonly total: number;
  /** Set once by the code cache; before that there is no code. */
  onCodeWrite: CodeWriteListener = () => undefined;
  private readonly counts: Int32Array;
  /** By freed frame, the frame freed before it. */
  private readonly nextFreed: Int32Array;
  private firstFreed = 0;
  private freed = 0;
  private firstUnused = FIRST_FRAME;

  constructor(
    private readonly memory: MachineViews,
    private readonly end: number,
  ) {
    this.total = end - FIRST_FRAME;
    this.counts = new Int32Array(end);
    this.nextFreed = new Int32Array(end);
  }

  get free(): number {
    return this.freed + this.end - this.firstUnused;
  }

  allocate(): number {
    const frame = this.firstFreed === 0 ? this.takeUnused() : this.takeFreed();
    if (frame !== 0) this.counts[frame] = 1;
    return frame;
  }

  private takeUnused(): number {
    return this.firstUnused < this.end ? this.firstUnused++ : 0;
  }

  private takeFreed(): number {
    const frame = this.firstFreed;
    this.firstFreed = this.nextFreed[frame] as number;
    this.freed--;
    this.memory.u8.fill(0, frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    return frame;
  }

  retain(frame: number): void {
    this.counts[frame] = this.references(frame) + 1;
  }

  release(frame: number): void {
    const left = this.references(frame) - 1;
    if (left < 0) throw new Error(`frame ${frame} released too often`);
    this.counts[frame] = left;
    if (left > 0) return;
    this.willWrite(frame, 0, PAGE_SIZE);
    this.nextFreed[frame] = this.firstFreed;
    this.firstFreed = frame;
    this.freed++;
  }

  references(frame: number): number {
    return this.counts[frame] as number;
  }

  save(): FrameState {
    const freed = new Int32Array(this.freed);
    for (let i = 0, frame = this.firstFreed; i < freed.length; i++) {
      freed[i] = frame;
      frame = this.nextFreed[frame] as number;
    }
    return { references: this.counts.slice(FIRST_FRAME, this.firstUnused), freed };
  }

  restore({ references, freed }: FrameState): boolean {
    if (references.length > this.total || !areFree(references, freed)) return false;
    this.memory.u8.fill(0, FIRST_FRAME * PAGE_SIZE, this.firstUnused * PAGE_SIZE);
    this.counts.fill(0);
    this.counts.set(references, FIRST_FRAME);
    this.firstUnused = FIRST_FRAME + references.length;
    this.freed = freed.length;
    this.firstFreed = freed[0] ?? 0;
    freed.forEach((frame, i) => (this.nextFreed[frame] = freed[i + 1] ?? 0));
    return true;
  }

  willWrite(frame: number, offset: number, length: number): void {
    const lines = CODE_LINES / 4 + frame * 2;
    const { i32 } = this.memory;
    if (i32[lines] === 0 && i32[lines + 1] === 0) return;
    this.onCodeWrite(frame, offset, length);
  }
}

/** Whether `freed` are just those frames that nobody refers to, each once. */
function areFree(references: Int32Array, freed: Int32Array): boolean {
  const seen = new Set<number>();
  for (const frame of freed) {
    if (references[frame - FIRST_FRAME] !== 0 || seen.has(frame)) return false;
    seen.add(frame);
  }
  return (
    references.every((count) => count >= 0) &&
    references.filter((count) => count === 0).length === freed.length
  );
}
