/**
 * WebAssembly expressions as trees. A semantic function builds a tree; a FunctionBuilder writes it out once.
 * A tree is pure data: building one emits nothing. An expression that is needed twice goes through `let`
 * (FunctionBuilder, Emitter), which evaluates it now and hands back a cheap `local.get`.
 */
export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export type ValType = typeof I32 | typeof I64 | typeof F32 | typeof F64 | typeof V128;

/** Opcodes with a prefix byte are numbered prefix * 0x1000 + opcode. */
export const PREFIX_FC = 0xfc000;
export const PREFIX_FD = 0xfd000;

export const OP_CALL = 0x10;
export const OP_CALL_INDIRECT = 0x11;
export const OP_SELECT = 0x1b;
export const OP_LOCAL_GET = 0x20;
export const OP_LOCAL_TEE = 0x22;
export const OP_I32_CONST = 0x41;
export const OP_I64_CONST = 0x42;
export const OP_F32_CONST = 0x43;
export const OP_F64_CONST = 0x44;
export const OP_V128_CONST = PREFIX_FD + 12;
export const OP_I8X16_SHUFFLE = PREFIX_FD + 13;

/** What stands behind an opcode: nothing, a lane, or a memory offset (alignment is always written as 0). */
export const IMM_NONE = 0;
export const IMM_LANE = 1;
export const IMM_MEMORY = 2;

/**
 * One node. `imm` is a local's or function's index, a lane, a memory offset, or the low half of a constant, whose
 * high half is `hi`. `args` is for calls only, `bytes` for the 16 bytes of v128.const and i8x16.shuffle.
 */
export class Expr {
  constructor(
    readonly type: ValType,
    readonly op: number,
    readonly a: Expr | null = null,
    readonly b: Expr | null = null,
    readonly c: Expr | null = null,
    readonly immKind: 0 | 1 | 2 = IMM_NONE,
    readonly imm: number = 0,
    readonly hi: number = 0,
    readonly args: readonly Expr[] | null = null,
    readonly bytes: Uint8Array | null = null,
  ) {}
}

type Table = Readonly<Record<string, number>>;
type Unary<T extends Table> = { readonly [K in keyof T]: (a: Expr) => Expr };
type Binary<T extends Table> = { readonly [K in keyof T]: (a: Expr, b: Expr) => Expr };
type Load<T extends Table> = { readonly [K in keyof T]: (addr: Expr, offset?: number) => Expr };
type Extract<T extends Table> = { readonly [K in keyof T]: (lane: number, v: Expr) => Expr };
type Replace<T extends Table> = { readonly [K in keyof T]: (lane: number, v: Expr, x: Expr) => Expr };

function mapTable<T extends Table, R>(table: T, make: (op: number) => R): { readonly [K in keyof T]: R } {
  return Object.fromEntries(Object.entries(table).map(([name, op]) => [name, make(op)])) as {
    [K in keyof T]: R;
  };
}

export function unary<T extends Table>(type: ValType, table: T): Unary<T> {
  return mapTable(table, (op) => (a: Expr) => new Expr(type, op, a));
}
export function binary<T extends Table>(type: ValType, table: T): Binary<T> {
  return mapTable(table, (op) => (a: Expr, b: Expr) => new Expr(type, op, a, b));
}
function loads<T extends Table>(type: ValType, table: T): Load<T> {
  return mapTable(
    table,
    (op) =>
      (addr: Expr, offset = 0) =>
        new Expr(type, op, addr, null, null, IMM_MEMORY, offset),
  );
}
function extracts<T extends Table>(type: ValType, table: T): Extract<T> {
  return mapTable(
    table,
    (op) => (lane: number, v: Expr) => new Expr(type, op, v, null, null, IMM_LANE, lane),
  );
}
function replaces<T extends Table>(table: T): Replace<T> {
  return mapTable(
    table,
    (op) => (lane: number, v: Expr, x: Expr) => new Expr(V128, op, v, x, null, IMM_LANE, lane),
  );
}

