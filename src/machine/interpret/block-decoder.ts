import { spansOf, type Code } from '../code/code.js';
import type { Fetcher } from '../code/fetch.js';
import { DECODED_END, PAGE_SIZE } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import { DECODE_INVALID } from '../x86/decode.js';
import type { Insn } from '../x86/insn.js';
import { FLAGS_UNKNOWN } from './handler-emitter.js';
import type { HandlerTable } from './handler-table.js';
import { HANDLER_ADDRESS, HANDLER_END, HANDLER_START } from './handlers.js';
import {
  BLOCK_COUNTDOWN,
  BLOCK_HEADER,
  FIRST_BLOCK,
  RECORD_SIZE,
  RecordWriter,
  START_RECORD,
  STEP_RECORDS,
} from './record.js';

/** Most instructions in a block, and what that needs in the arena. */
const MOST_INSNS = 32;
const MOST_BYTES = BLOCK_HEADER + (2 * MOST_INSNS + 1) * RECORD_SIZE;
const TWO_32 = 0x100000000;

/** Makes blocks of records in the arena. */
export class BlockDecoder {
  private next = FIRST_BLOCK;
  private readonly writer: RecordWriter;
  /** Where the next record goes, and what the flags are there. */
  private at = 0;
  private flags = FLAGS_UNKNOWN;

  /** `heat`: how many instructions of a block are interpreted before it is hot. */
  constructor(
    private readonly memory: MachineViews,
    private readonly handlers: HandlerTable,
    private readonly fetcher: Fetcher,
    private readonly heat: number,
  ) {
    this.writer = new RecordWriter(memory.view);
    this.writer.writeTarget(START_RECORD, HANDLER_START, 0);
  }

  get isFull(): boolean {
    return this.next + MOST_BYTES > DECODED_END;
  }

  /** Forgets all blocks. */
  reset(): void {
    this.next = FIRST_BLOCK;
  }

  /**
   * Decodes from `address`, whose page's frame is `frame`, to the end of the page, the first instruction that ends a
   * block, or one that cannot be decoded. An instruction over the page's end has a block of its own. Returns what
   * `decode` says when there is not even one.
   */
  decode(address: number, frame: number): Code | number {
    const block = this.next;
    const page = address - (address % PAGE_SIZE);
    this.at = block + BLOCK_HEADER;
    this.flags = FLAGS_UNKNOWN;
    let pc = address;
    let count = 0;
    let ended = false;
    while (!ended && count < MOST_INSNS && pc < page + PAGE_SIZE) {
      const insn = this.fetcher.fetch(pc, frame);
      const straddles = typeof insn !== 'number' && pc + insn.length > page + PAGE_SIZE;
      const handler = typeof insn === 'number' ? -1 : this.handlers.find(insn, this.flags);
      if (typeof insn === 'number' || handler < 0 || (straddles && count > 0)) {
        if (count > 0) break;
        return typeof insn === 'number' ? insn : DECODE_INVALID;
      }
      ended = this.append(insn, handler);
      pc += insn.length;
      count++;
    }
    if (!ended) this.end(pc);
    this.next = this.at;
    this.setCountdown(block, this.heatOf(count));
    return {
      address,
      spans: spansOf([address, pc], this.fetcher.frameOf),
      block,
      count,
      slot: 0,
      checkedIn: -1,
    };
  }

  /** Decodes one instruction out of turn, so that no line is marked as code. Returns its first record. */
  step(insn: Insn): number {
    this.at = STEP_RECORDS;
    const handler = this.handlers.find(insn, FLAGS_UNKNOWN);
    if (handler < 0) return 0;
    if (!this.append(insn, handler)) this.end(insn.address + insn.length);
    return STEP_RECORDS;
  }

  /** Returns whether the instruction ends the block. */
  private append(insn: Insn, handler: number): boolean {
    const short = insn.operands.some((operand) => operand.kind === 'mem' && operand.addressSize === 4);
    if (short) {
      this.writer.write(this.at, HANDLER_ADDRESS, insn);
      this.at += RECORD_SIZE;
    }
    this.writer.write(this.at, handler, insn);
    if (short) this.writer.useAddress(this.at);
    this.at += RECORD_SIZE;
    this.flags = this.handlers.flagsAfter(handler, this.flags);
    return this.handlers.ends(handler);
  }

  private end(pc: number): void {
    this.writer.writeTarget(this.at, HANDLER_END, pc);
    this.at += RECORD_SIZE;
  }

  private setCountdown(block: number, count: number): void {
    const at = (block + BLOCK_COUNTDOWN) / 4;
    this.memory.i32[at] = count | 0;
    this.memory.i32[at + 1] = Math.floor(count / TWO_32);
  }

  /** How often a block of `count` instructions is run before it is hot. */
  private heatOf(count: number): number {
    return Math.max(1, Math.ceil(this.heat / count));
  }

  /** How often a block was run. */
  executions(code: Code): number {
    const at = (code.block + BLOCK_COUNTDOWN) / 4;
    const left = (this.memory.u32[at] as number) + (this.memory.i32[at + 1] as number) * TWO_32;
    return this.heatOf(code.count) - left;
  }
}
