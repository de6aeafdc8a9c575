/**
 * Comparisons, min and max: nothing is rounded and no mode matters as long as no operand is a NaN or denormal. The rest
 * is the software's.
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
  select,
  v128,
  type Expr,
} from '../../wasm/expr.js';
import type { Semantics, SemanticsTable } from '../emitter.js';
import { EQUAL, GREATER, LESS, PREDICATES } from '../float/lanes.js';
import { KIND_FLOAT } from '../flags.js';
import { raiseIfUnmasked, withSlowWay } from './arithmetic.js';
import {
  anyOf,
  anyScalarZero,
  anyUnordered,
  anyZero,
  zeroIfDenormal,
  zeroIfScalarDenormal,
  zeroIfScalarNotFinite,
  type Lanes,
} from './checks.js';
import { allOnesIf, bits, constantOf, immediate, readVector } from './operands.js';
import { slowOrdering, softBinary } from './slow.js';

type Scalar = 'ss' | 'sd';
const AT_0 = i32.const(0);

/** The difference tells NaNs; infinities, which it takes for such, are the helper's. */
function isDoubtfulScalar(a: Expr, b: Expr): Expr {
  const difference = a.type === F64 ? f64.sub(a, b) : f32.sub(a, b);
  return anyScalarZero([zeroIfScalarDenormal(a), zeroIfScalarDenormal(b), zeroIfScalarNotFinite(difference)]);
}
function isDoubtfulPacked(lanes: Lanes, a: Expr, b: Expr): Expr {
  return anyOf(anyZero(lanes, zeroIfDenormal(lanes, a), zeroIfDenormal(lanes, b)), anyUnordered(lanes, a, b));
}

/** The first operand if it is less (greater), else the second. */
function extremeScalar(stem: 'min' | 'max', shape: Scalar): Semantics {
  const [f, type] = shape === 'sd' ? ([f64, F64] as const) : ([f32, F32] as const);
  const wins = stem === 'min' ? f.lt : f.gt;
  const plain = (a: Expr, b: Expr) => select(wins(a, b), a, b);
  const helper = slowOrdering({ name: stem + shape, operand: type, plain, result: type });
  return (e) => {
    const b = e.let(e.readFloat(1));
    const a = e.let(e.readFloat(0));
    e.write(
      0,
      withSlowWay(e, plain(a, b), () => isDoubtfulScalar(a, b), helper, a, b, AT_0),
    );
  };
}
function extremePacked(stem: 'min' | 'max', lanes: Lanes): Semantics {
  const { pmin, pmax } = lanes === 'pd' ? f64x2 : f32x4;
  const helper = softBinary(stem + lanes, V128, V128);
  return (e) => {
    const b = e.let(readVector(e, 1));
    const a = e.let(readVector(e, 0));
    const result = stem === 'min' ? pmin(b, a) : pmax(b, a);
    e.write(
      0,
      withSlowWay(e, result, () => isDoubtfulPacked(lanes, a, b), helper, a, b, AT_0),
    );
  };
}

/** What may be compared, ordered as it is: the predicates that are one operator. */
interface Relations {
  readonly lt: (a: Expr, b: Expr) => Expr;
  readonly le: (a: Expr, b: Expr) => Expr;
  readonly eq: (a: Expr, b: Expr) => Expr;
  readonly ne: (a: Expr, b: Expr) => Expr;
  readonly ge: (a: Expr, b: Expr) => Expr;
  readonly gt: (a: Expr, b: Expr) => Expr;
}

const ORDERED = LESS | EQUAL | GREATER;

/** A predicate of two ordered operands. */
function knownPredicate(f: Relations, predicate: number, a: Expr, b: Expr): Expr {
  const holds = (PREDICATES[predicate]?.holds ?? 0) & ORDERED;
  if (holds === 0) return f.lt(a, a);
  if (holds === ORDERED) return f.eq(a, a);
  const operators: Readonly<Record<number, Relations['eq']>> = {
    [LESS]: f.lt,
    [EQUAL]: f.eq,
    [GREATER]: f.gt,
    [LESS | EQUAL]: f.le,
    [LESS | GREATER]: f.ne,
    [EQUAL | GREATER]: f.ge,
  };
  return (operators[holds] as Relations['eq'])(a, b);
}

/** For each relation, the predicates that hold for it, as bits. */
const RELATIONS = (
  [
    [LESS, 'lt'],
    [EQUAL, 'eq'],
    [GREATER, 'gt'],
  ] as const
).map(
  ([bit, name]) =>
    [name, PREDICATES.reduce((all, { holds }, k) => all | (holds & bit ? 1 << k : 0), 0)] as const,
);

