import { i32, i64, type Expr } from '../../wasm/expr.js';
import type { Emitter, Modified, SemanticsTable } from '../emitter.js';
import { KIND_RAW, ZF } from '../flags.js';
import { low32, widen, width } from '../width.js';
import { atPlace, isMemory, source, toSize } from './operands.js';

/** Single bits: test and change, scan, count. */

/**
 * A bit in memory numbered by a register lies anywhere: the register is a signed number of bits from the operand's
 * address. Other bit numbers are cut to the operand's width.
 */
function inBitString(e: Emitter): boolean {
  return isMemory(e, 0) && e.form.operands[1]?.kind === 'gpr';
}

/** Address of the operand-sized piece of memory that holds bit `index`. */
function bitAddress(e: Emitter, index: Expr): Expr {
  const { size } = e.form;
  const bits = 31 - Math.clz32(8 * size);
  const signed = size === 2 ? i32.extend16_s(index) : index;
  const pieces = i64.shr_s(toSize(8, signed, 'signed'), i64.num(bits));
  return e.addressPast(0, i64.shl(pieces, i64.num(bits - 3)));
}

/** The flags that these instructions leave undefined become 0: that costs least. */
function setRawFlags(e: Emitter, flags: Expr): void {
  e.setFlags(KIND_RAW, 4, i32.const(0), flags);
}

/** CF becomes bit `place` of `a`; ZF stays. */
function setBitFlags(e: Emitter, a: Expr, place: Expr): void {
  const bit = low32(width(e.form.size).shr_u(a, place));
  setRawFlags(e, i32.or(atPlace(ZF, e.flag('ZF')), i32.and(bit, i32.const(1))));
}

/** Bit number `index` cut to the operand's width, in its type. */
function placeOf(e: Emitter, index: Expr): Expr {
  const w = width(e.form.size);
  return e.let(w.and(index, w.num(8 * e.form.size - 1)));
}

function bitIndex(e: Emitter): Expr {
  const immediate = e.form.operands[1]?.kind === 'imm';
  return immediate ? widen(e.form.size, source(e, 1, 1)) : source(e, 1);
}

function bt(e: Emitter): void {
  const index = bitIndex(e);
  const a = inBitString(e) ? e.load(e.form.size, bitAddress(e, index)) : e.read(0);
  setBitFlags(e, e.let(a), placeOf(e, index));
}

type Change = (size: number, a: Expr, bit: Expr) => Expr;

function changeBit(e: Emitter, change: Change): void {
  const { size } = e.form;
  const w = width(size);
  const index = bitIndex(e);
  const target: Modified = inBitString(e) ? e.modifyAt(size, bitAddress(e, index)) : e.modify(0);
  const a = e.let(target.value);
  const place = placeOf(e, index);
  target.write(change(size, a, w.shl(w.num(1), place)));
  setBitFlags(e, a, place);
}

const setBit: Change = (size, a, bit) => width(size).or(a, bit);
const resetBit: Change = (size, a, bit) => width(size).and(a, width(size).xor(bit, width(size).num(-1)));
const flipBit: Change = (size, a, bit) => width(size).xor(a, bit);

/** Without a bit the target stays as it is: undocumented by Intel, and what processors do. */
function scan(e: Emitter, find: (a: Expr) => Expr): void {
  const a = source(e, 1);
  const none = e.let(width(e.form.size).eqz(a));
  e.if(i32.eqz(none), () => e.write(0, find(a)));
  setRawFlags(e, atPlace(ZF, none));
}

function bsf(e: Emitter): void {
  scan(e, (a) => width(e.form.size).ctz(a));
}

function bsr(e: Emitter): void {
  const w = width(e.form.size);
  const top = e.form.size === 8 ? 63 : 31;
  scan(e, (a) => w.sub(w.num(top), w.clz(a)));
}

function popcnt(e: Emitter): void {
  const w = width(e.form.size);
  const a = source(e, 1);
  e.write(0, w.popcnt(a));
  setRawFlags(e, atPlace(ZF, w.eqz(a)));
}

/** ZF: the result is 0; CF: there was no bit, and the result is the operand's width. */
function countZeros(e: Emitter, count: (a: Expr) => Expr): void {
  const w = width(e.form.size);
  const a = source(e, 1);
  const r = e.let(count(a));
  e.write(0, r);
  setRawFlags(e, i32.or(w.eqz(a), atPlace(ZF, w.eqz(r))));
}

function tzcnt(e: Emitter): void {
  const { size } = e.form;
  countZeros(e, (a) => (size === 2 ? i32.ctz(i32.or(a, i32.const(0x10000))) : width(size).ctz(a)));
}

function lzcnt(e: Emitter): void {
  const { size } = e.form;
  countZeros(e, (a) => (size === 2 ? i32.sub(i32.clz(a), i32.const(16)) : width(size).clz(a)));
}

export const BITS: SemanticsTable = {
  bt,
  bts: (e) => changeBit(e, setBit),
  btr: (e) => changeBit(e, resetBit),
  btc: (e) => changeBit(e, flipBit),
  bsf,
  bsr,
  popcnt,
  tzcnt,
  lzcnt,
};
