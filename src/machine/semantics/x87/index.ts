/** x87 instructions: pending exceptions first (#MF), memory before state, the work in helpers (SDM volume 2, F...). */
import { CPU_FCW, CPU_FDP, CPU_FIP, CPU_FSW, RAX, SCRATCH } from '../../layout.js';
import { I32, i32, i64, type Expr } from '../../wasm/expr.js';
import { VECTOR_MF, type Emitter, type Semantics, type SemanticsTable } from '../emitter.js';
import { KIND_RAW } from '../flags.js';
import type { Helper } from '../helper.js';
import { loadEnvironment, loadState, storeEnvironment, storeState } from './save.js';
import {
  BINARY,
  CONSTANT_NAMES,
  DECIMAL_FORMAT,
  DOUBLE_FORMAT,
  EXTENDED_BYTES,
  INTEGER_FORMAT,
  SINGLE_FORMAT,
  UNARY_NAMES,
  x87Arithmetic,
  x87ArithmeticMemory,
  x87Compare,
  x87CompareFlags,
  x87CompareMemory,
  x87Constant,
  x87Exchange,
  x87Free,
  x87Initialise,
  x87Load,
  x87LoadRegister,
  x87Move,
  x87Pop,
  x87Store,
  x87StoreRegister,
  x87Summarise,
  x87Turn,
  x87Unary,
} from './operations.js';

const ERROR_SUMMARY = 0x80;
const n = i32.const;
const ZERO = n(0);

/** Raises #MF for an exception that an earlier instruction left. */
function wait(e: Emitter): void {
  e.raiseIf(i32.and(e.state(I32, CPU_FSW), n(ERROR_SUMMARY)), VECTOR_MF);
}

/** An instruction that waits, and whose address fnstenv shows. */
function waiting(run: Semantics): Semantics {
  return (e) => {
    wait(e);
    run(e);
  };
}

function recordAddress(e: Emitter, operand: number): void {
  e.setState(CPU_FIP, e.thisAddress());
  if (e.form.operands[operand]?.kind === 'mem') e.setState(CPU_FDP, e.offset(operand));
}

const low = (value: Expr): Expr => i32.wrap_i64(value);
const high = (value: Expr): Expr => i32.wrap_i64(i64.shr_u(value, i64.num(32)));

interface Loaded {
  readonly format: number;
  readonly lo: Expr;
  readonly hi: Expr;
  readonly top: Expr;
}

/** Memory operand `k` as helpers take it. `integer`: fild, fiadd and so on. */
function loadOperand(e: Emitter, k: number, integer: boolean, decimal = false): Loaded {
  const size = e.form.operands[k]?.size;
  if (size === 10) {
    const address = e.let(e.address(k));
    const bits = e.let(e.load(8, address));
    const top = e.let(e.load(2, i64.add(address, i64.num(8))));
    return { format: decimal ? DECIMAL_FORMAT : EXTENDED_BYTES, lo: low(bits), hi: high(bits), top };
  }
  if (size === 8) {
    const bits = e.let(e.read(k));
    return { format: integer ? INTEGER_FORMAT : DOUBLE_FORMAT, lo: low(bits), hi: high(bits), top: ZERO };
  }
  const bits = e.let(size === 2 ? i32.extend16_s(e.read(k)) : e.read(k));
  return {
    format: integer ? INTEGER_FORMAT : SINGLE_FORMAT,
    lo: bits,
    hi: i32.shr_s(bits, n(31)),
    top: ZERO,
  };
}

const isMemory = (e: Emitter, k: number): boolean => e.form.operands[k]?.kind === 'mem';

function arithmetic(operation: number, integer: boolean, pops: number): Semantics {
  return waiting((e) => {
    if (isMemory(e, 1)) {
      const { format, lo, hi } = loadOperand(e, 1, integer);
      e.call(x87ArithmeticMemory, n(operation), n(format), lo, hi);
    } else e.call(x87Arithmetic, n(operation), e.read(0), e.read(1), n(pops));
    recordAddress(e, 1);
  });
}

function comparison(integer: boolean, quiet: boolean, pops: number): Semantics {
  return waiting((e) => {
    if (isMemory(e, 1)) {
      const { format, lo, hi } = loadOperand(e, 1, integer);
      e.call(x87CompareMemory, n(format), lo, hi, n(pops));
    } else e.call(x87Compare, e.form.operands.length > 1 ? e.read(1) : n(1), n(quiet ? 1 : 0), n(pops));
    recordAddress(e, 1);
  });
}

function comparisonToFlags(quiet: boolean, pops: number): Semantics {
  return waiting((e) => {
    const flags = e.callValue(x87CompareFlags, e.read(1), n(quiet ? 1 : 0), n(pops));
    e.setFlags(KIND_RAW, 4, ZERO, flags);
    recordAddress(e, 1);
  });
}

function load(integer: boolean, decimal = false): Semantics {
  return waiting((e) => {
    if (isMemory(e, 0)) {
      const { format, lo, hi, top } = loadOperand(e, 0, integer, decimal);
      e.call(x87Load, n(format), lo, hi, top);
    } else e.call(x87LoadRegister, e.read(0));
    recordAddress(e, 0);
  });
}

interface StoreKind {
  readonly integer?: boolean;
  readonly decimal?: boolean;
  readonly truncate?: boolean;
  readonly pops: number;
}

