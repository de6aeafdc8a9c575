import { CODE_LINE_SHIFT, PAGE_MASK, PAGE_SIZE } from '../layout.js';

/** The lines of one page that a piece of code was made from, and the frame that was mapped there. */
export interface Span {
  readonly page: number;
  readonly frame: number;
  /** Lines 0..31 and 32..63 of the page, a bit each. */
  lo: number;
  hi: number;
}

/** A translated region, or a decoded block that is not in the lists (blocks.ts). */
export interface Code {
  readonly address: number;
  readonly spans: readonly Span[];
  /** Offset of the decoded block, or 0. */
  readonly block: number;
  /** Slot of the region, or 0. */
  readonly slot: number;
  /** The slot stays the region's when its code is gone. */
  readonly isKept: boolean;
  /** The epoch (memory/tlb.ts) in which its spans were last seen to be mapped as they were. */
  checkedIn: number;
}

const ALL = -1;

/** Bits of lines first..last, as [lo, hi]. */
export function lineMasks(first: number, last: number): readonly [number, number] {
  return [maskBelow(last + 1) & ~maskBelow(first), maskBelow(last - 31) & ~maskBelow(first - 32)];
}
/** The lowest `count` bits, for any whole number. */
function maskBelow(count: number): number {
  if (count <= 0) return 0;
  return count >= 32 ? ALL : (1 << count) - 1;
}

function spanOf(page: number, start: number, end: number, frame: number): Span {
  const first = (Math.max(start, page) & PAGE_MASK) >>> CODE_LINE_SHIFT;
  const last = ((Math.min(end, page + PAGE_SIZE) - 1) & PAGE_MASK) >>> CODE_LINE_SHIFT;
  const [lo, hi] = lineMasks(first, last);
  return { page, frame, lo, hi };
}

/** The spans of address ranges (start, end, start, end ...), one for each page. */
export function spansOf(ranges: readonly number[], frameOf: (page: number) => number): Span[] {
  const spans: Span[] = [];
  for (let i = 0; i < ranges.length; i += 2) {
    const [start, end] = [ranges[i] as number, ranges[i + 1] as number];
    for (let page = start - (start % PAGE_SIZE); page < end; page += PAGE_SIZE) {
      const known = spans.find((span) => span.page === page);
      const span = spanOf(page, start, end, known?.frame ?? frameOf(page));
      if (known === undefined) spans.push(span);
      else {
        known.lo |= span.lo;
        known.hi |= span.hi;
      }
    }
  }
  return spans;
}
