import {
  RECORD_BASE,
  RECORD_DISP,
  RECORD_FOURTH,
  RECORD_HANDLER,
  RECORD_IMM,
  RECORD_INDEX,
  RECORD_OPERANDS,
  RECORD_PLACE,
  RECORD_SCALE,
  RECORD_SEGMENT,
  registerField,
} from '../../src/machine/interpret/record.js';
import { HANDLER_ADDRESS } from '../../src/machine/interpret/handlers.js';
import {
  CPU_ADDRESS,
  CPU_GPR,
  CPU_SEGMENT,
  CPU_XMM,
  CPU_ZERO,
  RECORD_SIZE,
} from '../../src/machine/layout.js';
import type { ImmediateOperand, Insn, MemoryOperand, Operand } from '../../src/machine/x86/insn.js';

const TWO_32 = 0x100000000;

/** Writes the records that the core module's decoder should write. */
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
      if (operand.kind === 'mem' || operand.kind === 'vsib') this.memory(at, operand);
      else if (operand.kind === 'imm') this.immediate(at, operand, immediates++);
      else
        view.setUint16(
          at + (k === 3 ? RECORD_FOURTH : RECORD_OPERANDS + 2 * k),
          registerField(operand),
          true,
        );
    }
  }

  private memory(at: number, { kind, base, index, segment, scale, disp }: MemoryOperand): void {
    const { view } = this;
    view.setUint16(at + RECORD_BASE, base < 0 ? CPU_ZERO : CPU_GPR + 8 * base, true);
    const indexField = kind === 'mem' ? CPU_GPR + 8 * index : CPU_XMM + 16 * index;
    view.setUint16(at + RECORD_INDEX, index < 0 ? CPU_ZERO : indexField, true);
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
