import { RAX, RDX } from '../../layout.js';
import { i32, i64, type Expr } from '../../wasm/expr.js';
import type { Emitter, SemanticsTable } from '../emitter.js';
import { KIND_IMUL, KIND_MUL } from '../flags.js';
import { highSigned, highUnsigned } from '../product.js';
import { signExtend, width } from '../width.js';
import { source } from './operands.js';

/** mul and imul. Their flags stay lazy: the kinds for products keep both factors. */

type Signedness = 'signed' | 'unsigned';

/** The product's low and high half, each of `size` bytes; both factors have locals. */
function halves(e: Emitter, size: number, a: Expr, b: Expr, how: Signedness): [low: Expr, high: Expr] {
  if (size === 8) {
    const high = how === 'signed' ? highSigned : highUnsigned;
    return [e.let(i64.mul(a, b)), e.let(high(a, b, (x) => e.let(x)))];
  }
  if (size === 4) {
    const extend = how === 'signed' ? i64.extend_i32_s : i64.extend_i32_u;
    const product = e.let(i64.mul(extend(a), extend(b)));
    return [i32.wrap_i64(product), i32.wrap_i64(i64.shr_u(product, i64.num(32)))];
  }
  const extend = (x: Expr) => (how === 'signed' ? signExtend(size, x) : x);
  const product = e.let(i32.mul(extend(a), extend(b)));
  return [product, i32.shr_u(product, i32.const(8 * size))];
}

/** rdx:rax, or ax, becomes the product of rax and the operand. */
function wideProduct(e: Emitter, how: Signedness): void {
  const { size } = e.form;
  const b = source(e, 0);
  const a = e.let(e.gpr(RAX, size));
  const [low, high] = halves(e, size, a, b, how);
  if (size === 1) e.setGpr(RAX, 2, low);
  else {
    e.setGpr(RAX, size, low);
    e.setGpr(RDX, size, high);
  }
  e.setFlags(how === 'signed' ? KIND_IMUL : KIND_MUL, size, a, b);
}

/** The forms with two or three operands keep the low half only. */
function imul(e: Emitter): void {
  const { size, operands } = e.form;
  if (operands.length === 1) return wideProduct(e, 'signed');
  const a = source(e, operands.length - 2);
  const b = source(e, operands.length - 1);
  e.write(0, width(size).mul(a, b));
  e.setFlags(KIND_IMUL, size, a, b);
}

export const MULTIPLY: SemanticsTable = { mul: (e) => wideProduct(e, 'unsigned'), imul };
