import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HelperModule } from '../../../test/machine/helpers.js';
import { CPU, CPU_CC_KIND, CPU_CC_X, CPU_CC_Y } from '../layout.js';
import { I32, call, i32, i64 } from '../wasm/expr.js';
import { FunctionBuilder } from '../wasm/function.js';
import * as flags from './flags.js';

const { CF, PF, AF, ZF, SF, OF } = flags;

/** One case: the kind with its x and y, and the flags that the processor gives. */
interface Case {
  readonly kind: number;
  readonly x: bigint;
  readonly y: bigint;
  readonly expected: number;
  /** The flags that are defined. */
  readonly mask: number;
  readonly what: string;
}

const ALL = flags.ARITHMETIC_FLAGS;

function mask(size: number): bigint {
  return (1n << BigInt(8 * size)) - 1n;
}
function ofResult(size: number, r: bigint): number {
  let ones = 0;
  for (let byte = Number(r & 0xffn); byte > 0; byte >>= 1) ones += byte & 1;
  const sign = (r >> BigInt(8 * size - 1)) & 1n;
  return ((r & mask(size)) === 0n ? ZF : 0) | (sign === 1n ? SF : 0) | (ones % 2 === 0 ? PF : 0);
}
function signed(size: number, v: bigint): bigint {
  return BigInt.asIntN(8 * size, v);
}
/** Flags of a + b + c, or of a - b - c for `sign` -1, by their definition. */
function arithmetic(size: number, a: bigint, b: bigint, c: bigint, sign: 1n | -1n): number {
  const unsigned = a + sign * (b + c);
  const exact = signed(size, a) + sign * (signed(size, b) + c);
  const low = (a & 15n) + sign * ((b & 15n) + c);
  return (
    ofResult(size, unsigned & mask(size)) |
    (unsigned < 0n || unsigned > mask(size) ? CF : 0) |
    (exact !== signed(size, exact) ? OF : 0) |
    (low < 0n || low > 15n ? AF : 0)
  );
}

function carryCase(size: number, a: bigint, b: bigint, c: bigint, sign: 1n | -1n): Case {
  const x = (a + sign * (b + c)) & mask(size);
  const y = sign === 1n ? (a & b) | ((a | b) & ~x) : (~a & b) | ((~a | b) & x);
  const expected = arithmetic(size, a, b, c, sign);
  return { kind: flags.KIND_CARRY, x, y: y & mask(size), expected, mask: ALL, what: `${a} ${b} ${c}` };
}

function shiftCases(size: number, a: bigint, n: bigint): Case[] {
  const width = BigInt(8 * size);
  const defined = ALL & ~AF & ~(n === 1n ? 0 : OF);
  const overflow = (r: bigint, v: bigint) => (signed(size, r ^ v) < 0n ? OF : 0);
  const left = (a << n) & mask(size);
  const carry = ((a >> (width - n)) & 1n) === 1n ? CF : 0;
  const lastOut = ((a >> (n - 1n)) & 1n) === 1n ? CF : 0;
  const sar = (k: bigint) => (signed(size, a) >> k) & mask(size);
  const row = (kind: number, x: bigint, y: bigint, expected: number): Case => {
    return { kind, x, y, expected: expected | ofResult(size, x), mask: defined, what: `${a} by ${n}` };
  };
  return [
    row(flags.KIND_CARRY, left, (a << (n - 1n)) & mask(size), carry | overflow(left, a)),
    row(flags.KIND_RIGHT, a >> n, a >> (n - 1n), lastOut | overflow(a, 0n)),
    row(flags.KIND_RIGHT, sar(n), sar(n - 1n), lastOut),
  ];
}

function product(size: number, kind: number, x: bigint, y: bigint, overflow: boolean): Case {
  const expected = ofResult(size, (x * y) & mask(size)) | (overflow ? CF | OF : 0);
  return { kind, x, y, expected, mask: ALL & ~AF, what: `${x} * ${y}` };
}

