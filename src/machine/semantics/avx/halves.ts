/**
 * VEX instructions that do what an SSE instruction does. Its semantics are run against an emitter that shows it its own
 * form: the first source where SSE has the destination, no alignment to check, 16 bytes of each operand. For 256 bits they
 * are run twice, on the lower and on the upper half. What they write is kept until all is done that may fault.
 */
import { F64, F32, I32, V128, f32x4, f64x2, i32, i32x4, i64x2, type Expr } from '../../wasm/expr.js';
import { CPU_MXCSR } from '../../layout.js';
import type { Form, OperandForm } from '../../x86/insn.js';
import { VECTOR_XM, type Emitter, type Pair, type Semantics, type Variable } from '../emitter.js';
import { OF_OPERANDS } from '../float/env.js';
import { RAISED_BY_OPERANDS } from '../float/instruction.js';
import { ZEROS, bits, vectorOf } from '../sse/operands.js';
import { shuffle } from '../sse/permute.js';
import { ForwardingEmitter } from './forwarding.js';

/** How an instruction differs from its SSE sibling, besides the length. */
export interface Difference {
  /** The first operand behind the destination takes the place of SSE's destination as a source. */
  readonly merges: boolean;
  /** The upper half takes the immediate's bits from here on. */
  readonly immediateShift?: number;
  /** The upper half has the source's second half, as its elements get wider. */
  readonly widens?: boolean;
  /** The results of both halves, 8 bytes each, come together in the lower one. */
  readonly narrows?: boolean;
  /** It may raise #XM: both halves raise MXCSR's flags before that. */
  readonly raises?: boolean;
}

type Half = 0 | 1;

/** What both halves of an instruction share. */
class Operands {
  readonly form: Form;
  private readonly loaded = new Map<number, Expr | Pair>();
  /** Not 0 once an exception is due; only where there are two halves that may raise one. */
  readonly raised: Variable | null;
  private readonly mxcsr: Expr | null;

  constructor(
    readonly e: Emitter,
    readonly difference: Difference,
  ) {
    const { form } = e;
    const shown = form.operands.filter((_, k) => k !== 1 || !difference.merges);
    this.form = { ...form, size: Math.min(form.size, 16), operands: shown.map(asSse) };
    this.raised = this.isWide && difference.raises === true ? e.variable(i32.const(0)) : null;
    this.mxcsr = this.raised === null ? null : e.let(e.state(I32, CPU_MXCSR));
  }

  /**
   * The exception that is due to either half. Where it is due to an operand, those that results would raise are not looked
   * for in any lane (SDM volume 1, 11.5.3.2).
   */
  raise(): void {
    const { e, raised, mxcsr } = this;
    if (raised === null || mxcsr === null) return;
    const raise = () => {
      e.if(i32.and(raised.get(), i32.const(RAISED_BY_OPERANDS)), () => {
        const ofOperands = i32.and(e.state(I32, CPU_MXCSR), i32.const(OF_OPERANDS));
        e.setState(CPU_MXCSR, i32.or(mxcsr, ofOperands));
      });
      e.raise(VECTOR_XM, 'fault');
    };
    e.if(raised.get(), raise, undefined, 'unlikely');
  }

  get isWide(): boolean {
    return this.e.form.size === 32;
  }

  /** The VEX operand that SSE's operand `k` is when it is read. */
  index(k: number): number {
    return this.difference.merges ? k + 1 : k;
  }

  operand(index: number): OperandForm {
    const operand = this.e.form.operands[index];
    if (operand === undefined) throw new Error(`${this.form.key} has no operand ${index}`);
    return operand;
  }

  /** A vector operand's half, or all that is read of a smaller one. */
  read(index: number, half: Half): Expr {
    const { kind, size } = this.operand(index);
    if (size < 32) return this.small(index, half);
    if (kind === 'mem') return this.pair(index)[half];
    return half === 0 ? this.e.read(index) : this.e.readUpper(index);
  }

  private pair(index: number): Pair {
    const known = this.loaded.get(index);
    if (Array.isArray(known)) return known as unknown as Pair;
    const pair = this.e.loadPair(this.e.address(index));
    this.loaded.set(index, pair);
    return pair;
  }

  /** Both halves have it; in wide instructions it is held, since the lower half's result may take its place. */
  private small(index: number, half: Half): Expr {
    if (!this.isWide) return this.e.read(index);
    let value = this.loaded.get(index) as Expr | undefined;
    if (value === undefined) {
      value = this.e.let(this.e.read(index));
      this.loaded.set(index, value);
    }
    if (half === 0 || this.difference.widens !== true) return value;
    return secondHalf(value, this.operand(index).size / 2);
  }
}

