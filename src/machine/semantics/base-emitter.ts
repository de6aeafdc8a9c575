import { CPU, CPU_SEGMENT, CPU_YMM_HIGH } from '../layout.js';
import {
  F32,
  F64,
  I32,
  I64,
  V128,
  call,
  f32,
  f64,
  i32,
  i64,
  v128,
  type Expr,
  type ValType,
} from '../wasm/expr.js';
import { STORE, VOID, type FunctionBuilder, type Hint } from '../wasm/function.js';
import type { AccessSize } from './access-way.js';
import type { Emitter, Flag, JumpKind, Modified, Pair, Variable, VectorAddress } from './emitter.js';
import type { Form } from '../x86/insn.js';
import { KIND_RAW } from './flags.js';
import type { Helper } from './helper.js';

/** The block's place goes into the constant offset, so that the address is one byte. */
const CPU_BLOCK = i32.const(0);

/** A value of the CPU block, in the type that it lies there. */
export function loadCpu(type: ValType, offset: number): Expr {
  if (type === I32) return i32.load(CPU_BLOCK, CPU + offset);
  if (type === I64) return i64.load(CPU_BLOCK, CPU + offset);
  if (type === V128) return v128.load(CPU_BLOCK, CPU + offset);
  return type === F32 ? f32.load(CPU_BLOCK, CPU + offset) : f64.load(CPU_BLOCK, CPU + offset);
}

const STORE_OF: Readonly<Record<ValType, number>> = {
  [I32]: STORE.i32,
  [I64]: STORE.i64,
  [F32]: STORE.f32,
  [F64]: STORE.f64,
  [V128]: STORE.v128,
};

/** Stores `value` into the CPU block. */
export function storeCpu(f: FunctionBuilder, offset: number, value: Expr): void {
  f.store(STORE_OF[value.type], CPU_BLOCK, value, CPU + offset);
}

const REGISTERS = 16;
/** Clears the upper halves of all vector registers. */
const zeroUppers: Helper = {
  name: 'zeroUppers',
  params: [],
  result: null,
  wasm: (f) => {
    const zero = f.get(f.local(V128));
    for (let i = 0; i < REGISTERS; i++) storeCpu(f, CPU_YMM_HIGH + 16 * i, zero);
  },
};

/** Checked accesses to guest memory, as each tier makes them. */
export interface GuestMemory {
  load(size: AccessSize, address: Expr): Expr;
  store(size: AccessSize, address: Expr, value: Expr): void;
  loadPair(address: Expr): Pair;
  storePair(address: Expr, values: Pair): void;
  modify(size: number, address: Expr): Modified;
  probe(size: number, address: Expr, access: 'read' | 'write'): void;
  span(count: Expr, address: Expr, access: 'read' | 'write'): Expr;
}

/** What both emitters do alike: local values, structured control, the uncached CPU fields, helpers. */
export abstract class BaseEmitter implements Emitter {
  abstract readonly form: Form;

  constructor(protected readonly f: FunctionBuilder) {}

  protected abstract readonly access: GuestMemory;

  /** The function index of a helper in the module that is being written. */
  protected abstract helperIndex(helper: Helper): number;

  let(value: Expr): Expr {
    return this.f.let(value);
  }

  variable(initial: Expr): Variable {
    const index = this.f.local(initial.type);
    this.f.set(index, initial);
    return { get: () => this.f.get(index), set: (value) => this.f.set(index, value) };
  }

  if(cond: Expr, then: () => void, otherwise?: () => void, hint?: Hint): void {
    this.f.if(cond, VOID, hint);
    then();
    if (otherwise !== undefined) {
      this.f.else();
      otherwise();
    }
    this.f.end();
  }

  loop(body: () => Expr): void {
    const start = this.f.loop();
    this.f.brIf(start, body());
    this.f.end();
  }

  state(type: ValType, offset: number): Expr {
    return loadCpu(type, offset);
  }

