import type { Emitter, SemanticsTable } from '../emitter.js';
import { KIND_ADD, KIND_CARRY, KIND_DEC, KIND_INC, KIND_LOGIC, KIND_SUB } from '../flags.js';
import { widen, width, zeroExtend } from '../width.js';
import { source, value } from './operands.js';

/** Addition, subtraction, comparison and bitwise logic. */

function add(e: Emitter): void {
  const { size } = e.form;
  const target = e.modify(0);
  const a = e.let(target.value);
  const b = source(e, 1);
  target.write(width(size).add(a, b));
  e.setFlags(KIND_ADD, size, a, b);
}

function sub(e: Emitter): void {
  const { size } = e.form;
  const target = e.modify(0);
  const a = e.let(target.value);
  const b = source(e, 1);
  target.write(width(size).sub(a, b));
  e.setFlags(KIND_SUB, size, a, b);
}

function cmp(e: Emitter): void {
  const a = source(e, 0);
  e.setFlags(KIND_SUB, e.form.size, a, source(e, 1));
}

/** a + b + CF; the carries out of each bit follow from operands and result. */
function adc(e: Emitter): void {
  const { size } = e.form;
  const w = width(size);
  const target = e.modify(0);
  const a = e.let(target.value);
  const b = source(e, 1);
  const r = e.let(zeroExtend(size, w.add(w.add(a, b), widen(size, e.flag('CF')))));
  const not = w.xor(r, w.num(-1));
  target.write(r);
  e.setFlags(KIND_CARRY, size, r, w.or(w.and(a, b), w.and(w.or(a, b), not)));
}

function sbb(e: Emitter): void {
  const { size } = e.form;
  const w = width(size);
  const target = e.modify(0);
  const a = e.let(target.value);
  const b = source(e, 1);
  const r = e.let(zeroExtend(size, w.sub(w.sub(a, b), widen(size, e.flag('CF')))));
  const not = w.xor(a, w.num(-1));
  target.write(r);
  e.setFlags(KIND_CARRY, size, r, zeroExtend(size, w.or(w.and(not, b), w.and(w.or(not, b), r))));
}

function logic(e: Emitter, operation: 'and' | 'or' | 'xor'): void {
  const { size } = e.form;
  const target = e.modify(0);
  const r = e.let(width(size)[operation](target.value, value(e, 1)));
  target.write(r);
  e.setFlags(KIND_LOGIC, size, r);
}

function test(e: Emitter): void {
  e.setFlags(KIND_LOGIC, e.form.size, e.let(width(e.form.size).and(e.read(0), value(e, 1))));
}

function not(e: Emitter): void {
  const w = width(e.form.size);
  const target = e.modify(0);
  target.write(w.xor(target.value, w.num(-1)));
}

function neg(e: Emitter): void {
  const w = width(e.form.size);
  const target = e.modify(0);
  const a = e.let(target.value);
  target.write(w.sub(w.num(0), a));
  e.setFlags(KIND_SUB, e.form.size, w.num(0), a);
}

function step(e: Emitter, kind: number, by: number): void {
  const { size } = e.form;
  const w = width(size);
  const target = e.modify(0);
  const carry = e.let(widen(size, e.flag('CF')));
  const r = e.let(zeroExtend(size, w.add(target.value, w.num(by))));
  target.write(r);
  e.setFlags(kind, size, r, carry);
}

/** The sum goes last, so that it stays where both operands are one register. */
function xadd(e: Emitter): void {
  const { size } = e.form;
  const target = e.modify(0);
  const a = e.let(target.value);
  const b = source(e, 1);
  e.write(1, a);
  target.write(width(size).add(a, b));
  e.setFlags(KIND_ADD, size, a, b);
}

export const ARITHMETIC: SemanticsTable = {
  add,
  sub,
  cmp,
  adc,
  sbb,
  and: (e) => logic(e, 'and'),
  or: (e) => logic(e, 'or'),
  xor: (e) => logic(e, 'xor'),
  test,
  not,
  neg,
  inc: (e) => step(e, KIND_INC, 1),
  dec: (e) => step(e, KIND_DEC, -1),
  xadd,
};