function* cases(size: number, a: bigint, b: bigint): Generator<Case> {
  const what = `${a} ${b}`;
  yield { kind: flags.KIND_ADD, x: a, y: b, expected: arithmetic(size, a, b, 0n, 1n), mask: ALL, what };
  yield { kind: flags.KIND_SUB, x: a, y: b, expected: arithmetic(size, a, b, 0n, -1n), mask: ALL, what };
  yield carryCase(size, a, b, 0n, 1n);
  yield carryCase(size, a, b, 1n, 1n);
  yield carryCase(size, a, b, 0n, -1n);
  yield carryCase(size, a, b, 1n, -1n);
  const cf = b & 1n;
  const kept = ALL & ~CF;
  yield { kind: flags.KIND_LOGIC, x: a, y: b, expected: ofResult(size, a), mask: ALL, what };
  const inc = (arithmetic(size, a, 1n, 0n, 1n) & kept) | Number(cf);
  yield { kind: flags.KIND_INC, x: (a + 1n) & mask(size), y: cf, expected: inc, mask: ALL, what };
  const dec = (arithmetic(size, a, 1n, 0n, -1n) & kept) | Number(cf);
  yield { kind: flags.KIND_DEC, x: (a - 1n) & mask(size), y: cf, expected: dec, mask: ALL, what };
  const signedProduct = signed(size, a) * signed(size, b);
  yield product(size, flags.KIND_IMUL, a, b, signedProduct !== signed(size, signedProduct));
  yield product(size, flags.KIND_MUL, a, b, a * b > mask(size));
  const raw = Number(b & BigInt(ALL));
  if (size === 4) yield { kind: flags.KIND_RAW, x: a, y: BigInt(raw), expected: raw, mask: ALL, what };
  const n = b & BigInt(8 * size - 1);
  if (n > 0n) yield* shiftCases(size, a, n);
}

/** The flags that each condition reads, and its value from them (SDM volume 1, appendix B). */
const CONDITIONS: readonly (readonly [number, (f: number) => boolean])[] = [
  [OF, (f) => (f & OF) !== 0],
  [CF, (f) => (f & CF) !== 0],
  [ZF, (f) => (f & ZF) !== 0],
  [CF | ZF, (f) => (f & (CF | ZF)) !== 0],
  [SF, (f) => (f & SF) !== 0],
  [PF, (f) => (f & PF) !== 0],
  [SF | OF, (f) => ((f & SF) !== 0) !== ((f & OF) !== 0)],
  [ZF | SF | OF, (f) => (f & ZF) !== 0 || ((f & SF) !== 0) !== ((f & OF) !== 0)],
];

type Run = (kind: number, xLow: number, xHigh: number, yLow: number, yHigh: number) => number;

/** The i64 of parameters `low` and `low + 1` of `f`. */
function joined(f: FunctionBuilder, low: number) {
  return i64.or(i64.extend_i32_u(f.get(low)), i64.shl(i64.extend_i32_u(f.get(low + 1)), i64.num(32)));
}

function build(): { all: Run; conditions: Run[]; settle: () => number; memory: DataView } {
  const module = new HelperModule();
  const wrap = (helper: (typeof flags)['dynamicFlags']) => {
    const f = new FunctionBuilder([I32, I32, I32, I32, I32], [I32]);
    f.push(call(I32, module.helper(helper), [f.get(0), joined(f, 1), joined(f, 3)]));
    module.add(`run_${helper.name}`, f);
    return `run_${helper.name}`;
  };
  const names = [flags.dynamicFlags, ...Object.values(flags.dynamicConditions)].map(wrap);
  module.helper(flags.settleFlags);
  const exports = module.instantiate();
  const [all, ...conditions] = names.map((name) => exports[name] as Run);
  const settle = exports['settleFlags'] as () => number;
  return { all: all as Run, conditions, settle, memory: module.views().view };
}

const { all, conditions, settle, memory } = build();

function check(size: number, c: Case): void {
  const halves = (v: bigint) => [Number(BigInt.asIntN(32, v)), Number(BigInt.asIntN(32, v >> 32n))] as const;
  const args = [flags.packKind(c.kind, size), ...halves(c.x), ...halves(c.y)] as const;
  const got = all(...args);
  if ((got & c.mask) !== (c.expected & c.mask) || (got & ~ALL) !== 0)
    assert.equal(got & c.mask, c.expected & c.mask, `kind ${c.kind} size ${size}: ${c.what}`);
  conditions.forEach((condition, i) => {
    const [read, holds] = CONDITIONS[i] as (typeof CONDITIONS)[number];
    const value = condition(...args);
    const expected = (read & ~c.mask) === 0 ? holds(c.expected) : value === 1;
    if (value !== Number(expected))
      assert.equal(value, Number(expected), `cc ${2 * i}, kind ${c.kind}: ${c.what}`);
  });
}

