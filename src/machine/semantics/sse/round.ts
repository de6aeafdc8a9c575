/** roundps and its relatives. The immediate's bits 0 and 1 are the mode, bit 2: MXCSR's, bit 3: inexact is no matter. */
import { F32, F64, V128, f32, f32x4, f64, f64x2, i32, select, v128, type Expr } from '../../wasm/expr.js';
import type { Semantics, SemanticsTable } from '../emitter.js';
import { DAZ } from '../float/env.js';
import {
  INEXACT_IS_SILENT,
  PLAIN_ROUNDING,
  anyOf,
  anyUnordered,
  anyZero,
  isDenormal,
  isNaN,
  mxcsr,
  zeroIfDenormal,
} from './checks.js';
import { converted } from './convert.js';
import { bits, constantOf, immediate, readVector } from './operands.js';
import type { Conversion } from './slow.js';

const FROM_MXCSR = 4;
const SILENT = 8;
const ROUNDING = PLAIN_ROUNDING & ~INEXACT_IS_SILENT;

/** Those of MXCSR's bits that matter, besides DAZ. */
function modesOf(imm: Expr): Expr {
  const known = constantOf(imm);
  if (known !== null) {
    const inexact = (known & SILENT) === 0 ? INEXACT_IS_SILENT : 0;
    return i32.const(inexact | ((known & FROM_MXCSR) === 0 ? 0 : ROUNDING));
  }
  const inexact = select(i32.and(imm, i32.const(SILENT)), i32.const(0), i32.const(INEXACT_IS_SILENT));
  return i32.or(inexact, select(i32.and(imm, i32.const(FROM_MXCSR)), i32.const(ROUNDING), i32.const(0)));
}
/** Not 0 unless of `modes` just those of INEXACT_IS_SILENT are set. */
function modesMatter(modes: Expr): Expr {
  return i32.xor(i32.and(mxcsr(), modes), i32.and(modes, i32.const(INEXACT_IS_SILENT)));
}

type Operators = Readonly<Record<'nearest' | 'floor' | 'ceil' | 'trunc', (a: Expr) => Expr>>;

/** MXCSR's mode is taken to be the nearest. */
function rounded(f: Operators, b: Expr, imm: Expr): Expr {
  const known = constantOf(imm);
  if (known !== null) {
    const mode = known & FROM_MXCSR ? 0 : known & 3;
    return ([f.nearest, f.floor, f.ceil, f.trunc][mode] as (a: Expr) => Expr)(b);
  }
  const odd = bits(imm, 0, 1);
  const upper = select(odd, f.trunc(b), f.ceil(b));
  const lower = select(odd, f.floor(b), f.nearest(b));
  const given = select(bits(imm, 1, 1), upper, lower);
  return select(i32.and(imm, i32.const(FROM_MXCSR)), f.nearest(b), given);
}

interface Shape {
  readonly isNaN: (b: Expr) => Expr;
  readonly isDenormal: (b: Expr) => Expr;
  /** i32, not 0 if any lane differs. */
  readonly differ: (b: Expr, result: Expr) => Expr;
  readonly operators: Operators;
  readonly type: typeof F32 | typeof F64 | typeof V128;
}
function packedShape(lanes: 'ps' | 'pd'): Shape {
  const operators = lanes === 'pd' ? f64x2 : f32x4;
  return {
    isNaN: (b) => anyUnordered(lanes, b, b),
    isDenormal: (b) => anyZero(lanes, zeroIfDenormal(lanes, b)),
    differ: (b, result) => v128.any_true(operators.ne(b, result)),
    operators,
    type: V128,
  };
}
const SHAPES: Readonly<Record<string, Shape>> = {
  ps: packedShape('ps'),
  pd: packedShape('pd'),
  ss: { isNaN, isDenormal, differ: f32.ne, operators: f32, type: F32 },
  sd: { isNaN, isDenormal, differ: f64.ne, operators: f64, type: F64 },
};

function conversion(name: string, shape: Shape): Conversion {
  const notPlain = (b: Expr, imm: Expr) =>
    anyOf(
      shape.isNaN(b),
      i32.and(shape.isDenormal(b), i32.ne(i32.and(mxcsr(), i32.const(DAZ)), i32.const(0))),
      modesMatter(i32.and(modesOf(imm), i32.const(ROUNDING))),
    );
  return {
    name,
    operand: shape.type,
    result: shape.type,
    plain: (b, imm) => rounded(shape.operators, b, imm),
    isDoubtful: (b, _result, imm) =>
      anyOf(shape.isNaN(b), i32.and(mxcsr(), i32.const(DAZ)), modesMatter(modesOf(imm))),
    isHarmless: (b, result, imm) =>
      i32.eqz(
        anyOf(notPlain(b, imm), select(modesMatter(modesOf(imm)), shape.differ(b, result), i32.const(0))),
      ),
  };
}

function round(suffix: string): [string, Semantics] {
  const shape = SHAPES[suffix] as Shape;
  const row = conversion(`round${suffix}`, shape);
  const isPacked = shape.type === V128;
  return [
    row.name,
    (e) => {
      const b = e.let(isPacked ? readVector(e, 1) : e.readFloat(1));
      e.write(0, converted(e, row, b, e.let(immediate(e, 2))));
    },
  ];
}

export const ROUND: SemanticsTable = Object.fromEntries(Object.keys(SHAPES).map(round));
