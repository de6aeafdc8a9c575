/**
 * Conversions between floats, and between floats and integers. As for arithmetic (arithmetic.ts): a plain operation
 * where its result is all there is, which here a range and the modes tell; else a second look, else software.
 */
import {
  F32,
  F64,
  I32,
  I64,
  V128,
  f32,
  f32x4,
  f64,
  f64x2,
  i32,
  i32x4,
  i64,
  i64x2,
  v128,
  type Expr,
} from '../../wasm/expr.js';
import type { Emitter, Semantics, SemanticsTable } from '../emitter.js';
import { withSlowWay } from './arithmetic.js';
import {
  INEXACT_IS_SILENT,
  PLAIN_ROUNDING,
  anyNotBelow,
  anyOf,
  anyZero,
  isDenormal,
  isExtreme,
  isNaN,
  modesOtherThan,
  zeroIfDenormal,
  zeroIfExtreme,
  type Lanes,
} from './checks.js';
import {
  checkMmx,
  enterMmx,
  isMmx,
  lanes32,
  readVector,
  sizeOf,
  vectorOf,
  zeroExtended,
} from './operands.js';
import { lowHalf, shuffle } from './permute.js';
import { slowUnary, type Conversion } from './slow.js';

const never = (): Expr => i32.const(0);
const modesMatter = (): Expr => modesOtherThan(PLAIN_ROUNDING);

/** A conversion's result; b is a local. */
export function converted(e: Emitter, row: Conversion, b: Expr, imm: Expr = i32.const(0)): Expr {
  const isDoubtful = (result: Expr) => row.isDoubtful(b, result, imm);
  return withSlowWay(e, row.plain(b, imm), isDoubtful, slowUnary(row), b, imm);
}

const CVTSS2SD: Conversion = {
  name: 'cvtss2sd',
  operand: F32,
  result: F64,
  plain: f64.promote_f32,
  isDoubtful: (b) => anyOf(isDenormal(b), isNaN(b)),
  isHarmless: never,
};

const LEAST_NORMAL32 = v128.const(new Uint8Array(Float64Array.of(2 ** -126, 2 ** -126).buffer));

/** The upper half of the operand is not defined, so the result is looked at. */
const CVTPS2PD: Conversion = {
  name: 'cvtps2pd',
  operand: V128,
  result: V128,
  plain: f64x2.promote_low_f32x4,
  isDoubtful: (_b, result) => {
    const small = f64x2.lt(f64x2.abs(result), LEAST_NORMAL32);
    const denormal = v128.and(small, f64x2.ne(result, lanes32(0, 0, 0, 0)));
    return v128.any_true(v128.or(denormal, f64x2.ne(result, result)));
  },
  isHarmless: never,
};

const CVTSD2SS: Conversion = {
  name: 'cvtsd2ss',
  operand: F64,
  result: F32,
  plain: f32.demote_f64,
  isDoubtful: (_b, result) => anyOf(isExtreme(result), modesMatter()),
  isHarmless: (b, result) => i32.and(f64.eq(f64.promote_f32(result), b), i32.eqz(isDenormal(result))),
};

const CVTPD2PS: Conversion = {
  name: 'cvtpd2ps',
  operand: V128,
  result: V128,
  plain: f32x4.demote_f64x2_zero,
  isDoubtful: (_b, result) => {
    const both = shuffle(4, [0, 1, 0, 1], result, result);
    return anyOf(anyZero('ps', zeroIfExtreme('ps', both)), modesMatter());
  },
  isHarmless: (b, result) =>
    i32.eqz(
      anyOf(
        i32.eqz(i64x2.all_true(f64x2.eq(f64x2.promote_low_f32x4(result), b))),
        anyZero('ps', zeroIfDenormal('ps', result)),
      ),
    ),
};

/** A magnitude up to which all integers have the float's precision. */
const EXACT32 = 2 ** 24;
const EXACT64 = 2 ** 53;
function isWithin64(x: Expr, magnitude: number): Expr {
  return i64.le_u(i64.add(x, i64.num(magnitude)), i64.num(2 * magnitude));
}

const CVTSI2SS_4: Conversion = {
  name: 'cvtsi2ss.4',
  operand: I32,
  result: F32,
  plain: f32.convert_i32_s,
  isDoubtful: modesMatter,
  isHarmless: (b) => i32.le_u(i32.add(b, i32.const(EXACT32)), i32.const(2 * EXACT32)),
};
const CVTSI2SS_8: Conversion = {
  name: 'cvtsi2ss.8',
  operand: I64,
  result: F32,
  plain: f32.convert_i64_s,
  isDoubtful: modesMatter,
  isHarmless: (b) => isWithin64(b, EXACT32),
};
const CVTSI2SD_8: Conversion = {
  name: 'cvtsi2sd.8',
  operand: I64,
  result: F64,
  plain: f64.convert_i64_s,
  isDoubtful: modesMatter,
  isHarmless: (b) => isWithin64(b, EXACT64),
};
const CVTDQ2PS: Conversion = {
  name: 'cvtdq2ps',
  operand: V128,
  result: V128,
  plain: f32x4.convert_i32x4_s,
  isDoubtful: modesMatter,
  isHarmless: (b) => {
    const exact = (n: number) => lanes32(n, n, n, n);
    return i32x4.all_true(i32x4.le_u(i32x4.add(b, exact(EXACT32)), exact(2 * EXACT32)));
  },
};

/** How an integer is made of a float: as MXCSR says (to nearest, where it is plain), or cutting off. */
type Rounding = 'nearest' | 'trunc';
const ROUNDINGS = [
  ['', 'nearest', PLAIN_ROUNDING],
  ['t', 'trunc', INEXACT_IS_SILENT],
] as const;

