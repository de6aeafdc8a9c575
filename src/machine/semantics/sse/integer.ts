import { i16x8, i32, i32x4, i64, i64x2, i8x16, select, v128, type Expr } from '../../wasm/expr.js';
import type { Emitter, Semantics, SemanticsTable } from '../emitter.js';
import { KIND_RAW } from '../flags.js';
import {
  ZEROS,
  checkMmx,
  constantOf,
  immediate,
  isMmx,
  kindOf,
  lanes32,
  lanes8,
  readVector,
  writeVector,
} from './operands.js';
import { joinLow, shuffle } from './permute.js';

type Binary = (a: Expr, b: Expr) => Expr;

/** destination = operation(destination, source); each result lane depends on the operands' same lane alone. */
function binary(operation: Binary): Semantics {
  return (e) => {
    if (isMmx(e)) checkMmx(e);
    const b = e.let(readVector(e, 1));
    writeVector(e, 0, operation(e.let(readVector(e, 0)), b));
  };
}

/**
 * An operation that gives the first operand's results in the low half, the second's in the high one. In MMX both
 * operands are in one vector's halves, so that the results stand together.
 */
function folding(operation: Binary): Semantics {
  return (e) => {
    if (!isMmx(e)) return binary(operation)(e);
    checkMmx(e);
    const b = e.let(readVector(e, 1));
    const both = e.let(joinLow(e.let(readVector(e, 0)), b));
    writeVector(e, 0, operation(both, both));
  };
}

/** Instructions that are one operator. */
const OPERATORS: Readonly<Record<string, Binary>> = {
  paddb: i8x16.add,
  paddw: i16x8.add,
  paddd: i32x4.add,
  paddq: i64x2.add,
  psubb: i8x16.sub,
  psubw: i16x8.sub,
  psubd: i32x4.sub,
  psubq: i64x2.sub,
  paddsb: i8x16.add_sat_s,
  paddsw: i16x8.add_sat_s,
  paddusb: i8x16.add_sat_u,
  paddusw: i16x8.add_sat_u,
  psubsb: i8x16.sub_sat_s,
  psubsw: i16x8.sub_sat_s,
  psubusb: i8x16.sub_sat_u,
  psubusw: i16x8.sub_sat_u,
  pminsb: i8x16.min_s,
  pminsw: i16x8.min_s,
  pminsd: i32x4.min_s,
  pminub: i8x16.min_u,
  pminuw: i16x8.min_u,
  pminud: i32x4.min_u,
  pmaxsb: i8x16.max_s,
  pmaxsw: i16x8.max_s,
  pmaxsd: i32x4.max_s,
  pmaxub: i8x16.max_u,
  pmaxuw: i16x8.max_u,
  pmaxud: i32x4.max_u,
  pavgb: i8x16.avgr_u,
  pavgw: i16x8.avgr_u,
  pcmpeqb: i8x16.eq,
  pcmpeqw: i16x8.eq,
  pcmpeqd: i32x4.eq,
  pcmpeqq: i64x2.eq,
  pcmpgtb: i8x16.gt_s,
  pcmpgtw: i16x8.gt_s,
  pcmpgtd: i32x4.gt_s,
  pcmpgtq: i64x2.gt_s,
  pand: v128.and,
  andps: v128.and,
  andpd: v128.and,
  por: v128.or,
  orps: v128.or,
  orpd: v128.or,
  pxor: v128.xor,
  xorps: v128.xor,
  xorpd: v128.xor,
  pandn: (a, b) => v128.andnot(b, a),
  andnps: (a, b) => v128.andnot(b, a),
  andnpd: (a, b) => v128.andnot(b, a),
  pmullw: i16x8.mul,
  pmulld: i32x4.mul,
  pmaddwd: i32x4.dot_i16x8_s,
};

const HIGH_WORDS = [1, 3, 5, 7, 9, 11, 13, 15];

