import type { Blocks } from '../code/blocks.js';
import { BLOCK_HEADER } from '../code/blocks.js';
import { spansOf, type Code } from '../code/code.js';
import type { Fetcher } from '../code/fetch.js';
import { RECORD_SIZE, START_RECORD, STEP_RECORDS } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import { DECODE_INVALID } from '../x86/decode.js';
import type { Insn } from '../x86/insn.js';
import { FLAGS_UNKNOWN } from './handler-emitter.js';
import type { HandlerTable } from './handler-table.js';
import { HANDLER_END, HANDLER_START } from './handlers.js';
import { RecordWriter } from './record.js';

/** The core module's decoder (decoder.ts): the block's offset, or 0. */
export type DecodeBlock = (address: number, frame: number) => number;

/**
 * Makes what the core module's decoder does not: blocks of one instruction that lies in two pages, and single instructions
 * out of turn. From it comes what is to be said of an instruction that there is not, too.
 */
export class BlockDecoder {
  private readonly writer: RecordWriter;
  private handlers: HandlerTable | null = null;
  /** Set once the core module has an instance. */
  decodeBlock: DecodeBlock = () => 0;

  constructor(
    memory: MachineViews,
    private readonly makeHandlers: () => HandlerTable,
    private readonly fetcher: Fetcher,
    private readonly blocks: Blocks,
  ) {
    this.writer = new RecordWriter(memory.view);
    this.writer.writeTarget(START_RECORD, HANDLER_START, 0);
  }

  /** Returns what `decode` says where there is no instruction. */
  decodeUnlisted(address: number, frame: number): Code | number {
    const insn = this.fetcher.fetch(address, frame);
    if (typeof insn === 'number') return insn;
    const end = this.append(this.blocks.next + BLOCK_HEADER, insn);
    if (end === 0) return DECODE_INVALID;
    const records = (end - this.blocks.next - BLOCK_HEADER) / RECORD_SIZE;
    return {
      address,
      spans: spansOf([address, address + insn.length], this.fetcher.frameOf),
      block: this.blocks.addUnlisted(address, insn.length, records),
      slot: 0,
      checkedIn: -1,
    };
  }

  /** Decodes one instruction out of turn, so that no line is marked as code. Returns its first record. */
  step(insn: Insn): number {
    return this.append(STEP_RECORDS, insn) === 0 ? 0 : STEP_RECORDS;
  }

  /** Writes the instruction's records, and leaves the block behind it. Returns where they end, or 0 without handler. */
  private append(start: number, insn: Insn): number {
    this.handlers ??= this.makeHandlers();
    const handler = this.handlers.find(insn, FLAGS_UNKNOWN);
    if (handler < 0) return 0;
    const at = this.writer.writeAll(start, handler, insn);
    if (this.handlers.ends(handler)) return at;
    this.writer.writeTarget(at, HANDLER_END, insn.address + insn.length);
    return at + RECORD_SIZE;
  }
}
