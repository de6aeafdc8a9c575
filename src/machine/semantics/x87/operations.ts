/**
 * The x87's work as helpers over the CPU block. Each is called after pending exceptions have been looked for (#MF), sets the
 * status word, and leaves the stack alone where an unmasked exception says so (SDM volume 1, 8.5).
 */
import { CPU, CPU_FSW, SCRATCH } from '../../layout.js';
import { I32 } from '../../wasm/expr.js';
import type { Helper, MachineViews } from '../helper.js';
import {
  EQUAL,
  GREATER,
  LESS,
  UNORDERED,
  add,
  compare,
  divide,
  extract,
  multiply,
  quotient,
  remainderOf,
  roundToInteger,
  scale,
  setInteger,
  squareRoot,
  subtract,
  type Binary,
} from './arithmetic.js';
import {
  fromDecimal,
  fromDouble,
  fromInteger,
  fromSingle,
  toDecimal,
  toFloat,
  toInteger,
} from './convert.js';
import {
  BEFORE_RESULT,
  C0,
  C1,
  C2,
  C3,
  DE,
  ES_B,
  IE,
  OE,
  PE,
  UE,
  ZE,
  begin,
  env,
  finish,
  free,
  get,
  initialise,
  isEmpty,
  pop,
  push,
  put,
  raise,
  setConditions,
  setStatus,
  setTop,
  status,
  top,
  underflows,
  unmasked,
} from './environment.js';
import { BIAS, Extended, MAX_EXPONENT, isNaN80, isUnsupported, isZero, setIndefinite } from './extended.js';
import { UP, CHOP, DOWN, roundingMode } from './round.js';
import {
  arcTangentOf,
  logarithm,
  logarithmPlusOne,
  outOfRange,
  power2MinusOne,
  trigonometric,
} from './transcendental.js';

const $a = new Extended();
const $b = new Extended();
const $r = new Extended();

const subtractReverse: Binary = (a, b, result) => subtract(b, a, result);
const divideReverse: Binary = (a, b, result) => divide(b, a, result);

/** By the names that the mnemonics have behind their f or fi. */
export const BINARY = ['add', 'mul', 'sub', 'subr', 'div', 'divr'] as const;
const OPERATIONS: readonly Binary[] = [add, multiply, subtract, subtractReverse, divide, divideReverse];

/** How many values an operation leaves popped, whatever its other codes. */
function popTimes(m: MachineViews, count: number): void {
  for (let i = 0; i < count; i++) pop(m);
}

function helper(
  name: string,
  count: number,
  js: (m: MachineViews) => (...args: number[]) => number | void,
): Helper {
  return { name, params: Array.from({ length: count }, () => I32), result: I32, js };
}

/** Stores `$r` to st(i) and pops, unless an exception of the operands is unmasked. */
function settle(m: MachineViews, i: number, pops: number): void {
  if (unmasked(BEFORE_RESULT)) return;
  put(m, i, $r);
  popTimes(m, pops);
}

/** (operation, destination, source, pops): st(destination) = st(destination) op st(source). */
export const x87Arithmetic = helper(
  'x87Arithmetic',
  4,
  (m) =>
    (operation = 0, to = 0, from = 0, pops = 0) => {
      begin(m);
      const empty = underflows(m, to);
      if (underflows(m, from) || empty) setIndefinite($r);
      else (OPERATIONS[operation] as Binary)(get(m, to, $a), get(m, from, $b), $r);
      settle(m, to, pops);
      finish(m);
      return 0;
    },
);

/** Formats of memory operands. */
export const SINGLE_FORMAT = 0;
export const DOUBLE_FORMAT = 1;
export const INTEGER_FORMAT = 2;
export const EXTENDED_BYTES = 3;
export const DECIMAL_FORMAT = 4;

/** A memory operand; integers come sign-extended to 64 bits. */
function operand(format: number, lo: number, hi: number, top16: number, x: Extended): void {
  if (format === SINGLE_FORMAT) fromSingle(lo, x);
  else if (format === DOUBLE_FORMAT) fromDouble(lo, hi, x);
  else if (format === INTEGER_FORMAT) fromInteger(lo, hi, x);
  else if (format === DECIMAL_FORMAT) fromDecimal(lo, hi, top16, x);
  else x.set((top16 >>> 15) & 1, top16 & 0x7fff, hi, lo);
}

