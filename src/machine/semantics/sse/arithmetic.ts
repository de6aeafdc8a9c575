/**
 * SSE's rounding arithmetic: add, sub, mul, div, sqrt and what is made of them.
 *
 * Each operation has three ways. The first, in place, is the plain WebAssembly operation, and it is right if rounding is
 * to nearest, an inexact result changes nothing (PE is set already, and masked), no operand is denormal or NaN, and the
 * result neither overflowed nor became tiny; then none of the other exceptions can have happened. CHECKS says for each
 * operation which of this has to be looked at. The other two ways are slow.ts's.
 *
 * Unmasked exceptions do not matter until one happens; so the first way serves all masks but the precision exception's.
 */
import { FLOAT_RAISED } from '../../layout.js';
import { i32, v128, type Expr } from '../../wasm/expr.js';
import { VECTOR_XM, type Emitter, type Semantics, type SemanticsTable } from '../emitter.js';
import type { Helper } from '../helper.js';
import {
  PLAIN_ROUNDING,
  PLAIN_SUM,
  anyOf,
  anyUnordered,
  anyZero,
  anyScalarZero,
  isDenormal,
  isNaN,
  modesOtherThan,
  zeroIfDenormal,
  zeroIfExtreme,
  zeroIfNotFinite,
  zeroIfScalarDenormal,
  zeroIfScalarExtreme,
  zeroIfScalarNotFinite,
  type Lanes,
} from './checks.js';
import { lanes32, readVector } from './operands.js';
import { shuffle } from './permute.js';
import { operate, operateLanes, slowPacked, slowScalar, type Original, type Rounded } from './slow.js';

interface Check {
  readonly scalar: (a: Expr, b: Expr, result: Expr) => Expr;
  readonly packed: (lanes: Lanes, a: Expr, b: Expr, result: Expr) => Expr;
}

/** A sum of normal numbers that is tiny is exact: it matters only if it would be flushed. */
const SUM: Check = {
  scalar: (a, b, sum) => {
    const fields = [zeroIfScalarDenormal(a), zeroIfScalarDenormal(b), zeroIfScalarNotFinite(sum)];
    return anyScalarZero(fields, modesOtherThan(PLAIN_SUM));
  },
  packed: (lanes, a, b, sum) =>
    anyOf(
      anyZero(lanes, zeroIfDenormal(lanes, a), zeroIfDenormal(lanes, b), zeroIfNotFinite(lanes, sum)),
      modesOtherThan(PLAIN_SUM),
    ),
};
/** Zero results are looked at too: they may have underflowed. */
const PRODUCT: Check = {
  scalar: (a, b, r) => {
    const fields = [zeroIfScalarDenormal(a), zeroIfScalarDenormal(b), zeroIfScalarExtreme(r)];
    return anyScalarZero(fields, modesOtherThan(PLAIN_ROUNDING));
  },
  packed: (lanes, a, b, r) =>
    anyOf(
      anyZero(lanes, zeroIfDenormal(lanes, a), zeroIfDenormal(lanes, b), zeroIfExtreme(lanes, r)),
      modesOtherThan(PLAIN_ROUNDING),
    ),
};
/** A root can be neither too large nor tiny. */
const ROOT: Check = {
  scalar: (_a, b, root) => anyOf(isDenormal(b), isNaN(root), modesOtherThan(PLAIN_ROUNDING)),
  packed: (lanes, _a, b, root) =>
    anyOf(
      anyZero(lanes, zeroIfDenormal(lanes, b)),
      anyUnordered(lanes, root, root),
      modesOtherThan(PLAIN_ROUNDING),
    ),
};
const CHECKS: Readonly<Record<Rounded, Check>> = {
  add: SUM,
  sub: SUM,
  mul: PRODUCT,
  div: PRODUCT,
  sqrt: ROOT,
};

