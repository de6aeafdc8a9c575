import { CPU_FSW, CPU_FTW } from '../../layout.js';
import {
  F64,
  I32,
  I64,
  OP_I32_CONST,
  V128,
  f32x4,
  f64x2,
  i32,
  i32x4,
  i64,
  i64x2,
  v128,
} from '../../wasm/expr.js';
import type { Expr } from '../../wasm/expr.js';
import { VECTOR_GP, VECTOR_MF, type Emitter } from '../emitter.js';

export function kindOf(e: Emitter, k: number): string {
  return e.form.operands[k]?.kind ?? '';
}
export function sizeOf(e: Emitter, k: number): number {
  return e.form.operands[k]?.size ?? 0;
}
/** Whether the instruction is one of MMX: any operand is an MMX register. */
export function isMmx(e: Emitter): boolean {
  return e.form.operands.some(({ kind }) => kind === 'mmx');
}

/** The v128 constant with these 32-bit lanes. */
export function lanes32(...words: readonly number[]): Expr {
  return v128.const(new Uint8Array(Uint32Array.from(words, (word) => word >>> 0).buffer));
}
/** The v128 constant with these bytes. */
export function lanes8(bytes: (index: number) => number): Expr {
  return v128.const(Uint8Array.from({ length: 16 }, (_, index) => bytes(index)));
}
export const ZEROS = lanes32(0, 0, 0, 0);
export const ONES = lanes32(-1, -1, -1, -1);

/** An expression's vector, if it is that vector's lowest lane. */
function vectorBehind(x: Expr): Expr | null {
  const lowest = [i64x2.extract_lane, i32x4.extract_lane, f64x2.extract_lane, f32x4.extract_lane];
  const isLane = x.a?.type === V128 && x.imm === 0 && lowest.some((extract) => extract(0, ZEROS).op === x.op);
  return isLane ? x.a : null;
}

/** A vector whose low bits are x; what lies above is not defined. */
export function vectorOf(x: Expr): Expr {
  if (x.type === V128) return x;
  const behind = vectorBehind(x);
  if (behind !== null) return behind;
  if (x.type === I32) return i32x4.splat(x);
  if (x.type === I64) return i64x2.splat(x);
  return x.type === F64 ? f64x2.splat(x) : f32x4.splat(x);
}

/** A vector whose low bits are x, with zeros above. */
export function zeroExtended(x: Expr): Expr {
  if (x.type === V128) return x;
  if (x.type === I32) return i32x4.replace_lane(0, ZEROS, x);
  if (x.type === I64) return i64x2.replace_lane(0, ZEROS, x);
  return x.type === F64 ? f64x2.replace_lane(0, ZEROS, x) : f32x4.replace_lane(0, ZEROS, x);
}

/** #GP unless the memory operand `k` of 16 bytes is aligned. Returns its address. */
function alignedAddress(e: Emitter, k: number): Expr {
  const address = e.let(e.address(k));
  e.raiseIf(i32.and(i32.wrap_i64(address), i32.const(15)), VECTOR_GP);
  return address;
}

/** Operand `k` as a vector: all of it, or with only the operand's own bytes defined. */
export function readVector(e: Emitter, k: number): Expr {
  if (kindOf(e, k) === 'mem' && sizeOf(e, k) === 16) return e.load(16, alignedAddress(e, k));
  return vectorOf(e.read(k));
}

/** Writes a vector to operand `k`, to aligned memory or to a register: to its low 8 bytes, if that is one of MMX. */
export function writeVector(e: Emitter, k: number, value: Expr): void {
  if (kindOf(e, k) === 'mem') return e.store(16, alignedAddress(e, k), value);
  if (kindOf(e, k) !== 'mmx') return e.write(k, value);
  enterMmx(e);
  e.write(k, i64x2.extract_lane(0, value));
}

const FSW_ES = 0x80;
const FSW_TOP = 0x3800;

/** An x87 exception that waits comes before an MMX instruction. */
export function checkMmx(e: Emitter): void {
  e.raiseIf(i32.and(e.state(I32, CPU_FSW), i32.const(FSW_ES)), VECTOR_MF);
}

/** What each MMX instruction does to the x87 state: TOP is 0, all registers are in use. */
export function enterMmx(e: Emitter): void {
  e.setState(CPU_FSW, i32.and(e.state(I32, CPU_FSW), i32.const(~FSW_TOP)));
  e.setState(CPU_FTW, i32.const(0xff));
}

/** The immediate byte in operand `k`, i32: a constant where it is known when code is emitted. */
export function immediate(e: Emitter, k: number): Expr {
  return e.imm(k, 1);
}
/** The number that an i32 expression is, if it is a constant. */
export function constantOf(x: Expr): number | null {
  return x.op === OP_I32_CONST ? x.imm : null;
}
/** `(x >> shift) & mask`. */
export function bits(x: Expr, shift: number, mask: number): Expr {
  const known = constantOf(x);
  if (known !== null) return i32.const((known >> shift) & mask);
  return i32.and(shift === 0 ? x : i32.shr_u(x, i32.const(shift)), i32.const(mask));
}

/** -1 where the i32 condition, 0 or 1, holds, as i64. */
export function allOnesIf(condition: Expr): Expr {
  return i64.sub(i64.num(0), i64.extend_i32_u(condition));
}
