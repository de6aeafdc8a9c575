import { CPU, CPU_CC_KIND, CPU_CC_X, CPU_CC_Y } from '../layout.js';
import { Expr, I32, I64, call, f64, i32, i64 } from '../wasm/expr.js';
import { STORE, type FunctionBuilder } from '../wasm/function.js';
import type { Flag } from './emitter.js';
import type { Helper } from './helper.js';
import { highSigned, highUnsigned } from './product.js';
import { isNumber, low32, signExtend, topBit, width, zeroExtend } from './width.js';

/**
 * The arithmetic flags, lazily: a kind, an operand size and two values x and y from which each flag can be computed.
 *
 * x and y are i32 for sizes of 1, 2 and 4 bytes, zero-extended from the size, and i64 for 8. In the CPU block they are
 * i64, zero-extended; the kind lies there packed with the size (`packKind`). A zeroed block means: no flag set.
 *
 * Every function here uses x and y more than once: give them locals or constants, not work.
 */

/** y: all six flags at their places in RFLAGS. x is not used, and the size is 4. */
export const KIND_RAW = 0;
/** x + y. */
export const KIND_ADD = 1;
/** x - y. */
export const KIND_SUB = 2;
/** x: the result; CF, OF and AF are 0. */
export const KIND_LOGIC = 3;
/** x: the result; y: CF, which stays as it was, as 0 or 1. */
export const KIND_INC = 4;
export const KIND_DEC = 5;
/**
 * x: the result; y: the carries out of each bit. CF is y's top bit, AF its bit 3, and OF says whether the two top
 * carries differ. That suits additions and subtractions with carry, and shifts to the left, with y the value shifted by
 * one less than the count.
 */
export const KIND_CARRY = 6;
/** x: the result; y: the value shifted to the right by one less than the count. CF is y's bit 0; OF: the signs differ. */
export const KIND_RIGHT = 7;
/** x * y, signed and unsigned; CF and OF: the product does not fit the size. */
export const KIND_IMUL = 8;
export const KIND_MUL = 9;
/** The comparison of two binary64 numbers as comisd has it; x and y are their bits, and the size is 8. */
export const KIND_FLOAT = 10;

export const CF = 1 << 0;
export const PF = 1 << 2;
export const AF = 1 << 4;
export const ZF = 1 << 6;
export const SF = 1 << 7;
export const OF = 1 << 11;
export const ARITHMETIC_FLAGS = CF | PF | AF | ZF | SF | OF;

const KINDS = 11;
const SIZES = [1, 2, 4, 8] as const;
const BITS: Readonly<Record<Flag, number>> = { CF, PF, AF, ZF, SF, OF };
const FLAGS = Object.keys(BITS) as Flag[];

/** Kind and size as CPU_CC_KIND has them: kind * 4 + log2(size). */
export function packKind(kind: number, size: number): number {
  return kind * 4 + (31 - Math.clz32(size));
}

/** The flag at its place in RFLAGS. */
export function flagBit(flag: Flag): number {
  return BITS[flag];
}

const ZERO = i32.const(0);
const ONE = i32.const(1);

function minimum(size: number): Expr {
  return size === 8 ? i64.const(0, 1 << 31) : i32.const(1 << (8 * size - 1));
}
function maximum(size: number): Expr {
  return size === 8 ? i64.const(-1, 0x7fffffff) : i32.const(2 ** (8 * size - 1) - 1);
}
function bit(x: Expr, place: number): Expr {
  const shifted = place === 0 ? low32(x) : i32.shr_u(low32(x), i32.const(place));
  return i32.and(shifted, ONE);
}
/** 1 if the low byte has an even number of ones. */
function parity(x: Expr): Expr {
  return i32.eqz(i32.and(i32.popcnt(i32.and(low32(x), i32.const(0xff))), ONE));
}
/** Whether the value of `size` bytes, garbage above it allowed, is negative. */
function isNegative(size: number, x: Expr): Expr {
  if (size < 4) return topBit(size, x);
  const w = width(size);
  return w.lt_s(x, w.num(0));
}