/** (operation, format, lo, hi): st0 = st0 op memory. A stack fault goes before the operand's own exceptions. */
export const x87ArithmeticMemory = helper(
  'x87ArithmeticMemory',
  4,
  (m) =>
    (operation = 0, format = 0, lo = 0, hi = 0) => {
      begin(m);
      if (underflows(m, 0)) setIndefinite($r);
      else {
        memoryOperand(format, lo, hi, get(m, 0, $a), $b);
        (OPERATIONS[operation] as Binary)($a, $b, $r);
        if ((env.flags & ZE) !== 0) env.flags &= ~DE;
      }
      settle(m, 0, 0);
      finish(m);
      return 0;
    },
);

/**
 * As `operand`, but a NaN stays signaling, so that the operation itself deals with both operands' NaNs; and next to a
 * `partner` that is no number a denormal goes unnoticed.
 */
function memoryOperand(format: number, lo: number, hi: number, partner: Extended, x: Extended): void {
  const before = env.flags;
  operand(format, lo, hi, 0, x);
  if (isNaN80(partner) || isUnsupported(partner)) env.flags &= ~DE;
  if (!isNaN80(x)) return;
  const signaling = (env.flags & IE) !== 0 && (before & IE) === 0;
  if (!signaling) return;
  env.flags = before;
  x.hi = (x.hi & ~0x40000000) >>> 0;
}

/** (format, lo, hi, top): pushes a memory operand. */
export const x87Load = helper('x87Load', 4, (m) => (format = 0, lo = 0, hi = 0, top16 = 0) => {
  begin(m);
  operand(format, lo, hi, top16, $r);
  // A full stack is found before the operand's own exceptions are.
  if (!isEmpty(m, 7)) env.flags = 0;
  if (!unmasked(IE)) push(m, $r);
  finish(m);
  return 0;
});

/** Constants as fld1 and its kin round them; by the mnemonic behind fld. */
const CONSTANTS: Readonly<
  Record<string, readonly [exponent: number, hi: number, lo: number, below: 'less' | 'more' | '']>
> = {
  '1': [BIAS, 0x80000000, 0, ''],
  l2t: [BIAS + 1, 0xd49a784b, 0xcd1b8afe, 'more'],
  l2e: [BIAS, 0xb8aa3b29, 0x5c17f0bc, 'less'],
  pi: [BIAS + 1, 0xc90fdaa2, 0x2168c235, 'less'],
  lg2: [BIAS - 2, 0x9a209a84, 0xfbcff799, 'less'],
  ln2: [BIAS - 1, 0xb17217f7, 0xd1cf79ac, 'less'],
  z: [0, 0, 0, ''],
};
export const CONSTANT_NAMES = Object.keys(CONSTANTS);
const CONSTANT_ROWS = Object.values(CONSTANTS);

/** (index in CONSTANT_NAMES): `less`: the rounded-to-nearest value is above the true one. */
export const x87Constant = helper('x87Constant', 1, (m) => (index = 0) => {
  begin(m);
  const [exponent, hi, lo, error] = CONSTANT_ROWS[index] as (typeof CONSTANT_ROWS)[number];
  const mode = roundingMode();
  const step =
    error === 'more' && mode === UP ? 1 : error === 'less' && (mode === DOWN || mode === CHOP) ? -1 : 0;
  push(m, $r.set(0, exponent, hi, lo + step));
  finish(m);
  return 0;
});

/** (format, bytes, truncate): st0 in memory's format to SCRATCH. Returns 1 if the store is to be done. */
export const x87Store = helper('x87Store', 3, (m) => (format = 0, bytes = 0, truncate = 0) => {
  begin(m);
  const empty = underflows(m, 0);
  if (empty) setIndefinite($a);
  else get(m, 0, $a);
  const flags = env.flags;
  let done = !unmasked(IE);
  if (format === EXTENDED_BYTES) storeExtended(m, $a);
  else if (format === DECIMAL_FORMAT) done = toDecimal(m, $a) && done;
  else if (format === INTEGER_FORMAT) done = toInteger(m, $a, bytes, truncate !== 0) && done;
  else done = toFloat(m, $a, bytes === 4 ? 4 : 8) && done;
  if (unmasked(OE | UE)) {
    env.flags &= ~PE;
    env.c1 = 0;
  }
  if (empty) {
    env.flags = flags;
    env.c1 = 0;
  }
  finish(m);
  return done ? 1 : 0;
});