test('flags of bytes, every pair of operands', () => {
  for (let a = 0n; a < 256n; a++) for (let b = 0n; b < 256n; b++) for (const c of cases(1, a, b)) check(1, c);
});

for (const size of [2, 4, 8]) {
  test(`flags of ${size} bytes at the corners`, () => {
    const top = 1n << BigInt(8 * size - 1);
    const corners = [
      0n,
      1n,
      2n,
      3n,
      0xfn,
      0x10n,
      0x7fn,
      0x80n,
      0xffn,
      0x100n,
      top - 1n,
      top,
      top + 1n,
      top >> 1n,
    ];
    const values = new Set([
      ...corners,
      ...corners.map((v) => ~v & mask(size)),
      0x123456789abcdef0n & mask(size),
    ]);
    for (const a of values) for (const b of values) for (const c of cases(size, a, b)) check(size, c);
  });
}

test('flags of a comparison of numbers, NaN among them', () => {
  const bits = new DataView(new ArrayBuffer(8));
  const values = [0, -0, 1, -1, 1e300, 5e-324, Infinity, -Infinity, NaN];
  const asBits = (value: number) => {
    bits.setFloat64(0, value);
    return bits.getBigUint64(0);
  };
  for (const a of values)
    for (const b of values) {
      const unordered = Number.isNaN(a) || Number.isNaN(b);
      const expected = unordered ? ZF | PF | CF : (a === b ? ZF : 0) | (a < b ? CF : 0);
      check(8, {
        kind: flags.KIND_FLOAT,
        x: asBits(a),
        y: asBits(b),
        expected,
        mask: ALL,
        what: `${a} ${b}`,
      });
    }
});

test('conditions of constants and their negations equal the run-time ones', () => {
  const module = new HelperModule();
  const names: [string, number, number, number, number][] = [];
  for (const kind of [flags.KIND_ADD, flags.KIND_SUB, flags.KIND_LOGIC])
    for (const size of [1, 2, 4, 8])
      for (const y of [0, 1, size === 1 ? 0x80 : 0x7fff])
        for (let cc = 0; cc < 16; cc++) {
          const f = new FunctionBuilder([I32], [I32]);
          const wide = size === 8;
          const x = wide ? f.let(i64.extend_i32_u(f.get(0))) : f.get(0);
          f.push(flags.conditionExpr(kind, size, x, wide ? i64.num(y) : i32.const(y), cc));
          names.push([`c${names.length}`, kind, size, y, cc]);
          module.add(`c${names.length - 1}`, f);
        }
  const exports = module.instantiate();
  for (const [name, kind, size, y, cc] of names)
    for (const x of [0, 1, 2, 0x7f, 0x80, 0xff]) {
      const expected = (conditions[cc >> 1] as Run)(flags.packKind(kind, size), x, 0, y, 0) ^ (cc & 1);
      assert.equal(exports[name]?.(x), expected, `kind ${kind} size ${size} cc ${cc}: ${x} ${y}`);
    }
});

test('settled flags are raw', () => {
  memory.setInt32(CPU + CPU_CC_KIND, flags.packKind(flags.KIND_SUB, 4), true);
  memory.setBigInt64(CPU + CPU_CC_X, 5n, true);
  memory.setBigInt64(CPU + CPU_CC_Y, 5n, true);
  assert.equal(settle(), ZF | PF);
  assert.equal(memory.getInt32(CPU + CPU_CC_KIND, true), flags.packKind(flags.KIND_RAW, 4));
  assert.equal(memory.getInt32(CPU + CPU_CC_Y, true), ZF | PF);
  assert.equal(settle(), ZF | PF);
});

test('a zeroed CPU block has no flag set', () => {
  memory.setInt32(CPU + CPU_CC_KIND, 0, true);
  memory.setBigInt64(CPU + CPU_CC_Y, 0n, true);
  assert.equal(settle(), 0);
});
