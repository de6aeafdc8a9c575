import { RDX } from '../../layout.js';
import { I64, i32, i64, select, type Expr } from '../../wasm/expr.js';
import type { Emitter, Semantics, SemanticsTable } from '../emitter.js';
import { KIND_LOGIC, KIND_RAW, SF, ZF } from '../flags.js';
import type { Helper } from '../helper.js';
import { highUnsigned } from '../product.js';
import { low32, topBit, width, type Width } from '../width.js';
import { atPlace, source } from './operands.js';

/** BMI1 and BMI2 (SDM volume 2): bits picked, cleared and gathered; shifts and products that leave the flags alone. */

/** Flags of a result: its sign, whether it is 0, and CF. */
function setResultFlags(e: Emitter, result: Expr, carry: Expr): void {
  const { size } = e.form;
  const signAndZero = i32.or(atPlace(SF, topBit(size, result)), atPlace(ZF, width(size).eqz(result)));
  e.setFlags(KIND_RAW, 4, i32.const(0), i32.or(signAndZero, carry));
}

function andn(e: Emitter): void {
  const w = width(e.form.size);
  const b = source(e, 2);
  const result = e.let(w.and(w.xor(e.read(1), w.num(-1)), b));
  e.write(0, result);
  e.setFlags(KIND_LOGIC, e.form.size, result);
}

/** The lowest bit that is set: cleared, alone, or all up to it. */
function lowestBit(isCarry: 'ifZero' | 'ifNotZero', operation: (w: Width, a: Expr) => Expr): Semantics {
  return (e) => {
    const w = width(e.form.size);
    const a = source(e, 1);
    const result = e.let(operation(w, a));
    e.write(0, result);
    setResultFlags(e, result, isCarry === 'ifZero' ? w.eqz(a) : i32.eqz(w.eqz(a)));
  };
}

/** The 2^count - 1 of a count below 64. */
function ones(count: Expr): Expr {
  return i64.sub(i64.shl(i64.num(1), count), i64.num(1));
}
const extended = (x: Expr): Expr => (x.type === I64 ? x : i64.extend_i32_u(x));
const cut = (size: number, x: Expr): Expr => (size === 8 ? x : i32.wrap_i64(x));
const byteOf = (x: Expr, shift: number): Expr =>
  i32.and(i32.shr_u(low32(x), i32.const(shift)), i32.const(0xff));

/** Bits from the index on are cleared. */
function bzhi(e: Emitter): void {
  const { size } = e.form;
  const bits = 8 * size;
  const a = source(e, 1);
  const index = e.let(byteOf(e.read(2), 0));
  const beyond = e.let(i32.ge_u(index, i32.const(bits)));
  const kept = i64.and(extended(a), ones(i64.extend_i32_u(index)));
  const result = e.let(select(beyond, a, cut(size, kept)));
  e.write(0, result);
  setResultFlags(e, result, beyond);
}

/** `length` bits from `start` on. */
function bextr(e: Emitter): void {
  const { size } = e.form;
  const a = extended(source(e, 1));
  const control = e.let(e.read(2));
  const start = e.let(byteOf(control, 0));
  const length = e.let(byteOf(control, 8));
  const top = i32.const(63);
  const shifted = select(i32.gt_u(start, top), i64.num(0), i64.shr_u(a, i64.extend_i32_u(start)));
  const mask = select(i32.gt_u(length, top), i64.num(-1), ones(i64.extend_i32_u(length)));
  const result = e.let(cut(size, i64.and(shifted, mask)));
  e.write(0, result);
  e.setFlags(KIND_LOGIC, size, result);
}

/** The lower half first: of two equal registers, the upper one stays. */
function mulx(e: Emitter): void {
  const { size } = e.form;
  const b = source(e, 2);
  const a = e.let(e.gpr(RDX, size));
  if (size === 8) {
    const high = e.let(highUnsigned(a, b, (x) => e.let(x)));
    e.write(1, i64.mul(a, b));
    e.write(0, high);
    return;
  }
  const product = e.let(i64.mul(i64.extend_i32_u(a), i64.extend_i32_u(b)));
  e.write(1, i32.wrap_i64(product));
  e.write(0, i32.wrap_i64(i64.shr_u(product, i64.num(32))));
}

function shift(operation: 'shl' | 'shr_u' | 'shr_s'): Semantics {
  return (e) => {
    const w = width(e.form.size);
    const a = source(e, 1);
    e.write(0, w[operation](a, e.read(2)));
  };
}

function rorx(e: Emitter): void {
  e.write(0, width(e.form.size).rotr(source(e, 1), e.imm(2, e.form.size)));
}

/** One turn for each bit of the mask, from the lowest on: `bit` is set in the result where `test` is not 0. */
function eachMaskBit(
  name: string,
  test: (value: Expr, maskBit: Expr, place: Expr) => Expr,
  bit: (maskBit: Expr, place: Expr) => Expr,
): Helper {
  return {
    name,
    params: [I64, I64],
    result: I64,
    wasm: (f) => {
      const [value, mask] = [f.get(0), 1];
      const [result, place] = [f.local(I64), f.local(I64)];
      f.set(place, i64.num(1));
      const done = f.block();
      const again = f.loop();
      f.brIf(done, i64.eqz(f.get(mask)));
      const maskBit = f.let(i64.and(f.get(mask), i64.sub(i64.num(0), f.get(mask))));
      const isSet = i64.ne(test(value, maskBit, f.get(place)), i64.num(0));
      const chosen = select(isSet, bit(maskBit, f.get(place)), i64.num(0));
      f.set(result, i64.or(f.get(result), chosen));
      f.set(mask, i64.xor(f.get(mask), maskBit));
      f.set(place, i64.shl(f.get(place), i64.num(1)));
      f.br(again);
      f.end();
      f.end();
      f.return(f.get(result));
    },
  };
}
/** (value, mask): the value's low bits go where the mask has bits. */
const deposit = eachMaskBit(
  'pdep',
  (value, _maskBit, place) => i64.and(value, place),
  (maskBit) => maskBit,
);
/** (value, mask): the value's bits where the mask has bits come together at the bottom. */
const extract = eachMaskBit(
  'pext',
  (value, maskBit) => i64.and(value, maskBit),
  (_maskBit, place) => place,
);

function byMask(helper: Helper): Semantics {
  return (e) => {
    const mask = source(e, 2);
    e.write(0, cut(e.form.size, e.callValue(helper, extended(e.read(1)), extended(mask))));
  };
}

export const BMI: SemanticsTable = {
  andn,
  blsr: lowestBit('ifZero', (w, a) => w.and(a, w.sub(a, w.num(1)))),
  blsmsk: lowestBit('ifZero', (w, a) => w.xor(a, w.sub(a, w.num(1)))),
  blsi: lowestBit('ifNotZero', (w, a) => w.and(a, w.sub(w.num(0), a))),
  bzhi,
  bextr,
  mulx,
  shlx: shift('shl'),
  shrx: shift('shr_u'),
  sarx: shift('shr_s'),
  rorx,
  pdep: byMask(deposit),
  pext: byMask(extract),
};
