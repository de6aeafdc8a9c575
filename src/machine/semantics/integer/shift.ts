import { i32, i64, select, type Expr } from '../../wasm/expr.js';
import type { Emitter, SemanticsTable } from '../emitter.js';
import { CF, KIND_CARRY, KIND_RIGHT, OF } from '../flags.js';
import { isConst, isNumber, low32, signExtend, topBit, widen, width, zeroExtend } from '../width.js';
import { atPlace, source } from './operands.js';

/**
 * Shifts and rotations. The count is cut to 5 bits, or 6 for operands of 8 bytes; a count of 0 changes no flags, but
 * still writes its operand, so that the upper half of a 4-byte register is cleared.
 */

/** The cut count as i32, and the condition for changing flags, where the count is not a constant. */
interface Count {
  readonly value: Expr;
  readonly onlyIf: Expr | undefined;
}

function countOf(e: Emitter, k: number): Count {
  const mask = e.form.size === 8 ? 63 : 31;
  const raw = source(e, k, 1);
  if (isConst(raw)) return { value: i32.const(raw.imm & mask), onlyIf: undefined };
  const value = e.let(i32.and(raw, i32.const(mask)));
  return { value, onlyIf: value };
}

/** a + b, small numbers, folded where they are known. */
function plus(a: Expr, b: number): Expr {
  return isConst(a) ? i32.const(a.imm + b) : i32.add(a, i32.const(b));
}
/** b - a, likewise. */
function from(b: number, a: Expr): Expr {
  return isConst(a) ? i32.const(b - a.imm) : i32.sub(i32.const(b), a);
}

/** Sets flags where the count is not 0. */
function setShiftFlags(e: Emitter, kind: number, count: Count, x: Expr, y: Expr): void {
  if (!isNumber(count.value, 0)) e.setFlags(kind, e.form.size, x, y, count.onlyIf);
}

function shl(e: Emitter): void {
  const { size } = e.form;
  const w = width(size);
  const target = e.modify(0);
  const a = e.let(target.value);
  const count = countOf(e, 1);
  const by = (n: Expr) => zeroExtend(size, w.shl(a, widen(size, n)));
  const r = e.let(by(count.value));
  target.write(r);
  setShiftFlags(e, KIND_CARRY, count, r, by(plus(count.value, -1)));
}

function shr(e: Emitter): void {
  const { size } = e.form;
  const w = width(size);
  const target = e.modify(0);
  const a = e.let(target.value);
  const count = countOf(e, 1);
  const by = (n: Expr) => w.shr_u(a, widen(size, n));
  const r = e.let(by(count.value));
  target.write(r);
  setShiftFlags(e, KIND_RIGHT, count, r, by(plus(count.value, -1)));
}

function sar(e: Emitter): void {
  const { size } = e.form;
  const w = width(size);
  const target = e.modify(0);
  const a = e.let(signExtend(size, target.value));
  const count = countOf(e, 1);
  const by = (n: Expr) => zeroExtend(size, w.shr_s(a, widen(size, n)));
  const r = e.let(by(count.value));
  target.write(r);
  setShiftFlags(e, KIND_RIGHT, count, r, by(plus(count.value, -1)));
}

/** The operand's bits shifted in from `b` behind those of `a`, or before them. */
function doubled(e: Emitter, a: Expr, b: Expr, count: Expr, way: 'left' | 'right'): Expr {
  const { size } = e.form;
  const w = width(size);
  if (size === 2) {
    const [high, low] = way === 'left' ? [a, b] : [b, a];
    const both = i32.or(i32.shl(high, i32.const(16)), low);
    return zeroExtend(
      2,
      way === 'left' ? i32.shr_u(i32.shl(both, count), i32.const(16)) : i32.shr_u(both, count),
    );
  }
  const n = widen(size, count);
  const rest = widen(size, from(8 * size - 1, count));
  const one = w.num(1);
  if (way === 'left') return w.or(w.shl(a, n), w.shr_u(w.shr_u(b, one), rest));
  return w.or(w.shr_u(a, n), w.shl(w.shl(b, one), rest));
}

function shld(e: Emitter): void {
  const { size } = e.form;
  const target = e.modify(0);
  const a = e.let(target.value);
  const b = source(e, 1);
  const count = countOf(e, 2);
  const r = e.let(doubled(e, a, b, count.value, 'left'));
  target.write(r);
  const before = width(size).shl(a, widen(size, plus(count.value, -1)));
  setShiftFlags(e, KIND_CARRY, count, r, zeroExtend(size, before));
}

function shrd(e: Emitter): void {
  const { size } = e.form;
  const target = e.modify(0);
  const a = e.let(target.value);
  const b = source(e, 1);
  const count = countOf(e, 2);
  const r = e.let(doubled(e, a, b, count.value, 'right'));
  target.write(r);
  setShiftFlags(e, KIND_RIGHT, count, r, width(size).shr_u(a, widen(size, plus(count.value, -1))));
}

