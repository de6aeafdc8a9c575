import { CPU_SELECTORS, SEG_FS, SEG_GS } from '../../layout.js';
import { I64, i32, i64, type Expr } from '../../wasm/expr.js';
import { VECTOR_GP, VECTOR_UD, type Emitter, type SemanticsTable } from '../emitter.js';
import { low32 } from '../width.js';
import { loadTop, dropBytes, pushValue } from './stack.js';
import { sizeOf, toSize } from './operands.js';

/**
 * Segment registers. The emitter gives such an operand as its number (0 es, cs, ss, ds, fs, gs). Only Linux's selectors
 * of 64-bit user code exist: cs and ss always have theirs; the others can be loaded with the null selector, which they
 * have from the start, or user data's.
 */

const USER_DS = 0x2b;
const CS = 1;
const SS = 2;
const FS = 4;
const GS = 5;
/** The selectors at the start, at 8 bits a register. */
const SELECTORS = i64.const(0x002b3300, 0);

/** Where the register's 8 bits are. */
function placeOf(number: Expr): Expr {
  return i64.extend_i32_u(i32.shl(number, i32.const(3)));
}

function selector(e: Emitter, number: Expr): Expr {
  const all = i64.xor(e.state(I64, CPU_SELECTORS), SELECTORS);
  return i32.and(i32.wrap_i64(i64.shr_u(all, placeOf(number))), i32.const(0xff));
}

/** Faults unless `value` may be loaded into segment register `number`. */
function checkSelector(e: Emitter, number: Expr, value: Expr): void {
  const isNull = i32.lt_u(value, i32.const(4));
  const isData = i32.eq(value, i32.const(USER_DS));
  const fits = i32.or(isData, i32.and(isNull, i32.ne(number, i32.const(SS))));
  e.raiseIf(i32.eq(number, i32.const(CS)), VECTOR_UD);
  e.raiseIf(i32.eqz(fits), VECTOR_GP);
}

/** Loading fs or gs makes its base 0. */
function loadSelector(e: Emitter, number: Expr, value: Expr): void {
  const change = i64.extend_i32_u(i32.xor(selector(e, number), value));
  e.setState(CPU_SELECTORS, i64.xor(e.state(I64, CPU_SELECTORS), i64.shl(change, placeOf(number))));
  e.if(i32.eq(number, i32.const(FS)), () => e.setSegmentBase(SEG_FS, i64.num(0)));
  e.if(i32.eq(number, i32.const(GS)), () => e.setSegmentBase(SEG_GS, i64.num(0)));
}

function movSeg(e: Emitter): void {
  if (e.form.operands[0]?.kind !== 'seg') {
    return e.write(0, toSize(sizeOf(e, 0), selector(e, e.let(e.read(1))), 'unsigned'));
  }
  const number = e.let(e.read(0));
  const value = e.let(i32.and(low32(e.read(1)), i32.const(0xffff)));
  checkSelector(e, number, value);
  loadSelector(e, number, value);
}

function pushSeg(e: Emitter): void {
  pushValue(e, e.form.size, toSize(e.form.size, selector(e, e.let(e.read(0))), 'unsigned'));
}

function popSeg(e: Emitter): void {
  const number = e.let(e.read(0));
  const value = e.let(i32.and(low32(loadTop(e, e.form.size)), i32.const(0xffff)));
  checkSelector(e, number, value);
  dropBytes(e, i64.num(e.form.size));
  loadSelector(e, number, value);
}

export const SEGMENTS: SemanticsTable = { mov_seg: movSeg, push_seg: pushSeg, pop_seg: popSeg };
