import { CPU_DF, PAGE_MASK, PAGE_SIZE, RAX, RCX, RDI, RSI } from '../../layout.js';
import { I32, i32, i64, select, type Expr } from '../../wasm/expr.js';
import type { Emitter, SemanticsTable } from '../emitter.js';
import { KIND_SUB } from '../flags.js';
import { width } from '../width.js';
import { isMemory } from './operands.js';

/**
 * String instructions. With a repeat prefix they go on from the registers as they stand, and each step leaves the
 * registers as after that element, so that a fault in between can be resumed; flags change at the end only (SDM, REP).
 * movs and stos upwards take a page at a time.
 */

/** Gives an address as the registers now stand. */
type Address = () => Expr;

/** The source: at rsi, in operand 0's segment if there is one. Its base is taken once, for rsi will move. */
function sourceOf(e: Emitter): Address {
  if (!isMemory(e, 0)) return () => indexAddress(e, RSI);
  const base = e.let(i64.sub(e.address(0), indexAddress(e, RSI)));
  return () => i64.add(base, indexAddress(e, RSI));
}
function indexAddress(e: Emitter, register: number): Expr {
  const { addressSize } = e.form;
  const index = e.gpr(register, addressSize);
  return addressSize === 8 ? index : i64.extend_i32_u(index);
}

/** What one element adds to an index register: the size, or less it where DF is set. */
function stride(e: Emitter): Expr {
  const { size } = e.form;
  const twice = i32.mul(e.state(I32, CPU_DF), i32.const(2 * size));
  const step = i32.sub(i32.const(size), twice);
  return e.let(e.form.addressSize === 8 ? i64.extend_i32_s(step) : step);
}

/** Adds `by`, of the address size, to an index or count register. */
function advance(e: Emitter, register: number, by: Expr): void {
  const { addressSize } = e.form;
  e.setGpr(register, addressSize, width(addressSize).add(e.gpr(register, addressSize), by));
}

/** Counts rcx down by one and tells whether it is not 0. */
function countDown(e: Emitter): Expr {
  const w = width(e.form.addressSize);
  advance(e, RCX, w.num(-1));
  return w.ne(e.gpr(RCX, e.form.addressSize), w.num(0));
}

/** Runs `body` once, or behind a repeat prefix until rcx is 0 or what it returns is. `body` counts rcx down itself. */
function repeated(e: Emitter, body: () => Expr): void {
  const w = width(e.form.addressSize);
  e.if(w.ne(e.gpr(RCX, e.form.addressSize), w.num(0)), () => e.loop(body));
}

/** Moves one element, and the index registers by `step`. */
function moveElement(e: Emitter, step: Expr, source: Address): void {
  e.store(e.form.size, indexAddress(e, RDI), e.load(e.form.size, source()));
  advance(e, RSI, step);
  advance(e, RDI, step);
}

function storeElement(e: Emitter, step: Expr): void {
  e.store(e.form.size, indexAddress(e, RDI), e.gpr(RAX, e.form.size));
  advance(e, RDI, step);
}

function lods(e: Emitter): void {
  const step = stride(e);
  const source = sourceOf(e);
  const element = () => {
    e.setGpr(RAX, e.form.size, e.load(e.form.size, source()));
    advance(e, RSI, step);
  };
  if (e.form.rep === '') return element();
  repeated(e, () => {
    element();
    return countDown(e);
  });
}

/** Whole elements from `address` to its page's end, i32. */
function elementsInPage(e: Emitter, address: Expr): Expr {
  const offset = i32.and(i32.wrap_i64(address), i32.const(PAGE_MASK));
  const bytes = i32.sub(i32.const(PAGE_SIZE), offset);
  return i32.shr_u(bytes, i32.const(31 - Math.clz32(e.form.size)));
}

function least(e: Emitter, a: Expr, b: Expr): Expr {
  const [x, y] = [e.let(a), e.let(b)];
  return select(i32.lt_u(x, y), x, y);
}

/** At most rcx, as i32; a page holds no more than PAGE_SIZE elements. */
function wanted(e: Emitter): Expr {
  const w = width(e.form.addressSize);
  const count = e.let(e.gpr(RCX, e.form.addressSize));
  const more = w.gt_u(count, w.num(PAGE_SIZE));
  const low = e.form.addressSize === 8 ? i32.wrap_i64(count) : count;
  return select(more, i32.const(PAGE_SIZE), low);
}

/** Moves index and count registers behind `bytes` (i32, whole elements) that were done at once. */
function skip(e: Emitter, bytes: Expr, registers: readonly number[]): void {
  const { size, addressSize } = e.form;
  const extend = (x: Expr) => (addressSize === 8 ? i64.extend_i32_u(x) : x);
  for (const register of registers) advance(e, register, extend(bytes));
  const count = extend(i32.shr_u(bytes, i32.const(31 - Math.clz32(size))));
  advance(e, RCX, width(addressSize).sub(width(addressSize).num(0), count));
}

/** Goes on while rcx is not 0. */
function more(e: Emitter): Expr {
  const w = width(e.form.addressSize);
  return w.ne(e.gpr(RCX, e.form.addressSize), w.num(0));
}

