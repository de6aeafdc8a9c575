import { RAX, RDX } from '../../layout.js';
import { I32, I64, call, i32, i64, select, type Expr } from '../../wasm/expr.js';
import type { FunctionBuilder } from '../../wasm/function.js';
import { VECTOR_DE, type Emitter, type SemanticsTable } from '../emitter.js';
import type { Helper } from '../helper.js';
import { low32, signExtend, width } from '../width.js';
import { source, toSize } from './operands.js';

/** div and idiv. All flags are undefined after them, and stay as they were. */

const LEAST = i64.const(0, 1 << 31);
const ZERO = i64.num(0);

/** The quotient of the numerator high:low by `d`, all unsigned and high < d, in digits of 32 bits (Knuth 4.3.1 D). */
export const divideUnsigned: Helper = {
  name: 'divideUnsigned',
  params: [I64, I64, I64],
  result: I64,
  wasm: (f) => {
    const shift = f.let(i64.clz(f.get(2)));
    const d = f.let(i64.shl(f.get(2), shift));
    const carried = i64.shr_u(i64.shr_u(f.get(1), i64.num(1)), i64.sub(i64.num(63), shift));
    const top = f.let(i64.or(i64.shl(f.get(0), shift), carried));
    const low = f.let(i64.shl(f.get(1), shift));
    const first = digit(f, top, i64.shr_u(low, i64.num(32)), d);
    const next = i64.add(i64.shl(top, i64.num(32)), i64.shr_u(low, i64.num(32)));
    const rest = f.let(i64.sub(next, i64.mul(first, d)));
    const second = digit(f, rest, i64.and(low, i64.const(-1, 0)), d);
    f.return(i64.add(i64.shl(first, i64.num(32)), second));
  },
};

/** One digit: the quotient of top * 2^32 + next by `d`, whose top bit is set. The estimate is at most 2 too large. */
function digit(f: FunctionBuilder, top: Expr, next: Expr, d: Expr): Expr {
  const high = f.let(i64.shr_u(d, i64.num(32)));
  const low = f.let(i64.and(d, i64.const(-1, 0)));
  const behind = f.let(next);
  const q = f.local(I64);
  f.set(q, i64.div_u(top, high));
  const rest = f.local(I64);
  f.set(rest, i64.sub(top, i64.mul(f.get(q), high)));
  const done = f.block();
  const again = f.loop();
  const fits = i64.le_u(i64.mul(f.get(q), low), i64.or(i64.shl(f.get(rest), i64.num(32)), behind));
  const small = i64.eqz(i64.shr_u(f.get(q), i64.num(32)));
  f.brIf(done, i32.and(small, fits));
  f.set(q, i64.sub(f.get(q), i64.num(1)));
  f.set(rest, i64.add(f.get(rest), high));
  f.brIf(again, i64.eqz(i64.shr_u(f.get(rest), i64.num(32))));
  f.end();
  f.end();
  return f.get(q);
}

function absolute(x: Expr): Expr {
  return select(i64.lt_s(x, ZERO), i64.sub(ZERO, x), x);
}
/** The high half of the numerator's absolute value: negated, with a carry where the low half is 0. */
function absoluteHigh(high: Expr, low: Expr): Expr {
  const negated = i64.sub(i64.sub(ZERO, high), i64.extend_i32_u(i64.ne(low, ZERO)));
  return select(i64.lt_s(high, ZERO), negated, high);
}
function absoluteLow(high: Expr, low: Expr): Expr {
  return select(i64.lt_s(high, ZERO), i64.sub(ZERO, low), low);
}

/** The quotient of a signed numerator high:low by `d`, where `signedOverflows` is 0. */
export const divideSigned: Helper = {
  name: 'divideSigned',
  params: [I64, I64, I64],
  result: I64,
  wasm: (f, func) => {
    const [high, low, d] = [f.get(0), f.get(1), f.get(2)];
    const operands = [absoluteHigh(high, low), absoluteLow(high, low), absolute(d)];
    const q = f.let(call(I64, func(divideUnsigned), operands));
    f.return(select(i64.lt_s(i64.xor(high, d), ZERO), i64.sub(ZERO, q), q));
  },
};

/** Whether high:low cannot be divided by `d`, signed: `d` is 0, or the quotient does not fit. */
export const signedOverflows: Helper = {
  name: 'signedOverflows',
  params: [I64, I64, I64],
  result: I32,
  wasm: (f, func) => {
    const [high, low, d] = [f.get(0), f.get(1), f.get(2)];
    f.if(i64.ge_u(absoluteHigh(high, low), absolute(d)));
    f.return(i32.const(1));
    f.end();
    const q = f.let(call(I64, func(divideSigned), [high, low, d]));
    const differ = i64.lt_s(i64.xor(i64.xor(high, d), q), ZERO);
    f.return(i32.and(i64.ne(q, ZERO), differ));
  },
};

