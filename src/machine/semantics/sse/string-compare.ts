/**
 * pcmpestri, pcmpestrm, pcmpistri, pcmpistrm (SDM volume 1, 14.5, "Imm8 control byte"): a is the first operand, b the
 * second. The immediate's bits: 0 words, 1 signed, 3:2 the comparison, 5:4 the polarity, 6 the last index or a mask of
 * elements.
 */
import { RAX, RCX, RDX } from '../../layout.js';
import { I32, I64, V128, i16x8, i32, i32x4, i64, i8x16, select, v128, type Expr } from '../../wasm/expr.js';
import type { FunctionBuilder } from '../../wasm/function.js';
import type { Emitter, Semantics, SemanticsTable } from '../emitter.js';
import { KIND_RAW, OF, SF, ZF } from '../flags.js';
import type { Helper } from '../helper.js';
import { ZEROS, immediate, lanes32, lanes8 } from './operands.js';

/** Elements of one size. */
interface Elements {
  readonly count: number;
  readonly eq: (a: Expr, b: Expr) => Expr;
  readonly bitmask: (a: Expr) => Expr;
  /** Whether lower <= b <= upper in each element. */
  readonly within: (isSigned: Expr, lower: Expr, b: Expr, upper: Expr) => Expr;
  /** Element `index` in all places. */
  readonly spread: (v: Expr, index: Expr) => Expr;
}
type Compare = (a: Expr, b: Expr) => Expr;
function withinBy(shape: Readonly<Record<'ge_s' | 'ge_u' | 'le_s' | 'le_u', Compare>>): Elements['within'] {
  return (isSigned, lower, b, upper) => {
    const signed = v128.and(shape.ge_s(b, lower), shape.le_s(b, upper));
    return select(isSigned, signed, v128.and(shape.ge_u(b, lower), shape.le_u(b, upper)));
  };
}
const BYTES: Elements = {
  count: 16,
  eq: i8x16.eq,
  bitmask: i8x16.bitmask,
  within: withinBy(i8x16),
  spread: (v, index) => i8x16.swizzle(v, i8x16.splat(index)),
};
const WORDS: Elements = {
  count: 8,
  eq: i16x8.eq,
  bitmask: i16x8.bitmask,
  within: withinBy(i16x8),
  spread: (v, index) =>
    i8x16.swizzle(
      v,
      i8x16.add(
        i8x16.splat(i32.shl(index, i32.const(1))),
        lanes8((i) => i % 2),
      ),
    ),
};

const ONE = i32.const(1);
/** As many low bits as there are valid elements. */
const lowBits = (count: Expr): Expr => i32.sub(i32.shl(ONE, count), ONE);

/** Runs `body` with index 0, step, 2 * step ... as long as it is below `end`. */
function forEach(f: FunctionBuilder, end: Expr, step: number, body: (index: Expr) => void): void {
  const index = f.local(I32);
  f.set(index, i32.const(0));
  const done = f.block();
  const again = f.loop();
  f.brIf(done, i32.ge_u(f.get(index), end));
  body(f.get(index));
  f.set(index, i32.add(f.get(index), i32.const(step)));
  f.br(again);
  f.end();
  f.end();
}

interface Operands {
  readonly a: Expr;
  readonly b: Expr;
  readonly lengthA: Expr;
  readonly lengthB: Expr;
  readonly imm: Expr;
}
/** A comparison writes its bits, one an element of b, to local `result`, which is 0. */
type Comparison = (f: FunctionBuilder, s: Elements, o: Operands, result: number) => void;

/** Which elements of b are among those of a. */
const equalAny: Comparison = (f, s, { a, b, lengthA, lengthB }, result) => {
  forEach(f, lengthA, 1, (i) => {
    f.set(result, i32.or(f.get(result), s.bitmask(s.eq(b, s.spread(a, i)))));
  });
  f.set(result, i32.and(f.get(result), lowBits(lengthB)));
};