/** Instructions of several operators; a and b are locals. */
const COMPOSED: Readonly<Record<string, Binary>> = {
  pmulhw: (a, b) => shuffle(2, HIGH_WORDS, i32x4.extmul_low_i16x8_s(a, b), i32x4.extmul_high_i16x8_s(a, b)),
  pmulhuw: (a, b) => shuffle(2, HIGH_WORDS, i32x4.extmul_low_i16x8_u(a, b), i32x4.extmul_high_i16x8_u(a, b)),
  pmuludq: (a, b) => i64x2.extmul_low_i32x4_u(evenDwords(a), evenDwords(b)),
  pmuldq: (a, b) => i64x2.extmul_low_i32x4_s(evenDwords(a), evenDwords(b)),
  pmulhrsw: roundedProduct,
  pmaddubsw: mixedDotProduct,
  psadbw: sumOfDifferences,
  psignb: (a, b) => withSign(i8x16, a, b),
  psignw: (a, b) => withSign(i16x8, a, b),
  psignd: (a, b) => withSign(i32x4, a, b),
};

function evenDwords(a: Expr): Expr {
  return shuffle(4, [0, 2, 0, 2], a, a);
}

/** WebAssembly saturates -1 * -1, the CPU wraps. */
function roundedProduct(a: Expr, b: Expr): Expr {
  const minimum = lanes32(0x80008000, 0x80008000, 0x80008000, 0x80008000);
  const wraps = v128.and(i16x8.eq(a, minimum), i16x8.eq(b, minimum));
  return v128.xor(i16x8.q15mulr_sat_s(a, b), wraps);
}

/** Unsigned bytes of a times signed ones of b, summed in pairs with saturation. */
function mixedDotProduct(a: Expr, b: Expr): Expr {
  const eight = i32.const(8);
  const lowBytes = lanes8((i) => (i % 2 === 0 ? 0xff : 0));
  const even = i16x8.mul(v128.and(a, lowBytes), i16x8.shr_s(i16x8.shl(b, eight), eight));
  return i16x8.add_sat_s(even, i16x8.mul(i16x8.shr_u(a, eight), i16x8.shr_s(b, eight)));
}

function sumOfDifferences(a: Expr, b: Expr): Expr {
  const differences = v128.or(i8x16.sub_sat_u(a, b), i8x16.sub_sat_u(b, a));
  const sums = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(differences));
  const odd = i64x2.shr_u(sums, i32.const(32));
  return v128.and(i64x2.add(sums, odd), lanes32(0xffff, 0, 0xffff, 0));
}

/** a, negated where b is negative, 0 where b is. */
function withSign(shape: Signed, a: Expr, b: Expr): Expr {
  const negative = shape.lt_s(b, ZEROS);
  return v128.and(shape.sub(v128.xor(a, negative), negative), shape.ne(b, ZEROS));
}
type Signed = Readonly<Record<'lt_s' | 'sub' | 'ne', Binary>>;

/** Even and odd elements of both vectors, combined: the horizontal instructions. */
function horizontal(size: number, operation: Binary): Binary {
  const count = 16 / size;
  const even = Array.from({ length: count }, (_, i) => 2 * i);
  const odd = even.map((element) => element + 1);
  return (a, b) => operation(shuffle(size, even, a, b), shuffle(size, odd, a, b));
}

const FOLDING: Readonly<Record<string, Binary>> = {
  packsswb: i8x16.narrow_i16x8_s,
  packuswb: i8x16.narrow_i16x8_u,
  packssdw: i16x8.narrow_i32x4_s,
  packusdw: i16x8.narrow_i32x4_u,
  phaddw: horizontal(2, i16x8.add),
  phaddd: horizontal(4, i32x4.add),
  phaddsw: horizontal(2, i16x8.add_sat_s),
  phsubw: horizontal(2, i16x8.sub),
  phsubd: horizontal(4, i32x4.sub),
  phsubsw: horizontal(2, i16x8.sub_sat_s),
};

