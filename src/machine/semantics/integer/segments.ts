import { SEG_FS, SEG_GS } from '../../layout.js';
import { i32, i64, type Expr } from '../../wasm/expr.js';
import { VECTOR_GP, type Emitter, type SemanticsTable } from '../emitter.js';
import { low32 } from '../width.js';
import { loadTop, dropBytes, pushValue } from './stack.js';
import { sizeOf, toSize } from './operands.js';

/**
 * Segment registers. The emitter gives such an operand as its number (0 es, cs, ss, ds, fs, gs). Only Linux's selectors
 * of 64-bit user code exist: cs and ss always have theirs; the others can be loaded with the null selector, which they
 * have from the start, or user data's, and then still read as 0.
 */

const USER_DS = 0x2b;
const CS = 1;
const SS = 2;
const FS = 4;
const GS = 5;
/** cs's and ss's selectors, at 8 bits a register. */
const SELECTORS = i64.const(0x002b3300, 0);

function selector(number: Expr): Expr {
  const shifted = i64.shr_u(SELECTORS, i64.extend_i32_u(i32.shl(number, i32.const(3))));
  return i32.and(i32.wrap_i64(shifted), i32.const(0xff));
}

/** Faults unless `value` may be loaded into segment register `number`. */
function checkSelector(e: Emitter, number: Expr, value: Expr): void {
  const isNull = i32.lt_u(value, i32.const(4));
  const isData = i32.eq(value, i32.const(USER_DS));
  const fits = i32.or(isData, i32.and(isNull, i32.ne(number, i32.const(SS))));
  e.raiseIf(i32.or(i32.eqz(fits), i32.eq(number, i32.const(CS))), VECTOR_GP);
}

/** Loading fs or gs makes its base 0. */
function loadSelector(e: Emitter, number: Expr): void {
  e.if(i32.eq(number, i32.const(FS)), () => e.setSegmentBase(SEG_FS, i64.num(0)));
  e.if(i32.eq(number, i32.const(GS)), () => e.setSegmentBase(SEG_GS, i64.num(0)));
}

function movSeg(e: Emitter): void {
  if (e.form.operands[0]?.kind !== 'seg') {
    return e.write(0, toSize(sizeOf(e, 0), selector(e.read(1)), 'unsigned'));
  }
  const number = e.let(e.read(0));
  checkSelector(e, number, e.let(low32(e.read(1))));
  loadSelector(e, number);
}

function pushSeg(e: Emitter): void {
  pushValue(e, e.form.size, toSize(e.form.size, selector(e.read(0)), 'unsigned'));
}

function popSeg(e: Emitter): void {
  const number = e.let(e.read(0));
  const value = e.let(i32.and(low32(loadTop(e, e.form.size)), i32.const(0xffff)));
  checkSelector(e, number, value);
  dropBytes(e, i64.num(e.form.size));
  loadSelector(e, number);
}

export const SEGMENTS: SemanticsTable = { mov_seg: movSeg, push_seg: pushSeg, pop_seg: popSeg };
