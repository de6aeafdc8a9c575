import { PAGE_SIZE } from '../layout.js';
import type { Tlb } from '../memory/tlb.js';
import type { MachineViews } from '../semantics/helper.js';
import { spansOf, type Code } from './code.js';
import type { FrameOf } from './fetch.js';
import type { RegionSource } from './types.js';

/** A kept region, and where it is in the table. */
interface Offer {
  readonly region: RegionSource;
  readonly slot: number;
  /** The epoch (memory/tlb.ts) in which its code was last seen not to be what is mapped. */
  refusedIn: number;
}

/**
 * Regions that were made of code like that which may be mapped here: by an earlier run of a program. One is good wherever
 * its very bytes are found at its addresses, in whatever frames, and becomes code of the cache only then.
 */
export class Offers {
  private readonly byEntry = new Map<number, Offer[]>();

  constructor(
    private readonly memory: MachineViews,
    private readonly tlb: Tlb,
    private readonly frameOf: FrameOf,
    private readonly faultIn: (page: number) => boolean,
    private readonly install: (region: Code) => void,
  ) {}

  add(regions: readonly RegionSource[], first: number): void {
    regions.forEach((region, i) => {
      const offer = { region, slot: first + i, refusedIn: 0 };
      const known = this.byEntry.get(region.entry);
      if (known === undefined) this.byEntry.set(region.entry, [offer]);
      // What was made later knew better what runs.
      else known.unshift(offer);
    });
  }

  /** Makes code of what fits at `address` now. `mayFault`: pages of its code that are not there yet may be fetched. */
  take(address: number, mayFault: boolean): Code | undefined {
    for (const offer of this.byEntry.get(address) ?? []) {
      if (offer.refusedIn === this.tlb.epoch) continue;
      const { region, slot } = offer;
      const { ranges, code } = region;
      const spans = spansOf(ranges, this.frameOf);
      const missing = spans.filter(({ frame }) => frame === 0);
      if (missing.length > 0 && !mayFault) continue;
      if (
        !missing.every(({ page }) => this.faultIn(page)) ||
        !holds(this.memory.u8, ranges, code, this.frameOf)
      ) {
        offer.refusedIn = this.tlb.epoch;
        continue;
      }
      const present = missing.length === 0 ? spans : spansOf(ranges, this.frameOf);
      const found = { address, spans: present, block: 0, slot, isKept: true, checkedIn: -1 };
      this.install(found);
      return found;
    }
    return undefined;
  }
}

/** Whether the frames hold `code` in these ranges (start, end, start, end ...). */
export function holds(
  u8: Uint8Array,
  ranges: readonly number[],
  code: Uint8Array,
  frameOf: FrameOf,
): boolean {
  let k = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    const end = ranges[i + 1] as number;
    for (let at = ranges[i] as number; at < end;) {
      const inPage = at % PAGE_SIZE;
      const offset = frameOf(at - inPage) * PAGE_SIZE + inPage;
      const last = offset + Math.min(PAGE_SIZE - inPage, end - at);
      for (let p = offset; p < last; p++) if (u8[p] !== code[k++]) return false;
      at += last - offset;
    }
  }
  return k === code.length;
}
