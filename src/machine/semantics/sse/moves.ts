import { RDI } from '../../layout.js';
import { i16x8, i32, i32x4, i64, i64x2, i8x16, v128, type Expr } from '../../wasm/expr.js';
import type { Emitter, Semantics, SemanticsTable } from '../emitter.js';
import {
  bits,
  checkMmx,
  constantOf,
  enterMmx,
  immediate,
  isMmx,
  kindOf,
  lanes8,
  readVector,
  sizeOf,
  vectorOf,
  writeVector,
  zeroExtended,
} from './operands.js';
import { lowHalf, shuffle } from './permute.js';

/** Sixteen bytes; memory must be aligned. */
const moveAligned: Semantics = (e) => writeVector(e, 0, readVector(e, 1));
/** Any size, from anywhere. */
const moveUnaligned: Semantics = (e) => e.write(0, e.read(1));

/** movss, movsd: a load clears what is above, a move between registers keeps it. */
const moveScalar: Semantics = (e) => {
  const value = e.readFloat(1);
  e.write(0, kindOf(e, 1) === 'mem' ? zeroExtended(value) : value);
};

/** movd, movq: registers are zero-extended. */
const moveLow: Semantics = (e) => {
  if (isMmx(e)) return moveMmx(e);
  const value = e.read(1);
  e.write(0, kindOf(e, 0) === 'xmm' ? zeroExtended(value) : value);
};

function moveMmx(e: Emitter): void {
  checkMmx(e);
  const value = e.let(e.read(1));
  const isRegister = kindOf(e, 0) === 'mmx';
  if (isRegister) enterMmx(e);
  const wide = isRegister && sizeOf(e, 1) === 4 ? i64.extend_i32_u(value) : value;
  e.write(0, wide);
  if (!isRegister) enterMmx(e);
}

const movq2dq: Semantics = (e) => {
  checkMmx(e);
  enterMmx(e);
  e.write(0, zeroExtended(e.read(1)));
};

/** movhps, movhpd: to or from the high half. */
const moveHigh: Semantics = (e) => {
  if (kindOf(e, 0) === 'mem') e.write(0, i64x2.extract_lane(1, e.read(1)));
  else e.write(0, i64x2.replace_lane(1, e.read(0), e.read(1)));
};

/** An instruction whose result is a fixed shuffle of destination and source. */
function shuffled(size: number, elements: readonly number[]): Semantics {
  return (e) => {
    const b = e.let(readVector(e, 1));
    writeVector(e, 0, shuffle(size, elements, e.let(readVector(e, 0)), b));
  };
}
/** The same of the source alone. */
function duplicated(size: number, elements: readonly number[]): Semantics {
  return (e) => {
    const b = e.let(readVector(e, 1));
    writeVector(e, 0, shuffle(size, elements, b, b));
  };
}

/** Sign bits to a general register. */
function signBits(bitmask: (a: Expr) => Expr): Semantics {
  return (e) => e.write(0, bitmask(e.read(1)));
}
const pmovmskb: Semantics = (e) => {
  if (!isMmx(e)) return e.write(0, i8x16.bitmask(e.read(1)));
  checkMmx(e);
  enterMmx(e);
  e.write(0, i32.and(i8x16.bitmask(vectorOf(e.read(1))), i32.const(0xff)));
};

/** Stores the bytes at rdi whose mask has its top bit set. */
const maskedStore: Semantics = (e) => {
  const mmx = isMmx(e);
  if (mmx) checkMmx(e);
  const mask = e.let(i8x16.shr_s(vectorOf(e.read(1)), i32.const(7)));
  const chosen = i8x16.bitmask(mask);
  e.if(mmx ? i32.and(chosen, i32.const(0xff)) : chosen, () => {
    const memory = e.modifyAt(mmx ? 8 : 16, e.gpr(RDI, 8));
    const merged = v128.bitselect(vectorOf(e.read(0)), vectorOf(memory.value), mask);
    memory.write(mmx ? lowHalf(merged) : merged);
  });
  if (mmx) enterMmx(e);
};

interface Shape {
  readonly bytes: number;
  readonly extract: (lane: number, v: Expr) => Expr;
  readonly replace: (lane: number, v: Expr, x: Expr) => Expr;
  readonly splat: (x: Expr) => Expr;
}
const BYTES: Shape = {
  bytes: 1,
  extract: i8x16.extract_lane_u,
  replace: i8x16.replace_lane,
  splat: i8x16.splat,
};
const WORDS: Shape = {
  bytes: 2,
  extract: i16x8.extract_lane_u,
  replace: i16x8.replace_lane,
  splat: i16x8.splat,
};
const DWORDS: Shape = {
  bytes: 4,
  extract: i32x4.extract_lane,
  replace: i32x4.replace_lane,
  splat: i32x4.splat,
};
const QWORDS: Shape = {
  bytes: 8,
  extract: i64x2.extract_lane,
  replace: i64x2.replace_lane,
  splat: i64x2.splat,
};

