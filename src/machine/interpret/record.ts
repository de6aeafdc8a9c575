/** A decoded instruction as the interpreter has it: RECORD_SIZE bytes in the arena (code/blocks.ts). */
import { CPU_ADDRESS, CPU_GPR, CPU_SEGMENT, CPU_X87, CPU_XMM, CPU_ZERO, RECORD_SIZE } from '../layout.js';
import { HANDLER_ADDRESS } from './handlers.js';
import type { ImmediateOperand, Insn, MemoryOperand, Operand } from '../x86/insn.js';

/** u16: the handler (handlers.ts). */
export const RECORD_HANDLER = 0;
/** u16: the instruction's offset in its page << 4 | its length. */
export const RECORD_PLACE = 2;
/** u16 for each operand: where a register lies in the CPU block; an x87 or segment register's number. */
export const RECORD_OPERANDS = 4;
/** u16: where base and index register lie in the CPU block (CPU_ZERO: none). */
export const RECORD_BASE = 10;
export const RECORD_INDEX = 12;
/** u8: where the segment's base lies in the CPU block; u8: the index's shift. */
export const RECORD_SEGMENT = 14;
export const RECORD_SCALE = 15;
/** i64: the displacement; without memory operand the second immediate, or else the next instruction's address. */
export const RECORD_DISP = 16;
/** i64: the first immediate. */
export const RECORD_IMM = 24;

const TWO_32 = 0x100000000;

/** What a record's field has for an operand. */
export function registerField(operand: Operand): number {
  switch (operand.kind) {
    case 'gpr':
      return CPU_GPR + 8 * operand.index;
    case 'high':
      return CPU_GPR + 8 * operand.index + 1;
    case 'xmm':
      return CPU_XMM + 16 * operand.index;
    case 'mmx':
      return CPU_X87 + 16 * operand.index;
    case 'st':
    case 'seg':
      return operand.index;
    default:
      return 0;
  }
}

/** Writes records into the arena. */
export class RecordWriter {
  constructor(private readonly view: DataView) {}

  /** Writes the instruction's record, and one before it that makes an address of 32 bits. Returns where they end. */
  writeAll(at: number, handler: number, insn: Insn): number {
    const short = insn.operands.some((operand) => operand.kind === 'mem' && operand.addressSize === 4);
    if (!short) {
      this.write(at, handler, insn);
      return at + RECORD_SIZE;
    }
    this.write(at, HANDLER_ADDRESS, insn);
    this.write(at + RECORD_SIZE, handler, insn);
    this.useAddress(at + RECORD_SIZE);
    return at + 2 * RECORD_SIZE;
  }

  private write(at: number, handler: number, insn: Insn): void {
    const { view } = this;
    view.setUint16(at + RECORD_HANDLER, handler, true);
    view.setUint16(at + RECORD_PLACE, ((insn.address & 0xfff) << 4) | insn.length, true);
    this.long(at + RECORD_DISP, insn.address + insn.length);
    let immediates = 0;
    for (let k = 0; k < insn.operands.length; k++) {
      const operand = insn.operands[k] as Operand;
      if (operand.kind === 'mem') this.memory(at, operand);
      else if (operand.kind === 'imm') this.immediate(at, operand, immediates++);
      else view.setUint16(at + RECORD_OPERANDS + 2 * k, registerField(operand), true);
    }
  }

  private memory(at: number, { base, index, segment, scale, disp }: MemoryOperand): void {
    const { view } = this;
    view.setUint16(at + RECORD_BASE, base < 0 ? CPU_ZERO : CPU_GPR + 8 * base, true);
    view.setUint16(at + RECORD_INDEX, index < 0 ? CPU_ZERO : CPU_GPR + 8 * index, true);
    view.setUint8(at + RECORD_SEGMENT, CPU_SEGMENT + 8 * segment);
    view.setUint8(at + RECORD_SCALE, scale);
    this.long(at + RECORD_DISP, disp);
  }

  /** Makes the record take its address from CPU_ADDRESS, where an earlier record has put it. */
  private useAddress(at: number): void {
    this.view.setUint16(at + RECORD_BASE, CPU_ADDRESS, true);
    this.view.setUint16(at + RECORD_INDEX, CPU_ZERO, true);
    this.long(at + RECORD_DISP, 0);
  }

  private immediate(at: number, { lo, hi }: ImmediateOperand, order: number): void {
    const field = at + (order === 0 ? RECORD_IMM : RECORD_DISP);
    this.view.setInt32(field, lo, true);
    this.view.setInt32(field + 4, hi, true);
  }

  /** A record whose immediate is the address `target`. */
  writeTarget(at: number, handler: number, target: number): void {
    this.view.setUint16(at + RECORD_HANDLER, handler, true);
    this.long(at + RECORD_IMM, target);
  }

  private long(at: number, value: number): void {
    this.view.setInt32(at, value | 0, true);
    this.view.setInt32(at + 4, Math.floor(value / TWO_32) | 0, true);
  }
}
