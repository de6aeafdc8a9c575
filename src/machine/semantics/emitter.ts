import type { Expr, ValType } from '../wasm/expr.js';
import type { Hint } from '../wasm/function.js';
import type { Form } from '../x86/insn.js';
import type { Helper } from './helper.js';

/**
 * What an instruction's meaning is written against. Two emitters exist: the interpreter's, for which operands are
 * fields of a decoded record, and the translator's, for which they are known. A semantic function must not ask which.
 *
 * Rules:
 * - Resolve every memory operand (read, modify, probe) and raise every fault before the first write to a register, to
 *   flags or to memory, so that a fault leaves the instruction undone. A write to memory is itself such a fault: it
 *   comes before writes to registers and flags. (`rep` strings may stop between two iterations.)
 * - An Expr read from a register is good until that register is written: `let` what must outlive a write.
 * - Integer values of 1, 2 and 4 bytes are i32, zero-extended; of 8 bytes i64; of 16 bytes v128. What is written may
 *   have garbage above the size.
 */
export interface Emitter {
  readonly form: Form;

  // Values
  /** Evaluates now, into a fresh local. */
  let(value: Expr): Expr;
  /** A variable, for loops and joins. */
  variable(initial: Expr): Variable;
  /** `hint`: which way it usually goes. */
  if(cond: Expr, then: () => void, otherwise?: () => void, hint?: Hint): void;
  /** Repeats `body` while the condition that it returns is not 0. */
  loop(body: () => Expr): void;

  // Operands, by position
  /** Operand `k` as an integer or v128 of its own size; a vector register of size 4 or 8 gives its low part as i32, i64;
   * an x87 register (kind 'st') gives its number i of st(i), a segment register its own (0 es .. 5 gs), as i32. */
  read(k: number): Expr;
  /** Operand `k` (vector register or memory) of 4 or 8 bytes as a float. */
  readFloat(k: number): Expr;
  /**
   * Writes operand `k`. General registers: 4 bytes clear the upper half, 1 and 2 keep the rest. Vector registers: v128
   * writes all; i64, i32, f64, f32 write the low part and keep the rest. MMX registers: i64, and the bits above it in
   * the x87 register become ones.
   */
  write(k: number, value: Expr): void;
  /** Reads operand `k` for writing: memory is checked for both first, and `write` then cannot fault. */
  modify(k: number): Modified;
  /** Immediate operand `k` in the type of an operand of `size` bytes (default: the form's size). */
  imm(k: number, size?: number): Expr;
  /** A register or memory operand's index or immediate is not for semantics; its kind is, through `form.operands`. */
  /** Address of memory operand `k`, i64, segment base included. */
  address(k: number): Expr;
  /** The address `past` bytes (i64) behind that of operand `k`; after a 67 prefix the sum is cut to 4 bytes. */
  addressPast(k: number, past: Expr): Expr;
  /** address(k) without the segment base, as lea has it (cut to 4 bytes after a 67 prefix). */
  offset(k: number): Expr;

  // Upper halves of the vector registers, which VEX instructions have. `read` gives a register of 32 bytes' lower half, and
  // `write` leaves the upper one alone.
  readUpper(k: number): Expr;
  writeUpper(k: number, value: Expr): void;
  upper(index: number): Expr;
  setUpper(index: number, value: Expr): void;
  /** Those of all registers become 0. */
  zeroUppers(): void;
  /** 32 bytes as two v128; a store writes all of them or none. */
  loadPair(address: Expr): Pair;
  storePair(address: Expr, values: Pair): void;

  /** Memory operand `k` of kind 'vsib': an address is base + (index << scale), of one of the index's lanes. All are i64. */
  vectorAddress(k: number): VectorAddress;

  // Implicit registers (RAX.. of layout.ts)
  gpr(index: number, size: number): Expr;
  setGpr(index: number, size: number, value: Expr): void;
  xmm(index: number): Expr;
  setXmm(index: number, value: Expr): void;
  /** fs and gs bases, i64. */
  segmentBase(segment: number): Expr;
  setSegmentBase(segment: number, value: Expr): void;
  /** A 32-bit or 64-bit field of the CPU block that is never cached: everything but registers, flags and rip. */
  state(type: ValType, offset: number): Expr;
  setState(offset: number, value: Expr): void;

