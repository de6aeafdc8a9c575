import type { Expr, ValType } from '../wasm/expr.js';
import type { FunctionBuilder } from '../wasm/function.js';

/** Locals that are used again by the next instruction: a function with few locals has a small frame. */
export class Temporaries {
  private readonly locals = new Map<ValType, number[]>();
  private readonly taken = new Map<ValType, number>();

  constructor(private readonly f: FunctionBuilder) {}

  /** A local with `value` in it. */
  take(value: Expr): number {
    const local = this.takeEmpty(value.type);
    this.f.set(local, value);
    return local;
  }

  takeEmpty(type: ValType): number {
    const locals = this.locals.get(type) ?? [];
    const next = this.taken.get(type) ?? 0;
    this.taken.set(type, next + 1);
    const known = locals[next];
    if (known !== undefined) return known;
    const local = this.f.local(type);
    this.locals.set(type, [...locals, local]);
    return local;
  }

  let(value: Expr): Expr {
    return this.f.get(this.take(value));
  }

  /** All may be taken again. */
  release(): void {
    this.taken.clear();
  }
}