  setState(offset: number, value: Expr): void {
    storeCpu(this.f, offset, value);
  }

  copyBytes(to: Expr, from: Expr, count: Expr): void {
    this.f.memoryCopy(to, from, count);
  }

  fillBytes(to: Expr, byte: Expr, count: Expr): void {
    this.f.memoryFill(to, byte, count);
  }

  mergeFlags(mask: number, bits: Expr, onlyIf?: Expr): void {
    const kept = i32.and(this.arithmeticFlags(), i32.const(~mask));
    this.setFlags(KIND_RAW, 4, i32.const(0), i32.or(kept, bits), onlyIf);
  }

  call(helper: Helper, ...args: Expr[]): void {
    const index = this.helperIndex(helper);
    if (helper.result === null) this.f.call(index, args);
    else this.f.drop(call(helper.result, index, args));
  }

  callValue(helper: Helper, ...args: Expr[]): Expr {
    if (helper.result === null) throw new Error(`${helper.name} returns nothing`);
    return this.let(call(helper.result, this.helperIndex(helper), args));
  }

  segmentBase(segment: number): Expr {
    return loadCpu(I64, CPU_SEGMENT + 8 * segment);
  }

  setSegmentBase(segment: number, value: Expr): void {
    storeCpu(this.f, CPU_SEGMENT + 8 * segment, value);
  }

  load(size: AccessSize, address: Expr): Expr {
    return this.access.load(size, address);
  }

  store(size: AccessSize, address: Expr, value: Expr): void {
    this.access.store(size, address, value);
  }

  upper(index: number): Expr {
    return loadCpu(V128, CPU_YMM_HIGH + 16 * index);
  }

  setUpper(index: number, value: Expr): void {
    storeCpu(this.f, CPU_YMM_HIGH + 16 * index, value);
  }

  zeroUppers(): void {
    this.call(zeroUppers);
  }

  loadPair(address: Expr): Pair {
    return this.access.loadPair(address);
  }

  storePair(address: Expr, values: Pair): void {
    this.access.storePair(address, values);
  }

  modifyAt(size: number, address: Expr): Modified {
    return this.access.modify(size, address);
  }

  probe(size: number, address: Expr, access: 'read' | 'write'): void {
    this.access.probe(size, address, access);
  }

  get hasSpans(): boolean {
    return true;
  }

  span(count: Expr, address: Expr, access: 'read' | 'write'): Expr {
    return this.access.span(count, address, access);
  }

  abstract read(k: number): Expr;
  abstract readUpper(k: number): Expr;
  abstract writeUpper(k: number, value: Expr): void;
  abstract vectorAddress(k: number): VectorAddress;
  abstract readFloat(k: number): Expr;
  abstract write(k: number, value: Expr): void;
  abstract modify(k: number): Modified;
  abstract imm(k: number, size?: number): Expr;
  abstract address(k: number): Expr;
  abstract addressPast(k: number, past: Expr): Expr;
  abstract offset(k: number): Expr;
  abstract gpr(index: number, size: number): Expr;
  abstract setGpr(index: number, size: number, value: Expr): void;
  abstract xmm(index: number): Expr;
  abstract setXmm(index: number, value: Expr): void;
  abstract setFlags(kind: number, size: number, x: Expr, y?: Expr, onlyIf?: Expr): void;
  abstract flag(flag: Flag): Expr;
  abstract condition(cc: number): Expr;
  abstract arithmeticFlags(): Expr;
  abstract thisAddress(): Expr;
  abstract nextAddress(): Expr;
  abstract branchIf(cond: Expr): void;
  abstract likelyReturn(): Expr | null;
  abstract jump(kind: JumpKind, target?: Expr): void;
  abstract syscall(): void;
  abstract raise(vector: number, kind: 'fault' | 'trap'): void;
  abstract raiseIf(cond: Expr, vector: number, kind?: 'fault' | 'trap'): void;
}