/** Which elements of b are in one of the ranges that a's pairs give. */
const ranges: Comparison = (f, s, { a, b, lengthA, lengthB, imm }, result) => {
  const isSigned = f.let(i32.and(imm, i32.const(2)));
  forEach(f, i32.and(lengthA, i32.const(-2)), 2, (i) => {
    const lower = f.let(s.spread(a, i));
    const upper = f.let(s.spread(a, i32.add(i, ONE)));
    f.set(result, i32.or(f.get(result), s.bitmask(s.within(isSigned, lower, b, upper))));
  });
  f.set(result, i32.and(f.get(result), lowBits(lengthB)));
};

/** Which elements are equal at the same place; those past both ends are, those past one are not. */
const equalEach: Comparison = (f, s, { a, b, lengthA, lengthB }, result) => {
  const validA = f.let(lowBits(lengthA));
  const validB = f.let(lowBits(lengthB));
  const equal = i32.and(s.bitmask(s.eq(a, b)), i32.and(validA, validB));
  const bothPast = i32.xor(i32.or(validA, validB), lowBits(i32.const(s.count)));
  f.set(result, i32.or(equal, bothPast));
};

/** At which places of b the string a, or as much of it as fits, begins. */
const equalOrdered: Comparison = (f, s, { a, b, lengthA, lengthB }, result) => {
  const all = lowBits(i32.const(s.count));
  f.set(result, all);
  forEach(f, lengthA, 1, (i) => {
    const equal = i32.and(s.bitmask(s.eq(b, s.spread(a, i))), lowBits(lengthB));
    const shifted = i32.shr_s(i32.or(equal, i32.const(-1 << s.count)), i);
    f.set(result, i32.and(f.get(result), shifted));
  });
};
const COMPARISONS = [equalAny, ranges, equalEach, equalOrdered];

/** The flags that `packed` has above the 16 bits of the result. */
const LESS_A = 16;
const LESS_B = 17;

function compareElements(f: FunctionBuilder, s: Elements, o: Operands): void {
  const result = f.local(I32);
  const done = f.block();
  COMPARISONS.forEach((comparison, which) => {
    f.if(i32.eq(i32.and(i32.shr_u(o.imm, i32.const(2)), i32.const(3)), i32.const(which)));
    comparison(f, s, o, result);
    f.br(done);
    f.end();
  });
  f.end();
  const bit = (n: number) => i32.and(i32.shr_u(o.imm, i32.const(n)), ONE);
  const negated = select(bit(5), lowBits(o.lengthB), lowBits(i32.const(s.count)));
  const final = i32.xor(f.get(result), select(bit(4), negated, i32.const(0)));
  const isShort = (length: Expr, place: number) =>
    i32.shl(i32.lt_u(length, i32.const(s.count)), i32.const(place));
  f.return(i32.or(final, i32.or(isShort(o.lengthA, LESS_A), isShort(o.lengthB, LESS_B))));
}

/** Writes `body` for words or bytes, as the immediate says. */
function byElements(f: FunctionBuilder, imm: Expr, body: (s: Elements) => void): void {
  f.if(i32.and(imm, ONE));
  body(WORDS);
  f.end();
  body(BYTES);
}

/** (a, b, lengths, immediate): the result's bits after the polarity, and whether each string is short. */
const explicitCompare: Helper = {
  name: 'pcmpestr',
  params: [V128, V128, I64, I64, I32],
  result: I32,
  wasm: (f) => {
    const imm = f.get(4);
    byElements(f, imm, (s) => {
      const limited = (length: Expr) => {
        const size = f.let(select(i64.lt_s(length, i64.num(0)), i64.sub(i64.num(0), length), length));
        const all = i32.const(s.count);
        return f.let(select(i64.lt_u(size, i64.num(s.count)), i32.wrap_i64(size), all));
      };
      const lengthA = limited(f.get(2));
      const lengthB = limited(f.get(3));
      compareElements(f, s, { a: f.get(0), b: f.get(1), lengthA, lengthB, imm });
    });
    f.unreachable();
  },
};

