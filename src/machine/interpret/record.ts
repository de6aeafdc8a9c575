/** A decoded instruction as the interpreter has it: RECORD_SIZE bytes in the arena (code/blocks.ts). */
import { CPU_GPR, CPU_X87, CPU_XMM } from '../layout.js';
import type { Operand } from '../x86/insn.js';

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
/** u16: the register of operand 3; then there is no immediate. */
export const RECORD_FOURTH = RECORD_IMM;

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

/** What `decodeInsn` returns: the instruction's length; bytes of its records; from this bit on, the handler's number. */
export const RESULT_LENGTH = 15;
export const RESULT_RECORDS = 0x60;
export const RESULT_HANDLER = 8;