/** The result that ZF, SF and PF are about; garbage above the size. */
function result(kind: number, size: number, x: Expr, y: Expr): Expr {
  const w = width(size);
  if (kind === KIND_ADD) return w.add(x, y);
  if (kind === KIND_SUB) return isNumber(y, 0) ? x : w.sub(x, y);
  return kind === KIND_IMUL || kind === KIND_MUL ? w.mul(x, y) : x;
}

/** Whether the signed product needs more than `size` bytes. */
function signedOverflow(size: number, x: Expr, y: Expr): Expr {
  if (size === 8) return i64.ne(highSigned(x, y), i64.shr_s(i64.mul(x, y), i64.num(63)));
  if (size === 4) {
    const product = i64.mul(i64.extend_i32_s(x), i64.extend_i32_s(y));
    return i64.ne(product, i64.extend32_s(product));
  }
  const product = i32.mul(signExtend(size, x), signExtend(size, y));
  return i32.ne(product, signExtend(size, product));
}

/** Whether the unsigned product needs more than `size` bytes. */
function unsignedOverflow(size: number, x: Expr, y: Expr): Expr {
  if (size === 8) return i64.ne(highUnsigned(x, y), i64.num(0));
  if (size === 4) return i64.gt_u(i64.mul(i64.extend_i32_u(x), i64.extend_i32_u(y)), i64.const(-1, 0));
  return i32.gt_u(i32.mul(x, y), i32.const(size === 1 ? 0xff : 0xffff));
}

function zeroFlag(kind: number, size: number, x: Expr, y: Expr): Expr {
  const w = width(size);
  if (kind === KIND_SUB && !isNumber(y, 0)) return w.eq(x, y);
  if (kind === KIND_SUB) return w.eqz(x);
  const r = result(kind, size, x, y);
  return w.eqz(r === x ? x : zeroExtend(size, r));
}

function carryFlag(kind: number, size: number, x: Expr, y: Expr): Expr {
  const w = width(size);
  switch (kind) {
    case KIND_ADD:
      return size < 4 ? i32.shr_u(i32.add(x, y), i32.const(8 * size)) : w.lt_u(w.add(x, y), x);
    case KIND_SUB:
      return w.lt_u(x, y);
    case KIND_INC:
    case KIND_DEC:
      return low32(y);
    case KIND_CARRY:
      return topBit(size, y);
    case KIND_RIGHT:
      return bit(y, 0);
    case KIND_IMUL:
      return signedOverflow(size, x, y);
    case KIND_MUL:
      return unsignedOverflow(size, x, y);
    default:
      return ZERO;
  }
}

function overflowFlag(kind: number, size: number, x: Expr, y: Expr): Expr {
  const w = width(size);
  const r = result(kind, size, x, y);
  switch (kind) {
    case KIND_ADD:
      return topBit(size, w.and(w.xor(x, r), w.xor(y, r)));
    case KIND_SUB:
      return topBit(size, w.and(w.xor(x, y), w.xor(x, r)));
    case KIND_INC:
      return w.eq(x, minimum(size));
    case KIND_DEC:
      return w.eq(x, maximum(size));
    case KIND_CARRY:
      return topBit(size, w.xor(y, w.shl(y, w.num(1))));
    case KIND_RIGHT:
      return topBit(size, w.xor(x, y));
    case KIND_IMUL:
      return signedOverflow(size, x, y);
    case KIND_MUL:
      return unsignedOverflow(size, x, y);
    default:
      return ZERO;
  }
}

