import { BOUNCE_END, CPU_EXIT } from '../layout.js';
import { loadCpu } from '../semantics/base-emitter.js';
import { wayOf, type AccessSize } from '../semantics/access-way.js';
import type { Modified, Pair } from '../semantics/emitter.js';
import { I32, call, i32, v128, type Expr } from '../wasm/expr.js';
import { STORE, VOID, type FunctionBuilder } from '../wasm/function.js';
import {
  LOCATE_WRITE,
  PROBE_READ,
  PROBE_WRITE,
  SLOW_LOAD,
  SLOW_STORE,
  SPAN_READ,
  SPAN_WRITE,
  WRITE_BACK,
  type CoreFunction,
} from './imports.js';
import type { AccessKind, Origin, PageCache, Place } from './page-cache.js';
import type { Temporaries } from './temporaries.js';

/** What an access needs from the region. */
export interface AccessContext {
  readonly f: FunctionBuilder;
  readonly temporaries: Temporaries;
  readonly pages: PageCache;
  core(func: CoreFunction): number;
  originOf(address: Expr): Origin;
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
    const { bytes, type, load, fromCore } = wayOf(size);
    const a = temporaries.let(address);
    const result = temporaries.take(type);
    const slow = slowOf(SLOW_LOAD, bytes);
    this.either(
      this.find('read', a, address, bytes),
      (f, at) => f.set(result, load(at)),
      (f) => f.set(result, fromCore(call(slow.result ?? I32, this.context.core(slow), [a]))),
    );
    return temporaries.settle(result);
  }

  store(size: AccessSize, address: Expr, value: Expr): void {
    const { temporaries } = this.context;
    const { bytes, store, toCore } = wayOf(size);
    const a = temporaries.let(address);
    const v = temporaries.let(value);
    this.either(
      this.find('write', a, address, bytes),
      (f, at) => f.store(store, at, v),
      (f) => f.call(this.context.core(slowOf(SLOW_STORE, bytes)), [a, toCore(v)]),
    );
  }

  loadPair(address: Expr): Pair {
    const { temporaries } = this.context;
    const at = this.locate('read', PROBE_READ, temporaries.let(address), address, 32);
    return [temporaries.let(v128.load(at)), temporaries.let(v128.load(at, 16))];
  }

  storePair(address: Expr, [lower, upper]: Pair): void {
    const { f, temporaries } = this.context;
    const a = temporaries.let(address);
    const at = this.locate('write', LOCATE_WRITE, a, address, 32);
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
    const at = this.locate('write', PROBE_WRITE, a, address, bytes);
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
    this.locate(access, access === 'read' ? PROBE_READ : PROBE_WRITE, a, address, bytes);
  }

  /** Emitter.span: without a look-up in place, since what follows is long. */
  span(count: Expr, address: Expr, access: AccessKind): Expr {
    const { temporaries, pages } = this.context;
    const span = this.context.core(access === 'read' ? SPAN_READ : SPAN_WRITE);
    const at = temporaries.let(call(I32, span, [count, address]));
    this.leaveIfFault();
    pages.forgetPages();
    return at;
  }

  /** The offset of guest address `a` in the memory, by a look-up or by a core function of (address, size). */
  private locate(access: AccessKind, probe: CoreFunction, a: Expr, address: Expr, bytes: number): Expr {
    const at = this.context.temporaries.take(I32);
    this.either(
      this.find(access, a, address, bytes),
      (f, found) => f.set(at, found),
      (f) => f.set(at, call(I32, this.context.core(probe), [a, i32.const(bytes)])),
    );
    return this.context.temporaries.settle(at);
  }

  private find(access: AccessKind, a: Expr, address: Expr, bytes: number): Place {
    const { pages, isConditional } = this.context;
    return pages.find(access, a, bytes, this.context.originOf(address), !isConditional);
  }

  /**
   * The access where it is found, the slow way where it is not. The slow way comes first: V8 lets the other arm fall
   * through, which makes the kernels of bench/ a tenth faster.
   */
  private either(
    place: Place,
    found: (f: FunctionBuilder, at: Expr) => void,
    slow: (f: FunctionBuilder) => void,
  ): void {
    const { f, pages } = this.context;
    f.if(i32.eqz(place.hit), VOID, 'unlikely');
    slow(f);
    this.leaveIfFault();
    pages.forgetPages();
    f.else();
    found(f, place.at());
    f.end();
  }

  private leaveIfFault(): void {
    const { f } = this.context;
    f.if(loadCpu(I32, CPU_EXIT), VOID, 'unlikely');
    this.context.leaveAtFault();
    f.end();
  }
}

function slowOf(table: Readonly<Record<number, CoreFunction>>, bytes: number): CoreFunction {
  const found = table[bytes];
  if (found === undefined) throw new Error(`no slow access of ${bytes} bytes`);
  return found;
}
