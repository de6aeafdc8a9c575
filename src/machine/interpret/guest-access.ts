import {
  BOUNCE_END,
  PAGE_SIZE,
  TLB_DISPLACEMENT,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_READ,
  TLB_WRITE,
} from '../layout.js';
import { hasFaulted } from '../core/walk.js';
import type { CoreBuilder } from '../core/functions.js';
import type { Modified, Pair } from '../semantics/emitter.js';
import { I32, i32, i64, v128, type Expr } from '../wasm/expr.js';
import { STORE, VOID, type FunctionBuilder } from '../wasm/function.js';
import { wayOf, type AccessSize } from '../semantics/access-way.js';
import type { Temporaries } from '../translate/temporaries.js';

/** Checked accesses in a handler: the look-up in the TLB in place, all else by the core's functions. */
export class GuestAccess {
  constructor(
    private readonly f: FunctionBuilder,
    private readonly core: CoreBuilder,
    private readonly temporaries: Temporaries,
    private readonly fault: () => void,
  ) {}

  load(size: AccessSize, address: Expr): Expr {
    const { f, temporaries } = this;
    const { bytes, type, coreType, load, fromCore } = wayOf(size);
    const a = temporaries.let(address);
    const result = temporaries.take(type);
    const entry = this.entry(a);
    f.if(hit(TLB_READ, entry, a, bytes), VOID, 'likely');
    f.set(result, load(place(TLB_READ, entry, a)));
    f.else();
    f.set(result, fromCore(this.core.call(coreType, `load${bytes}`, a)));
    this.leaveIfFault();
    f.end();
    return temporaries.settle(result);
  }

  store(size: AccessSize, address: Expr, value: Expr): void {
    const { f, temporaries } = this;
    const { bytes, store, toCore } = wayOf(size);
    const a = temporaries.let(address);
    const v = temporaries.let(value);
    const entry = this.entry(a);
    f.if(hit(TLB_WRITE, entry, a, bytes), VOID, 'likely');
    f.store(store, place(TLB_WRITE, entry, a), v);
    f.else();
    f.call(this.core.index(`store${bytes}`), [a, toCore(v)]);
    this.leaveIfFault();
    f.end();
  }

  loadPair(address: Expr): Pair {
    const { temporaries } = this;
    const at = this.locate(TLB_READ, 'probeRead', temporaries.let(address), 32);
    return [temporaries.let(v128.load(at)), temporaries.let(v128.load(at, 16))];
  }

  storePair(address: Expr, [lower, upper]: Pair): void {
    const { f, temporaries } = this;
    const a = temporaries.let(address);
    const at = this.locate(TLB_WRITE, 'locateWrite', a, 32);
    f.store(STORE.v128, at, lower);
    f.store(STORE.v128, at, upper, 16);
    this.writeBack(at, a, 32);
  }

  private writeBack(at: Expr, a: Expr, size: number): void {
    const { f } = this;
    f.if(i32.lt_u(at, i32.const(BOUNCE_END)), VOID, 'unlikely');
    f.call(this.core.index('writeBack'), [a, i32.const(size)]);
    f.end();
  }

  /** Reads for writing. Over a page's end the value goes through the bounce buffer, and back after the write. */
  modify(size: number, address: Expr): Modified {
    const { f, temporaries } = this;
    const { load, store } = wayOf(size);
    const a = temporaries.let(address);
    const at = this.locate(TLB_WRITE, 'probeWrite', a, size);
    return {
      value: temporaries.let(load(at)),
      write: (value) => {
        f.store(store, at, value);
        this.writeBack(at, a, size);
      },
    };
  }

  probe(bytes: number, address: Expr, access: 'read' | 'write'): void {
    const a = this.temporaries.let(address);
    if (access === 'read') this.locate(TLB_READ, 'probeRead', a, bytes);
    else this.locate(TLB_WRITE, 'probeWrite', a, bytes);
  }

  span(count: Expr, address: Expr, access: 'read' | 'write'): Expr {
    const name = access === 'read' ? 'spanRead' : 'spanWrite';
    const at = this.temporaries.let(this.core.call(I32, name, count, address));
    this.leaveIfFault();
    return at;
  }

  /** The offset of guest address `a` in the memory, by the TLB or by a core function of (address, size). */
  private locate(tlb: number, probe: string, a: Expr, bytes: number): Expr {
    const { f, temporaries } = this;
    const at = temporaries.take(I32);
    const entry = this.entry(a);
    f.if(hit(tlb, entry, a, bytes), VOID, 'likely');
    f.set(at, place(tlb, entry, a));
    f.else();
    f.set(at, this.core.call(I32, probe, a, i32.const(bytes)));
    this.leaveIfFault();
    f.end();
    return temporaries.settle(at);
  }

  private entry(a: Expr): Expr {
    const index = i32.shr_u(i32.wrap_i64(a), i32.const(TLB_INDEX_SHIFT));
    return this.temporaries.let(i32.and(index, i32.const(TLB_INDEX_MASK)));
  }

  private leaveIfFault(): void {
    this.f.if(hasFaulted(), VOID, 'unlikely');
    this.fault();
    this.f.end();
  }
}

/** Whether the entry is that of the access's last byte, too. */
function hit(tlb: number, entry: Expr, a: Expr, bytes: number): Expr {
  const last = bytes === 1 ? a : i64.add(a, i64.num(bytes - 1));
  return i64.eq(i64.load(entry, tlb), i64.and(last, i64.num(-PAGE_SIZE)));
}

function place(tlb: number, entry: Expr, a: Expr): Expr {
  return i32.add(i32.load(entry, tlb + TLB_DISPLACEMENT), i32.wrap_i64(a));
}
