import { CODE_LINES, FIRST_FRAME, PAGE_SIZE } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import type { FrameState, SavedFrames } from '../types.js';
import { FrameMap, MAP_FRAMES } from './frame-map.js';

/** Told before bytes of a frame change from which code may have been made. */
export type CodeWriteListener = (frame: number, offset: number, length: number) => void;

/**
 * Counts references to frames. Frames that were never used are known to be zero; freed ones are zeroed when they are handed
 * out again.
 *
 * Pages that are neighbours should get frames that are: regions then find them at once (core/ranges.ts). So frames are kept
 * apart that somebody may yet want for the neighbours of what he has (`reserve`). That is no more than a wish: they are free,
 * and when there are no others, all such wishes are forgotten.
 */
export class FrameTable implements SavedFrames {
  readonly total: number;
  /** Set once by the code cache; before that there is no code. */
  onCodeWrite: CodeWriteListener = () => undefined;
  free: number;
  private readonly counts: Int32Array;
  private readonly isFree: FrameMap;
  private readonly wasUsed: FrameMap;
  /** By group of MAP_FRAMES frames, the reservation that it belongs to; 0: none. */
  private readonly reserved: Int32Array;
  private lastReservation = 0;
  /** Whether there may be any. */
  private mayForget = false;
  /** No group below has free frames without a reservation. */
  private lowest = 0;

  constructor(
    private readonly memory: MachineViews,
    private readonly end: number,
  ) {
    this.total = this.free = end - FIRST_FRAME;
    this.counts = new Int32Array(end);
    this.isFree = new FrameMap(end);
    this.wasUsed = new FrameMap(end);
    this.reserved = new Int32Array(this.isFree.groups);
    for (let frame = FIRST_FRAME; frame < end; frame++) this.isFree.add(frame);
  }

  allocate(): number {
    if (this.free === 0) return 0;
    let group = this.findGroup();
    if (group < 0) {
      this.forgetReservations();
      group = this.findGroup();
    }
    return this.take(this.isFree.firstOf(group));
  }

  /** The lowest group with free frames that nobody has reserved; -1 for none. */
  private findGroup(): number {
    const { isFree, reserved } = this;
    for (; this.lowest < isFree.groups; this.lowest++)
      if (isFree.countOf(this.lowest) > 0 && reserved[this.lowest] === 0) return this.lowest;
    return -1;
  }

  private forgetReservations(): void {
    this.mayForget = false;
    this.reserved.fill(0);
    this.lowest = 0;
  }

  private take(frame: number): number {
    this.free--;
    this.isFree.remove(frame);
    if (this.wasUsed.has(frame)) this.memory.u8.fill(0, frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    else this.wasUsed.add(frame);
    this.counts[frame] = 1;
    return frame;
  }

  allocateBeside(frame: number, distance: number): number {
    const wanted = frame + distance;
    if (wanted < FIRST_FRAME || wanted >= this.end || !this.isFree.has(wanted)) return 0;
    const { reserved } = this;
    const own = reserved[Math.floor(frame / MAP_FRAMES)] as number;
    const group = Math.floor(wanted / MAP_FRAMES);
    if (reserved[group] !== own && reserved[group] !== 0) return 0;
    reserved[group] = own;
    return this.take(wanted);
  }

  allocateReserved(count: number, index: number): number {
    for (let groups = Math.ceil(count / MAP_FRAMES); groups > 0; groups >>>= 1) {
      let first = this.findRun(groups);
      if (first < 0 && this.mayForget) {
        this.forgetReservations();
        first = this.findRun(groups);
      }
      if (first < 0) continue;
      this.mayForget = true;
      this.reserved.fill(++this.lastReservation, first, first + groups);
      return this.take(first * MAP_FRAMES + (index % (groups * MAP_FRAMES)));
    }
    return this.allocate();
  }

  /** The first of so many groups behind each other that are free and not reserved; -1 for none. */
  private findRun(groups: number): number {
    const { isFree, reserved } = this;
    let found = 0;
    for (let group = this.lowest; group < isFree.groups; group++) {
      found = reserved[group] === 0 && isFree.countOf(group) === MAP_FRAMES ? found + 1 : 0;
      if (found === groups) return group + 1 - groups;
    }
    return -1;
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
    this.free++;
    this.isFree.add(frame);
    const group = Math.floor(frame / MAP_FRAMES);
    if (this.isFree.countOf(group) === MAP_FRAMES) this.endReservation(group);
    if (this.reserved[group] === 0 && group < this.lowest) this.lowest = group;
  }

  /** A group is free: nor do those beside it wait for neighbours any more. */
  private endReservation(group: number): void {
    const own = this.reserved[group] as number;
    if (own === 0) return;
    const isWaiting = (g: number): boolean =>
      this.reserved[g] === own && this.isFree.countOf(g) === MAP_FRAMES;
    let first = group;
    let last = group;
    while (isWaiting(first - 1)) first--;
    while (isWaiting(last + 1)) last++;
    this.reserved.fill(0, first, last + 1);
    this.lowest = Math.min(this.lowest, first);
  }

  references(frame: number): number {
    return this.counts[frame] as number;
  }

  save(): FrameState {
    let end = this.end;
    while (end > FIRST_FRAME && this.isFree.has(end - 1)) end--;
    const references = this.counts.slice(FIRST_FRAME, end);
    const freed = Int32Array.from(references.keys()).filter((index) => references[index] === 0);
    return { references, freed: freed.map((index) => FIRST_FRAME + index) };
  }

  restore({ references, freed }: FrameState): boolean {
    if (references.length > this.total || !areFree(references, freed)) return false;
    this.counts.fill(0);
    this.counts.set(references, FIRST_FRAME);
    this.forgetReservations();
    this.free = 0;
    for (let frame = FIRST_FRAME; frame < this.end; frame++) {
      if (this.wasUsed.has(frame)) this.memory.u8.fill(0, frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
      const isFree = this.counts[frame] === 0;
      if (isFree) this.free++;
      if (isFree) this.isFree.add(frame);
      else this.isFree.remove(frame);
      if (isFree) this.wasUsed.remove(frame);
      else this.wasUsed.add(frame);
    }
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