export function localGet(type: ValType, index: number): Expr {
  return new Expr(type, OP_LOCAL_GET, null, null, null, IMM_NONE, index);
}
export function call(type: ValType, func: number, args: readonly Expr[]): Expr {
  return new Expr(type, OP_CALL, null, null, null, IMM_NONE, func, 0, args);
}
/** `table[index](...args)`; `typeIndex` names the signature. The index is evaluated last. */
export function callIndirect(type: ValType, typeIndex: number, args: readonly Expr[], index: Expr): Expr {
  return new Expr(type, OP_CALL_INDIRECT, index, null, null, IMM_NONE, typeIndex, 0, args);
}
/** `cond ? a : b`, both evaluated. */
export function select(cond: Expr, a: Expr, b: Expr): Expr {
  return new Expr(a.type, OP_SELECT, a, b, cond);
}

export const i32 = {
  const: (value: number) => new Expr(I32, OP_I32_CONST, null, null, null, IMM_NONE, value | 0),
  ...unary(I32, { eqz: 0x45, clz: 0x67, ctz: 0x68, popcnt: 0x69, extend8_s: 0xc0, extend16_s: 0xc1 }),
  // prettier-ignore
  ...binary(I32, {
    eq: 0x46, ne: 0x47, lt_s: 0x48, lt_u: 0x49, gt_s: 0x4a, gt_u: 0x4b, le_s: 0x4c, le_u: 0x4d, ge_s: 0x4e, ge_u: 0x4f,
    add: 0x6a, sub: 0x6b, mul: 0x6c, div_s: 0x6d, div_u: 0x6e, rem_s: 0x6f, rem_u: 0x70, and: 0x71, or: 0x72,
    xor: 0x73, shl: 0x74, shr_s: 0x75, shr_u: 0x76, rotl: 0x77, rotr: 0x78,
  }),
  ...unary(I32, { wrap_i64: 0xa7, trunc_f32_s: 0xa8, trunc_f64_s: 0xaa, reinterpret_f32: 0xbc }),
  ...unary(I32, { trunc_sat_f32_s: PREFIX_FC + 0, trunc_sat_f64_s: PREFIX_FC + 2 }),
  ...loads(I32, { load: 0x28, load8_s: 0x2c, load8_u: 0x2d, load16_s: 0x2e, load16_u: 0x2f }),
} as const;

export const i64 = {
  /** The constant hi:lo, each half a 32-bit number. */
  const: (lo: number, hi: number) => new Expr(I64, OP_I64_CONST, null, null, null, IMM_NONE, lo | 0, hi | 0),
  /** The constant `n`, a whole number of at most 53 bits and a sign. */
  num: (n: number) =>
    new Expr(I64, OP_I64_CONST, null, null, null, IMM_NONE, n | 0, Math.floor(n / 4294967296) | 0),
  ...unary(I64, { clz: 0x79, ctz: 0x7a, popcnt: 0x7b, extend8_s: 0xc2, extend16_s: 0xc3, extend32_s: 0xc4 }),
  // prettier-ignore
  ...binary(I64, {
    add: 0x7c, sub: 0x7d, mul: 0x7e, div_s: 0x7f, div_u: 0x80, rem_s: 0x81, rem_u: 0x82, and: 0x83, or: 0x84,
    xor: 0x85, shl: 0x86, shr_s: 0x87, shr_u: 0x88, rotl: 0x89, rotr: 0x8a,
  }),
  eqz: (a: Expr) => new Expr(I32, 0x50, a),
  // prettier-ignore
  ...binary(I32, {
    eq: 0x51, ne: 0x52, lt_s: 0x53, lt_u: 0x54, gt_s: 0x55, gt_u: 0x56, le_s: 0x57, le_u: 0x58, ge_s: 0x59, ge_u: 0x5a,
  }),
  ...unary(I64, { extend_i32_s: 0xac, extend_i32_u: 0xad, trunc_f32_s: 0xae, trunc_f64_s: 0xb0 }),
  ...unary(I64, {
    trunc_sat_f32_s: PREFIX_FC + 4,
    trunc_sat_f64_s: PREFIX_FC + 6,
    reinterpret_f64: 0xbd,
  }),
  // prettier-ignore
  ...loads(I64, { load: 0x29, load8_s: 0x30, load8_u: 0x31, load16_s: 0x32, load16_u: 0x33, load32_s: 0x34, load32_u: 0x35 }),
} as const;