function adjustFlag(kind: number, size: number, x: Expr, y: Expr): Expr {
  const nibble = i32.and(low32(x), i32.const(15));
  switch (kind) {
    case KIND_ADD:
    case KIND_SUB:
      return bit(width(size).xor(width(size).xor(x, y), result(kind, size, x, y)), 4);
    case KIND_INC:
      return i32.eqz(nibble);
    case KIND_DEC:
      return i32.eq(nibble, i32.const(15));
    case KIND_CARRY:
      return bit(y, 3);
    default:
      return ZERO;
  }
}

/** ZF, PF and CF are all set where one of the numbers is a NaN; the others are 0. */
function floatFlag(x: Expr, y: Expr, flag: Flag): Expr {
  const a = f64.reinterpret_i64(x);
  const b = f64.reinterpret_i64(y);
  if (flag === 'CF') return i32.eqz(f64.ge(a, b));
  if (flag === 'ZF') return i32.eqz(i32.or(f64.lt(a, b), f64.gt(a, b)));
  return flag === 'PF' ? i32.or(f64.ne(a, a), f64.ne(b, b)) : ZERO;
}

/** One flag as i32 0 or 1. */
export function flagExpr(kind: number, size: number, x: Expr, y: Expr, flag: Flag): Expr {
  if (kind === KIND_RAW) return bit(y, 31 - Math.clz32(BITS[flag]));
  if (kind === KIND_FLOAT) return floatFlag(x, y, flag);
  if (flag === 'ZF') return zeroFlag(kind, size, x, y);
  if (flag === 'CF') return carryFlag(kind, size, x, y);
  if (flag === 'SF') return isNegative(size, result(kind, size, x, y));
  if (flag === 'OF') return overflowFlag(kind, size, x, y);
  if (flag === 'PF') return parity(result(kind, size, x, y));
  return adjustFlag(kind, size, x, y);
}

/** The six flags at their places in RFLAGS, i32. */
export function allFlagsExpr(kind: number, size: number, x: Expr, y: Expr): Expr {
  if (kind === KIND_RAW) return low32(y);
  const places = FLAGS.map((flag) => {
    const value = flagExpr(kind, size, x, y, flag);
    return flag === 'CF' ? value : i32.shl(value, i32.const(31 - Math.clz32(BITS[flag])));
  });
  return places.reduce((all, flag) => i32.or(all, flag));
}

/** Conditions of x - y that are one comparison; null for the others. */
function comparison(size: number, x: Expr, y: Expr, cc: number): Expr | null {
  const w = width(size);
  if (cc === 2) return w.lt_u(x, y);
  if (cc === 6) return w.le_u(x, y);
  if (cc !== 12 && cc !== 14) return null;
  const compare = cc === 12 ? w.lt_s : w.le_s;
  return compare(signExtend(size, x), signExtend(size, y));
}

/** The conditions that two or more flags decide. */
function compoundCondition(kind: number, size: number, x: Expr, y: Expr, cc: number): Expr {
  const flag = (name: Flag) => flagExpr(kind, size, x, y, name);
  if (cc === 6) {
    if (kind === KIND_FLOAT) return i32.eqz(f64.gt(f64.reinterpret_i64(x), f64.reinterpret_i64(y)));
    return i32.or(flag('CF'), flag('ZF'));
  }
  const less = i32.xor(flag('SF'), flag('OF'));
  return cc === 12 ? less : i32.or(less, flag('ZF'));
}

const SIMPLE: Readonly<Record<number, Flag>> = { 0: 'OF', 2: 'CF', 4: 'ZF', 8: 'SF', 10: 'PF' };

/** What x is compared with: a result of logic has the flags of its comparison with 0. */
function comparedWith(kind: number, size: number, y: Expr): Expr | null {
  if (kind === KIND_LOGIC) return width(size).num(0);
  return kind === KIND_SUB ? y : null;
}

function evenCondition(kind: number, size: number, x: Expr, y: Expr, cc: number): Expr {
  if (kind === KIND_LOGIC && cc === 6) return zeroFlag(kind, size, x, y);
  const compared = comparedWith(kind, size, y);
  const one = compared === null ? null : comparison(size, x, compared, cc);
  if (one !== null) return one;
  const simple = SIMPLE[cc];
  if (simple === undefined) return compoundCondition(kind, size, x, y, cc);
  return flagExpr(kind, size, x, y, simple);
}