/** (a, b, immediate): the same, with strings that end at a zero. */
const implicitCompare: Helper = {
  name: 'pcmpistr',
  params: [V128, V128, I32],
  result: I32,
  wasm: (f) => {
    const imm = f.get(2);
    byElements(f, imm, (s) => {
      const length = (v: Expr) => f.let(i32.ctz(i32.or(s.bitmask(s.eq(v, ZEROS)), i32.const(1 << s.count))));
      const lengthA = length(f.get(0));
      const lengthB = length(f.get(1));
      compareElements(f, s, { a: f.get(0), b: f.get(1), lengthA, lengthB, imm });
    });
    f.unreachable();
  },
};

/** The length in eax or edx, rax or rdx after REX.W. */
function explicitLength(e: Emitter, register: number): Expr {
  return e.form.size === 8 ? e.gpr(register, 8) : i64.extend_i32_s(e.gpr(register, 4));
}

/** The result's 16 bits, in a local; sets the flags. */
function compare(e: Emitter, lengths: 'explicit' | 'implicit'): Expr {
  const imm = immediate(e, 2);
  const strings = [e.read(0), e.read(1)];
  const packed =
    lengths === 'implicit'
      ? e.callValue(implicitCompare, ...strings, imm)
      : e.callValue(explicitCompare, ...strings, explicitLength(e, RAX), explicitLength(e, RDX), imm);
  return e.let(packed);
}

const place = (flag: number): number => 31 - Math.clz32(flag);

function setCompareFlags(e: Emitter, packed: Expr, result: Expr): void {
  const flag = (bit: number, to: number) => {
    const value = i32.and(i32.shr_u(packed, i32.const(bit)), ONE);
    return i32.shl(value, i32.const(place(to)));
  };
  const carry = i32.ne(result, i32.const(0));
  const flags = [flag(LESS_B, ZF), flag(LESS_A, SF), flag(0, OF), carry];
  e.setFlags(
    KIND_RAW,
    4,
    i32.const(0),
    flags.reduce((x, y) => i32.or(x, y)),
  );
}

/** The lowest or highest index to ecx; the number of elements if there is none. */
function toIndex(lengths: 'explicit' | 'implicit'): Semantics {
  return (e) => {
    const packed = compare(e, lengths);
    const result = e.let(i32.and(packed, i32.const(0xffff)));
    const imm = immediate(e, 2);
    const count = i32.sub(i32.const(16), i32.shl(i32.and(imm, ONE), i32.const(3)));
    const lowest = i32.ctz(result);
    const highest = i32.sub(i32.const(31), i32.clz(result));
    const index = select(i32.and(imm, i32.const(0x40)), highest, lowest);
    e.setGpr(RCX, 4, select(result, index, count));
    setCompareFlags(e, packed, result);
  };
}

const BYTE_BITS = v128.const(Uint8Array.from({ length: 16 }, (_, i) => 1 << (i % 8)));
const WORD_BITS = lanes32(0x00020001, 0x00080004, 0x00200010, 0x00800040);

/** The bits to xmm0: as a number, or spread over elements. */
function toMask(lengths: 'explicit' | 'implicit'): Semantics {
  return (e) => {
    const packed = compare(e, lengths);
    const result = e.let(i32.and(packed, i32.const(0xffff)));
    const imm = e.let(immediate(e, 2));
    const number = i32x4.replace_lane(0, ZEROS, result);
    const eachByte = i8x16.swizzle(
      number,
      lanes8((i) => i >> 3),
    );
    const bytes = i8x16.eq(v128.and(eachByte, BYTE_BITS), BYTE_BITS);
    const words = i16x8.eq(v128.and(i16x8.splat(result), WORD_BITS), WORD_BITS);
    const spread = select(i32.and(imm, ONE), words, bytes);
    e.setXmm(0, select(i32.and(imm, i32.const(0x40)), spread, number));
    setCompareFlags(e, packed, result);
  };
}

export const STRING_COMPARE: SemanticsTable = {
  pcmpestri: toIndex('explicit'),
  pcmpestrm: toMask('explicit'),
  pcmpistri: toIndex('implicit'),
  pcmpistrm: toMask('implicit'),
};
