import { i32, i64, select, type Expr } from '../../wasm/expr.js';
import type { Emitter, SemanticsTable } from '../emitter.js';
import { RAX, RDX } from '../../layout.js';
import { signExtend, width } from '../width.js';
import { sizeOf, source, toSize, value } from './operands.js';

/** Moves, exchanges, extensions of sign and zero, and conditional moves. */

function movsx(e: Emitter): void {
  e.write(0, toSize(e.form.size, signExtend(sizeOf(e, 1), e.read(1)), 'signed'));
}

/** The memory operand first, so that its write's fault leaves the register alone. */
function xchg(e: Emitter): void {
  const target = e.modify(0);
  const a = e.let(target.value);
  const b = e.let(e.read(1));
  target.write(b);
  e.write(1, a);
}

function bswap(e: Emitter): void {
  const a = e.let(e.read(0));
  e.write(0, e.form.size === 2 ? i32.const(0) : reversed(e, a));
}

/** The bytes of a local, in reverse. */
function reversed(e: Emitter, a: Expr): Expr {
  if (e.form.size === 8) return bswap64(e.let(pairsSwapped(a)));
  if (e.form.size === 4) return bswap32(a);
  return i32.or(i32.shl(i32.and(a, i32.const(0xff)), i32.const(8)), i32.shr_u(a, i32.const(8)));
}

function bswap32(a: Expr): Expr {
  const outer = i32.and(i32.rotl(a, i32.const(8)), i32.const(0x00ff00ff));
  return i32.or(outer, i32.and(i32.rotr(a, i32.const(8)), i32.const(0xff00ff00)));
}
/** The bytes of each 16 bits exchanged. */
function pairsSwapped(a: Expr): Expr {
  const mask = i64.const(0x00ff00ff, 0x00ff00ff);
  const right = i64.and(i64.shr_u(a, i64.num(8)), mask);
  return i64.or(right, i64.shl(i64.and(a, mask), i64.num(8)));
}
/** Of bytes already exchanged in pairs: the pairs in reverse. */
function bswap64(a: Expr): Expr {
  const mask = i64.const(0x0000ffff, 0x0000ffff);
  const right = i64.and(i64.shr_u(a, i64.num(16)), mask);
  return i64.rotl(i64.or(right, i64.shl(i64.and(a, mask), i64.num(16))), i64.num(32));
}

/** cbw, cwde, cdqe. */
function cbw(e: Emitter): void {
  const { size } = e.form;
  const half = size / 2;
  e.setGpr(RAX, size, toSize(size, signExtend(half, e.gpr(RAX, half)), 'signed'));
}

/** cwd, cdq, cqo. */
function cwd(e: Emitter): void {
  const { size } = e.form;
  const w = width(size);
  const sign = size === 8 ? 63 : 31;
  e.setGpr(RDX, size, w.shr_s(signExtend(size, e.gpr(RAX, size)), w.num(sign)));
}

/** The source is read, and a half register's upper half cleared, whatever the condition. */
function cmovcc(e: Emitter): void {
  const value = source(e, 1);
  e.write(0, select(e.condition(e.form.cc), value, e.read(0)));
}

function xlat(e: Emitter): void {
  const address = e.addressPast(0, i64.extend_i32_u(e.gpr(RAX, 1)));
  e.setGpr(RAX, 1, e.load(1, address));
}

export const MOVES: SemanticsTable = {
  mov: (e) => e.write(0, value(e, 1)),
  movnti: (e) => e.write(0, e.read(1)),
  movzx: (e) => e.write(0, toSize(e.form.size, e.read(1), 'unsigned')),
  movsx,
  movsxd: movsx,
  lea: (e) => e.write(0, e.form.size === 8 ? e.offset(1) : i32.wrap_i64(e.offset(1))),
  xchg,
  bswap,
  movbe: (e) => e.write(0, reversed(e, e.let(e.read(1)))),
  cbw,
  cwd,
  setcc: (e) => e.write(0, e.condition(e.form.cc)),
  cmovcc,
  xlat,
};
