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
import {
  BLOCK_ADDRESS,
  BLOCK_COUNT,
  BLOCK_COUNTDOWN,
  BLOCK_FRAME,
  BLOCK_HEADER,
  BLOCK_HEATS,
  BLOCK_LENGTH,
  BLOCK_NEXT_OF_FRAME,
  BLOCK_NEXT_OF_HASH,
  BLOCK_RECORDS,
  BlockLists,
  MOST_BLOCK_BYTES,
  hashEntry,
} from './block-lists.js';
import { lineMasks } from './code.js';
import type { JumpCache } from './jump-cache.js';

const NEXT = (CPU + CPU_NEXT_BLOCK) >>> 2;
const HEAT = (CPU + CPU_HEAT) >>> 2;
const DECODED_COUNT = (CPU + CPU_BLOCKS_DECODED) >>> 2;
const TWO_32 = 0x100000000;

/** Makes and drops blocks. */
export class Blocks extends BlockLists {
  /** Instructions that dropped blocks have run. */
  private executed = 0;

  /** `heat`: how many instructions of a block are interpreted before it is hot. */
  constructor(memory: MachineViews, heat: number) {
    super(memory);
    memory.i32[HEAT] = heat;
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
    i32[(block + BLOCK_COUNTDOWN) >>> 2] = this.heatOf(1);
    i32[(block + BLOCK_HEATS) >>> 2] = 0;
    i32[NEXT] = block + BLOCK_HEADER + records * RECORD_SIZE;
    i32[DECODED_COUNT] = this.decoded + 1;
    return block;
  }

  addressOf(block: number): number {
    const at = (block + BLOCK_ADDRESS) >>> 2;
    return (this.memory.u32[at + 1] as number) * TWO_32 + (this.memory.u32[at] as number);
  }

  /** Lets the block run so many times more as often before it is hot. */
  reheat(block: number, times: number): void {
    const { i32 } = this.memory;
    i32[(block + BLOCK_COUNTDOWN) >>> 2] =
      (i32[(block + BLOCK_COUNTDOWN) >>> 2] as number) + times * this.heatOf(this.count(block));
    i32[(block + BLOCK_HEATS) >>> 2] = (i32[(block + BLOCK_HEATS) >>> 2] as number) + times;
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
