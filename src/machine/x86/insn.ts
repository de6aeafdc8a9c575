/**
 * Decoded instructions. A Form is what an instruction's semantics may depend on when code is emitted: equal forms share
 * one interpreter handler. An Insn is one form with its operands' values.
 */

/** Where an operand comes from. `high`: one of ah, ch, dh, bh; `vsib`: memory, by a vector of `size` bytes. */
export type OperandKind = 'gpr' | 'high' | 'xmm' | 'mmx' | 'st' | 'seg' | 'mem' | 'vsib' | 'imm';

export interface OperandForm {
  readonly kind: OperandKind;
  /** Bytes: 1, 2, 4, 8, 10, 16, 32, or what the instruction touches (fxsave: 512); 0 for lea's and prefetch's memory. */
  readonly size: number;
}

export type Rep = '' | 'rep' | 'repne';

export interface Form {
  /** Number of this form, in order of first use; forms are interned. */
  readonly id: number;
  /** What tells it from all others, the same in every run: 'add 4 gpr4,imm4'. */
  readonly key: string;
  /** Lower case, as in the manual; jcc, setcc and cmovcc are 'jcc', 'setcc', 'cmovcc' with `cc`. */
  readonly mnemonic: string;
  /** The operand-size attribute in bytes (1, 2, 4, 8); for vector instructions 16 or 32. */
  readonly size: number;
  readonly operands: readonly OperandForm[];
  /** Condition code 0..15 (o no b ae e ne be a s ns p np l ge le g) of jcc, setcc, cmovcc; else -1. */
  readonly cc: number;
  /** f3 and f2 where they repeat a string instruction; else ''. */
  readonly rep: Rep;
  /**
   * 4 after a 67 prefix, where registers are implied: string instructions, loop, jrcxz. Else 8: memory operands carry
   * their own address size, so that this rare prefix does not double the forms.
   */
  readonly addressSize: 4 | 8;
}

export interface RegisterOperand {
  readonly kind: 'gpr' | 'high' | 'xmm' | 'mmx' | 'st' | 'seg';
  /** Number of the register; for `high`, of the register whose bits 8..15 are meant (ah: 0). */
  readonly index: number;
}
export interface MemoryOperand {
  /** `vsib`: the index is a vector register, whose lanes each make an address. */
  readonly kind: 'mem' | 'vsib';
  /** Number of the base register, or -1. RIP-relative addresses are resolved: no base, the target in `disp`. */
  readonly base: number;
  readonly index: number;
  /** Shift of the index: 0..3. */
  readonly scale: number;
  /** A whole number: a sign-extended 32-bit displacement, or an absolute address. */
  readonly disp: number;
  /** SEG_FLAT, SEG_FS or SEG_GS (layout.ts). */
  readonly segment: number;
  /**
   * 4: the sum of base, index and disp is cut to 32 bits before the segment's base is added (67 prefix). Where neither
   * base nor index is there, disp is cut already and this is 8.
   */
  readonly addressSize: 4 | 8;
}
export interface ImmediateOperand {
  readonly kind: 'imm';
  /** The value as 64 bits, already extended as the instruction extends it; a relative branch's is its target. */
  readonly lo: number;
  readonly hi: number;
}
export type Operand = RegisterOperand | MemoryOperand | ImmediateOperand;

export interface Insn {
  readonly form: Form;
  readonly address: number;
  readonly length: number;
  readonly operands: readonly Operand[];
  readonly lock: boolean;
}
