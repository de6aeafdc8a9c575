import {
  PAGE_SIZE,
  TLB_DISPLACEMENT,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_READ,
  TLB_WRITE,
} from '../layout.js';
import { isConst } from '../semantics/width.js';
import { I32, I64, i32, i64, type Expr } from '../wasm/expr.js';
import type { FunctionBuilder } from '../wasm/function.js';
import type { Temporaries } from './temporaries.js';

export type AccessKind = 'read' | 'write';

/** What an address is made of: a register (-1: something else) and a displacement. */
export interface Origin {
  readonly base: number;
  readonly disp: number;
}

/** A page that was looked up: for what, and by which displacement. */
interface Cached {
  readonly access: AccessKind;
  readonly disp: number;
}
export type CachedPages = ReadonlyMap<number, Cached>;

/** How an access finds its place in the memory. */
export interface Place {
  /** Whether it has to be found by a call. */
  readonly missed: Expr;
  /** What the call is told (core/ranges.ts). */
  readonly access: Expr;
  /** To be called where it did not miss; returns the offset in the memory. */
  readonly at: () => Expr;
}

/** Displacements that lie farther apart are hardly ever in one page. */
const NEAR = 2048;
/** A page that no address lies in, since it is not canonical. Its displacement, 0, leads to the memory's first page. */
const NO_PAGE = i64.const(0, 0x80005afe);

/**
 * Finds pages in the TLB. Accesses by one register mostly go to one page: the first look-up leaves the page and its
 * displacement in two locals, and those that follow compare with these, which costs no load and keeps the way from the
 * address to the value short. Which registers have pages is known when code is emitted; that they fit is checked when
 * it runs.
 */
export class PageCache {
  private readonly locals = new Map<number, { readonly page: number; readonly displacement: number }>();
  private cached = new Map<number, Cached>();
  /** Mask of the registers by which more accesses follow. */
  wanted = 0;

  constructor(
    private readonly f: FunctionBuilder,
    private readonly temporaries: Temporaries,
  ) {}

  /** The pages that are cached on all these ways; of an `undefined` way nothing is known. */
  enter(ways: readonly (CachedPages | undefined)[]): void {
    this.cached = new Map(ways[0]);
    for (const [base, { access }] of this.cached) {
      if (!ways.every((way) => way?.get(base)?.access === access)) this.cached.delete(base);
    }
  }

  get pages(): CachedPages {
    return new Map(this.cached);
  }

  /** The register has got another value, which has nothing to do with the one before. */
  drop(base: number): void {
    this.cached.delete(base);
  }

  /** Mappings may have changed. */
  clear(): void {
    this.cached.clear();
  }

  /**
   * Looks up `bytes` bytes at `a`. `mayCache`: no, where the code that is being emitted may not run, though what follows
   * does.
   */
  find(access: AccessKind, a: Expr, bytes: number, origin: Origin, mayCache: boolean): Place {
    const { base, disp } = origin;
    const cached = this.cached.get(base);
    const fits = cached !== undefined && (access === 'read' || cached.access === 'write');
    if (fits && Math.abs(disp - cached.disp) < NEAR) return this.inCachedPage(base, a, bytes);
    if (base < 0 || !mayCache || (this.wanted & (1 << base)) === 0) return this.inTlb(access, a, bytes);
    this.cached.set(base, { access, disp });
    return this.inTlbFirst(access, a, bytes, base);
  }

  /** To be emitted where an access was not found and a call was made, which may have changed mappings. */
  forgetPages(): void {
    for (const base of this.cached.keys()) {
      const { page, displacement } = this.localsOf(base);
      this.f.set(page, NO_PAGE);
      this.f.set(displacement, i32.const(0));
    }
  }

  private localsOf(base: number): { readonly page: number; readonly displacement: number } {
    const known = this.locals.get(base);
    if (known !== undefined) return known;
    const locals = { page: this.f.local(I64), displacement: this.f.local(I32) };
    this.locals.set(base, locals);
    return locals;
  }

  private inCachedPage(base: number, a: Expr, bytes: number): Place {
    const { f } = this;
    const { page, displacement } = this.localsOf(base);
    return {
      missed: i64.ge_u(i64.sub(a, f.get(page)), i64.num(PAGE_SIZE - bytes + 1)),
      access: i32.const(bytes),
      at: () => i32.add(i32.wrap_i64(a), f.get(displacement)),
    };
  }

  private inTlb(access: AccessKind, a: Expr, bytes: number): Place {
    const tlb = access === 'read' ? TLB_READ : TLB_WRITE;
    const entry = this.entry(a);
    return {
      missed: i64.ne(i64.load(entry, tlb), lastPage(a, bytes)),
      access: i32.const(bytes),
      at: () => i32.add(i32.load(entry, tlb + TLB_DISPLACEMENT), i32.wrap_i64(a)),
    };
  }

  /** The same, and the page is cached for `base`. */
  private inTlbFirst(access: AccessKind, a: Expr, bytes: number, base: number): Place {
    const { f } = this;
    const { page, displacement } = this.localsOf(base);
    const tlb = access === 'read' ? TLB_READ : TLB_WRITE;
    const entry = this.entry(a);
    f.set(page, lastPage(a, bytes));
    return {
      missed: i64.ne(i64.load(entry, tlb), f.get(page)),
      access: i32.const(bytes),
      at: () => {
        f.set(displacement, i32.load(entry, tlb + TLB_DISPLACEMENT));
        return i32.add(i32.wrap_i64(a), f.get(displacement));
      },
    };
  }

  /** Offset of a's entry in its TLB. */
  private entry(a: Expr): Expr {
    if (isConst(a)) return i32.const((a.imm >>> TLB_INDEX_SHIFT) & TLB_INDEX_MASK);
    const index = i32.shr_u(i32.wrap_i64(a), i32.const(TLB_INDEX_SHIFT));
    return this.temporaries.let(i32.and(index, i32.const(TLB_INDEX_MASK)));
  }
}

/** The page of an access's last byte: an entry of its first byte's place has that tag only if both are the same page. */
function lastPage(a: Expr, bytes: number): Expr {
  const last = bytes === 1 ? a : i64.add(a, i64.num(bytes - 1));
  return i64.and(last, i64.num(-PAGE_SIZE));
}
