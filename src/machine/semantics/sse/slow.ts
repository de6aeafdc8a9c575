/**
 * The second and third way of SSE's rounding operations, when the plain WebAssembly operation may not be all (see
 * arithmetic.ts). The second, in WebAssembly, knows the harmless cases that the first's quick checks do not tell from
 * others: zeros, exact results. The third is software arithmetic.
 */
import { FLOAT_RAISED } from '../../layout.js';
import {
  F32,
  F64,
  I32,
  I64,
  V128,
  call,
  f32,
  f32x4,
  f64,
  f64x2,
  i32,
  i64,
  select,
  v128,
} from '../../wasm/expr.js';
import type { Expr, ValType } from '../../wasm/expr.js';
import { STORE, type FunctionBuilder } from '../../wasm/function.js';
import type { Helper } from '../helper.js';
import { OPERAND_A, OPERAND_B, RESULT, operationCode, softFloat } from '../float/instruction.js';
import {
  INEXACT_IS_SILENT,
  PLAIN_ROUNDING,
  anyOf,
  isDenormal,
  isExtreme,
  isNotFinite,
  isUnordered,
  modesOtherThan,
  type Lanes,
} from './checks.js';
import { inexactProduct, inexactQuotient, inexactRoot, inexactSum } from './inexact.js';

const AT_0 = i32.const(0);
const STORES: Readonly<Record<number, number>> = {
  [F32]: STORE.f32,
  [F64]: STORE.f64,
  [V128]: STORE.v128,
  [I32]: STORE.i32,
  [I64]: STORE.i64,
};
const LOADS: Readonly<Record<number, (addr: Expr, offset?: number) => Expr>> = {
  [F32]: f32.load,
  [F64]: f64.load,
  [V128]: v128.load,
  [I32]: i32.load,
  [I64]: i64.load,
};

type FunctionOf = (helper: Helper) => number;

/** Has the software do an operation; leaves in FLOAT_RAISED whether an unmasked exception is due. */
function callSoft(
  f: FunctionBuilder,
  func: FunctionOf,
  name: string,
  imm: Expr,
  a: Expr | null,
  b: Expr,
): void {
  if (a !== null) f.store(STORES[a.type] as number, AT_0, a, OPERAND_A);
  f.store(STORES[b.type] as number, AT_0, b, OPERAND_B);
  const raised = call(I32, func(softFloat), [i32.const(operationCode(name)), imm]);
  f.store(STORE.i32, AT_0, raised, FLOAT_RAISED);
}

function resultOf(type: ValType): Expr {
  return (LOADS[type] as (addr: Expr, offset?: number) => Expr)(AT_0, RESULT);
}

const helpers = new Map<string, Helper>();
/** One helper for each name. */
function intern(make: Helper): Helper {
  const known = helpers.get(make.name);
  if (known === undefined) helpers.set(make.name, make);
  return known ?? make;
}

/** Only software: (a, b, imm), of the given type, to a result of the given type. */
export function softBinary(name: string, operand: ValType, result: ValType): Helper {
  return intern({
    name: `soft_${name}`,
    params: [operand, operand, I32],
    result,
    wasm: (f, func) => {
      callSoft(f, func, name, f.get(2), f.get(0), f.get(1));
      f.return(resultOf(result));
    },
  });
}

/** A comparison of scalars, or what depends on one: `plain` is right for ordered operands that are not denormal. */
export interface Ordering {
  readonly name: string;
  readonly operand: typeof F32 | typeof F64;
  readonly plain: (a: Expr, b: Expr, imm: Expr) => Expr;
  readonly result: ValType;
}

/** (a, b, imm) to the result. */
export function slowOrdering({ name, operand, plain, result }: Ordering): Helper {
  return intern({
    name: `slow_${name}`,
    params: [operand, operand, I32],
    result,
    wasm: (f, func) => {
      const [a, b, imm] = [f.get(0), f.get(1), f.get(2)];
      f.store(STORE.i32, AT_0, AT_0, FLOAT_RAISED);
      f.if(i32.eqz(anyOf(isDenormal(a), isDenormal(b), isUnordered(a, b))));
      f.return(plain(a, b, imm));
      f.end();
      callSoft(f, func, name, imm, a, b);
      f.return(resultOf(result));
    },
  });
}

/**
 * An operation on one operand, and on an immediate where it has one: `plain` is right unless it is doubtful, and also
 * where it is harmless; else its name is the software's. Arguments may be used more than once.
 */
export interface Conversion {
  readonly name: string;
  readonly operand: ValType;
  readonly result: ValType;
  readonly plain: (b: Expr, imm: Expr) => Expr;
  readonly isDoubtful: (b: Expr, result: Expr, imm: Expr) => Expr;
  readonly isHarmless: (b: Expr, result: Expr, imm: Expr) => Expr;
}

/** (source, immediate) to the result, of a conversion that looked doubtful. */
export function slowUnary({ name, operand, result, plain, isHarmless }: Conversion): Helper {
  return intern({
    name: `slow_${name}`,
    params: [operand, I32],
    result,
    wasm: (f, func) => {
      f.store(STORE.i32, AT_0, AT_0, FLOAT_RAISED);
      const value = f.let(plain(f.get(0), f.get(1)));
      f.if(isHarmless(f.get(0), value, f.get(1)));
      f.return(value);
      f.end();
      callSoft(f, func, name, f.get(1), null, f.get(0));
      f.return(resultOf(result));
    },
  });
}