function storeExtended(m: MachineViews, x: Extended): void {
  m.view.setUint32(SCRATCH, x.lo, true);
  m.view.setUint32(SCRATCH + 4, x.hi, true);
  m.view.setUint16(SCRATCH + 8, (x.sign << 15) | x.exponent, true);
}

/** (): pops after a store that was done. */
export const x87Pop = helper('x87Pop', 0, (m) => () => {
  pop(m);
  return 0;
});

const CODES: Readonly<Record<number, number>> = {
  [LESS]: C0,
  [EQUAL]: C3,
  [GREATER]: 0,
  [UNORDERED]: C0 | C2 | C3,
};
/** ZF, PF, CF of RFLAGS. */
const RFLAGS: Readonly<Record<number, number>> = {
  [LESS]: 0x01,
  [EQUAL]: 0x40,
  [GREATER]: 0,
  [UNORDERED]: 0x45,
};

function compareOperands(m: MachineViews, empty: boolean, quiet: boolean, pops: number): number {
  const relation = empty ? UNORDERED : compare($a, $b, quiet);
  env.c1 = 0;
  if (!unmasked(BEFORE_RESULT)) popTimes(m, pops);
  return relation;
}

/** (source, quiet, pops): compares st0 with st(source), to the condition codes. */
export const x87Compare = helper('x87Compare', 3, (m) => (from = 0, quiet = 0, pops = 0) => {
  begin(m);
  const empty = underflows(m, 0) || underflows(m, from);
  get(m, 0, $a);
  get(m, from, $b);
  const relation = compareOperands(m, empty, quiet !== 0, pops);
  setConditions(m, CODES[relation] as number);
  finish(m);
  return 0;
});

/** Keeps C1, for instructions that leave it alone. */
function keepC1(m: MachineViews): void {
  env.c1 = status(m) & C1;
}

/** The same, to RFLAGS, which are the result. */
export const x87CompareFlags = helper('x87CompareFlags', 3, (m) => (from = 0, quiet = 0, pops = 0) => {
  begin(m);
  const empty = underflows(m, 0) || underflows(m, from);
  get(m, 0, $a);
  get(m, from, $b);
  const relation = compareOperands(m, empty, quiet !== 0, pops);
  if (!empty) keepC1(m);
  finish(m);
  return RFLAGS[relation] as number;
});

/** (format, lo, hi, pops): compares st0 with memory. */
export const x87CompareMemory = helper(
  'x87CompareMemory',
  4,
  (m) =>
    (format = 0, lo = 0, hi = 0, pops = 0) => {
      begin(m);
      const empty = underflows(m, 0);
      get(m, 0, $a);
      if (!empty) memoryOperand(format, lo, hi, $a, $b);
      const relation = compareOperands(m, empty, false, pops);
      setConditions(m, CODES[relation] as number);
      finish(m);
      return 0;
    },
);

/** One operand, in st0, to st0. */
type Unary = (m: MachineViews) => void;

/** Runs `operation` from $a to $r in st0, with the checks that all of these share. */
function unary(operation: (a: Extended, r: Extended) => void): Unary {
  return (m) => {
    if (underflows(m, 0)) setIndefinite($r);
    else operation(get(m, 0, $a), $r);
    settle(m, 0, 0);
  };
}

/** st0 and st1 to st1, and a pop. */
function popping(operation: (st0: Extended, st1: Extended, r: Extended) => void): Unary {
  return (m) => {
    if (underflows(m, 0) || underflows(m, 1)) setIndefinite($r);
    else operation(get(m, 0, $a), get(m, 1, $b), $r);
    settle(m, 1, 1);
  };
}

