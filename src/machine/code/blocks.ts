import {
  BLOCK_HASH,
  BLOCK_HASH_ENTRIES,
  CODE_LINE_SHIFT,
  CPU,
  CPU_BLOCKS_DECODED,
  CPU_HEAT,
  CPU_NEXT_BLOCK,
  DECODED_END,
  FIRST_BLOCK,
  FRAME_BLOCKS,
  PAGE_MASK,
  RECORD_SIZE,
} from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import { lineMasks } from './code.js';
import { MULTIPLIER, type JumpCache } from './jump-cache.js';

/**
 * Decoded blocks, as they lie in the arena one behind the other: a header and the records, the last of which leaves the
 * block. The core module decodes them and links them in (core/blocks.ts); here is what JavaScript has to know of them.
 * Blocks of which one instruction lies in two pages are JavaScript's own (block-decoder.ts): their frame is 0, and they are
 * in none of the lists.
 */

/** i64: how many more times the block is run before it is hot. */
export const BLOCK_COUNTDOWN = 0;
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

const NEXT = (CPU + CPU_NEXT_BLOCK) >>> 2;
const HEAT = (CPU + CPU_HEAT) >>> 2;
const DECODED_COUNT = (CPU + CPU_BLOCKS_DECODED) >>> 2;
const TWO_32 = 0x100000000;

function hashEntry(address: number): number {
  return BLOCK_HASH + ((Math.imul(address | 0, MULTIPLIER) >>> BLOCK_HASH_SHIFT) & BLOCK_HASH_MASK);
}

export class Blocks {
  /** Instructions that dropped blocks have run. */
  private executed = 0;
  /** How many times blocks were given as much time again. */
  private readonly reheated = new Map<number, number>();

  /** `heat`: how many instructions of a block are interpreted before it is hot. */
  constructor(
    private readonly memory: MachineViews,
    private readonly heat: number,
  ) {
    memory.i32[HEAT] = heat | 0;
    memory.i32[HEAT + 1] = Math.floor(heat / TWO_32);
    memory.i32[NEXT] = FIRST_BLOCK;
  }

  get isFull(): boolean {
    return this.next + MOST_BLOCK_BYTES > DECODED_END;
  }

  /** Where the next block goes. */
  get next(): number {
    return this.memory.i32[NEXT] as number;
  }

  get decoded(): number {
    return this.memory.i32[DECODED_COUNT] as number;
  }

  /** Adds a block of one instruction at `next`, which is in no list; its records are written. Returns it. */
  addUnlisted(address: number, length: number, records: number): number {
    const { i32, view } = this.memory;
    const block = this.next;
    view.setInt32(block + BLOCK_ADDRESS, address | 0, true);
    view.setInt32(block + BLOCK_ADDRESS + 4, Math.floor(address / TWO_32), true);
    i32[(block + BLOCK_FRAME) >>> 2] = 0;
    view.setUint16(block + BLOCK_LENGTH, length, true);
    view.setUint8(block + BLOCK_COUNT, 1);
    view.setUint8(block + BLOCK_RECORDS, records);
    this.setCountdown(block, this.heatOf(1));
    i32[NEXT] = block + BLOCK_HEADER + records * RECORD_SIZE;
    i32[DECODED_COUNT] = this.decoded + 1;
    return block;
  }

  /** The block at `address` decoded from `frame`, or 0. */
  find(address: number, frame: number): number {
    const { i32 } = this.memory;
    const [lo, hi] = [address | 0, Math.floor(address / TWO_32)];
    let block = i32[hashEntry(address) >>> 2] as number;
    while (block !== 0) {
      const at = block >>> 2;
      const same = i32[at + BLOCK_ADDRESS / 4] === lo && i32[at + BLOCK_ADDRESS / 4 + 1] === hi;
      if (same && i32[at + BLOCK_FRAME / 4] === frame) break;
      block = i32[at + BLOCK_NEXT_OF_HASH / 4] as number;
    }
    return block;
  }

  addressOf(block: number): number {
    const at = (block + BLOCK_ADDRESS) >>> 2;
    return (this.memory.u32[at + 1] as number) * TWO_32 + (this.memory.u32[at] as number);
  }

  private count(block: number): number {
    return this.memory.u8[block + BLOCK_COUNT] as number;
  }

  /** How often a block of `count` instructions is run before it is hot. */
  private heatOf(count: number): number {
    return Math.max(1, Math.ceil(this.heat / count));
  }

  /** How often a block was run. */
  executions(block: number): number {
    const heats = 1 + (this.reheated.get(block) ?? 0);
    return heats * this.heatOf(this.count(block)) - this.countdown(block);
  }

