/**
 * Between the code cache with its dispatcher, and the translator.
 *
 * A region never knows another region's slot when it is made: to go to an address it looks into the jump cache (whose
 * entry for a fixed address lies at a fixed place), and where that has no slot, returns the address. The jump cache
 * belongs to the running space and is filled by the dispatcher's look-up, which checks that every page a region was made
 * from is mapped to the same frame as then. So processes can share regions, and a changed mapping cannot be missed.
 *
 * A write to a line that code was made from: the slow store drops the code, does not write, and sets CPU_EXIT to
 * EXIT_CODE. The region leaves as for a fault, with the instruction undone, and so do its callers, which may be stale too;
 * the dispatcher clears CPU_EXIT and interprets the instruction.
 */
export const EXIT_CODE = 4;

/** What a region was made from. */
export interface RegionSource {
  readonly entry: number;
  /** Guest addresses of the code it was made from: start, end, start, end ... in order. */
  readonly ranges: readonly number[];
  /** That code: if it is not what is there now, the region is of no use. */
  readonly code: Uint8Array;
}

/** One that was made from what was there a moment ago. */
export interface FoundRegion extends RegionSource {
  /** Its code's pages, each followed by the frame that was mapped there. */
  readonly frames: readonly number[];
}

/** What the translator needs; implemented by the code cache. */
export interface CodeSource {
  /** Has the block that begins at `address` run for as long again before it is hot, or for so many times as long. */
  reheat(address: number, times?: number): void;
  /** Room for so many regions in the table: the first of as many slots. */
  takeSlots(count: number): number;
  giveSlotBack(slot: number): void;
  /**
   * Lets the jump cache find the region in `slot` of the table, and marks its lines as code. False if its code is not in
   * its frames any more.
   */
  install(region: FoundRegion, slot: number): boolean;
  /** Has regions found in these slots, from the first on, wherever their code is. */
  offer(regions: readonly RegionSource[], slot: number): void;
  /** Whether a region with this entry is installed and good in the running space. */
  isTranslated(address: number): boolean;
}

/** What the dispatcher needs; implemented by the translator. */
export interface Translator {
  /** Makes and installs a region at `address` of the running space, if it can be translated. */
  request(address: number): void;
  /** The same for code that has got hot: perhaps a region of the function around it. */
  hot(address: number): void;
  /** Installs what has been made since. */
  collect(): void;
}