/** The bits of CF and OF, at their places. */
function carryAndOverflow(carry: Expr, overflow: Expr): Expr {
  return i32.or(atPlace(CF, carry), atPlace(OF, overflow));
}

function setRotateFlags(e: Emitter, count: Count, carry: Expr, overflow: Expr): void {
  if (isNumber(count.value, 0)) return;
  e.mergeFlags(CF | OF, carryAndOverflow(carry, overflow), count.onlyIf);
}

/** `a` rotated; bytes and words are first repeated over 32 bits. */
function rotated(size: number, a: Expr, count: Expr, way: 'rotl' | 'rotr'): Expr {
  if (size >= 4) return width(size)[way](a, widen(size, count));
  const repeated = i32.mul(a, i32.const(size === 1 ? 0x01010101 : 0x00010001));
  return zeroExtend(size, i32[way](repeated, count));
}

function rol(e: Emitter): void {
  const { size } = e.form;
  const target = e.modify(0);
  const a = target.value;
  const count = countOf(e, 1);
  const r = e.let(rotated(size, a, count.value, 'rotl'));
  target.write(r);
  const carry = i32.and(low32(r), i32.const(1));
  setRotateFlags(e, count, carry, i32.xor(topBit(size, r), carry));
}

/** The bit below the top one, as i32 0 or 1. */
function secondBit(size: number, x: Expr): Expr {
  return topBit(size, width(size).shl(x, width(size).num(1)));
}

function ror(e: Emitter): void {
  const { size } = e.form;
  const target = e.modify(0);
  const a = target.value;
  const count = countOf(e, 1);
  const r = e.let(rotated(size, a, count.value, 'rotr'));
  target.write(r);
  const carry = topBit(size, r);
  setRotateFlags(e, count, carry, i32.xor(carry, secondBit(size, r)));
}

/** What rcl and rcr give: the operand and the carry, 0 or 1. */
interface Rotated {
  readonly r: Expr;
  readonly carry: Expr;
}

/** Operands of at most 4 bytes rotate together with the carry, as one number of 8 * size + 1 bits. */
function rotateNarrow(e: Emitter, a: Expr, count: Expr, way: 'left' | 'right'): Rotated {
  const bits = 8 * e.form.size;
  const n = e.let(i64.extend_i32_u(i32.rem_u(count, i32.const(bits + 1))));
  const carry = i64.shl(i64.extend_i32_u(e.flag('CF')), i64.num(bits));
  const v = e.let(i64.or(i64.extend_i32_u(a), carry));
  const rest = i64.sub(i64.num(bits + 1), n);
  const [left, right] = way === 'left' ? [n, rest] : [rest, n];
  const turned = e.let(i64.or(i64.shl(v, left), i64.shr_u(v, right)));
  const out = i32.wrap_i64(i64.shr_u(turned, i64.num(bits)));
  return {
    r: e.let(zeroExtend(e.form.size, i32.wrap_i64(turned))),
    carry: e.let(i32.and(out, i32.const(1))),
  };
}

/** 65 bits do not fit a number: the parts above and below the carry are shifted apart. A count of 0 is left out. */
function rotateWide(e: Emitter, a: Expr, count: Expr, way: 'left' | 'right'): Rotated {
  const n = e.let(i64.extend_i32_u(count));
  const one = i64.num(1);
  const carry = e.let(i64.extend_i32_u(e.flag('CF')));
  const rest = i64.sub(i64.num(64), n);
  const before = i64.sub(n, one);
  const turned =
    way === 'left'
      ? i64.or(i64.or(i64.shl(a, n), i64.shl(carry, before)), i64.shr_u(i64.shr_u(a, one), rest))
      : i64.or(i64.or(i64.shr_u(a, n), i64.shl(carry, rest)), i64.shl(i64.shl(a, one), rest));
  const out = e.let(low32(i64.and(i64.shr_u(a, way === 'left' ? rest : before), one)));
  return { r: e.let(select(count, turned, a)), carry: out };
}

function rotateThroughCarry(e: Emitter, way: 'left' | 'right'): void {
  const { size } = e.form;
  const target = e.modify(0);
  const a = e.let(target.value);
  const count = countOf(e, 1);
  const rotate = size === 8 ? rotateWide : rotateNarrow;
  const { r, carry } = rotate(e, a, count.value, way);
  target.write(r);
  const other = way === 'left' ? carry : secondBit(size, r);
  setRotateFlags(e, count, carry, i32.xor(topBit(size, r), other));
}

export const SHIFTS: SemanticsTable = {
  shl,
  shr,
  sar,
  shld,
  shrd,
  rol,
  ror,
  rcl: (e) => rotateThroughCarry(e, 'left'),
  rcr: (e) => rotateThroughCarry(e, 'right'),
};
