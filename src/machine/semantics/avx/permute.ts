/** AVX's and AVX2's own permutations and shifts, and tests of bits. */
import { V128, i32, i32x4, i64, i64x2, i8x16, select, v128, type Expr } from '../../wasm/expr.js';
import type { Emitter, Pair, Semantics, SemanticsTable } from '../emitter.js';
import { KIND_RAW } from '../flags.js';
import type { Helper } from '../helper.js';
import { ZEROS, bits, constantOf, immediate, lanes32 } from '../sse/operands.js';
import { PERMUTE, permuteVectors, shuffle } from '../sse/permute.js';
import { heldPair, sibling, writeBoth } from './halves.js';

/** The operands' halves, for an instruction of either length; of 128 bits the upper ones are null. */
function held(e: Emitter, k: number): readonly [Expr, Expr | null] {
  if (e.form.size === 32) return heldPair(e, k);
  return [e.let(e.read(k)), null];
}

/** destination = operation(first, second), half by half. */
function eachHalf(operation: (e: Emitter, a: Expr, b: Expr) => Expr): Semantics {
  return (e) => {
    const b = held(e, 2);
    const lower = operation(e, e.read(1), b[0]);
    const upper = b[1] === null ? ZEROS : operation(e, e.readUpper(1), b[1]);
    writeBoth(e, [lower, upper]);
  };
}

const BYTES_OF_DWORD = lanes32(0x03020100, 0x03020100, 0x03020100, 0x03020100);
const FOURS = lanes32(0x04040404, 0x04040404, 0x04040404, 0x04040404);
/** Byte indices from dwords' indices, below 8. */
function dwordBytes(indices: Expr, mask: number): Expr {
  const kept = v128.and(indices, lanes32(mask, mask, mask, mask));
  return i8x16.add(i32x4.mul(kept, FOURS), BYTES_OF_DWORD);
}

/** By the second operand's low bits, within 16 bytes. */
const permilps = eachHalf((_e, a, b) => i8x16.swizzle(a, dwordBytes(b, 3)));
/** By bit 1 of each qword. */
const permilpd = eachHalf((e, a, b) => {
  const v = e.let(a);
  const odd = i64x2.shr_s(i64x2.shl(b, i32.const(62)), i32.const(63));
  return v128.bitselect(shuffle(8, [1, 1], v, v), shuffle(8, [0, 0], v, v), odd);
});

/** Both take an immediate, too. */
function either(byVector: Semantics, byImmediate: Semantics): Semantics {
  return (e) => (e.form.operands[2]?.kind === 'imm' ? byImmediate(e) : byVector(e));
}
const imm = (name: string, immediateShift: number) =>
  sibling(PERMUTE[name] as Semantics, { merges: false, immediateShift });

/** Eight dwords by the indices in operand 1. */
const permd: Semantics = (e) => {
  const [lower, upper] = heldPair(e, 2);
  const chosen = (indices: Expr) => {
    const from = e.let(dwordBytes(indices, 7));
    const behind = i8x16.sub(from, lanes32(0x10101010, 0x10101010, 0x10101010, 0x10101010));
    return e.let(v128.or(i8x16.swizzle(lower, from), i8x16.swizzle(upper, behind)));
  };
  const result: Pair = [chosen(e.read(1)), chosen(e.readUpper(1))];
  writeBoth(e, result);
};

/** Four qwords by two bits of the immediate each. */
const permq: Semantics = (e) => {
  const [lower, upper] = heldPair(e, 1);
  const control = e.let(immediate(e, 2));
  const known = constantOf(control);
  const both = (at: number): Expr => {
    if (known !== null) {
      const elements = [(known >> at) & 3, (known >> (at + 2)) & 3];
      return e.let(shuffle(8, elements, lower, upper));
    }
    const element = (shift: number) => {
      const v = e.let(select(bits(control, shift + 1, 1), upper, lower));
      return select(bits(control, shift, 1), i64x2.extract_lane(1, v), i64x2.extract_lane(0, v));
    };
    return e.let(i64x2.replace_lane(1, i64x2.splat(element(at)), element(at + 2)));
  };
  writeBoth(e, [both(0), both(4)]);
};