/** st0 by st1, to st0. */
function pair(operation: Binary): Unary {
  return (m) => {
    if (underflows(m, 0) || underflows(m, 1)) setIndefinite($r);
    else operation(get(m, 0, $a), get(m, 1, $b), $r);
    settle(m, 0, 0);
  };
}

function partialRemainder(nearest: boolean): Unary {
  return (m) => {
    quotient.bits = 0;
    quotient.partial = false;
    pair((a, b, r) => remainderOf(a, b, r, nearest))(m);
    // What gives no number leaves C0 and C3.
    if (unmasked(BEFORE_RESULT) || isNaN80($r)) return setConditions(m, status(m) & (C0 | C3));
    const { bits, partial } = quotient;
    setConditions(m, partial ? C2 : ((bits & 4) !== 0 ? C0 : 0) | ((bits & 2) !== 0 ? C3 : 0));
    env.c1 = partial ? 0 : bits & 1;
  };
}

/** A trigonometric instruction in st0, perhaps followed by a push of another value. */
function angle(first: 'sin' | 'cos' | 'tan', second: 'cos' | 'one' | ''): Unary {
  return (m) => {
    const full = second !== '' && !isEmpty(m, 7);
    setConditions(m, status(m) & (C0 | C3));
    const empty = underflows(m, 0);
    if (empty || full) return stackFault(m, !empty, second !== '');
    get(m, 0, $a);
    if (outOfRange($a)) return setConditions(m, C2 | (status(m) & (C0 | C3)));
    trigonometric($a, $r, first);
    settle(m, 0, 0);
    if (unmasked(BEFORE_RESULT) || second === '') return;
    const { c1 } = env;
    if (second === 'cos') trigonometric($a, $r, 'cos');
    else if (!isNaN80($r)) $r.set(0, BIAS, 0x80000000, 0);
    env.c1 = c1;
    push(m, $r);
  };
}

function stackFault(m: MachineViews, full: boolean, pushes: boolean): void {
  raise(0x41);
  env.c1 = full ? 1 : 0;
  if (unmasked(IE)) return;
  setIndefinite($r);
  put(m, 0, $r);
  if (!pushes) return;
  setTop(m, top(m) - 1);
  put(m, 0, $r);
}

function extractParts(m: MachineViews): void {
  const full = !isEmpty(m, 7);
  const empty = underflows(m, 0);
  if (empty || full) return stackFault(m, !empty, true);
  extract(get(m, 0, $a), $b, $r);
  if (unmasked(BEFORE_RESULT)) return;
  put(m, 0, $b);
  push(m, $r);
}

function examine(m: MachineViews): void {
  get(m, 0, $a);
  env.c1 = $a.sign;
  let codes = C2;
  if (isEmpty(m, 0)) codes = C3 | C0;
  else if (isUnsupported($a)) codes = 0;
  else if (isNaN80($a)) codes = C0;
  else if ($a.exponent === MAX_EXPONENT) codes = C2 | C0;
  else if (isZero($a)) codes = C3;
  else if ($a.exponent === 0) codes = C3 | C2;
  setConditions(m, codes);
}

function test(m: MachineViews): void {
  const empty = underflows(m, 0);
  get(m, 0, $a);
  setInteger($b, 0);
  const relation = compareOperands(m, empty, false, 0);
  setConditions(m, CODES[relation] as number);
}

const signed = (sign: (old: number) => number): Unary =>
  unary((a, r) => {
    r.copy(a);
    r.sign = sign(a.sign);
  });

const UNARIES: Readonly<Record<string, Unary>> = {
  fchs: signed((old) => old ^ 1),
  fabs: signed(() => 0),
  ftst: test,
  fxam: examine,
  fsqrt: unary(squareRoot),
  frndint: unary(roundToInteger),
  fscale: pair(scale),
  fprem: partialRemainder(false),
  fprem1: partialRemainder(true),
  fxtract: extractParts,
  f2xm1: unary(power2MinusOne),
  fyl2x: popping(logarithm),
  fyl2xp1: popping(logarithmPlusOne),
  fpatan: popping((x, y, r) => arcTangentOf(y, x, r)),
  fsin: angle('sin', ''),
  fcos: angle('cos', ''),
  fsincos: angle('sin', 'cos'),
  fptan: angle('tan', 'one'),
};
export const UNARY_NAMES = Object.keys(UNARIES);
const UNARY_ROWS = Object.values(UNARIES);