/** The operations that round, and what is particular to each. */
export type Rounded = 'add' | 'sub' | 'mul' | 'div' | 'sqrt';
interface Particulars {
  readonly isInexact: (a: Expr, b: Expr, result: Expr) => Expr;
  /** Not 0 if the result may be tiny though both operands are plain. */
  readonly mayBeTiny: (a: Expr, b: Expr, result: Expr) => Expr;
}
function zeroLike(x: Expr): Expr {
  return x.type === F64 ? f64.bits(0, 0) : f32.bits(0);
}
function isZero(x: Expr): Expr {
  return x.type === F64 ? f64.eq(x, zeroLike(x)) : f32.eq(x, zeroLike(x));
}
function negate(x: Expr): Expr {
  return x.type === F64 ? f64.neg(x) : f32.neg(x);
}
const never = (): Expr => i32.const(0);
const PARTICULARS: Readonly<Record<Rounded, Particulars>> = {
  add: { isInexact: inexactSum, mayBeTiny: (_a, _b, sum) => isDenormal(sum) },
  sub: {
    isInexact: (a, b, r) => inexactSum(a, negate(b), r),
    mayBeTiny: (_a, _b, difference) => isDenormal(difference),
  },
  mul: {
    isInexact: inexactProduct,
    mayBeTiny: (a, b, product) => i32.and(isExtreme(product), i32.eqz(i32.or(isZero(a), isZero(b)))),
  },
  div: {
    isInexact: inexactQuotient,
    mayBeTiny: (a, _b, quotient) => i32.and(isExtreme(quotient), i32.eqz(isZero(a))),
  },
  sqrt: { isInexact: (_a, b, root) => inexactRoot(b, root), mayBeTiny: never },
};

export function operate(operation: Rounded, a: Expr, b: Expr): Expr {
  const f = b.type === F64 ? f64 : f32;
  return operation === 'sqrt' ? f.sqrt(b) : f[operation](a, b);
}
export function operateLanes(lanes: Lanes, operation: Rounded, a: Expr, b: Expr): Expr {
  const f = lanes === 'pd' ? f64x2 : f32x4;
  return operation === 'sqrt' ? f.sqrt(b) : f[operation](a, b);
}

/** (a, b, result): not 0 if software is needed for one lane. A square root has its operand as a and b. */
function needsSoftware(operation: Rounded, type: ValType): Helper {
  const { isInexact, mayBeTiny } = PARTICULARS[operation];
  const rounding = PLAIN_ROUNDING & ~INEXACT_IS_SILENT;
  return intern({
    name: `needs_software_${operation}_${type === F64 ? 'f64' : 'f32'}`,
    params: [type, type, type],
    result: I32,
    wasm: (f) => {
      const [a, b, result] = [f.get(0), f.get(1), f.get(2)];
      f.if(anyOf(isDenormal(a), isDenormal(b), isNotFinite(a), isNotFinite(b), isNotFinite(result)));
      f.return(i32.const(1));
      f.end();
      f.if(anyOf(modesOtherThan(rounding), mayBeTiny(a, b, result)));
      f.return(i32.const(1));
      f.end();
      f.return(select(modesOtherThan(INEXACT_IS_SILENT), isInexact(a, b, result), i32.const(0)));
    },
  });
}

/** (a, b) to the result, of a scalar operation: 'ss' or 'sd'. */
export function slowScalar(operation: Rounded, shape: 'ss' | 'sd'): Helper {
  const type = shape === 'sd' ? F64 : F32;
  return intern({
    name: `slow_${operation}${shape}`,
    params: [type, type],
    result: type,
    wasm: (f, func) => {
      f.store(STORE.i32, AT_0, AT_0, FLOAT_RAISED);
      const [a, b] = [f.get(0), f.get(1)];
      const result = f.let(operate(operation, a, b));
      f.if(
        i32.eqz(call(I32, func(needsSoftware(operation, type)), [operation === 'sqrt' ? b : a, b, result])),
      );
      f.return(result);
      f.end();
      callSoft(f, func, operation + shape, AT_0, a, b);
      f.return(resultOf(type));
    },
  });
}

/** What the software does in place of an operation, where that was only an equal one: its name, and its b from ours. */
export interface Original {
  readonly name: string;
  readonly b: (b: Expr) => Expr;
}

/** (a, b) to the result, of a packed operation. */
export function slowPacked(operation: Rounded, lanes: Lanes, original?: Original): Helper {
  const [type, shape, count] = lanes === 'pd' ? ([F64, f64x2, 2] as const) : ([F32, f32x4, 4] as const);
  const name = original?.name ?? operation + lanes;
  return intern({
    name: `slow_${name}`,
    params: [V128, V128],
    result: V128,
    wasm: (f, func) => {
      f.store(STORE.i32, AT_0, AT_0, FLOAT_RAISED);
      const [a, b] = [f.get(0), f.get(1)];
      const result = f.let(operateLanes(lanes, operation, a, b));
      const lane = (i: number) =>
        [operation === 'sqrt' ? b : a, b, result].map((v) => shape.extract_lane(i, v));
      const needs = (i: number) => call(I32, func(needsSoftware(operation, type)), lane(i));
      const all = Array.from({ length: count }, (_, i) => needs(i));
      f.if(i32.eqz(all.reduce((x, y) => i32.or(x, y))));
      f.return(result);
      f.end();
      callSoft(f, func, name, AT_0, a, original === undefined ? b : original.b(b));
      f.return(resultOf(V128));
    },
  });
}