/** A scalar float to a general register of `bytes`. */
function scalarToInteger(
  name: string,
  rounding: Rounding,
  modes: number,
  double: boolean,
  bytes: 4 | 8,
): Conversion {
  const f = double ? f64 : f32;
  const i = bytes === 8 ? i64 : i32;
  const limit = double
    ? f64.bits(0, bytes === 8 ? 0x43e00000 : 0x41e00000)
    : f32.bits(bytes === 8 ? 0x5f000000 : 0x4f000000);
  const isInRange = (b: Expr) => f.lt(f.abs(f[rounding](b)), limit);
  return {
    name: `${name}.${bytes}`,
    operand: double ? F64 : F32,
    result: bytes === 8 ? I64 : I32,
    plain: (b) => i[double ? 'trunc_sat_f64_s' : 'trunc_sat_f32_s'](rounding === 'trunc' ? b : f.nearest(b)),
    isDoubtful: (b) => anyOf(i32.eqz(isInRange(b)), modesOtherThan(modes)),
    isHarmless: (b) => i32.and(isInRange(b), f.eq(f.trunc(b), b)),
  };
}

/** Packed floats to 32-bit integers. */
function packedToIntegers(name: string, rounding: Rounding, modes: number, lanes: Lanes): Conversion {
  const f = lanes === 'pd' ? f64x2 : f32x4;
  const limit =
    lanes === 'pd'
      ? lanes32(0, 0x41e00000, 0, 0x41e00000)
      : lanes32(...new Array<number>(4).fill(0x4f000000));
  const isOutside = (b: Expr) => anyNotBelow(lanes, f[rounding](b), limit);
  const toInteger = lanes === 'pd' ? i32x4.trunc_sat_f64x2_s_zero : i32x4.trunc_sat_f32x4_s;
  return {
    name,
    operand: V128,
    result: V128,
    plain: (b) => toInteger(rounding === 'trunc' ? b : f.nearest(b)),
    isDoubtful: (b) => anyOf(isOutside(b), modesOtherThan(modes)),
    isHarmless: (b) => i32.eqz(anyOf(isOutside(b), v128.any_true(f.ne(f.trunc(b), b)))),
  };
}

/** A scalar conversion between vector registers. */
function scalar(row: Conversion): Semantics {
  return (e) => e.write(0, converted(e, row, e.let(e.readFloat(1))));
}

/** A packed one; a source of 8 bytes is a vector's low half. */
function packed(row: Conversion): Semantics {
  return (e) => e.write(0, converted(e, row, e.let(readVector(e, 1))));
}

function fromGeneral(narrow: Conversion | null, wide: Conversion): Semantics {
  return (e) => {
    const b = e.let(e.read(1));
    if (sizeOf(e, 1) === 8) e.write(0, converted(e, wide, b));
    else e.write(0, narrow === null ? f64.convert_i32_s(b) : converted(e, narrow, b));
  };
}

function toGeneral(narrow: Conversion, wide: Conversion): Semantics {
  return (e) => e.write(0, converted(e, sizeOf(e, 0) === 8 ? wide : narrow, e.let(e.readFloat(1))));
}

/**
 * To or from an MMX register: the vector conversion with zeros in the upper half. The x87 state changes even if an
 * exception is due, and does not with a source in memory.
 */
function withMmx(row: Conversion): Semantics {
  return (e) => {
    if (isMmx(e)) checkMmx(e);
    const b = e.let(sizeOf(e, 1) === 8 ? zeroExtended(e.read(1)) : readVector(e, 1));
    if (isMmx(e)) enterMmx(e);
    e.write(0, lowHalf(converted(e, row, b)));
  };
}

/** Exact. */
const integersToDoubles: Semantics = (e) => {
  if (isMmx(e)) checkMmx(e);
  const b = vectorOf(e.read(1));
  if (isMmx(e)) enterMmx(e);
  e.write(0, f64x2.convert_low_i32x4_s(b));
};

const TO_INTEGERS: SemanticsTable = Object.fromEntries(
  ROUNDINGS.flatMap(([t, rounding, modes]) => {
    const general = (name: string, double: boolean): [string, Semantics] => {
      const of = (bytes: 4 | 8) => scalarToInteger(name, rounding, modes, double, bytes);
      return [name, toGeneral(of(4), of(8))];
    };
    const ps = packedToIntegers(`cvt${t}ps2dq`, rounding, modes, 'ps');
    const pd = packedToIntegers(`cvt${t}pd2dq`, rounding, modes, 'pd');
    return [
      general(`cvt${t}ss2si`, false),
      general(`cvt${t}sd2si`, true),
      [`cvt${t}ps2dq`, packed(ps)],
      [`cvt${t}pd2dq`, packed(pd)],
      [`cvt${t}ps2pi`, withMmx(ps)],
      [`cvt${t}pd2pi`, withMmx(pd)],
    ];
  }),
);

export const CONVERT: SemanticsTable = {
  ...TO_INTEGERS,
  cvtss2sd: scalar(CVTSS2SD),
  cvtsd2ss: scalar(CVTSD2SS),
  cvtps2pd: packed(CVTPS2PD),
  cvtpd2ps: packed(CVTPD2PS),
  cvtsi2ss: fromGeneral(CVTSI2SS_4, CVTSI2SS_8),
  cvtsi2sd: fromGeneral(null, CVTSI2SD_8),
  cvtdq2ps: packed(CVTDQ2PS),
  cvtpi2ps: withMmx(CVTDQ2PS),
  cvtdq2pd: integersToDoubles,
  cvtpi2pd: integersToDoubles,
};
