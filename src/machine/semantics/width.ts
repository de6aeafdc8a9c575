import { I32, I64, OP_I32_CONST, OP_I64_CONST, i32, i64, type Expr } from '../wasm/expr.js';

/** Integer arithmetic in the type that holds operands of a size: i32 up to 4 bytes, i64 for 8. */
const NARROW = { ...i32, type: I32, num: (n: number) => i32.const(n) } as const;
const WIDE = { ...i64, type: I64 } as const;
export type Width = typeof NARROW | typeof WIDE;

export function width(size: number): Width {
  return size === 8 ? WIDE : NARROW;
}

export function isConst(x: Expr): boolean {
  return x.op === OP_I32_CONST || x.op === OP_I64_CONST;
}
/** Whether `x` is the constant `n`, a number of 32 bits and a sign. */
export function isNumber(x: Expr, n: number): boolean {
  if (x.op === OP_I32_CONST) return x.imm === (n | 0);
  return x.op === OP_I64_CONST && x.imm === (n | 0) && x.hi === (n < 0 ? -1 : 0);
}

/** Clears what lies above `size` bytes. */
export function zeroExtend(size: number, x: Expr): Expr {
  if (size >= 4) return x;
  const mask = size === 1 ? 0xff : 0xffff;
  return x.op === OP_I32_CONST ? i32.const(x.imm & mask) : i32.and(x, i32.const(mask));
}

/** Extends the sign of `size` bytes to the type that holds them. */
export function signExtend(size: number, x: Expr): Expr {
  if (size >= 4) return x;
  const free = 32 - 8 * size;
  if (x.op === OP_I32_CONST) return i32.const((x.imm << free) >> free);
  return size === 1 ? i32.extend8_s(x) : i32.extend16_s(x);
}

/** The top bit of a value of `size` bytes as i32 0 or 1. The value may have garbage above the size. */
export function topBit(size: number, x: Expr): Expr {
  if (size === 8) return i32.wrap_i64(i64.shr_u(x, i64.num(63)));
  if (size === 4) return i32.shr_u(x, i32.const(31));
  return i32.and(i32.shr_u(x, i32.const(8 * size - 1)), i32.const(1));
}

/** An integer of `size` bytes as i32 (its low half, if it has 8). */
export function low32(x: Expr): Expr {
  if (x.type === I32) return x;
  return x.op === OP_I64_CONST ? i32.const(x.imm) : i32.wrap_i64(x);
}

/** A small non-negative i32 in the type of operands of `size` bytes. */
export function widen(size: number, x: Expr): Expr {
  if (size !== 8 || x.type === I64) return x;
  return x.op === OP_I32_CONST ? i64.const(x.imm, 0) : i64.extend_i32_u(x);
}
