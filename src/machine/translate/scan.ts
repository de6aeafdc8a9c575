import { RAX } from '../layout.js';
import { F32, F64, I32, I64, V128, i32, i64, localGet, type Expr, type ValType } from '../wasm/expr.js';
import type {
  Emitter,
  Flag,
  JumpKind,
  Modified,
  Pair,
  Semantics,
  Variable,
  VectorAddress,
} from '../semantics/emitter.js';
import { KIND_RAW, packKind } from '../semantics/flags.js';
import type { Form, Insn, OperandForm } from '../x86/insn.js';
import type { Helper } from '../semantics/helper.js';
import { isConst, isNumber } from '../semantics/width.js';

/** How an instruction ends. 'next': it always goes on behind itself, if it does not fault. */
export type Control = 'next' | 'branch' | JumpKind | 'syscall' | 'raise';

/** Flags after an instruction: as before, of one packed kind, or not known when code is emitted. */
export const FLAGS_KEPT = -1;
export const FLAGS_UNKNOWN = -2;

/** What an instruction touches, as far as its form and immediates tell. Masks have a bit for each register. */
export interface Effects {
  /** Operands read, and written, by position. */
  operandsRead: number;
  operandsWritten: number;
  /** Registers that are not operands. */
  gprRead: number;
  gprWritten: number;
  xmmRead: number;
  xmmWritten: number;
  flagsRead: boolean;
  /** FLAGS_KEPT, FLAGS_UNKNOWN, or a packed kind (semantics/flags.ts). */
  flags: number;
  /** Whether it can leave the region in its middle: a memory access, an exception. */
  leaves: boolean;
  control: Control;
}

const ALWAYS = i32.const(1);

/** The type in which an operand of `size` bytes is handled. */
export function typeOf(size: number): ValType {
  if (size === 8) return I64;
  return size >= 16 ? V128 : I32;
}

/** Runs an instruction's semantics without emitting anything, and notes what it touches. */
class ScanEmitter implements Emitter {
  readonly hasSpans = true;
  readonly effects: Effects = {
    operandsRead: 0,
    operandsWritten: 0,
    gprRead: 0,
    gprWritten: 0,
    xmmRead: 0,
    xmmWritten: 0,
    flagsRead: false,
    flags: FLAGS_KEPT,
    leaves: false,
    control: 'next',
  };
  private nesting = 0;

  constructor(
    readonly form: Form,
    private readonly insn: Insn,
  ) {}

  private operand(k: number): OperandForm {
    const operand = this.form.operands[k];
    if (operand === undefined) throw new Error(`${this.form.mnemonic} has no operand ${k}`);
    return operand;
  }

  private value(type: ValType): Expr {
    return localGet(type, 0);
  }

  let(value: Expr): Expr {
    return value.a === null && value.args === null ? value : this.value(value.type);
  }
  variable(initial: Expr): Variable {
    return { get: () => this.value(initial.type), set: () => undefined };
  }
  if(_cond: Expr, then: () => void, otherwise?: () => void): void {
    this.nested(then);
    if (otherwise !== undefined) this.nested(otherwise);
  }
  loop(body: () => Expr): void {
    this.nested(body);
  }
  private nested(body: () => void): void {
    this.nesting++;
    body();
    this.nesting--;
  }

  read(k: number): Expr {
    const { kind, size } = this.operand(k);
    if (kind === 'imm') return this.imm(k, size);
    this.touch(k, false);
    return this.value(typeOf(size));
  }
  readFloat(k: number): Expr {
    this.touch(k, false);
    return this.value(this.operand(k).size === 4 ? F32 : F64);
  }
  write(k: number): void {
    this.touch(k, true);
    const { kind, size } = this.operand(k);
    const keepsRest = kind === 'high' || (kind === 'gpr' && size < 4) || (kind === 'xmm' && size < 16);
    if (keepsRest || this.nesting > 0) this.touch(k, false);
  }
  modify(k: number): Modified {
    this.touch(k, false);
    this.touch(k, true);
    return { value: this.value(typeOf(this.operand(k).size)), write: () => undefined };
  }
  private touch(k: number, write: boolean): void {
    if (write) this.effects.operandsWritten |= 1 << k;
    else this.effects.operandsRead |= 1 << k;
    if (this.operand(k).kind === 'mem') this.effects.leaves = true;
  }
  imm(k: number, size = this.form.size): Expr {
    const operand = this.insn.operands[k];
    if (operand?.kind !== 'imm') return this.value(size === 8 ? I64 : I32);
    return size === 8 ? i64.const(operand.lo, operand.hi) : i32.const(operand.lo);
  }
  address(): Expr {
    return this.value(I64);
  }
  addressPast(): Expr {
    return this.value(I64);
  }
  offset(): Expr {
    return this.value(I64);
  }

  gpr(index: number, size: number): Expr {
    this.effects.gprRead |= 1 << index;
    return this.value(typeOf(size));
  }
  setGpr(index: number, size: number): void {
    this.effects.gprWritten |= 1 << index;
    if (size < 4 || this.nesting > 0) this.effects.gprRead |= 1 << index;
  }
  xmm(index: number): Expr {
    this.effects.xmmRead |= 1 << index;
    return this.value(V128);
  }
  setXmm(index: number): void {
    this.effects.xmmWritten |= 1 << index;
    if (this.nesting > 0) this.effects.xmmRead |= 1 << index;
  }
  /** Upper halves lie in the CPU block. */
  readUpper(): Expr {
    return this.value(V128);
  }
  writeUpper(): void {}
  upper(): Expr {
    return this.value(V128);
  }
  setUpper(): void {}
  zeroUppers(): void {}
  vectorAddress(): VectorAddress {
    this.effects.leaves = true;
    return { base: this.value(I64), index: [this.value(V128), this.value(V128)], scale: this.value(I64) };
  }
  segmentBase(): Expr {
    return this.value(I64);
  }
  setSegmentBase(): void {}
  state(type: ValType): Expr {
    return this.value(type);
  }
  setState(): void {}