  // Memory, at an i64 address with segment base. Sizes 1, 2, 4 (i32), 8 (i64), 16 (v128); 'f32' and 'f64' for floats.
  load(size: number | 'f32' | 'f64', address: Expr): Expr;
  store(size: number | 'f32' | 'f64', address: Expr, value: Expr): void;
  modifyAt(size: number, address: Expr): Modified;
  /** Faults unless `size` bytes (at most 4096) at `address` can be written (or read). */
  probe(size: number, address: Expr, access: 'read' | 'write'): void;
  /** Whether whole pieces of memory should be copied and filled, by `span`. */
  readonly hasSpans: boolean;
  /**
   * Faults unless `count` (i32, at least 1) bytes from `address` on, all in one page, can be read (or written). Returns
   * their offset in the WebAssembly memory, i32, for `copyBytes` and `fillBytes`; good until the next access that may
   * fault. Code made from bytes that are to be written is dropped.
   */
  span(count: Expr, address: Expr, access: 'read' | 'write'): Expr;
  /** memory.copy and memory.fill, on offsets that `span` gave. */
  copyBytes(to: Expr, from: Expr, count: Expr): void;
  fillBytes(to: Expr, byte: Expr, count: Expr): void;

  // Arithmetic flags
  /**
   * Sets all six flags lazily: see semantics/flags.ts for what x and y mean for each kind. `size` is the operand's.
   * With a condition (i32), only where it is not 0. x and y may be any trees without side effects; they are evaluated
   * once and now, or not at all if nothing reads these flags.
   */
  setFlags(kind: number, size: number, x: Expr, y?: Expr, onlyIf?: Expr): void;
  /**
   * Replaces the flags in `mask` (of flags.ts) by those bits of `bits` (i32, nothing else set) and keeps the others.
   * `bits` and `onlyIf` are as in setFlags.
   */
  mergeFlags(mask: number, bits: Expr, onlyIf?: Expr): void;
  /** One flag as i32 0 or 1. */
  flag(flag: Flag): Expr;
  /** Condition code 0..15 as i32 0 or 1. */
  condition(cc: number): Expr;
  /** The six arithmetic flags at their places in RFLAGS, i32. */
  arithmeticFlags(): Expr;

  // Control. Each ends the instruction; nothing may be emitted behind it (but behind an `...If`).
  /** Address of this and of the next instruction, i64. */
  thisAddress(): Expr;
  nextAddress(): Expr;
  /** To the target (operand 0, an immediate) if the condition, an i32, is not 0; else on to the next instruction. */
  branchIf(cond: Expr): void;
  /** To operand 0's immediate target, or to a computed i64 address. `call`: the return address is already pushed. */
  jump(kind: JumpKind, target?: Expr): void;
  /** Where a return most likely goes, an address that is canonical (i64); null where nothing is known. */
  likelyReturn(): Expr | null;
  /** The syscall instruction; rcx and r11 are set already. */
  syscall(): void;
  /** Raises an exception: a fault reports this instruction's address, a trap the next one's. */
  raise(vector: number, kind: 'fault' | 'trap'): void;
  raiseIf(cond: Expr, vector: number, kind?: 'fault' | 'trap'): void;

  /** Calls a helper; `callValue` where it returns something. */
  call(helper: Helper, ...args: Expr[]): void;
  callValue(helper: Helper, ...args: Expr[]): Expr;
}

export interface VectorAddress {
  readonly base: Expr;
  readonly index: Pair;
  readonly scale: Expr;
}

/** Lower and upper half. */
export type Pair = readonly [lower: Expr, upper: Expr];

export interface Variable {
  get(): Expr;
  set(value: Expr): void;
}

export interface Modified {
  readonly value: Expr;
  write(value: Expr): void;
}

export type Flag = 'CF' | 'PF' | 'AF' | 'ZF' | 'SF' | 'OF';
export type JumpKind = 'jump' | 'call' | 'ret';

/** Exception vectors (SDM volume 3, 6.3.1). */
export const VECTOR_DE = 0;
export const VECTOR_DB = 1;
export const VECTOR_BP = 3;
export const VECTOR_OF = 4;
export const VECTOR_UD = 6;
export const VECTOR_SS = 12;
export const VECTOR_GP = 13;
export const VECTOR_PF = 14;
export const VECTOR_MF = 16;
export const VECTOR_AC = 17;
export const VECTOR_XM = 19;
/** No exception: the trap flag has been set, so that the code has to be left. */
export const VECTOR_TRACE = 0x100;

/** The meaning of one mnemonic, for every form it has. */
export type Semantics = (e: Emitter) => void;
export type SemanticsTable = Readonly<Record<string, Semantics>>;
