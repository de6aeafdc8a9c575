import { BOUNCE_END } from '../layout.js';
import { wayOf, type AccessSize } from '../semantics/access-way.js';
import type { Modified, Pair } from '../semantics/emitter.js';
import { I32, call, i32, v128, type Expr } from '../wasm/expr.js';
import { STORE, VOID, type FunctionBuilder } from '../wasm/function.js';
import {
  RANGE_MODIFY,
  RANGE_READ,
  RANGE_STORE,
  RANGE_WRITE,
  SPAN_READ,
  SPAN_WRITE,
  WRITE_BACK,
  type CoreFunction,
} from './imports.js';
import type { AccessKind, Origin, PageCache, Place } from './page-cache.js';
import { inRange } from './range.js';
import type { Temporaries } from './temporaries.js';

/** What an access needs from the region. */
export interface AccessContext {
  readonly f: FunctionBuilder;
  readonly temporaries: Temporaries;
  readonly pages: PageCache;
  core(func: CoreFunction): number;
  originOf(address: Expr): Origin;
  /** Its place, if it is seen to be in a stretch of the stack that was looked up; `a`: the address, evaluated. */
  inWindow(access: AccessKind, a: Expr, address: Expr, bytes: number): Place | null;
  /** The slot for ranges in which `address` may lie, by the register from which it is made; 0: none. */
  rangeSlot(address: Expr): number;
  /** Whether what is emitted runs only if some condition of the instruction holds. */
  readonly isConditional: boolean;
  /** Emits the way out of the region with this instruction undone. */
  leaveAtFault(): void;
}

/** Emits checked accesses to guest memory: the look-up in place, all else by calls. */
export class Access {
  constructor(private readonly context: AccessContext) {}

  load(size: AccessSize, address: Expr): Expr {
    const { temporaries } = this.context;
    const { bytes, load } = wayOf(size);
    return temporaries.let(load(this.locate('read', RANGE_READ, temporaries.let(address), address, bytes)));
  }

  store(size: AccessSize, address: Expr, value: Expr): void {
    const { f, temporaries } = this.context;
    const { bytes, store, toCore } = wayOf(size);
    const a = temporaries.let(address);
    const v = temporaries.let(value);
    const place = this.find('write', a, address, bytes);
    f.if(place.missed, VOID, 'unlikely');
    this.leaveUnless(call(I32, this.context.core(storeOf(bytes)), [a, toCore(v), place.access]));
    f.else();
    f.store(store, place.at(), v);
    f.end();
  }

  loadPair(address: Expr): Pair {
    const { temporaries } = this.context;
    const at = this.locate('read', RANGE_READ, temporaries.let(address), address, 32);
    return [temporaries.let(v128.load(at)), temporaries.let(v128.load(at, 16))];
  }

  storePair(address: Expr, [lower, upper]: Pair): void {
    const { f, temporaries } = this.context;
    const a = temporaries.let(address);
    const at = this.locate('write', RANGE_WRITE, a, address, 32);
    f.store(STORE.v128, at, lower);
    f.store(STORE.v128, at, upper, 16);
    this.writeBack(at, a, 32);
  }

  private writeBack(at: Expr, a: Expr, bytes: number): void {
    const { f } = this.context;
    f.if(i32.lt_u(at, i32.const(BOUNCE_END)), VOID, 'unlikely');
    f.call(this.context.core(WRITE_BACK), [a, i32.const(bytes)]);
    f.end();
  }

  /** Reads for writing. Over a page's end the value goes through the bounce buffer, and back after the write. */
  modify(size: number, address: Expr): Modified {
    const { f, temporaries } = this.context;
    const { bytes, load, store } = wayOf(size);
    const a = temporaries.let(address);
    const at = this.locate('write', RANGE_MODIFY, a, address, bytes);
    return {
      value: temporaries.let(load(at)),
      write: (value) => {
        f.store(store, at, value);
        this.writeBack(at, a, bytes);
      },
    };
  }

  /** Leaves unless `bytes` bytes at `address` can be read or written. */
  probe(bytes: number, address: Expr, access: AccessKind): void {
    const a = this.context.temporaries.let(address);
    this.locate(access, access === 'read' ? RANGE_READ : RANGE_MODIFY, a, address, bytes);
  }

  /** Emitter.span: without a look-up in place, since what follows is long. */
  span(count: Expr, address: Expr, access: AccessKind): Expr {
    const { temporaries } = this.context;
    const span = this.context.core(access === 'read' ? SPAN_READ : SPAN_WRITE);
    const at = temporaries.let(call(I32, span, [count, address]));
    this.leaveUnless(at);
    return at;
  }

  /**
   * The offset of guest address `a` in the memory, by what was found before or by a core function. The slow way comes
   * first: V8 lets the other arm fall through, which makes the kernels of bench/ a tenth faster.
   */
  private locate(access: AccessKind, further: CoreFunction, a: Expr, address: Expr, bytes: number): Expr {
    const { f, temporaries } = this.context;
    const place = this.find(access, a, address, bytes);
    const at = temporaries.take(I32);
    f.if(place.missed, VOID, 'unlikely');
    f.set(at, call(I32, this.context.core(further), [a, place.access]));
    this.leaveUnless(f.get(at));
    f.else();
    f.set(at, place.at());
    f.end();
    return temporaries.settle(at);
  }

  private find(access: AccessKind, a: Expr, address: Expr, bytes: number): Place {
    const { pages, isConditional } = this.context;
    const onStack = this.context.inWindow(access, a, address, bytes);
    if (onStack !== null) return onStack;
    const slot = this.context.rangeSlot(address);
    if (slot > 0) return inRange(access, a, bytes, slot);
    return pages.find(access, a, bytes, this.context.originOf(address), !isConditional);
  }

  /** What was to be accessed was found, or else CPU_EXIT is set. Mappings may have changed meanwhile. */
  private leaveUnless(found: Expr): void {
    const { f, pages } = this.context;
    f.if(i32.eqz(found), VOID, 'unlikely');
    this.context.leaveAtFault();
    f.end();
    pages.forgetPages();
  }
}

function storeOf(bytes: number): CoreFunction {
  const found = RANGE_STORE[bytes];
  if (found === undefined) throw new Error(`no store of ${bytes} bytes`);
  return found;
}