/** Condition code 0..15 (SDM volume 1, appendix B) as i32 0 or 1. */
export function conditionExpr(kind: number, size: number, x: Expr, y: Expr, cc: number): Expr {
  const value = evenCondition(kind, size, x, y, cc & ~1);
  return (cc & 1) === 0 ? value : negate(value);
}

/** Integer comparisons of i32 (0x46..) and of i64 (0x51..) in opcode order: eq ne lt lt_u gt gt_u le le_u ge ge_u. */
const INVERSE = [1, 0, 8, 9, 6, 7, 4, 5, 2, 3];

/** The negation of an i32 that is 0 or 1. */
export function negate(cond: Expr): Expr {
  const { op, a, b } = cond;
  if (a !== null && op === 0x45) return i32.ne(a, ZERO);
  if (a !== null && op === 0x50) return i64.ne(a, i64.num(0));
  const first = op >= 0x51 ? 0x51 : 0x46;
  const inverse = INVERSE[op - first];
  return inverse === undefined ? i32.eqz(cond) : new Expr(I32, first + inverse, a, b);
}

/** Returns `of(kind, size, x, y)` for the packed kind in parameter 0, x in 1 and y in 2 (both i64). */
function writeDispatch(f: FunctionBuilder, of: (kind: number, size: number, x: Expr, y: Expr) => Expr): void {
  const narrowX = f.let(i32.wrap_i64(f.get(1)));
  const narrowY = f.let(i32.wrap_i64(f.get(2)));
  const otherwise = f.block();
  const labels = Array.from({ length: KINDS * SIZES.length }, () => f.block());
  f.brTable(labels.reverse(), otherwise, f.get(0));
  for (let kind = 0; kind < KINDS; kind++) {
    for (const size of SIZES) {
      f.end();
      const wide = size === 8 || kind === KIND_FLOAT;
      f.return(wide ? of(kind, size, f.get(1), f.get(2)) : of(kind, size, narrowX, narrowY));
    }
  }
  f.end();
  f.unreachable();
}

/** (packed kind, x, y): the six flags at their places in RFLAGS, where the kind is known at run time only. */
export const dynamicFlags: Helper = {
  name: 'dynamicFlags',
  params: [I32, I64, I64],
  result: I32,
  wasm: (f) => writeDispatch(f, allFlagsExpr),
};

/** (packed kind, x, y): condition code `cc`, even (the odd ones are their negations), as 0 or 1. */
export const dynamicConditions: Readonly<Record<number, Helper>> = Object.fromEntries(
  [0, 2, 4, 6, 8, 10, 12, 14].map((cc) => [
    cc,
    {
      name: `dynamicCondition${cc}`,
      params: [I32, I64, I64],
      result: I32,
      wasm: (f) => writeDispatch(f, (kind, size, x, y) => conditionExpr(kind, size, x, y, cc)),
    } satisfies Helper,
  ]),
);

/** Makes the flags in the CPU block raw, so that CPU_CC_Y holds them as RFLAGS has them, and returns them. */
export const settleFlags: Helper = {
  name: 'settleFlags',
  params: [],
  result: I32,
  wasm: (f, func) => {
    const cpu = i32.const(CPU);
    const state = [i32.load(cpu, CPU_CC_KIND), i64.load(cpu, CPU_CC_X), i64.load(cpu, CPU_CC_Y)];
    const flags = f.let(call(I32, func(dynamicFlags), state));
    f.store(STORE.i32, cpu, i32.const(packKind(KIND_RAW, 4)), CPU_CC_KIND);
    f.store(STORE.i64, cpu, i64.extend_i32_u(flags), CPU_CC_Y);
    f.return(flags);
  },
};
