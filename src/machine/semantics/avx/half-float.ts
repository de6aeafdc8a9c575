/** F16C: binary16 to binary32 and back. */
import { CPU_MXCSR, FLOAT_RAISED, CPU } from '../../layout.js';
import { V128, f32x4, i32, i32x4, v128, type Expr } from '../../wasm/expr.js';
import { STORE } from '../../wasm/function.js';
import type { Form } from '../../x86/insn.js';
import type { Emitter, Semantics, SemanticsTable } from '../emitter.js';
import { IE, MASK_SHIFT } from '../float/env.js';
import { RAISED_BY_OPERANDS } from '../float/instruction.js';
import type { Helper } from '../helper.js';
import { raiseIfUnmasked } from '../sse/arithmetic.js';
import { immediate, lanes32, readVector } from '../sse/operands.js';
import { lowHalf } from '../sse/permute.js';
import { softBinary } from '../sse/slow.js';
import { ForwardingEmitter } from './forwarding.js';
import { sibling } from './halves.js';

const all = (word: number): Expr => lanes32(word, word, word, word);

/** Significand and exponent of a binary16, moved to where a binary32 has them. */
const INFINITY = 0x7c00 << 13;
const QUIET = 0x400000;
/** From one bias to the other: 2^112, and the same in an exponent of all ones. */
const REBIAS = 0x77800000;
const REBIAS_ALL_ONES = 0x70000000;

/** (four numbers in the low half) to floats, exactly. A signaling NaN is invalid; MXCSR's modes do not count. */
const widen: Helper = {
  name: 'cvtph2ps',
  params: [V128],
  result: V128,
  wasm: (f) => {
    const wide = f.let(i32x4.extend_low_i16x8_u(f.get(0)));
    const sign = i32x4.shl(v128.and(wide, all(0x8000)), i32.const(16));
    const moved = f.let(i32x4.shl(v128.and(wide, all(0x7fff)), i32.const(13)));
    const special = f.let(i32x4.ge_u(moved, all(INFINITY)));
    const quiet = i32x4.ne(v128.and(moved, all(QUIET)), all(0));
    const isNaN = f.let(i32x4.gt_u(moved, all(INFINITY)));
    const signaling = v128.andnot(isNaN, quiet);
    f.store(STORE.i32, i32.const(0), i32.const(0), FLOAT_RAISED);
    f.if(v128.any_true(signaling));
    const mxcsr = f.let(i32.or(i32.load(i32.const(CPU), CPU_MXCSR), i32.const(IE)));
    f.store(STORE.i32, i32.const(CPU), mxcsr, CPU_MXCSR);
    const masked = i32.and(mxcsr, i32.const(IE << MASK_SHIFT));
    f.store(STORE.i32, i32.const(0), i32.mul(i32.eqz(masked), i32.const(RAISED_BY_OPERANDS)), FLOAT_RAISED);
    f.end();
    const specials = v128.or(i32x4.add(moved, all(REBIAS_ALL_ONES)), v128.and(isNaN, all(QUIET)));
    const value = v128.bitselect(specials, f32x4.mul(moved, all(REBIAS)), special);
    f.return(v128.or(value, sign));
  },
};

const cvtph2ps: Semantics = (e) => {
  const result = e.callValue(widen, readVector(e, 1));
  raiseIfUnmasked(e);
  e.write(0, result);
};

/** The immediate's bits 0 and 1 are the mode, bit 2: MXCSR's. */
const narrow = softBinary('cvtps2ph', V128, V128);
const cvtps2ph: Semantics = (e) => {
  const b = e.let(readVector(e, 1));
  const result = e.callValue(narrow, b, b, immediate(e, 2));
  raiseIfUnmasked(e);
  e.write(0, result);
};
const toRegister = sibling(cvtps2ph, { merges: false, narrows: true, raises: true });

/** Shows a destination in memory as a register, and keeps what is written there. */
class ToMemory extends ForwardingEmitter {
  value: Expr | null = null;

  override get form(): Form {
    const { form } = this.e;
    return { ...form, operands: [{ kind: 'xmm', size: 16 }, ...form.operands.slice(1)] };
  }
  override write(_k: number, value: Expr): void {
    this.value = this.e.let(value);
  }
  override writeUpper(): void {}
}

function toEither(e: Emitter): void {
  const [target] = e.form.operands;
  if (target?.kind !== 'mem') return toRegister(e);
  const address = e.let(e.address(0));
  e.probe(target.size, address, 'write');
  const emitter = new ToMemory(e);
  toRegister(emitter);
  if (emitter.value === null) return;
  e.store(target.size, address, target.size === 8 ? lowHalf(emitter.value) : emitter.value);
}

export const HALF_FLOAT: SemanticsTable = {
  vcvtph2ps: sibling(cvtph2ps, { merges: false, widens: true, raises: true }),
  vcvtps2ph: toEither,
};