  load(size: number | 'f32' | 'f64'): Expr {
    this.effects.leaves = true;
    if (typeof size === 'string') return this.value(size === 'f32' ? F32 : F64);
    return this.value(typeOf(size));
  }
  store(): void {
    this.effects.leaves = true;
  }
  loadPair(): Pair {
    this.effects.leaves = true;
    return [this.value(V128), this.value(V128)];
  }
  storePair(): void {
    this.effects.leaves = true;
  }
  modifyAt(size: number): Modified {
    this.effects.leaves = true;
    return { value: this.value(typeOf(size)), write: () => undefined };
  }
  probe(): void {
    this.effects.leaves = true;
  }
  span(): Expr {
    this.effects.leaves = true;
    return this.value(I32);
  }
  copyBytes(): void {}
  fillBytes(): void {}

  setFlags(kind: number, size: number, _x: Expr, _y?: Expr, onlyIf: Expr = ALWAYS): void {
    if (isNumber(onlyIf, 0)) return;
    const always = this.nesting === 0 && isConst(onlyIf);
    this.effects.flags = always ? packKind(kind, size) : FLAGS_UNKNOWN;
  }
  mergeFlags(_mask: number, _bits: Expr, onlyIf?: Expr): void {
    this.effects.flagsRead = true;
    this.setFlags(KIND_RAW, 4, ALWAYS, ALWAYS, onlyIf);
  }
  flag(_flag: Flag): Expr {
    this.effects.flagsRead = true;
    return this.value(I32);
  }
  condition(): Expr {
    this.effects.flagsRead = true;
    return this.value(I32);
  }
  arithmeticFlags(): Expr {
    this.effects.flagsRead = true;
    return this.value(I32);
  }

  thisAddress(): Expr {
    return i64.num(this.insn.address);
  }
  nextAddress(): Expr {
    return i64.num(this.insn.address + this.insn.length);
  }
  likelyReturn(): null {
    return null;
  }
  branchIf(): void {
    this.effects.control = 'branch';
  }
  jump(kind: JumpKind): void {
    this.effects.control = kind;
  }
  syscall(): void {
    this.effects.control = 'syscall';
  }
  raise(): void {
    this.effects.leaves = true;
    if (this.nesting === 0) this.effects.control = 'raise';
  }
  raiseIf(): void {
    this.effects.leaves = true;
  }

  call(): void {}
  callValue(helper: Helper): Expr {
    return this.value(helper.result ?? I32);
  }
}

/** Immediates are part of the key, since semantics may decide by them; past this many keys all are forgotten. */
const MOST_KEYS = 1 << 15;

/** Finds instructions' effects, and remembers them by form and immediates. */
export class Scanner {
  private readonly known = new Map<string, Effects>();

  constructor(private readonly semanticsOf: (form: Form) => Semantics | undefined) {}

  /** Null for an instruction without semantics. */
  effects(insn: Insn): Effects | null {
    const key = keyOf(insn);
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const semantics = this.semanticsOf(insn.form);
    if (semantics === undefined) return null;
    const scan = new ScanEmitter(insn.form, insn);
    semantics(scan);
    if (this.known.size === MOST_KEYS) this.known.clear();
    this.known.set(key, scan.effects);
    return scan.effects;
  }
}

function keyOf(insn: Insn): string {
  let key = `${insn.form.id}`;
  for (const operand of insn.operands) {
    if (operand.kind === 'imm' && insn.form.size <= 8) key += `:${operand.lo},${operand.hi}`;
  }
  return key;
}

/** What an instruction reads and writes, operands and other registers alike: bits 0..15 general, 16..31 xmm. */
export function registersOf(insn: Insn, effects: Effects): { reads: number; writes: number } {
  let reads = effects.gprRead | (effects.xmmRead << 16);
  let writes = effects.gprWritten | (effects.xmmWritten << 16);
  insn.operands.forEach((operand, k) => {
    if (operand.kind === 'mem') reads |= bitOf(operand.base) | bitOf(operand.index);
    if (operand.kind === 'vsib') reads |= bitOf(operand.base) | (1 << (16 + operand.index));
    if (operand.kind === 'mem' || operand.kind === 'vsib' || operand.kind === 'imm') return;
    const bit = operand.kind === 'xmm' ? 1 << (16 + operand.index) : bitOf(operand.index);
    if (operand.kind !== 'xmm' && operand.kind !== 'gpr' && operand.kind !== 'high') return;
    if ((effects.operandsRead & (1 << k)) !== 0) reads |= bit;
    if ((effects.operandsWritten & (1 << k)) !== 0) writes |= bit;
  });
  return { reads, writes };
}

/** The target of a direct branch, jump or call, or -1; negative, too, in the kernel's half. */
export function targetOf({ operands }: Insn): number {
  const [operand] = operands;
  return operand?.kind === 'imm' ? operand.hi * 4294967296 + (operand.lo >>> 0) : -1;
}

/** Two bytes of zero, `add [rax], al`: no code, but what lies behind a call that never comes back. */
export function isZeros({ form, length, operands }: Insn): boolean {
  const [target, source] = operands;
  if (form.mnemonic !== 'add' || length !== 2) return false;
  return target?.kind === 'mem' && target.base === RAX && source?.kind === 'gpr' && source.index === RAX;
}

function bitOf(register: number): number {
  return register < 0 ? 0 : 1 << register;
}
