import { kind } from '../checkpoint/registry.js';
import type { Vma } from './vma.js';

/** The areas of an address space, ascending and apart. Neighbours that are alike are joined. */
export class VmaList {
  private readonly areas: Vma[] = [];
  private recent: Vma | null = null;
  /** Bytes mapped in all. */
  total = 0;

  get count(): number {
    return this.areas.length;
  }

  at(index: number): Vma | undefined {
    return this.areas[index];
  }

  [Symbol.iterator](): IterableIterator<Vma> {
    return this.areas[Symbol.iterator]();
  }

  /** The index of the first area that ends above `address`. */
  indexAbove(address: number): number {
    let low = 0;
    let high = this.areas.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.areas[middle].end > address) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The area that holds `address`. */
  find(address: number): Vma | null {
    const recent = this.recent;
    if (recent !== null && address >= recent.start && address < recent.end) return recent;
    const vma = this.areas[this.indexAbove(address)];
    if (vma === undefined || vma.start > address) return null;
    this.recent = vma;
    return vma;
  }

  /** Whether nothing is mapped in [start, end), gaps below growing areas included. */
  isFree(start: number, end: number): boolean {
    const next = this.areas[this.indexAbove(start)];
    return next === undefined || next.guardedStart >= end;
  }

  /** The areas that overlap [start, end), without cutting them. */
  overlapping(start: number, end: number): Vma[] {
    const from = this.indexAbove(start);
    let to = from;
    while (to < this.areas.length && this.areas[to].start < end) to++;
    return this.areas.slice(from, to);
  }

  /** Cuts areas at `start` and `end` and returns those between. */
  carve(start: number, end: number): Vma[] {
    this.split(start);
    this.split(end);
    return this.overlapping(start, end);
  }

  /** Adds an area where nothing is, joined with its neighbours if they are alike. */
  insert(vma: Vma): void {
    this.areas.splice(this.indexAbove(vma.start), 0, vma);
    this.total += vma.end - vma.start;
    this.join(vma.start, vma.end);
  }

  /** Takes out the areas that lie wholly in [start, end); the caller has carved and gives back what they hold. */
  remove(start: number, end: number): Vma[] {
    const from = this.indexAbove(start);
    let to = from;
    while (to < this.areas.length && this.areas[to].end <= end) to++;
    const removed = this.areas.splice(from, to - from);
    for (const vma of removed) this.total -= vma.end - vma.start;
    this.recent = null;
    return removed;
  }

  /** Joins alike neighbours from the one before `start` to the one behind `end`. */
  join(start: number, end: number): void {
    let i = Math.max(0, this.indexAbove(start) - 1);
    while (i + 1 < this.areas.length && this.areas[i].start < end) {
      const [vma, next] = [this.areas[i], this.areas[i + 1]];
      if (!vma.continuesIn(next)) {
        i++;
        continue;
      }
      vma.end = next.end;
      this.areas.splice(i + 1, 1);
      next.detach();
    }
    this.recent = null;
  }

  /** Moves the lower end of an area that grows down. */
  grow(vma: Vma, start: number): void {
    this.total += vma.start - start;
    vma.start = start;
  }

  private split(address: number): void {
    const index = this.indexAbove(address);
    const vma = this.areas[index];
    if (vma === undefined || vma.start >= address) return;
    const upper = vma.copy(address, vma.end, vma.offset + (address - vma.start));
    vma.end = address;
    this.areas.splice(index + 1, 0, upper);
    this.recent = null;
  }
}

kind('VmaList', VmaList);