/** `result`, unless `isDoubtful`: then what `helper` gives, which may raise #XM. */
export function withSlowWay(
  e: Emitter,
  result: Expr,
  isDoubtful: (result: Expr) => Expr,
  helper: Helper,
  ...args: readonly Expr[]
): Expr {
  const value = e.variable(result);
  const slow = () => {
    value.set(e.callValue(helper, ...args));
    raiseIfUnmasked(e);
  };
  e.if(isDoubtful(value.get()), slow, undefined, 'unlikely');
  return value.get();
}

export function raiseIfUnmasked(e: Emitter): void {
  e.raiseIf(i32.load(i32.const(0), FLOAT_RAISED), VECTOR_XM);
}

function scalar(operation: Rounded, shape: 'ss' | 'sd'): Semantics {
  const helper = slowScalar(operation, shape);
  return (e) => {
    const b = e.let(e.readFloat(1));
    const a = operation === 'sqrt' ? b : e.let(e.readFloat(0));
    const isDoubtful = (result: Expr) => CHECKS[operation].scalar(a, b, result);
    e.write(0, withSlowWay(e, operate(operation, a, b), isDoubtful, helper, a, b));
  };
}

/** The result of a packed operation on two vectors, held in locals. */
function packedResult(
  e: Emitter,
  operation: Rounded,
  lanes: Lanes,
  a: Expr,
  b: Expr,
  original?: Original,
): Expr {
  const isDoubtful = (result: Expr) => CHECKS[operation].packed(lanes, a, b, result);
  const helper = slowPacked(operation, lanes, original);
  return withSlowWay(e, operateLanes(lanes, operation, a, b), isDoubtful, helper, a, b);
}

function packed(operation: Rounded, lanes: Lanes): Semantics {
  return (e) => {
    const b = e.let(readVector(e, 1));
    const a = operation === 'sqrt' ? b : e.let(readVector(e, 0));
    e.write(0, packedResult(e, operation, lanes, a, b));
  };
}

/** Even elements of both vectors with the odd ones. */
function horizontal(operation: 'add' | 'sub', lanes: Lanes): Semantics {
  const size = lanes === 'pd' ? 8 : 4;
  const even = lanes === 'pd' ? [0, 2] : [0, 2, 4, 6];
  const odd = even.map((element) => element + 1);
  return (e) => {
    const b = e.let(readVector(e, 1));
    const a = e.let(readVector(e, 0));
    const first = e.let(shuffle(size, even, a, b));
    const second = e.let(shuffle(size, odd, a, b));
    e.write(0, packedResult(e, operation, lanes, first, second));
  };
}

/** Even lanes subtracted, odd ones added: a sum with some signs changed. */
function addSub(lanes: Lanes): Semantics {
  const signs = lanes === 'pd' ? lanes32(0, 1 << 31, 0, 0) : lanes32(1 << 31, 0, 1 << 31, 0);
  const original: Original = { name: `addsub${lanes}`, b: (b) => v128.xor(b, signs) };
  return (e) => {
    const b = e.let(v128.xor(readVector(e, 1), signs));
    e.write(0, packedResult(e, 'add', lanes, e.let(readVector(e, 0)), b, original));
  };
}

function allShapes(operation: Rounded): SemanticsTable {
  return {
    [`${operation}ps`]: packed(operation, 'ps'),
    [`${operation}pd`]: packed(operation, 'pd'),
    [`${operation}ss`]: scalar(operation, 'ss'),
    [`${operation}sd`]: scalar(operation, 'sd'),
  };
}

export const ARITHMETIC: SemanticsTable = {
  ...allShapes('add'),
  ...allShapes('sub'),
  ...allShapes('mul'),
  ...allShapes('div'),
  ...allShapes('sqrt'),
  haddps: horizontal('add', 'ps'),
  haddpd: horizontal('add', 'pd'),
  hsubps: horizontal('sub', 'ps'),
  hsubpd: horizontal('sub', 'pd'),
  addsubps: addSub('ps'),
  addsubpd: addSub('pd'),
};
