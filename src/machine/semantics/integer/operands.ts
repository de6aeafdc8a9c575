import { I64, i32, i64, type Expr } from '../../wasm/expr.js';
import type { Emitter } from '../emitter.js';
import { low32 } from '../width.js';

/** Bytes of operand `k`. */
export function sizeOf(e: Emitter, k: number): number {
  return e.form.operands[k]?.size ?? e.form.size;
}

export function isMemory(e: Emitter, k: number): boolean {
  return e.form.operands[k]?.kind === 'mem';
}

/** Operand `k`, immediate or not, for one use. */
export function value(e: Emitter, k: number, size = e.form.size): Expr {
  return e.form.operands[k]?.kind === 'imm' ? e.imm(k, size) : e.read(k);
}

/** Operand `k`, immediate or not, held so that it outlives writes. `size` is the type an immediate is wanted in. */
export function source(e: Emitter, k: number, size = e.form.size): Expr {
  return e.let(value(e, k, size));
}

/** A value of at most 4 bytes, extended from i32 to the type of operands of `size` bytes. */
export function toSize(size: number, x: Expr, how: 'signed' | 'unsigned'): Expr {
  if (size !== 8 || x.type === I64) return x;
  return how === 'signed' ? i64.extend_i32_s(x) : i64.extend_i32_u(x);
}

/** An i32 0 or 1 at the place of `flag`, one of flags.ts' bits. */
export function atPlace(flag: number, value: Expr): Expr {
  return flag === 1 ? low32(value) : i32.shl(low32(value), i32.const(31 - Math.clz32(flag)));
}