/** Each half one of the four of both operands, or zeros. */
const perm2f128: Semantics = (e) => {
  const b = heldPair(e, 2);
  const a = heldPair(e, 1);
  const control = e.let(immediate(e, 3));
  const known = constantOf(control);
  const half = (at: number): Expr => {
    if (known !== null) {
      const way = (known >> at) & 15;
      return way & 8 ? ZEROS : ([...a, ...b][way & 3] as Expr);
    }
    const pick = (pair: Pair) => select(bits(control, at, 1), pair[1], pair[0]);
    return e.let(select(bits(control, at + 3, 1), ZEROS, select(bits(control, at + 1, 1), pick(b), pick(a))));
  };
  writeBoth(e, [half(0), half(4)]);
};

/** Dwords from operand 2 where the immediate has bits: blendps, with the upper half's bits above. */
const blendd = sibling(PERMUTE.blendps as Semantics, { merges: true, immediateShift: 4 });

/** (values, counts): each lane by its own count; too large a one gives 0, or the sign. */
function variableShift(name: string, wide: boolean, operation: 'shl' | 'shr_u' | 'shr_s'): Helper {
  const [lanes, scalar, width] = wide ? ([i64x2, i64, 64] as const) : ([i32x4, i32, 32] as const);
  const top = wide ? i64.num(width - 1) : i32.const(width - 1);
  const zero = wide ? i64.num(0) : i32.const(0);
  return {
    name,
    params: [V128, V128],
    result: V128,
    wasm: (f) => {
      let result = f.get(0);
      for (let i = 0; i < 128 / width; i++) {
        const count = f.let(lanes.extract_lane(i, f.get(1)));
        const value = lanes.extract_lane(i, f.get(0));
        const isLarge = scalar.gt_u(count, top);
        const shifted =
          operation === 'shr_s'
            ? scalar.shr_s(value, select(isLarge, top, count))
            : select(isLarge, zero, scalar[operation](value, count));
        result = f.let(lanes.replace_lane(i, result, shifted));
      }
      f.return(result);
    },
  };
}
function shiftEach(helper: Helper): Semantics {
  return eachHalf((e, a, b) => e.callValue(helper, a, b));
}

/** ZF: no bit of `mask` is set in both; CF: none in the second operand alone. */
function testBits(mask: Expr | null): Semantics {
  return (e) => {
    const kept = (x: Expr) => (mask === null ? x : v128.and(x, mask));
    const isWide = e.form.size === 32;
    const b = held(e, 1);
    const a: readonly [Expr, Expr | null] = isWide ? heldPair(e, 0) : [e.let(e.read(0)), null];
    const joined = (operation: (x: Expr, y: Expr) => Expr) => {
      const lower = operation(b[0], a[0]);
      const all = b[1] === null || a[1] === null ? lower : v128.or(lower, operation(b[1], a[1]));
      return i32.eqz(v128.any_true(kept(all)));
    };
    const zero = joined(v128.and);
    const carry = joined(v128.andnot);
    e.setFlags(KIND_RAW, 4, i32.const(0), i32.or(i32.shl(zero, i32.const(6)), carry));
  };
}
const SIGN = 1 << 31;

/** (mask's sign bits, lanes): what of a masked access is done lane by lane. */
interface Lanes {
  readonly count: number;
  readonly bytes: 4 | 8;
  readonly bitmask: (v: Expr) => Expr;
  readonly extract: (lane: number, v: Expr) => Expr;
  readonly replace: (lane: number, v: Expr, x: Expr) => Expr;
}
const DWORDS: Lanes = {
  count: 4,
  bytes: 4,
  bitmask: i32x4.bitmask,
  extract: i32x4.extract_lane,
  replace: i32x4.replace_lane,
};
const QWORDS: Lanes = {
  count: 2,
  bytes: 8,
  bitmask: i64x2.bitmask,
  extract: i64x2.extract_lane,
  replace: i64x2.replace_lane,
};