function asSse({ kind, size }: OperandForm): OperandForm {
  const isVector = kind === 'xmm' || (kind === 'mem' && size >= 16);
  return isVector ? { kind: 'xmm', size: Math.min(size, 16) } : { kind, size };
}

/** A vector with what follows the first `bytes` bytes of x at its start. */
function secondHalf(x: Expr, bytes: number): Expr {
  const vector = vectorOf(x);
  const count = 16 / bytes;
  return shuffle(
    bytes,
    Array.from({ length: count }, (_, i) => (i + 1) % count),
    vector,
    vector,
  );
}

function lowestReplaced(vector: Expr, x: Expr): Expr {
  if (x.type === V128) return x;
  if (x.type === F64) return f64x2.replace_lane(0, vector, x);
  if (x.type === F32) return f32x4.replace_lane(0, vector, x);
  return x.type === I32 ? i32x4.replace_lane(0, vector, x) : i64x2.replace_lane(0, vector, x);
}

/** Shows one half as an SSE instruction's operands. */
class HalfEmitter extends ForwardingEmitter {
  result: Expr | null = null;

  constructor(
    e: Emitter,
    private readonly operands: Operands,
    private readonly half: Half,
  ) {
    super(e);
  }

  override get form(): Form {
    return this.operands.form;
  }

  override read(k: number): Expr {
    const { operands } = this;
    const index = operands.index(k);
    const { kind } = operands.operand(index);
    if (kind === 'imm') return this.imm(k);
    return kind === 'xmm' || kind === 'mem' ? operands.read(index, this.half) : this.e.read(index);
  }

  /** The first source of a scalar operation has 16 bytes: as many count as of the second. */
  override readFloat(k: number): Expr {
    const index = this.operands.index(k);
    if (this.operands.operand(index).size < 16) return this.e.readFloat(index);
    const size = this.form.operands[1]?.size;
    return size === 8 ? f64x2.extract_lane(0, this.e.read(index)) : f32x4.extract_lane(0, this.e.read(index));
  }

  override write(k: number, value: Expr): void {
    if (this.form.operands[k]?.kind !== 'xmm') return this.e.write(k, value);
    this.result = lowestReplaced(this.read(0), value);
  }

  override setXmm(index: number, value: Expr): void {
    this.e.setXmm(index, value);
    this.e.setUpper(index, ZEROS);
  }

  override imm(k: number, size?: number): Expr {
    const value = this.e.imm(this.operands.index(k), size);
    const shift = this.operands.difference.immediateShift ?? 0;
    return this.half === 0 || shift === 0 ? value : bits(value, shift, 0xff);
  }

  override raiseIf(cond: Expr, vector: number, kind?: 'fault' | 'trap'): void {
    const { raised } = this.operands;
    if (vector !== VECTOR_XM || !this.operands.isWide) return this.e.raiseIf(cond, vector, kind);
    if (raised === null) throw new Error(`${this.form.key} raises #XM`);
    raised.set(i32.or(raised.get(), cond));
  }
}

function resultOf(operands: Operands, half: Half, sse: Semantics): Expr | null {
  const emitter = new HalfEmitter(operands.e, operands, half);
  sse(emitter);
  return emitter.result;
}

/** The VEX sibling of an SSE instruction. */
export function sibling(sse: Semantics, difference: Difference): Semantics {
  return (e) => {
    const operands = new Operands(e, difference);
    const lower = resultOf(operands, 0, sse);
    const upper = operands.isWide ? resultOf(operands, 1, sse) : ZEROS;
    operands.raise();
    if (lower === null || upper === null) return;
    if (difference.narrows === true && operands.isWide)
      return writeBoth(e, [shuffle(8, [0, 2], lower, upper), ZEROS]);
    writeBoth(e, [lower, upper]);
  };
}

/** Writes vector register operand 0; the upper value must not depend on the register's lower half. */
export function writeBoth(e: Emitter, [lower, upper]: Pair): void {
  e.write(0, lower);
  e.writeUpper(0, upper);
}

/** Vector operand `k` of 32 bytes, register or memory. */
export function readPair(e: Emitter, k: number): Pair {
  if (e.form.operands[k]?.kind === 'mem') return e.loadPair(e.address(k));
  return [e.read(k), e.readUpper(k)];
}

/** The same, held, so that they outlive writes. */
export function heldPair(e: Emitter, k: number): Pair {
  const [lower, upper] = readPair(e, k);
  return [e.let(lower), e.let(upper)];
}
