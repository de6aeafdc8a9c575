import { BLOCK_HEADER } from '../code/block-lists.js';
import type { Blocks } from '../code/blocks.js';
import { spansOf, type Code } from '../code/code.js';
import type { Fetcher } from '../code/fetch.js';
import { PAGE_TAIL, RECORD_SIZE, STEP_RECORDS } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import { DECODE_INVALID, DECODE_TRUNCATED } from '../x86/decode.js';
import { HANDLER_END } from './handlers.js';
import { RECORD_HANDLER, RECORD_IMM, RESULT_LENGTH, RESULT_RECORDS } from './record.js';

/** The core module's decoder (decoder.ts). */
export interface CoreDecoder {
  /** The block's offset, or 0. */
  makeBlockAt(address: number, frame: number): number;
  /** RESULT_*, or 0. */
  decodeInsnAt(place: number, address: number, record: number): number;
}

const TWO_32 = 0x100000000;

/**
 * Has the core module decode what it does not by itself: an instruction that lies in two pages, as a block, and single
 * instructions out of turn. Finds out what is to be said of an instruction that there is not, too.
 */
export class BlockDecoder {
  /** Set once the core module has an instance. */
  core: CoreDecoder = { makeBlockAt: () => 0, decodeInsnAt: () => 0 };

  constructor(
    private readonly memory: MachineViews,
    private readonly fetcher: Fetcher,
    private readonly blocks: Blocks,
  ) {}

  decodeBlock(address: number, frame: number): number {
    return this.core.makeBlockAt(address, frame);
  }

  /** Returns what `decode` says where there is no instruction. */
  decodeUnlisted(address: number, frame: number): Code | number {
    const result = this.decodeOne(address, frame, this.blocks.next + BLOCK_HEADER);
    if (result < 0) return result;
    const length = result & RESULT_LENGTH;
    const records = (result & RESULT_RECORDS) / RECORD_SIZE + 1;
    return {
      address,
      spans: spansOf([address, address + length], this.fetcher.frameOf),
      block: this.blocks.addUnlisted(address, length, records),
      slot: 0,
      isKept: false,
      checkedIn: -1,
    };
  }

  /** Decodes one instruction out of turn, so that no line is marked as code. Returns its first record, or as above. */
  step(address: number, frame: number): number {
    const result = this.decodeOne(address, frame, STEP_RECORDS);
    return result < 0 ? result : STEP_RECORDS;
  }

  /** Writes the instruction's records and one that leaves the block; RESULT_*, or what `decode` says. */
  private decodeOne(address: number, frame: number, record: number): number {
    const available = this.fetcher.copyTo(PAGE_TAIL, address, frame);
    const result = this.core.decodeInsnAt(PAGE_TAIL, address, record);
    if (result === 0) return this.failure(address, frame);
    const length = result & RESULT_LENGTH;
    if (length > available) return DECODE_TRUNCATED;
    this.writeEnd(record + (result & RESULT_RECORDS), address + length);
    return result;
  }

  private failure(address: number, frame: number): number {
    const insn = this.fetcher.fetch(address, frame);
    return typeof insn === 'number' ? insn : DECODE_INVALID;
  }

  private writeEnd(record: number, next: number): void {
    const { view } = this.memory;
    view.setUint16(record + RECORD_HANDLER, HANDLER_END, true);
    view.setInt32(record + RECORD_IMM, next | 0, true);
    view.setInt32(record + RECORD_IMM + 4, Math.floor(next / TWO_32), true);
  }
}