/** Quotient and remainder go to rax and rdx, or al and ah. */
function writeResults(e: Emitter, quotient: Expr, remainder: Expr): void {
  const { size } = e.form;
  if (size === 1) {
    const low = i32.and(quotient, i32.const(0xff));
    e.setGpr(RAX, 2, i32.or(low, i32.shl(remainder, i32.const(8))));
  } else {
    const rest = e.let(remainder);
    e.setGpr(RAX, size, quotient);
    e.setGpr(RDX, size, rest);
  }
}

/** rdx:rax, or ax, of operands of 1, 2 or 4 bytes, extended to the type that holds twice the size. */
function numerator(e: Emitter, signed: boolean): Expr {
  const { size } = e.form;
  if (size === 1) return e.let(signed ? i32.extend16_s(e.gpr(RAX, 2)) : e.gpr(RAX, 2));
  const [low, high] = [e.gpr(RAX, size), e.gpr(RDX, size)];
  if (size === 2) return e.let(i32.or(low, i32.shl(high, i32.const(16))));
  const wide = i64.shl(i64.extend_i32_u(high), i64.num(32));
  return e.let(i64.or(i64.extend_i32_u(low), wide));
}

function divNarrow(e: Emitter): void {
  const { size } = e.form;
  const w = width(size === 4 ? 8 : 4);
  const d = e.let(toSize(size * 2, source(e, 0), 'unsigned'));
  const n = numerator(e, false);
  e.raiseIf(w.ge_u(w.shr_u(n, w.num(8 * size)), d), VECTOR_DE);
  const q = e.let(w.div_u(n, d));
  writeResults(e, low32(q), low32(w.sub(n, w.mul(q, d))));
}

/** WebAssembly's own division would trap where n is the least number and d is -1. */
function idivNarrow(e: Emitter): void {
  const { size } = e.form;
  const w = width(size === 4 ? 8 : 4);
  const d = e.let(toSize(size * 2, signExtend(size, source(e, 0)), 'signed'));
  const n = numerator(e, true);
  const least = size === 4 ? LEAST : i32.const(1 << 31);
  const traps = i32.and(w.eq(n, least), w.eq(d, w.num(-1)));
  e.raiseIf(i32.or(w.eqz(d), traps), VECTOR_DE);
  const q = e.let(w.div_s(n, d));
  const fitting = size === 4 ? i64.extend32_s(q) : signExtend(size, q);
  e.raiseIf(w.ne(q, fitting), VECTOR_DE);
  writeResults(e, low32(q), low32(w.sub(n, w.mul(q, d))));
}

function divWide(e: Emitter): void {
  const d = source(e, 0);
  const [low, high] = [e.let(e.gpr(RAX, 8)), e.let(e.gpr(RDX, 8))];
  e.raiseIf(i64.ge_u(high, d), VECTOR_DE);
  const q = e.variable(ZERO);
  e.if(
    i64.eqz(high),
    () => q.set(i64.div_u(low, d)),
    () => q.set(e.callValue(divideUnsigned, high, low, d)),
  );
  writeResults(e, q.get(), i64.sub(low, i64.mul(q.get(), d)));
}

function idivWide(e: Emitter): void {
  const d = source(e, 0);
  const [low, high] = [e.let(e.gpr(RAX, 8)), e.let(e.gpr(RDX, 8))];
  const short = e.let(i64.eq(high, i64.shr_s(low, i64.num(63))));
  const traps = i32.and(i64.eq(low, LEAST), i64.eq(d, i64.num(-1)));
  const overflows = e.variable(i32.or(i64.eqz(d), traps));
  const long = i32.eqz(short);
  e.if(long, () => overflows.set(e.callValue(signedOverflows, high, low, d)));
  e.raiseIf(overflows.get(), VECTOR_DE);
  const q = e.variable(ZERO);
  e.if(
    short,
    () => q.set(i64.div_s(low, d)),
    () => q.set(e.callValue(divideSigned, high, low, d)),
  );
  writeResults(e, q.get(), i64.sub(low, i64.mul(q.get(), d)));
}

export const DIVIDE: SemanticsTable = {
  div: (e) => (e.form.size === 8 ? divWide(e) : divNarrow(e)),
  idiv: (e) => (e.form.size === 8 ? idivWide(e) : idivNarrow(e)),
};
