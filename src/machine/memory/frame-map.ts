/** How many frames are one group. */
export const MAP_FRAMES = 64;

/** A set of frames: a bit each, and how many there are in each group of MAP_FRAMES. */
export class FrameMap {
  readonly groups: number;
  private readonly bits: Int32Array;
  private readonly counts: Uint8Array;

  /** For frames below `end`. */
  constructor(end: number) {
    this.groups = Math.ceil(end / MAP_FRAMES);
    this.bits = new Int32Array(this.groups * (MAP_FRAMES / 32));
    this.counts = new Uint8Array(this.groups);
  }

  has(frame: number): boolean {
    return ((this.bits[frame >>> 5] as number) & (1 << (frame & 31))) !== 0;
  }

  add(frame: number): void {
    if (this.has(frame)) return;
    this.bits[frame >>> 5] = (this.bits[frame >>> 5] as number) | (1 << (frame & 31));
    this.count(frame, 1);
  }

  remove(frame: number): void {
    if (!this.has(frame)) return;
    this.bits[frame >>> 5] = (this.bits[frame >>> 5] as number) & ~(1 << (frame & 31));
    this.count(frame, -1);
  }

  private count(frame: number, by: number): void {
    const group = Math.floor(frame / MAP_FRAMES);
    this.counts[group] = this.countOf(group) + by;
  }

  countOf(group: number): number {
    return this.counts[group] as number;
  }

  /** The lowest frame of a group that has one. */
  firstOf(group: number): number {
    const lower = this.bits[group * 2] as number;
    const word = lower === 0 ? (this.bits[group * 2 + 1] as number) : lower;
    return group * MAP_FRAMES + (lower === 0 ? 32 : 0) + 31 - Math.clz32(word & -word);
  }
}
