import { BLOCK_HASH, BLOCK_HASH_ENTRIES, CPU, CPU_HEAT, RECORD_SIZE } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import { MULTIPLIER } from './jump-cache.js';

/**
 * Decoded blocks, as they lie in the arena one behind the other: a header and the records, the last of which leaves the
 * block. The core module decodes them and links them in (core/blocks.ts); here is what JavaScript has to know of them.
 * Blocks of which one instruction lies in two pages are JavaScript's own (block-decoder.ts): their frame is 0, and they are
 * in none of the lists.
 */

/** i32: how many more times the block is run before it is hot; how many times it was given as much time again. */
export const BLOCK_COUNTDOWN = 0;
export const BLOCK_HEATS = 4;
/** i64 */
export const BLOCK_ADDRESS = 8;
/** i32: the frame it was decoded from; 0: in no list, or dropped. */
export const BLOCK_FRAME = 16;
/** i32: the next block with the same hash, and the next one of the frame; 0: none. */
export const BLOCK_NEXT_OF_HASH = 20;
export const BLOCK_NEXT_OF_FRAME = 24;
/** u16: bytes of code. */
export const BLOCK_LENGTH = 28;
/** u8: instructions; 0: dropped. */
export const BLOCK_COUNT = 30;
/** u8: records. */
export const BLOCK_RECORDS = 31;
export const BLOCK_HEADER = 32;

/** Most instructions in a block, and what that needs in the arena. */
export const MOST_INSNS = 32;
export const MOST_BLOCK_BYTES = BLOCK_HEADER + (2 * MOST_INSNS + 1) * RECORD_SIZE;

/** Which entry of BLOCK_HASH, in bytes: bits of the address's low half times MULTIPLIER. */
export const BLOCK_HASH_SHIFT = 15;
export const BLOCK_HASH_MASK = (BLOCK_HASH_ENTRIES - 1) * 4;

const HEAT = (CPU + CPU_HEAT) >>> 2;
/** A chain that another thread looks at while it is changed may lead in a circle. */
const LONGEST_CHAIN = 1 << 20;
const TWO_32 = 0x100000000;

/** Offset of the first block in the chain of those whose addresses are hashed to the same. */
export function hashEntry(address: number): number {
  return BLOCK_HASH + ((Math.imul(address | 0, MULTIPLIER) >>> BLOCK_HASH_SHIFT) & BLOCK_HASH_MASK);
}

/** What the memory has of the blocks: any thread may look at it. */
export class BlockLists {
  constructor(protected readonly memory: MachineViews) {}

  /** The block at `address` decoded from `frame`, or 0. */
  find(address: number, frame: number): number {
    const { i32 } = this.memory;
    const [lo, hi] = [address | 0, Math.floor(address / TWO_32)];
    let block = i32[hashEntry(address) >>> 2] ?? 0;
    for (let steps = 0; block !== 0 && steps < LONGEST_CHAIN; steps++) {
      const at = block >>> 2;
      const same = i32[at + BLOCK_ADDRESS / 4] === lo && i32[at + BLOCK_ADDRESS / 4 + 1] === hi;
      if (same && i32[at + BLOCK_FRAME / 4] === frame) return block;
      block = i32[at + BLOCK_NEXT_OF_HASH / 4] ?? 0;
    }
    return 0;
  }

  protected count(block: number): number {
    return this.memory.u8[block + BLOCK_COUNT] as number;
  }

  /** How often a block of `count` instructions is run before it is hot. */
  protected heatOf(count: number): number {
    return Math.max(1, Math.ceil((this.memory.i32[HEAT] as number) / count));
  }

  /** How often a block was run. */
  executions(block: number): number {
    const { i32 } = this.memory;
    const heats = 1 + (i32[(block + BLOCK_HEATS) >>> 2] as number);
    return heats * this.heatOf(this.count(block)) - (i32[(block + BLOCK_COUNTDOWN) >>> 2] as number);
  }
}