/** The low (high) halves of both, interleaved. */
function interleave(size: number, half: 'low' | 'high'): Semantics {
  return (e) => {
    const mmx = isMmx(e);
    if (mmx) checkMmx(e);
    const first = half === 'low' ? 0 : (mmx ? 4 : 8) / size;
    const elements = Array.from({ length: 8 / size }, (_, i) => [first + i, 16 / size + first + i]).flat();
    const b = e.let(readVector(e, 1));
    writeVector(e, 0, shuffle(size, elements, e.let(readVector(e, 0)), b));
  };
}

/** Indices with bit 7 set clear; others count modulo the register's size. */
const pshufb: Semantics = (e) => {
  if (isMmx(e)) checkMmx(e);
  const mask = isMmx(e) ? 0x87 : 0x8f;
  const b = e.let(readVector(e, 1));
  writeVector(
    e,
    0,
    i8x16.swizzle(
      readVector(e, 0),
      v128.and(
        b,
        lanes8(() => mask),
      ),
    ),
  );
};

function unary(operation: (a: Expr) => Expr): Semantics {
  return (e) => {
    if (isMmx(e)) checkMmx(e);
    writeVector(e, 0, operation(readVector(e, 1)));
  };
}

/** Bits that all are the chosen operand's: its top bits, in lanes of a type. */
function variableBlend(spread: Binary, width: number): Semantics {
  return (e) => {
    const b = e.let(readVector(e, 1));
    const chosen = spread(e.read(2), i32.const(width - 1));
    e.write(0, v128.bitselect(b, e.read(0), chosen));
  };
}

const ptest: Semantics = (e) => {
  const b = e.let(readVector(e, 1));
  const a = e.let(e.read(0));
  const zero = i32.eqz(v128.any_true(v128.and(a, b)));
  const carry = i32.eqz(v128.any_true(v128.andnot(b, a)));
  e.setFlags(KIND_RAW, 4, i32.const(0), i32.or(i32.shl(zero, i32.const(6)), carry));
};

interface ShiftKind {
  readonly shift: Binary;
  readonly width: number;
  readonly arithmetic: boolean;
}
function shiftKind(shift: Binary, width: number, arithmetic = false): ShiftKind {
  return { shift, width, arithmetic };
}
const SHIFTS: Readonly<Record<string, ShiftKind>> = {
  psllw: shiftKind(i16x8.shl, 16),
  pslld: shiftKind(i32x4.shl, 32),
  psllq: shiftKind(i64x2.shl, 64),
  psrlw: shiftKind(i16x8.shr_u, 16),
  psrld: shiftKind(i32x4.shr_u, 32),
  psrlq: shiftKind(i64x2.shr_u, 64),
  psraw: shiftKind(i16x8.shr_s, 16, true),
  psrad: shiftKind(i32x4.shr_s, 32, true),
};

/** All lanes by an immediate, or by the source's low 8 bytes. Too large a count gives zeros or, arithmetic, signs. */
function shiftLanes(kind: ShiftKind): Semantics {
  return (e) => {
    if (isMmx(e)) checkMmx(e);
    const count = e.let(shiftCount(e));
    writeVector(e, 0, shifted(kind, readVector(e, 0), count));
  };
}

/** The count as i32, at most 255. */
function shiftCount(e: Emitter): Expr {
  if (kindOf(e, 1) === 'imm') return immediate(e, 1);
  const wide = e.let(i64x2.extract_lane(0, readVector(e, 1)));
  return select(i64.gt_u(wide, i64.num(255)), i32.const(255), i32.wrap_i64(wide));
}

