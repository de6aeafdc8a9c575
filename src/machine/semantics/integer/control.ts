import { RCX } from '../../layout.js';
import { i32, i64, type Expr } from '../../wasm/expr.js';
import {
  VECTOR_BP,
  VECTOR_DB,
  VECTOR_GP,
  VECTOR_OF,
  VECTOR_UD,
  type Emitter,
  type SemanticsTable,
} from '../emitter.js';
import { negate } from '../flags.js';
import { width } from '../width.js';
import { dropBytes, loadTop, pushValue } from './stack.js';

/** Branches, calls, and what raises exceptions. */

function isDirect(e: Emitter): boolean {
  return e.form.operands[0]?.kind === 'imm';
}

/** A jump to an address whose upper 17 bits differ faults where it stands (SDM, JMP), before anything is written. */
function checkCanonical(e: Emitter, target: Expr): void {
  const extended = i64.shr_s(i64.shl(target, i64.num(16)), i64.num(16));
  e.raiseIf(i64.ne(extended, target), VECTOR_GP);
}

/** An indirect target. */
function computedTarget(e: Emitter): Expr {
  const target = e.let(e.read(0));
  checkCanonical(e, target);
  return target;
}

function jmp(e: Emitter): void {
  if (isDirect(e)) e.jump('jump');
  else e.jump('jump', computedTarget(e));
}

/** An indirect target is read before the push moves rsp. */
function call(e: Emitter): void {
  const target = isDirect(e) ? undefined : computedTarget(e);
  pushValue(e, 8, e.nextAddress());
  e.jump('call', target);
}

function ret(e: Emitter): void {
  const target = loadTop(e, 8);
  const likely = e.likelyReturn();
  if (likely === null) checkCanonical(e, target);
  else e.if(i64.ne(target, likely), () => checkCanonical(e, target), undefined, 'unlikely');
  const more = e.form.operands.length > 0 ? i64.extend_i32_u(e.imm(0, 2)) : i64.num(0);
  dropBytes(e, i64.add(more, i64.num(8)));
  e.jump('ret', target);
}

/** rcx or ecx, less 1; the condition beside its not being 0 is read first. */
function loop(e: Emitter, also: (e: Emitter) => Expr): void {
  const { addressSize } = e.form;
  const w = width(addressSize);
  const count = e.let(w.sub(e.gpr(RCX, addressSize), w.num(1)));
  const taken = e.let(i32.and(w.ne(count, w.num(0)), also(e)));
  e.setGpr(RCX, addressSize, count);
  e.branchIf(taken);
}

function jrcxz(e: Emitter): void {
  const { addressSize } = e.form;
  e.branchIf(width(addressSize).eqz(e.gpr(RCX, addressSize)));
}

/** User code may only call the gates of #BP and #OF. */
function int(e: Emitter): void {
  const vector = e.let(e.imm(0, 1));
  e.raiseIf(i32.eq(vector, i32.const(VECTOR_BP)), VECTOR_BP, 'trap');
  e.raiseIf(i32.eq(vector, i32.const(VECTOR_OF)), VECTOR_OF, 'trap');
  e.raise(VECTOR_GP, 'fault');
}

export const CONTROL: SemanticsTable = {
  jcc: (e) => e.branchIf(e.condition(e.form.cc)),
  jmp,
  call,
  ret,
  loop: (e) => loop(e, () => i32.const(1)),
  loope: (e) => loop(e, () => e.flag('ZF')),
  loopne: (e) => loop(e, () => negate(e.flag('ZF'))),
  jrcxz,
  int3: (e) => e.raise(VECTOR_BP, 'trap'),
  int1: (e) => e.raise(VECTOR_DB, 'trap'),
  int,
  ud2: (e) => e.raise(VECTOR_UD, 'fault'),
  privileged: (e) => e.raise(VECTOR_GP, 'fault'),
};