export const f32 = {
  /** The constant with these bits. */
  bits: (bits: number) => new Expr(F32, OP_F32_CONST, null, null, null, IMM_NONE, bits | 0),
  // prettier-ignore
  ...unary(F32, { abs: 0x8b, neg: 0x8c, ceil: 0x8d, floor: 0x8e, trunc: 0x8f, nearest: 0x90, sqrt: 0x91 }),
  // prettier-ignore
  ...binary(F32, { add: 0x92, sub: 0x93, mul: 0x94, div: 0x95, min: 0x96, max: 0x97, copysign: 0x98 }),
  ...binary(I32, { eq: 0x5b, ne: 0x5c, lt: 0x5d, gt: 0x5e, le: 0x5f, ge: 0x60 }),
  // prettier-ignore
  ...unary(F32, { convert_i32_s: 0xb2, convert_i64_s: 0xb4, demote_f64: 0xb6, reinterpret_i32: 0xbe }),
  ...loads(F32, { load: 0x2a }),
} as const;

export const f64 = {
  /** The constant with these bits, high half second. */
  bits: (lo: number, hi: number) => new Expr(F64, OP_F64_CONST, null, null, null, IMM_NONE, lo | 0, hi | 0),
  // prettier-ignore
  ...unary(F64, { abs: 0x99, neg: 0x9a, ceil: 0x9b, floor: 0x9c, trunc: 0x9d, nearest: 0x9e, sqrt: 0x9f }),
  // prettier-ignore
  ...binary(F64, { add: 0xa0, sub: 0xa1, mul: 0xa2, div: 0xa3, min: 0xa4, max: 0xa5, copysign: 0xa6 }),
  ...binary(I32, { eq: 0x61, ne: 0x62, lt: 0x63, gt: 0x64, le: 0x65, ge: 0x66 }),
  // prettier-ignore
  ...unary(F64, { convert_i32_s: 0xb7, convert_i64_s: 0xb9, promote_f32: 0xbb, reinterpret_i64: 0xbf }),
  ...loads(F64, { load: 0x2b }),
} as const;

const FD = PREFIX_FD;
/** The shape-less operations; lanes follow below, named as in the WebAssembly SIMD specification. */
export const v128 = {
  const: (bytes: Uint8Array) => new Expr(V128, OP_V128_CONST, null, null, null, IMM_NONE, 0, 0, null, bytes),
  // prettier-ignore
  ...loads(V128, {
    load: FD + 0, load8_splat: FD + 7, load16_splat: FD + 8, load32_splat: FD + 9, load64_splat: FD + 10,
    load32_zero: FD + 92, load64_zero: FD + 93,
  }),
  ...unary(V128, { not: FD + 77 }),
  ...binary(V128, { and: FD + 78, andnot: FD + 79, or: FD + 80, xor: FD + 81 }),
  bitselect: (a: Expr, b: Expr, mask: Expr) => new Expr(V128, FD + 82, a, b, mask),
  ...unary(I32, { any_true: FD + 83 }),
} as const;