/** (index in UNARY_NAMES). */
export const x87Unary = helper('x87Unary', 1, (m) => (index = 0) => {
  begin(m);
  (UNARY_ROWS[index] as Unary)(m);
  finish(m);
  return 0;
});

/** (i): pushes st(i). */
export const x87LoadRegister = helper('x87LoadRegister', 1, (m) => (i = 0) => {
  begin(m);
  const empty = underflows(m, i);
  if (empty) setIndefinite($r);
  else get(m, i, $r);
  if (!unmasked(IE)) push(m, $r);
  if (empty) env.c1 = 0;
  finish(m);
  return 0;
});

/** (i, pops): st(i) = st0. */
export const x87StoreRegister = helper('x87StoreRegister', 2, (m) => (i = 0, pops = 0) => {
  begin(m);
  if (underflows(m, 0)) setIndefinite($r);
  else get(m, 0, $r);
  settle(m, i, pops);
  finish(m);
  return 0;
});

/** (i): st0 and st(i) change places. */
export const x87Exchange = helper('x87Exchange', 1, (m) => (i = 0) => {
  begin(m);
  const emptyTop = underflows(m, 0);
  if (emptyTop) setIndefinite($a);
  else get(m, 0, $a);
  if (underflows(m, i)) setIndefinite($b);
  else get(m, i, $b);
  if (!unmasked(IE)) {
    put(m, 0, $b);
    put(m, i, $a);
  }
  finish(m);
  return 0;
});

/** (i, condition): st0 = st(i) if the condition is not 0. Empty registers fault whatever the condition. */
export const x87Move = helper('x87Move', 2, (m) => (i = 0, condition = 0) => {
  begin(m);
  const empty = underflows(m, 0);
  if (underflows(m, i) || empty) {
    setIndefinite($r);
    if (!unmasked(IE)) put(m, 0, $r);
  } else {
    keepC1(m);
    if (condition !== 0) put(m, 0, get(m, i, $r));
  }
  finish(m);
  return 0;
});

/** (i, pops): marks st(i) empty. */
export const x87Free = helper('x87Free', 2, (m) => (i = 0, pops = 0) => {
  free(m, i);
  popTimes(m, pops);
  setStatus(m, status(m) & ~C1);
  return 0;
});

/** (by): turns the stack. */
export const x87Turn = helper('x87Turn', 1, (m) => (by = 0) => {
  setTop(m, top(m) + by);
  setStatus(m, status(m) & ~C1);
  return 0;
});

/** (): the state after reset. */
export const x87Initialise = helper('x87Initialise', 0, (m) => () => {
  initialise(m);
  return 0;
});

/** (): brings the error summary in line with the control and status words, after either was loaded. */
export const x87Summarise = helper('x87Summarise', 0, (m) => () => {
  begin(m);
  const word = (m.i32[(CPU + CPU_FSW) >> 2] as number) & ~ES_B;
  env.flags = word & 0x3f;
  setStatus(m, unmasked(0x3f) ? word | ES_B : word);
  return 0;
});

/** (): the tag word in full, two bits a physical register: valid, zero, special, empty. */
export const x87Tags = helper('x87Tags', 0, (m) => () => {
  let tags = 0;
  for (let i = 0; i < 8; i++) {
    const place = ((top(m) + i) & 7) * 2;
    get(m, i, $a);
    const special = $a.exponent === MAX_EXPONENT || $a.exponent === 0 || isUnsupported($a);
    const tag = isEmpty(m, i) ? 3 : isZero($a) ? 1 : special ? 2 : 0;
    tags |= tag << place;
  }
  return tags;
});

/** (tags): a full tag word to the short one. */
export function shortTags(full: number): number {
  let short = 0;
  for (let i = 0; i < 8; i++) if (((full >> (i * 2)) & 3) !== 3) short |= 1 << i;
  return short;
}
