import { RAX, RBX, RCX, RDX } from '../../layout.js';
import { i32, i64, i64x2, select, type Expr } from '../../wasm/expr.js';
import { VECTOR_GP, type Emitter, type SemanticsTable } from '../emitter.js';
import { KIND_SUB, ZF } from '../flags.js';
import { width } from '../width.js';
import { atPlace, source } from './operands.js';

/** Compare and exchange. All threads take turns, so that a lock prefix changes nothing. */

/** Of target and rax, the one that is not written keeps even its upper half. */
function cmpxchg(e: Emitter): void {
  const { size } = e.form;
  const target = e.modify(0);
  const old = e.let(target.value);
  const expected = e.let(e.gpr(RAX, size));
  const equal = e.let(width(size).eq(expected, old));
  const desired = source(e, 1);
  e.if(
    equal,
    () => target.write(desired),
    () => e.setGpr(RAX, size, old),
  );
  e.setFlags(KIND_SUB, size, expected, old);
}

/** Two registers of 4 bytes as one i64. */
function pair(e: Emitter, high: number, low: number): Expr {
  const upper = i64.shl(i64.extend_i32_u(e.gpr(high, 4)), i64.num(32));
  return i64.or(i64.extend_i32_u(e.gpr(low, 4)), upper);
}

function cmpxchg8b(e: Emitter): void {
  const target = e.modify(0);
  const old = e.let(target.value);
  const equal = e.let(i64.eq(old, pair(e, RDX, RAX)));
  target.write(select(equal, pair(e, RCX, RBX), old));
  e.if(i32.eqz(equal), () => {
    e.setGpr(RAX, 4, i32.wrap_i64(old));
    e.setGpr(RDX, 4, i32.wrap_i64(i64.shr_u(old, i64.num(32))));
  });
  e.mergeFlags(ZF, atPlace(ZF, equal));
}

/** Two registers of 8 bytes as one v128. */
function widePair(e: Emitter, high: number, low: number): Expr {
  return i64x2.replace_lane(1, i64x2.splat(e.gpr(low, 8)), e.gpr(high, 8));
}

function cmpxchg16b(e: Emitter): void {
  const misplaced = i64.ne(i64.and(e.address(0), i64.num(15)), i64.num(0));
  e.raiseIf(misplaced, VECTOR_GP);
  const target = e.modify(0);
  const old = e.let(target.value);
  const equal = e.let(i64x2.all_true(i64x2.eq(old, widePair(e, RDX, RAX))));
  target.write(select(equal, widePair(e, RCX, RBX), old));
  e.if(i32.eqz(equal), () => {
    e.setGpr(RAX, 8, i64x2.extract_lane(0, old));
    e.setGpr(RDX, 8, i64x2.extract_lane(1, old));
  });
  e.mergeFlags(ZF, atPlace(ZF, equal));
}

export const ATOMIC: SemanticsTable = { cmpxchg, cmpxchg8b, cmpxchg16b };