/** All ones, or 1, where the predicate that is not known holds for ordered operands. */
function unknownPredicate(f: Relations, imm: Expr, a: Expr, b: Expr, mask: (bit: Expr) => Expr): Expr {
  const and = (x: Expr, predicates: number) => {
    const wanted = mask(i32.and(i32.shr_u(i32.const(predicates), imm), i32.const(1)));
    return x.type === V128 ? v128.and(x, wanted) : i32.and(x, wanted);
  };
  const parts = RELATIONS.map(([name, predicates]) => and(f[name](a, b), predicates));
  return parts.reduce((x, y) => (x.type === V128 ? v128.or(x, y) : i32.or(x, y)));
}

/** Which bits of the immediate count: SSE has 8 predicates, AVX 32. */
export const SSE_PREDICATES = 7;
export const AVX_PREDICATES = 31;

export function comparePacked(lanes: Lanes, predicates: number): Semantics {
  const f = lanes === 'pd' ? f64x2 : f32x4;
  const helper = softBinary(`cmp${lanes}`, V128, V128);
  const spread = (bit: Expr) => i32x4.splat(i32.sub(AT_0, bit));
  return (e) => {
    const b = e.let(readVector(e, 1));
    const a = e.let(readVector(e, 0));
    const imm = e.let(bits(immediate(e, 2), 0, predicates));
    const known = constantOf(imm);
    const result = known === null ? unknownPredicate(f, imm, a, b, spread) : knownPredicate(f, known, a, b);
    e.write(
      0,
      withSlowWay(e, result, () => isDoubtfulPacked(lanes, a, b), helper, a, b, imm),
    );
  };
}

export function compareScalar(shape: Scalar, predicates: number): Semantics {
  const f = shape === 'sd' ? f64 : f32;
  const [operand, result] = shape === 'sd' ? ([F64, I64] as const) : ([F32, I32] as const);
  const mask = (holds: Expr) => (shape === 'sd' ? allOnesIf(holds) : i32.sub(AT_0, holds));
  const plain = (a: Expr, b: Expr, imm: Expr) => {
    const known = constantOf(imm);
    if (known !== null) return mask(knownPredicate(f, known, a, b));
    return mask(unknownPredicate(f, imm, a, b, (bit) => bit));
  };
  const helper = slowOrdering({ name: `cmp${shape}`, operand, plain, result });
  return (e) => {
    const b = e.let(e.readFloat(1));
    const a = e.let(e.readFloat(0));
    const imm = e.let(bits(immediate(e, 2), 0, predicates));
    e.write(
      0,
      withSlowWay(e, plain(a, b, imm), () => isDoubtfulScalar(a, b), helper, a, b, imm),
    );
  };
}

/** comis, ucomis: the flags of the comparison, lazily. */
function compareToFlags(name: string): Semantics {
  const double = name.endsWith('sd');
  const f = double ? f64 : f32;
  const plain = (a: Expr, b: Expr) => f64.convert_i32_s(i32.sub(f.gt(a, b), f.lt(a, b)));
  const helper = slowOrdering({ name, operand: double ? F64 : F32, plain, result: F64 });
  const widen = (x: Expr) => (double ? x : f64.promote_f32(x));
  return (e) => {
    const b = e.let(e.readFloat(1));
    const a = e.let(e.readFloat(0));
    const first = e.variable(widen(a));
    const second = e.variable(widen(b));
    e.if(isDoubtfulScalar(a, b), () => {
      first.set(e.callValue(helper, a, b, AT_0));
      second.set(f64.bits(0, 0));
      raiseIfUnmasked(e);
    });
    e.setFlags(KIND_FLOAT, 8, i64.reinterpret_f64(first.get()), i64.reinterpret_f64(second.get()));
  };
}

function allShapes(stem: 'min' | 'max'): SemanticsTable {
  return {
    [`${stem}ps`]: extremePacked(stem, 'ps'),
    [`${stem}pd`]: extremePacked(stem, 'pd'),
    [`${stem}ss`]: extremeScalar(stem, 'ss'),
    [`${stem}sd`]: extremeScalar(stem, 'sd'),
  };
}

export const COMPARE: SemanticsTable = {
  ...allShapes('min'),
  ...allShapes('max'),
  cmpps: comparePacked('ps', SSE_PREDICATES),
  cmppd: comparePacked('pd', SSE_PREDICATES),
  cmpss: compareScalar('ss', SSE_PREDICATES),
  cmpsd: compareScalar('sd', SSE_PREDICATES),
  ...Object.fromEntries(
    ['comiss', 'comisd', 'ucomiss', 'ucomisd'].map((name) => [name, compareToFlags(name)]),
  ),
};