function shifted({ shift, width, arithmetic }: ShiftKind, value: Expr, count: Expr): Expr {
  const known = constantOf(count);
  const top = i32.const(width - 1);
  if (known !== null && known < width) return shift(value, count);
  if (arithmetic) return shift(value, known === null ? select(i32.gt_u(count, top), top, count) : top);
  return known === null ? select(i32.gt_u(count, top), ZEROS, shift(value, count)) : ZEROS;
}

/** The least of eight words and, above it, its place. */
const phminposuw: Semantics = (e) => {
  const words = e.let(readVector(e, 1));
  const sixteen = i32.const(16);
  const low = v128.or(i32x4.shl(i32x4.extend_low_i16x8_u(words), sixteen), lanes32(0, 1, 2, 3));
  const high = v128.or(i32x4.shl(i32x4.extend_high_i16x8_u(words), sixteen), lanes32(4, 5, 6, 7));
  const four = e.let(i32x4.min_u(low, high));
  const two = e.let(i32x4.min_u(four, shuffle(4, [2, 3, 0, 1], four, four)));
  const least = i32x4.min_u(two, shuffle(4, [1, 0, 3, 2], two, two));
  e.write(0, i32x4.replace_lane(0, ZEROS, i32.rotl(i32x4.extract_lane(0, least), sixteen)));
};

/** Eight sums of four absolute differences: a block of the source that slides over the destination. */
const mpsadbw: Semantics = (e) => {
  const source = e.let(readVector(e, 1));
  const imm = e.let(immediate(e, 2));
  const start = (bit: number, mask: number) =>
    i32.shl(i32.and(i32.shr_u(imm, i32.const(bit)), i32.const(mask)), i32.const(2));
  const window = (v: Expr, first: Expr) =>
    e.let(
      i8x16.swizzle(
        v,
        i8x16.add(
          i8x16.splat(first),
          lanes8((i) => i),
        ),
      ),
    );
  const block = window(source, start(0, 3));
  const sliding = window(e.read(0), start(2, 1));
  const difference = (j: number) => {
    const bytes = Array.from({ length: 16 }, (_, i) => Math.min(i + j, 15));
    const a = i16x8.extend_low_i8x16_u(shuffle(1, bytes, sliding, sliding));
    const b = i16x8.extend_low_i8x16_u(shuffle(1, new Array<number>(16).fill(j), block, block));
    return i16x8.abs(i16x8.sub(a, b));
  };
  const pairs = [i16x8.add(difference(0), difference(1)), i16x8.add(difference(2), difference(3))] as const;
  e.write(0, i16x8.add(...pairs));
};

function mapTable<T>(table: Readonly<Record<string, T>>, make: (row: T) => Semantics): SemanticsTable {
  return Object.fromEntries(Object.entries(table).map(([name, row]) => [name, make(row)]));
}

export const INTEGER: SemanticsTable = {
  ...mapTable(OPERATORS, binary),
  ...mapTable(COMPOSED, binary),
  ...mapTable(FOLDING, folding),
  ...mapTable(SHIFTS, shiftLanes),
  punpcklbw: interleave(1, 'low'),
  punpcklwd: interleave(2, 'low'),
  punpckldq: interleave(4, 'low'),
  punpcklqdq: interleave(8, 'low'),
  punpckhbw: interleave(1, 'high'),
  punpckhwd: interleave(2, 'high'),
  punpckhdq: interleave(4, 'high'),
  punpckhqdq: interleave(8, 'high'),
  unpcklps: interleave(4, 'low'),
  unpcklpd: interleave(8, 'low'),
  unpckhps: interleave(4, 'high'),
  unpckhpd: interleave(8, 'high'),
  pshufb,
  pabsb: unary(i8x16.abs),
  pabsw: unary(i16x8.abs),
  pabsd: unary(i32x4.abs),
  pblendvb: variableBlend(i8x16.shr_s, 8),
  blendvps: variableBlend(i32x4.shr_s, 32),
  blendvpd: variableBlend(i64x2.shr_s, 64),
  ptest,
  phminposuw,
  mpsadbw,
};
