import { isConst } from '../semantics/width.js';
import type { Expr, ValType } from '../wasm/expr.js';
import type { FunctionBuilder } from '../wasm/function.js';

/** Locals that are used again by the next instruction: a function with few locals has a small frame. */
export class Temporaries {
  private readonly locals = new Map<ValType, number[]>();
  private readonly taken = new Map<ValType, number>();
  /** What `let` has handed out: never written again before `release`. */
  private readonly settled = new Set<Expr>();

  constructor(private readonly f: FunctionBuilder) {}

  /** A local for writing. */
  take(type: ValType): number {
    const locals = this.locals.get(type) ?? [];
    const next = this.taken.get(type) ?? 0;
    this.taken.set(type, next + 1);
    const known = locals[next];
    if (known !== undefined) return known;
    const local = this.f.local(type);
    this.locals.set(type, [...locals, local]);
    return local;
  }

  /** A local that has been written for good. */
  settle(local: number): Expr {
    const value = this.f.get(local);
    this.settled.add(value);
    return value;
  }

  /** Evaluates `value` now. */
  let(value: Expr): Expr {
    if (isConst(value) || this.settled.has(value)) return value;
    const local = this.take(value.type);
    this.f.set(local, value);
    return this.settle(local);
  }

  /** All may be taken again. */
  release(): void {
    this.taken.clear();
    this.settled.clear();
  }
}
