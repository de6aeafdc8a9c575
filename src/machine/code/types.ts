import type { Insn } from '../x86/insn.js';

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

/**
 * The region ABI (ARCHITECTURE.md): nested calls that may still be made, and the address at which the caller goes on; the
 * address to go on at, or -1.
 */
export type RegionFunction = (depth: number, until: bigint) => bigint;

export interface Region {
  readonly entry: number;
  /** Guest addresses of the code it was made from: start, end, start, end ... in order, in pages that were present. */
  readonly ranges: readonly number[];
}

/** What the translator needs; implemented by the code cache. */
export interface CodeSource {
  /**
   * The instruction at `address` of the running space, without executing it or counting it as executed. Null when its
   * pages are not all present and executable, or when it is no known instruction.
   */
  decode(address: number): Insn | null;
  /** How often the interpreter has run the block that begins at `address`. */
  executions(address: number): number;
  /** The nearest addresses at and below `address` that have been called. */
  calledBefore(address: number): Iterable<number>;
  /** Has the block that begins at `address` run for as long again before it is hot. */
  reheat(address: number): void;
  /** Puts a translated region in the table, marks its lines as code, and lets the jump cache find it. */
  install(region: Region, func: RegionFunction): void;
  /** Whether a region with this entry is installed and good in the running space. */
  isTranslated(address: number): boolean;
}

/** What the dispatcher needs; implemented by the translator. */
export interface Translator {
  /** Makes and installs a region at `address` of the running space, if it can be translated. */
  request(address: number): void;
  /** The same for code that has got hot: perhaps a region of the function around it. */
  hot(address: number): void;
}
