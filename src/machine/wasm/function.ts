import { ByteWriter } from './bytes.js';
import {
  Expr,
  IMM_LANE,
  IMM_MEMORY,
  OP_CALL,
  OP_CALL_INDIRECT,
  OP_F32_CONST,
  OP_F64_CONST,
  OP_I32_CONST,
  OP_I64_CONST,
  OP_I8X16_SHUFFLE,
  OP_LOCAL_GET,
  OP_V128_CONST,
  PREFIX_FC,
  PREFIX_FD,
  localGet,
  type ValType,
} from './expr.js';

/** An open block, loop or if. A branch to a loop's label goes to its start, to another's to its end. */
export interface Label {
  readonly depth: number;
}

export const VOID = 0x40;

/** A function's body: runs of locals, code, end. */
export interface Body {
  readonly bytes: Uint8Array;
  /** Offsets of calls' operands, in the form that ByteWriter.settleUleb gives them, each followed by whom it calls. */
  readonly calls: readonly number[];
  /** Offsets of hinted branches, each followed by 1 (likely) or 0. */
  readonly hints: readonly number[];
}

/** What a module makes a function of. */
export interface BodySource {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
  body(): Body;
}

/** Which way an `if` usually goes: engines that know branch hints keep the other way out of the hot code's registers. */
export type Hint = 'likely' | 'unlikely';

/** Writes one function's body. Expressions are trees; blocks are opened and closed by calls that must nest. */
export class FunctionBuilder implements BodySource {
  private readonly code = new ByteWriter(1024);
  private readonly locals: ValType[] = [];
  private depth = 0;
  /** Offsets of hinted branches in the code, each followed by 1 (likely) or 0. */
  private readonly hints: number[] = [];
  /** Offsets of calls, each followed by whom it calls. */
  private readonly calls: number[] = [];

  constructor(
    readonly params: readonly ValType[],
    readonly results: readonly ValType[],
  ) {}

  /** Size of the code so far, in bytes. */
  get size(): number {
    return this.code.length;
  }

  /** A new local; zero at the function's start. */
  local(type: ValType): number {
    this.locals.push(type);
    return this.params.length + this.locals.length - 1;
  }

  get(index: number): Expr {
    const type = index < this.params.length ? this.params[index] : this.locals[index - this.params.length];
    return localGet(type as ValType, index);
  }

  set(index: number, value: Expr): void {
    this.push(value);
    this.code.u8(0x21);
    this.code.uleb(index);
  }

  /** Sets a local to the value on top of the stack. */
  setTop(index: number): void {
    this.code.u8(0x21);
    this.code.uleb(index);
  }

  /** Evaluates `value` now, into a fresh local. */
  let(value: Expr): Expr {
    if (value.op === OP_I32_CONST || value.op === OP_I64_CONST) return value;
    const index = this.local(value.type);
    this.set(index, value);
    return localGet(value.type, index);
  }

  /** Leaves the value of `x` on the stack. */
  push(x: Expr): void {
    if (x.args !== null) for (const arg of x.args) this.push(arg);
    if (x.a !== null) this.push(x.a);
    if (x.b !== null) this.push(x.b);
    if (x.c !== null) this.push(x.c);
    this.opcode(x.op);
    this.immediate(x);
  }

  private opcode(op: number): void {
    if (op < 0x100) return this.code.u8(op);
    this.code.u8(op >= PREFIX_FD ? 0xfd : 0xfc);
    this.code.uleb(op >= PREFIX_FD ? op - PREFIX_FD : op - PREFIX_FC);
  }

  private immediate(x: Expr): void {
    const code = this.code;
    if (x.immKind === IMM_MEMORY) {
      code.u8(0);
      code.uleb(x.imm);
    } else if (x.immKind === IMM_LANE) code.u8(x.imm);
    else if (x.op === OP_LOCAL_GET) code.uleb(x.imm);
    else if (x.op === OP_CALL) this.callee(x.imm);
    else if (x.op === OP_CALL_INDIRECT) {
      code.uleb(x.imm);
      code.u8(x.hi);
    } else if (x.op === OP_I32_CONST) code.sleb(x.imm);
    else if (x.op === OP_I64_CONST) code.sleb64(x.imm, x.hi);
    else if (x.op === OP_F32_CONST) code.u32(x.imm);
    else if (x.op === OP_F64_CONST) {
      code.u32(x.imm);
      code.u32(x.hi);
    } else if ((x.op === OP_V128_CONST || x.op === OP_I8X16_SHUFFLE) && x.bytes !== null) code.bytes(x.bytes);
  }

  /** A store: `op` is one of STORE below, `offset` the constant part of the address. */
  store(op: number, addr: Expr, value: Expr, offset = 0): void {
    this.push(addr);
    this.push(value);
    this.opcode(op);
    this.code.u8(0);
    this.code.uleb(offset);
  }