export const i8x16 = {
  shuffle: (lanes: Uint8Array, a: Expr, b: Expr) =>
    new Expr(V128, OP_I8X16_SHUFFLE, a, b, null, IMM_NONE, 0, 0, null, lanes),
  ...unary(V128, { splat: FD + 15, abs: FD + 96, neg: FD + 97, popcnt: FD + 98 }),
  ...unary(I32, { all_true: FD + 99, bitmask: FD + 100 }),
  ...extracts(I32, { extract_lane_s: FD + 21, extract_lane_u: FD + 22 }),
  ...replaces({ replace_lane: FD + 23 }),
  // prettier-ignore
  ...binary(V128, {
    swizzle: FD + 14, eq: FD + 35, ne: FD + 36, lt_s: FD + 37, lt_u: FD + 38, gt_s: FD + 39, gt_u: FD + 40, le_s: FD + 41,
    le_u: FD + 42, ge_s: FD + 43, ge_u: FD + 44, narrow_i16x8_s: FD + 101, narrow_i16x8_u: FD + 102, shl: FD + 107,
    shr_s: FD + 108, shr_u: FD + 109, add: FD + 110, add_sat_s: FD + 111, add_sat_u: FD + 112, sub: FD + 113,
    sub_sat_s: FD + 114, sub_sat_u: FD + 115, min_s: FD + 118, min_u: FD + 119, max_s: FD + 120, max_u: FD + 121,
    avgr_u: FD + 123,
  }),
} as const;

export const i16x8 = {
  ...unary(V128, { splat: FD + 16, abs: FD + 128, neg: FD + 129 }),
  // prettier-ignore
  ...unary(V128, {
    extadd_pairwise_i8x16_s: FD + 124, extadd_pairwise_i8x16_u: FD + 125, extend_low_i8x16_s: FD + 135,
    extend_high_i8x16_s: FD + 136, extend_low_i8x16_u: FD + 137, extend_high_i8x16_u: FD + 138,
  }),
  ...unary(I32, { all_true: FD + 131, bitmask: FD + 132 }),
  ...extracts(I32, { extract_lane_s: FD + 24, extract_lane_u: FD + 25 }),
  ...replaces({ replace_lane: FD + 26 }),
  // prettier-ignore
  ...binary(V128, {
    eq: FD + 45, ne: FD + 46, lt_s: FD + 47, lt_u: FD + 48, gt_s: FD + 49, gt_u: FD + 50, le_s: FD + 51, le_u: FD + 52,
    ge_s: FD + 53, ge_u: FD + 54, q15mulr_sat_s: FD + 130, narrow_i32x4_s: FD + 133, narrow_i32x4_u: FD + 134,
    shl: FD + 139, shr_s: FD + 140, shr_u: FD + 141, add: FD + 142, add_sat_s: FD + 143, add_sat_u: FD + 144,
    sub: FD + 145, sub_sat_s: FD + 146, sub_sat_u: FD + 147, mul: FD + 149, min_s: FD + 150, min_u: FD + 151,
    max_s: FD + 152, max_u: FD + 153, avgr_u: FD + 155, extmul_low_i8x16_s: FD + 156, extmul_high_i8x16_s: FD + 157,
    extmul_low_i8x16_u: FD + 158, extmul_high_i8x16_u: FD + 159,
  }),
} as const;

