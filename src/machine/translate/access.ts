import {
  BOUNCE_END,
  CPU,
  CPU_EXIT,
  PAGE_SIZE,
  TLB_DISPLACEMENT,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_READ,
  TLB_WRITE,
} from '../layout.js';
import type { Modified } from '../semantics/emitter.js';
import { isConst } from '../semantics/width.js';
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
import { STORE, VOID, type FunctionBuilder } from '../wasm/function.js';
import {
  PROBE_READ,
  PROBE_WRITE,
  SLOW_LOAD,
  SLOW_STORE,
  SPAN_READ,
  SPAN_WRITE,
  WRITE_BACK,
  type CoreFunction,
} from './imports.js';
import type { Temporaries } from './temporaries.js';

export type AccessSize = number | 'f32' | 'f64';

/** How a size is loaded and stored once its place is known, and by which type it goes to the slow path. */
interface Way {
  readonly bytes: number;
  readonly type: ValType;
  readonly load: (at: Expr) => Expr;
  readonly store: number;
  readonly toSlow: (value: Expr) => Expr;
  readonly fromSlow: (value: Expr) => Expr;
}

const same = (value: Expr): Expr => value;

function way(bytes: number, type: ValType, load: (at: Expr) => Expr, store: number): Way {
  return { bytes, type, load, store, toSlow: same, fromSlow: same };
}

const WAYS: Readonly<Record<AccessSize, Way>> = {
  1: way(1, I32, i32.load8_u, STORE.i32_8),
  2: way(2, I32, i32.load16_u, STORE.i32_16),
  4: way(4, I32, i32.load, STORE.i32),
  8: way(8, I64, i64.load, STORE.i64),
  16: way(16, V128, v128.load, STORE.v128),
  f32: {
    ...way(4, F32, f32.load, STORE.f32),
    toSlow: i32.reinterpret_f32,
    fromSlow: f32.reinterpret_i32,
  },
  f64: {
    ...way(8, F64, f64.load, STORE.f64),
    toSlow: i64.reinterpret_f64,
    fromSlow: f64.reinterpret_i64,
  },
};

function wayOf(size: AccessSize): Way {
  const found = WAYS[size];
  if (found === undefined) throw new Error(`no access of ${size} bytes`);
  return found;
}

/** What an access needs from the region. */
export interface AccessContext {
  readonly f: FunctionBuilder;
  readonly temporaries: Temporaries;
  core(func: CoreFunction): number;
  /** Emits the way out of the region with this instruction undone. */
  leaveAtFault(): void;
}

/** Emits checked accesses to guest memory: the look-up in the TLB in place, all else by calls. */
export class Access {
  constructor(private readonly context: AccessContext) {}

  load(size: AccessSize, address: Expr): Expr {
    const { f, temporaries } = this.context;
    const { bytes, type, load, fromSlow } = wayOf(size);
    const a = temporaries.let(address);
    const result = temporaries.take(type);
    const entry = this.entry(a);
    f.if(this.hit(TLB_READ, entry, a, bytes), VOID, 'likely');
    f.set(result, load(this.place(TLB_READ, entry, a)));
    f.else();
    const slow = this.slow(SLOW_LOAD, bytes);
    f.set(result, fromSlow(call(slow.result ?? I32, this.context.core(slow), [a])));
    this.leaveIfFault();
    f.end();
    return temporaries.settle(result);
  }

  store(size: AccessSize, address: Expr, value: Expr): void {
    const { f, temporaries } = this.context;
    const { bytes, store, toSlow } = wayOf(size);
    const a = temporaries.let(address);
    const v = temporaries.let(value);
    const entry = this.entry(a);
    f.if(this.hit(TLB_WRITE, entry, a, bytes), VOID, 'likely');
    f.store(store, this.place(TLB_WRITE, entry, a), v);
    f.else();
    f.call(this.context.core(this.slow(SLOW_STORE, bytes)), [a, toSlow(v)]);
    this.leaveIfFault();
    f.end();
  }

  /** Reads for writing. Over a page's end the value goes through the bounce buffer, and back after the write. */
  modify(size: number, address: Expr): Modified {
    const { f, temporaries } = this.context;
    const { bytes, load, store } = wayOf(size);
    const a = temporaries.let(address);
    const at = this.locate(TLB_WRITE, PROBE_WRITE, a, bytes);
    return {
      value: temporaries.let(load(at)),
      write: (value) => {
        f.store(store, at, value);
        f.if(i32.lt_u(at, i32.const(BOUNCE_END)), VOID, 'unlikely');
        f.call(this.context.core(WRITE_BACK), [a, i32.const(bytes)]);
        f.end();
      },
    };
  }

  /** Leaves unless `bytes` bytes at `address` can be read or written. */
  probe(bytes: number, address: Expr, access: 'read' | 'write'): void {
    const a = this.context.temporaries.let(address);
    if (access === 'read') this.locate(TLB_READ, PROBE_READ, a, bytes);
    else this.locate(TLB_WRITE, PROBE_WRITE, a, bytes);
  }

  /** Emitter.span: without a look-up in place, since what follows is long. */
  span(count: Expr, address: Expr, access: 'read' | 'write'): Expr {
    const { temporaries } = this.context;
    const span = this.context.core(access === 'read' ? SPAN_READ : SPAN_WRITE);
    const at = temporaries.let(call(I32, span, [count, address]));
    this.leaveIfFault();
    return at;
  }

  /** The offset of guest address `a` in the memory, by the TLB or by a core function of (address, size). */
  private locate(tlb: number, probe: CoreFunction, a: Expr, bytes: number): Expr {
    const { f, temporaries } = this.context;
    const at = temporaries.take(I32);
    const entry = this.entry(a);
    f.if(this.hit(tlb, entry, a, bytes), VOID, 'likely');
    f.set(at, this.place(tlb, entry, a));
    f.else();
    f.set(at, call(I32, this.context.core(probe), [a, i32.const(bytes)]));
    this.leaveIfFault();
    f.end();
    return temporaries.settle(at);
  }

  private slow(table: Readonly<Record<number, CoreFunction>>, bytes: number): CoreFunction {
    const found = table[bytes];
    if (found === undefined) throw new Error(`no slow access of ${bytes} bytes`);
    return found;
  }

  /** Offset of a's entry in its TLB. */
  private entry(a: Expr): Expr {
    const low = isConst(a) ? i32.const(a.imm) : i32.wrap_i64(a);
    if (isConst(low)) return i32.const((low.imm >>> TLB_INDEX_SHIFT) & TLB_INDEX_MASK);
    const index = i32.and(i32.shr_u(low, i32.const(TLB_INDEX_SHIFT)), i32.const(TLB_INDEX_MASK));
    return this.context.temporaries.let(index);
  }

  /** Whether the entry is that of the access's last byte, too. */
  private hit(tlb: number, entry: Expr, a: Expr, bytes: number): Expr {
    const last = bytes === 1 ? a : i64.add(a, i64.num(bytes - 1));
    return i64.eq(i64.load(entry, tlb), i64.and(last, i64.num(-PAGE_SIZE)));
  }

  private place(tlb: number, entry: Expr, a: Expr): Expr {
    return i32.add(i32.load(entry, tlb + TLB_DISPLACEMENT), i32.wrap_i64(a));
  }

  private leaveIfFault(): void {
    const { f } = this.context;
    f.if(i32.load(i32.const(CPU), CPU_EXIT), VOID, 'unlikely');
    this.context.leaveAtFault();
    f.end();
  }
}
