/**
 * Gathers: lanes from places that another vector names. A lane is loaded where the mask has its sign bit, from the lowest
 * on, and its mask is cleared at once: after a fault, what is done is done, and the rest goes on from there.
 */
import { i32, i32x4, i64, i64x2, type Expr } from '../../wasm/expr.js';
import type { Emitter, Semantics, SemanticsTable } from '../emitter.js';
import { ZEROS, bits } from '../sse/operands.js';

interface Lanes {
  readonly bytes: 4 | 8;
  readonly extract: (lane: number, v: Expr) => Expr;
  readonly replace: (lane: number, v: Expr, x: Expr) => Expr;
  readonly bitmask: (v: Expr) => Expr;
}
const DWORDS: Lanes = {
  bytes: 4,
  extract: i32x4.extract_lane,
  replace: i32x4.replace_lane,
  bitmask: i32x4.bitmask,
};
const QWORDS: Lanes = {
  bytes: 8,
  extract: i64x2.extract_lane,
  replace: i64x2.replace_lane,
  bitmask: i64x2.bitmask,
};

/** Vector register operand `k` by halves. */
function readHalf(e: Emitter, k: number, half: number): Expr {
  return half === 0 ? e.read(k) : e.readUpper(k);
}
function writeHalf(e: Emitter, k: number, half: number, value: Expr): void {
  if (half === 0) e.write(k, value);
  else e.writeUpper(k, value);
}

function gather(indices: Lanes, elements: Lanes): Semantics {
  const widest = Math.max(indices.bytes, elements.bytes);
  const perHalf = 16 / elements.bytes;
  return (e) => {
    const count = e.form.size / widest;
    const { base, index, scale } = e.vectorAddress(1);
    const address = (lane: number): Expr => {
      const perVector = 16 / indices.bytes;
      const half = index[Math.floor(lane / perVector)] as Expr;
      const value = indices.extract(lane % perVector, half);
      const wide = indices.bytes === 8 ? value : i64.extend_i32_s(value);
      return i64.add(base, i64.shl(wide, scale));
    };
    const halves = Math.ceil(count / perHalf);
    const chosen = Array.from({ length: halves }, (_, half) => e.let(elements.bitmask(readHalf(e, 2, half))));
    for (let lane = 0; lane < count; lane++) {
      const half = Math.floor(lane / perHalf);
      const place = lane % perHalf;
      e.if(bits(chosen[half] as Expr, place, 1), () => {
        const value = e.load(elements.bytes, address(lane));
        writeHalf(e, 0, half, elements.replace(place, readHalf(e, 0, half), value));
      });
      const cleared = elements.bytes === 8 ? i64.num(0) : i32.const(0);
      writeHalf(e, 2, half, elements.replace(place, readHalf(e, 2, half), cleared));
    }
    if (count * elements.bytes === 8) e.write(0, i64x2.replace_lane(1, e.read(0), i64.num(0)));
    if (halves === 1) e.writeUpper(0, ZEROS);
    e.write(2, ZEROS);
    e.writeUpper(2, ZEROS);
  };
}

export const GATHER: SemanticsTable = {
  vpgatherdd: gather(DWORDS, DWORDS),
  vpgatherdq: gather(DWORDS, QWORDS),
  vpgatherqd: gather(QWORDS, DWORDS),
  vpgatherqq: gather(QWORDS, QWORDS),
  vgatherdps: gather(DWORDS, DWORDS),
  vgatherdpd: gather(DWORDS, QWORDS),
  vgatherqps: gather(QWORDS, DWORDS),
  vgatherqpd: gather(QWORDS, QWORDS),
};
