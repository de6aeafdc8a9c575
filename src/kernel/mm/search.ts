import { kind } from '../checkpoint/registry.js';
import { STACK_GUARD, TASK_SIZE } from './vma.js';
import type { VmaList } from './vmalist.js';

/**
 * Finds room for mappings from the top down, as Linux does. It remembers where the search last ended and the largest gap
 * above that, so that a program that maps thousands of areas does not pass all of them each time.
 */
export class GapSearch {
  private from = 0;
  private largestAbove = 0;
  private top = 0;

  constructor(private readonly vmas: VmaList) {}

  /** The highest free range of `length` bytes between `low` and `high`; 0 when there is none. */
  find(length: number, low: number, high: number): number {
    if (high !== this.top || length <= this.largestAbove) this.restart(high);
    let end = this.from;
    for (let i = this.vmas.indexAbove(end - 1); i >= 0; i--) {
      const vma = this.vmas.at(i);
      if (vma === undefined || vma.start >= end) continue;
      const gap = end - vma.end;
      if (vma.end < low || gap >= length) break;
      this.largestAbove = Math.max(this.largestAbove, gap);
      end = Math.min(end, vma.guardedStart);
    }
    this.from = end;
    return end - length >= low ? end - length : 0;
  }

  /** Room was made that ends at `end`. */
  freed(end: number): void {
    if (end + STACK_GUARD > this.from) this.restart(this.top);
  }

  /** The lowest free range between `low` and `high`; 0 when there is none. */
  findUpward(length: number, low: number, high: number): number {
    let start = low;
    for (let i = this.vmas.indexAbove(low); i < this.vmas.count; i++) {
      const vma = this.vmas.at(i);
      if (vma === undefined || vma.guardedStart - start >= length) break;
      start = vma.end;
    }
    return start + length <= Math.min(high, TASK_SIZE) ? start : 0;
  }

  private restart(high: number): void {
    this.top = high;
    this.from = high;
    this.largestAbove = 0;
  }
}

kind('GapSearch', GapSearch);