/** Bytes that can be done at once upwards: 0 where DF is set or an element lies over a page's end. */
function bulkBytes(e: Emitter, addresses: readonly Expr[]): Expr {
  if (!e.hasSpans) return i32.const(0);
  let count = wanted(e);
  for (const address of addresses) count = least(e, count, elementsInPage(e, address));
  const bytes = i32.shl(count, i32.const(31 - Math.clz32(e.form.size)));
  return e.let(select(e.state(I32, CPU_DF), i32.const(0), bytes));
}

/**
 * What may be copied at once when the target begins within the source: as much as lies between them, in whole elements,
 * for the copy must see its own writes.
 */
function withoutOverlap(e: Emitter, bytes: Expr, to: Expr, from: Expr): Expr {
  const distance = e.let(i32.sub(to, from));
  const between = i32.and(distance, i32.const(-e.form.size));
  const overlaps = i32.and(i32.ne(distance, i32.const(0)), i32.lt_u(distance, bytes));
  return e.let(select(overlaps, between, bytes));
}

/** Goes on behind `done` bytes, or does one element where that is 0. Tells whether rcx is not 0 then. */
function skipOrStep(e: Emitter, done: Expr, element: () => void, registers: readonly number[]): Expr {
  e.if(
    done,
    () => skip(e, done, registers),
    () => {
      element();
      advance(e, RCX, width(e.form.addressSize).num(-1));
    },
  );
  return more(e);
}

/** Copies as much as can be copied at once, or moves one element. */
function bulkMove(e: Emitter, step: Expr, source: Address): Expr {
  const from = e.let(source());
  const to = e.let(indexAddress(e, RDI));
  const bytes = bulkBytes(e, [from, to]);
  const done = e.variable(i32.const(0));
  e.if(bytes, () => {
    e.probe(1, from, 'read');
    const target = e.let(e.span(bytes, to, 'write'));
    const origin = e.let(e.span(bytes, from, 'read'));
    done.set(withoutOverlap(e, bytes, target, origin));
    e.copyBytes(target, origin, done.get());
  });
  return skipOrStep(e, done.get(), () => moveElement(e, step, source), [RSI, RDI]);
}

/** Whether all bytes of rax, as far as they count, are equal. */
function uniform(e: Emitter): Expr {
  const { size } = e.form;
  const w = width(size);
  const a = e.let(e.gpr(RAX, size));
  if (size === 1) return i32.const(1);
  if (size === 2) return i32.eq(i32.shr_u(a, i32.const(8)), i32.and(a, i32.const(0xff)));
  return w.eq(a, w.rotl(a, w.num(8)));
}

function bulkStore(e: Emitter, step: Expr, fillable: Expr): Expr {
  const to = e.let(indexAddress(e, RDI));
  const bytes = e.let(select(fillable, bulkBytes(e, [to]), i32.const(0)));
  e.if(bytes, () => e.fillBytes(e.span(bytes, to, 'write'), e.gpr(RAX, 1), bytes));
  return skipOrStep(e, bytes, () => storeElement(e, step), [RDI]);
}

function movs(e: Emitter): void {
  const step = stride(e);
  const source = sourceOf(e);
  if (e.form.rep === '') moveElement(e, step, source);
  else repeated(e, () => bulkMove(e, step, source));
}

function stos(e: Emitter): void {
  const step = stride(e);
  if (e.form.rep === '') return storeElement(e, step);
  const fillable = e.let(uniform(e));
  repeated(e, () => bulkStore(e, step, fillable));
}

/** What a comparison compares, rax or memory at rsi with memory at rdi; moves the index registers on. */
type Comparands = (e: Emitter, step: Expr, source: Address) => readonly [Expr, Expr];

const cmpsElement: Comparands = (e, step, source) => {
  const a = e.let(e.load(e.form.size, source()));
  const b = e.let(e.load(e.form.size, indexAddress(e, RDI)));
  advance(e, RSI, step);
  advance(e, RDI, step);
  return [a, b];
};

const scasElement: Comparands = (e, step) => {
  const b = e.let(e.load(e.form.size, indexAddress(e, RDI)));
  advance(e, RDI, step);
  return [e.let(e.gpr(RAX, e.form.size)), b];
};

/** repe goes on while the elements are equal, repne while they differ; without an element the flags stay. */
function compare(e: Emitter, comparands: Comparands): void {
  const { size, rep } = e.form;
  const w = width(size);
  const step = stride(e);
  const source = sourceOf(e);
  if (rep === '') return e.setFlags(KIND_SUB, size, ...comparands(e, step, source));
  const x = e.variable(w.num(0));
  const y = e.variable(w.num(0));
  const any = e.let(more(e));
  repeated(e, () => {
    const [a, b] = comparands(e, step, source);
    x.set(a);
    y.set(b);
    return i32.and(countDown(e), rep === 'rep' ? w.eq(a, b) : w.ne(a, b));
  });
  e.setFlags(KIND_SUB, size, x.get(), y.get(), any);
}

export const STRINGS: SemanticsTable = {
  movs,
  stos,
  lods,
  cmps: (e) => compare(e, cmpsElement),
  scas: (e) => compare(e, scasElement),
};