const at = (address: Expr, offset: number): Expr =>
  offset === 0 ? address : i64.add(address, i64.num(offset));

/** The sign bits of the mask, operand 1, as a number. */
function chosenLanes(e: Emitter, { count, bitmask }: Lanes): Expr {
  const lower = bitmask(e.read(1));
  if (e.form.size !== 32) return e.let(lower);
  return e.let(i32.or(lower, i32.shl(bitmask(e.readUpper(1)), i32.const(count))));
}

/** Lanes whose mask has its sign bit; the others are 0, and are not read. */
function maskedLoad(e: Emitter, lanes: Lanes): void {
  const chosen = chosenLanes(e, lanes);
  const address = e.let(e.address(2));
  const halves = e.form.size === 32 ? 2 : 1;
  const results = [e.variable(ZEROS), e.variable(ZEROS)] as const;
  for (let i = 0; i < lanes.count * halves; i++) {
    e.if(bits(chosen, i, 1), () => {
      const value = e.load(lanes.bytes, at(address, i * lanes.bytes));
      const result = results[i < lanes.count ? 0 : 1];
      result.set(lanes.replace(i % lanes.count, result.get(), value));
    });
  }
  writeBoth(e, [results[0].get(), halves === 2 ? results[1].get() : ZEROS]);
}

/** All that lies between the first and the last lane of the mask is in their pages, so these two tell of faults. */
function maskedStore(e: Emitter, lanes: Lanes): void {
  const { bytes } = lanes;
  const chosen = chosenLanes(e, lanes);
  const address = e.let(e.address(0));
  const place = (index: Expr) =>
    i64.add(address, i64.extend_i32_u(i32.shl(index, i32.const(bytes === 8 ? 3 : 2))));
  e.if(chosen, () => {
    e.probe(bytes, place(i32.ctz(chosen)), 'write');
    e.probe(bytes, place(i32.sub(i32.const(31), i32.clz(chosen))), 'write');
  });
  const halves = e.form.size === 32 ? 2 : 1;
  for (let i = 0; i < lanes.count * halves; i++) {
    const value = i < lanes.count ? e.read(2) : e.readUpper(2);
    e.if(bits(chosen, i, 1), () =>
      e.store(bytes, at(address, i * bytes), lanes.extract(i % lanes.count, value)),
    );
  }
}

function masked(lanes: Lanes): Semantics {
  return (e) => (e.form.operands[0]?.kind === 'mem' ? maskedStore(e, lanes) : maskedLoad(e, lanes));
}

export const PERMUTE_AVX: SemanticsTable = {
  vpermilps: either(permilps, imm('pshufd', 0)),
  vpermilpd: either(permilpd, sibling(permuteVectors('permilpd'), { merges: false, immediateShift: 2 })),
  vpermd: permd,
  vpermps: permd,
  vpermq: permq,
  vpermpd: permq,
  vperm2f128: perm2f128,
  vperm2i128: perm2f128,
  vpblendd: blendd,
  vpsllvd: shiftEach(variableShift('psllvd', false, 'shl')),
  vpsllvq: shiftEach(variableShift('psllvq', true, 'shl')),
  vpsrlvd: shiftEach(variableShift('psrlvd', false, 'shr_u')),
  vpsrlvq: shiftEach(variableShift('psrlvq', true, 'shr_u')),
  vpsravd: shiftEach(variableShift('psravd', false, 'shr_s')),
  vptest: testBits(null),
  vtestps: testBits(lanes32(SIGN, SIGN, SIGN, SIGN)),
  vtestpd: testBits(lanes32(0, SIGN, 0, SIGN)),
  vmaskmovps: masked(DWORDS),
  vmaskmovpd: masked(QWORDS),
  vpmaskmovd: masked(DWORDS),
  vpmaskmovq: masked(QWORDS),
};