/** Lane `index` of a vector. Where the number is not known, its bytes are brought to lane 0. */
function extractLane(shape: Shape, v: Expr, index: Expr): Expr {
  const known = constantOf(index);
  if (known !== null) return shape.extract(known, v);
  const first = i8x16.splat(i32.mul(index, i32.const(shape.bytes)));
  return shape.extract(
    0,
    i8x16.swizzle(
      v,
      i8x16.add(
        first,
        lanes8((i) => i),
      ),
    ),
  );
}

function replaceLane(shape: Shape, v: Expr, index: Expr, x: Expr): Expr {
  const known = constantOf(index);
  if (known !== null) return shape.replace(known, v, x);
  const chosen = i8x16.eq(
    i8x16.splat(index),
    lanes8((i) => Math.floor(i / shape.bytes)),
  );
  return v128.bitselect(shape.splat(x), v, chosen);
}

/** pextrd is pextrq after REX.W. */
function ofWidth(shape: Shape, size: number): Shape {
  return shape === DWORDS && size === 8 ? QWORDS : shape;
}

/** MMX's four words are those of a vector's low half. */
function laneMask(e: Emitter, shape: Shape): number {
  return (isMmx(e) ? 8 : 16) / shape.bytes - 1;
}

function extract(ofSize: Shape): Semantics {
  return (e) => {
    const shape = ofWidth(ofSize, sizeOf(e, 0));
    const mmx = isMmx(e);
    if (mmx) checkMmx(e);
    const index = bits(immediate(e, 2), 0, laneMask(e, shape));
    const value = extractLane(shape, vectorOf(e.read(1)), index);
    if (mmx) enterMmx(e);
    e.write(0, value);
  };
}

function insert(ofSize: Shape): Semantics {
  return (e) => {
    const shape = ofWidth(ofSize, sizeOf(e, 1));
    if (isMmx(e)) checkMmx(e);
    const value = e.let(e.read(1));
    const index = e.let(bits(immediate(e, 2), 0, laneMask(e, shape)));
    writeVector(e, 0, replaceLane(shape, vectorOf(e.read(0)), index, value));
  };
}

/** pmovsx, pmovzx: the source's low lanes, widened once or several times. */
function widened(...steps: readonly ((a: Expr) => Expr)[]): Semantics {
  return (e) =>
    e.write(
      0,
      steps.reduce((value, step) => step(value), vectorOf(e.read(1))),
    );
}

export const MOVES: SemanticsTable = {
  movaps: moveAligned,
  movapd: moveAligned,
  movdqa: moveAligned,
  movntps: moveAligned,
  movntpd: moveAligned,
  movntdq: moveAligned,
  movntdqa: moveAligned,
  movups: moveUnaligned,
  movupd: moveUnaligned,
  movdqu: moveUnaligned,
  lddqu: moveUnaligned,
  movlps: moveUnaligned,
  movlpd: moveUnaligned,
  movhps: moveHigh,
  movhpd: moveHigh,
  movhlps: shuffled(8, [3, 1]),
  movlhps: shuffled(8, [0, 2]),
  movss: moveScalar,
  movsd_sse: moveScalar,
  movsldup: duplicated(4, [0, 0, 2, 2]),
  movshdup: duplicated(4, [1, 1, 3, 3]),
  movddup: duplicated(8, [0, 0]),
  movd: moveLow,
  movq: moveLow,
  movq2dq,
  movdq2q: moveMmx,
  movntq: moveMmx,
  movmskps: signBits(i32x4.bitmask),
  movmskpd: signBits(i64x2.bitmask),
  pmovmskb,
  maskmovdqu: maskedStore,
  maskmovq: maskedStore,
  pextrb: extract(BYTES),
  pextrw: extract(WORDS),
  pextrd: extract(DWORDS),
  extractps: extract(DWORDS),
  pinsrb: insert(BYTES),
  pinsrw: insert(WORDS),
  pinsrd: insert(DWORDS),
  pmovsxbw: widened(i16x8.extend_low_i8x16_s),
  pmovsxbd: widened(i16x8.extend_low_i8x16_s, i32x4.extend_low_i16x8_s),
  pmovsxbq: widened(i16x8.extend_low_i8x16_s, i32x4.extend_low_i16x8_s, i64x2.extend_low_i32x4_s),
  pmovsxwd: widened(i32x4.extend_low_i16x8_s),
  pmovsxwq: widened(i32x4.extend_low_i16x8_s, i64x2.extend_low_i32x4_s),
  pmovsxdq: widened(i64x2.extend_low_i32x4_s),
  pmovzxbw: widened(i16x8.extend_low_i8x16_u),
  pmovzxbd: widened(i16x8.extend_low_i8x16_u, i32x4.extend_low_i16x8_u),
  pmovzxbq: widened(i16x8.extend_low_i8x16_u, i32x4.extend_low_i16x8_u, i64x2.extend_low_i32x4_u),
  pmovzxwd: widened(i32x4.extend_low_i16x8_u),
  pmovzxwq: widened(i32x4.extend_low_i16x8_u, i64x2.extend_low_i32x4_u),
  pmovzxdq: widened(i64x2.extend_low_i32x4_u),
};