export const i32x4 = {
  ...unary(V128, { splat: FD + 17, abs: FD + 160, neg: FD + 161 }),
  // prettier-ignore
  ...unary(V128, {
    extadd_pairwise_i16x8_s: FD + 126, extadd_pairwise_i16x8_u: FD + 127, extend_low_i16x8_s: FD + 167,
    extend_high_i16x8_s: FD + 168, extend_low_i16x8_u: FD + 169, extend_high_i16x8_u: FD + 170,
    trunc_sat_f32x4_s: FD + 248, trunc_sat_f64x2_s_zero: FD + 252,
  }),
  ...unary(I32, { all_true: FD + 163, bitmask: FD + 164 }),
  ...extracts(I32, { extract_lane: FD + 27 }),
  ...replaces({ replace_lane: FD + 28 }),
  // prettier-ignore
  ...binary(V128, {
    eq: FD + 55, ne: FD + 56, lt_s: FD + 57, lt_u: FD + 58, gt_s: FD + 59, gt_u: FD + 60, le_s: FD + 61, le_u: FD + 62,
    ge_s: FD + 63, ge_u: FD + 64, shl: FD + 171, shr_s: FD + 172, shr_u: FD + 173, add: FD + 174, sub: FD + 177,
    mul: FD + 181, min_s: FD + 182, min_u: FD + 183, max_s: FD + 184, max_u: FD + 185, dot_i16x8_s: FD + 186,
    extmul_low_i16x8_s: FD + 188, extmul_high_i16x8_s: FD + 189, extmul_low_i16x8_u: FD + 190,
    extmul_high_i16x8_u: FD + 191,
  }),
} as const;

export const i64x2 = {
  ...unary(V128, { splat: FD + 18, abs: FD + 192, neg: FD + 193 }),
  // prettier-ignore
  ...unary(V128, {
    extend_low_i32x4_s: FD + 199, extend_high_i32x4_s: FD + 200, extend_low_i32x4_u: FD + 201, extend_high_i32x4_u: FD + 202,
  }),
  ...unary(I32, { all_true: FD + 195, bitmask: FD + 196 }),
  ...extracts(I64, { extract_lane: FD + 29 }),
  ...replaces({ replace_lane: FD + 30 }),
  // prettier-ignore
  ...binary(V128, {
    eq: FD + 214, ne: FD + 215, lt_s: FD + 216, gt_s: FD + 217, le_s: FD + 218, ge_s: FD + 219, shl: FD + 203,
    shr_s: FD + 204, shr_u: FD + 205, add: FD + 206, sub: FD + 209, mul: FD + 213, extmul_low_i32x4_s: FD + 220,
    extmul_high_i32x4_s: FD + 221, extmul_low_i32x4_u: FD + 222, extmul_high_i32x4_u: FD + 223,
  }),
} as const;

export const f32x4 = {
  // prettier-ignore
  ...unary(V128, {
    splat: FD + 19, abs: FD + 224, neg: FD + 225, sqrt: FD + 227, ceil: FD + 103, floor: FD + 104, trunc: FD + 105,
    nearest: FD + 106, convert_i32x4_s: FD + 250, demote_f64x2_zero: FD + 94,
  }),
  ...extracts(F32, { extract_lane: FD + 31 }),
  ...replaces({ replace_lane: FD + 32 }),
  // prettier-ignore
  ...binary(V128, {
    eq: FD + 65, ne: FD + 66, lt: FD + 67, gt: FD + 68, le: FD + 69, ge: FD + 70, add: FD + 228, sub: FD + 229,
    mul: FD + 230, div: FD + 231, min: FD + 232, max: FD + 233, pmin: FD + 234, pmax: FD + 235,
  }),
} as const;

export const f64x2 = {
  // prettier-ignore
  ...unary(V128, {
    splat: FD + 20, abs: FD + 236, neg: FD + 237, sqrt: FD + 239, ceil: FD + 116, floor: FD + 117, trunc: FD + 122,
    nearest: FD + 148, convert_low_i32x4_s: FD + 254, promote_low_f32x4: FD + 95,
  }),
  ...extracts(F64, { extract_lane: FD + 33 }),
  ...replaces({ replace_lane: FD + 34 }),
  // prettier-ignore
  ...binary(V128, {
    eq: FD + 71, ne: FD + 72, lt: FD + 73, gt: FD + 74, le: FD + 75, ge: FD + 76, add: FD + 240, sub: FD + 241,
    mul: FD + 242, div: FD + 243, min: FD + 244, max: FD + 245, pmin: FD + 246, pmax: FD + 247,
  }),
} as const;