  /** Calls a function that returns nothing. */
  call(func: number, args: readonly Expr[]): void {
    this.opCall(0x10, func, args);
  }

  /** Calls a function; the result goes to `local`. */
  callTo(local: number, func: number, args: readonly Expr[]): void {
    this.opCall(0x10, func, args);
    this.code.u8(0x21);
    this.code.uleb(local);
  }

  /** Calls a function and returns what that returns. */
  returnFrom(func: number, args: readonly Expr[]): void {
    this.opCall(0x10, func, args);
    this.code.u8(0x0f);
  }

  /** The same without growing the stack. */
  returnCall(func: number, args: readonly Expr[]): void {
    this.opCall(0x12, func, args);
  }

  private opCall(op: number, func: number, args: readonly Expr[]): void {
    for (const arg of args) this.push(arg);
    this.code.u8(op);
    this.callee(func);
  }

  private callee(func: number): void {
    this.calls.push(this.code.length, func);
    this.code.settleUleb(func);
  }

  /** `return table[index](...args)` without growing the stack. */
  returnCallIndirect(typeIndex: number, args: readonly Expr[], index: Expr, table = 0): void {
    for (const arg of args) this.push(arg);
    this.push(index);
    this.code.u8(0x13);
    this.code.uleb(typeIndex);
    this.code.u8(table);
  }

  private open(op: number, type: ValType | typeof VOID): Label {
    this.code.u8(op);
    this.code.u8(type);
    this.depth++;
    return { depth: this.depth };
  }

  block(type: ValType | typeof VOID = VOID): Label {
    return this.open(0x02, type);
  }
  loop(): Label {
    return this.open(0x03, VOID);
  }
  /** Opens `if`; with a type, both arms leave a value. */
  if(cond: Expr, type: ValType | typeof VOID = VOID, hint?: Hint): Label {
    this.push(cond);
    if (hint !== undefined) this.hints.push(this.code.length, hint === 'likely' ? 1 : 0);
    return this.open(0x04, type);
  }
  else(): void {
    this.code.u8(0x05);
  }
  end(): void {
    this.code.u8(0x0b);
    this.depth--;
  }
  br(label: Label): void {
    this.code.u8(0x0c);
    this.code.uleb(this.depth - label.depth);
  }
  brIf(label: Label, cond: Expr): void {
    this.push(cond);
    this.code.u8(0x0d);
    this.code.uleb(this.depth - label.depth);
  }
  brTable(labels: readonly Label[], otherwise: Label, index: Expr): void {
    this.push(index);
    this.code.u8(0x0e);
    this.code.uleb(labels.length);
    for (const label of labels) this.code.uleb(this.depth - label.depth);
    this.code.uleb(this.depth - otherwise.depth);
  }
  return(value?: Expr): void {
    if (value) this.push(value);
    this.code.u8(0x0f);
  }
  unreachable(): void {
    this.code.u8(0x00);
  }
  drop(value: Expr): void {
    this.push(value);
    this.code.u8(0x1a);
  }
  /** memory.copy and memory.fill, on addresses of the WebAssembly memory. */
  memoryCopy(to: Expr, from: Expr, count: Expr): void {
    this.push(to);
    this.push(from);
    this.push(count);
    this.code.bytes(Uint8Array.of(0xfc, 10, 0, 0));
  }
  memoryFill(to: Expr, byte: Expr, count: Expr): void {
    this.push(to);
    this.push(byte);
    this.push(count);
    this.code.bytes(Uint8Array.of(0xfc, 11, 0));
  }

  /** The locals as the code section wants them: runs of equal types. */
  private localRuns(): ByteWriter {
    const head = new ByteWriter(16);
    const runs: [ValType, number][] = [];
    for (const type of this.locals) {
      const last = runs[runs.length - 1];
      if (last !== undefined && last[0] === type) last[1]++;
      else runs.push([type, 1]);
    }
    head.uleb(runs.length);
    for (const [type, count] of runs) {
      head.uleb(count);
      head.u8(type);
    }
    return head;
  }

  /** The body as it is so far. */
  body(): Body {
    const head = this.localRuns();
    const start = head.length;
    head.bytes(this.code.view());
    head.u8(0x0b);
    const moved = (value: number, i: number) => (i % 2 === 0 ? start + value : value);
    return { bytes: head.view().slice(), calls: this.calls.map(moved), hints: this.hints.map(moved) };
  }
}

/** Opcodes for FunctionBuilder.store. */
export const STORE = {
  i32: 0x36,
  i64: 0x37,
  f32: 0x38,
  f64: 0x39,
  i32_8: 0x3a,
  i32_16: 0x3b,
  i64_8: 0x3c,
  i64_16: 0x3d,
  i64_32: 0x3e,
  v128: PREFIX_FD + 11,
} as const;