  private countdown(block: number): number {
    const at = (block + BLOCK_COUNTDOWN) >>> 2;
    return (this.memory.u32[at] as number) + (this.memory.i32[at + 1] as number) * TWO_32;
  }

  private setCountdown(block: number, times: number): void {
    const at = (block + BLOCK_COUNTDOWN) >>> 2;
    this.memory.i32[at] = times | 0;
    this.memory.i32[at + 1] = Math.floor(times / TWO_32);
  }

  /** Lets the block run once more as often before it is hot. */
  reheat(block: number): void {
    this.setCountdown(block, this.countdown(block) + this.heatOf(this.count(block)));
    this.reheated.set(block, 1 + (this.reheated.get(block) ?? 0));
  }

  /** Drops all blocks of a frame with code in these lines, and their jumps; returns how many. */
  dropTouched(frame: number, lo: number, hi: number, jumps: JumpCache): number {
    const { i32 } = this.memory;
    let count = 0;
    let link = (FRAME_BLOCKS >>> 2) + frame;
    for (let block = i32[link] as number; block !== 0; block = i32[link] as number) {
      const [ownLo, ownHi] = this.lines(block);
      const next = (block + BLOCK_NEXT_OF_FRAME) >>> 2;
      if (((ownLo & lo) | (ownHi & hi)) === 0) {
        link = next;
        continue;
      }
      i32[link] = i32[next] as number;
      this.unhash(block);
      this.forget(block);
      jumps.forget(this.addressOf(block));
      count++;
    }
    return count;
  }

  private unhash(block: number): void {
    const { i32 } = this.memory;
    let link = hashEntry(this.addressOf(block)) >>> 2;
    while (i32[link] !== block && i32[link] !== 0) link = ((i32[link] as number) + BLOCK_NEXT_OF_HASH) >>> 2;
    if (i32[link] === block) i32[link] = i32[(block + BLOCK_NEXT_OF_HASH) >>> 2] as number;
  }

  /** Marks a block in no list as dropped. */
  forget(block: number): void {
    this.executed += this.executions(block) * this.count(block);
    this.memory.u8[block + BLOCK_COUNT] = 0;
    this.memory.i32[(block + BLOCK_FRAME) >>> 2] = 0;
  }

  /** The lines that the blocks of a frame were decoded from, as [lo, hi]. */
  linesOfFrame(frame: number): readonly [number, number] {
    const { i32 } = this.memory;
    let [lo, hi] = [0, 0];
    let block = i32[(FRAME_BLOCKS >>> 2) + frame] as number;
    for (; block !== 0; block = i32[(block + BLOCK_NEXT_OF_FRAME) >>> 2] as number) {
      const [ownLo, ownHi] = this.lines(block);
      lo |= ownLo;
      hi |= ownHi;
    }
    return [lo, hi];
  }

  private lines(block: number): readonly [number, number] {
    const first = (this.memory.i32[(block + BLOCK_ADDRESS) >>> 2] as number) & PAGE_MASK;
    const last = first + this.memory.view.getUint16(block + BLOCK_LENGTH, true) - 1;
    return lineMasks(first >>> CODE_LINE_SHIFT, last >>> CODE_LINE_SHIFT);
  }

  private each(visit: (block: number) => void): void {
    const end = this.next;
    for (let block = FIRST_BLOCK; block < end;) {
      const records = this.memory.u8[block + BLOCK_RECORDS] as number;
      visit(block);
      block += BLOCK_HEADER + records * RECORD_SIZE;
    }
  }

  /** Drops all blocks; returns the frames that they were decoded from. */
  reset(): ReadonlySet<number> {
    const { i32, u8 } = this.memory;
    const frames = new Set<number>();
    this.each((block) => {
      const frame = i32[(block + BLOCK_FRAME) >>> 2] as number;
      if (frame !== 0) frames.add(frame);
      if (this.count(block) !== 0) this.forget(block);
    });
    for (const frame of frames) i32[(FRAME_BLOCKS >>> 2) + frame] = 0;
    u8.fill(0, BLOCK_HASH, BLOCK_HASH + BLOCK_HASH_ENTRIES * 4);
    i32[NEXT] = FIRST_BLOCK;
    this.reheated.clear();
    return frames;
  }

  /** Calls `visit` for each block in the lists. */
  eachListed(visit: (address: number, frame: number, instructions: number) => void): void {
    this.each((block) => {
      const frame = this.memory.i32[(block + BLOCK_FRAME) >>> 2] as number;
      if (frame !== 0) visit(this.addressOf(block), frame, this.executions(block) * this.count(block));
    });
  }

  /** Instructions run in blocks, whole blocks counted. */
  get instructions(): number {
    let sum = this.executed;
    this.each((block) => {
      if (this.count(block) !== 0) sum += this.executions(block) * this.count(block);
    });
    return sum;
  }
}