function storeFormat(size: number, kind: StoreKind): number {
  if (kind.decimal === true) return DECIMAL_FORMAT;
  if (kind.integer === true) return INTEGER_FORMAT;
  return size === 10 ? EXTENDED_BYTES : size === 8 ? DOUBLE_FORMAT : SINGLE_FORMAT;
}

/** Memory is checked before the status word and the stack change. */
function storeMemory(e: Emitter, kind: StoreKind): void {
  const size = e.form.operands[0]?.size ?? 0;
  const address = e.let(e.address(0));
  e.probe(size, address, 'write');
  const done = e.callValue(x87Store, n(storeFormat(size, kind)), n(size), n(kind.truncate === true ? 1 : 0));
  e.if(done, () => {
    if (size >= 8) e.store(8, address, i64.load(n(SCRATCH)));
    else e.store(size, address, i32.load(n(SCRATCH)));
    if (size === 10) e.store(2, i64.add(address, i64.num(8)), i32.load16_u(n(SCRATCH + 8)));
    if (kind.pops > 0) e.call(x87Pop);
  });
}

function store(kind: StoreKind): Semantics {
  return waiting((e) => {
    if (isMemory(e, 0)) storeMemory(e, kind);
    else e.call(x87StoreRegister, e.read(0), n(kind.pops));
    recordAddress(e, 0);
  });
}

function withHelper(helper: Helper, ...args: number[]): Semantics {
  return waiting((e) => {
    e.call(helper, ...args.map(n));
    recordAddress(e, 0);
  });
}

function move(cc: number): Semantics {
  return waiting((e) => {
    e.call(x87Move, e.read(1), e.condition(cc));
    recordAddress(e, 1);
  });
}

const loadControl: Semantics = (e) => {
  wait(e);
  // Bit 6 reads as one, as on every processor.
  e.setState(CPU_FCW, i32.or(i32.and(e.let(e.read(0)), n(0x1f3f)), n(0x40)));
  e.call(x87Summarise);
};

const storeStatus: Semantics = (e) => {
  const word = e.state(I32, CPU_FSW);
  if (isMemory(e, 0)) e.write(0, word);
  else e.setGpr(RAX, 2, word);
};

const clearExceptions: Semantics = (e) => e.setState(CPU_FSW, i32.and(e.state(I32, CPU_FSW), n(0x7f00)));

const named = (prefix: string, suffix: string, row: (index: number) => Semantics): [string, Semantics][] =>
  BINARY.map((name, index) => [`${prefix}${name}${suffix}`, row(index)]);

/** Condition codes of fcmov's mnemonics: b ae e ne be a p np. */
const MOVES = { b: 2, nb: 3, e: 4, ne: 5, be: 6, nbe: 7, u: 10, nu: 11 } as const;

export const x87: SemanticsTable = Object.fromEntries<Semantics>([
  ...named('f', '', (index) => arithmetic(index, false, 0)),
  ...named('f', 'p', (index) => arithmetic(index, false, 1)),
  ...named('fi', '', (index) => arithmetic(index, true, 0)),
  ['fcom', comparison(false, false, 0)],
  ['fcomp', comparison(false, false, 1)],
  ['fcompp', comparison(false, false, 2)],
  ['ficom', comparison(true, false, 0)],
  ['ficomp', comparison(true, false, 1)],
  ['fucom', comparison(false, true, 0)],
  ['fucomp', comparison(false, true, 1)],
  ['fucompp', comparison(false, true, 2)],
  ['fcomi', comparisonToFlags(false, 0)],
  ['fcomip', comparisonToFlags(false, 1)],
  ['fucomi', comparisonToFlags(true, 0)],
  ['fucomip', comparisonToFlags(true, 1)],
  ['fld', load(false)],
  ['fild', load(true)],
  ['fbld', load(false, true)],
  ['fst', store({ pops: 0 })],
  ['fstp', store({ pops: 1 })],
  ['fist', store({ integer: true, pops: 0 })],
  ['fistp', store({ integer: true, pops: 1 })],
  ['fisttp', store({ integer: true, truncate: true, pops: 1 })],
  ['fbstp', store({ decimal: true, pops: 1 })],
  ...CONSTANT_NAMES.map((name, index): [string, Semantics] => [`fld${name}`, withHelper(x87Constant, index)]),
  ...UNARY_NAMES.map((name, index): [string, Semantics] => [name, withHelper(x87Unary, index)]),
  ...Object.entries(MOVES).map(([name, cc]): [string, Semantics] => [`fcmov${name}`, move(cc)]),
  ['fxch', waiting((e) => e.call(x87Exchange, e.read(1)))],
  ['ffree', waiting((e) => e.call(x87Free, e.read(0), ZERO))],
  ['ffreep', waiting((e) => e.call(x87Free, e.read(0), n(1)))],
  ['fincstp', withHelper(x87Turn, 1)],
  ['fdecstp', withHelper(x87Turn, -1)],
  ['fnop', waiting(() => undefined)],
  ['fwait', wait],
  ['fninit', (e) => e.call(x87Initialise)],
  ['fnclex', clearExceptions],
  ['fldcw', loadControl],
  ['fnstcw', (e) => e.write(0, e.state(I32, CPU_FCW))],
  ['fnstsw', storeStatus],
  ['fldenv', loadEnvironment],
  ['fnstenv', storeEnvironment],
  ['frstor', loadState],
  ['fnsave', storeState],
]);
