import { RBP, RSP } from '../../layout.js';
import { i32, i64, type Expr } from '../../wasm/expr.js';
import type { Emitter, SemanticsTable } from '../emitter.js';
import { isMemory, value } from './operands.js';

/** push, pop, enter, leave. */

/** Stores first: a fault leaves rsp as it was. */
export function pushValue(e: Emitter, size: number, pushed: Expr): void {
  const top = e.let(i64.sub(e.gpr(RSP, 8), i64.num(size)));
  e.store(size, top, pushed);
  e.setGpr(RSP, 8, top);
}

/** Loads from the stack's top, and leaves rsp as it is: a caller adds `size` to it once nothing can fault. */
export function loadTop(e: Emitter, size: number): Expr {
  return e.let(e.load(size, e.gpr(RSP, 8)));
}

/** Drops `count` bytes, an i64, from the stack. */
export function dropBytes(e: Emitter, count: Expr): void {
  e.setGpr(RSP, 8, i64.add(e.gpr(RSP, 8), count));
}

function push(e: Emitter): void {
  const { size } = e.form;
  pushValue(e, size, e.let(value(e, 0)));
}

/**
 * A memory operand's address is made with rsp already raised (SDM, POP), but the store may fault: rsp is raised for the
 * address only, and for good behind the store. `pop rsp` gets what was popped.
 */
function pop(e: Emitter): void {
  const { size } = e.form;
  const old = e.let(e.gpr(RSP, 8));
  const popped = loadTop(e, size);
  const raised = e.let(i64.add(old, i64.num(size)));
  e.setGpr(RSP, 8, raised);
  if (!isMemory(e, 0)) return e.write(0, popped);
  const address = e.let(e.address(0));
  e.setGpr(RSP, 8, old);
  e.store(size, address, popped);
  e.setGpr(RSP, 8, raised);
}

function leave(e: Emitter): void {
  const { size } = e.form;
  const frame = e.let(e.gpr(RBP, 8));
  const saved = e.let(e.load(size, frame));
  e.setGpr(RSP, 8, i64.add(frame, i64.num(size)));
  e.setGpr(RBP, size, saved);
}

/** Copies the `level` - 1 frame pointers of the enclosing procedures to below `top`; returns where the last one lies. */
function copyDisplay(e: Emitter, top: Expr, level: Expr): Expr {
  const { size } = e.form;
  const to = e.variable(top);
  const from = e.variable(e.gpr(RBP, 8));
  const left = e.variable(i32.sub(level, i32.const(1)));
  e.if(left.get(), () => {
    e.loop(() => {
      from.set(i64.sub(from.get(), i64.num(size)));
      to.set(i64.sub(to.get(), i64.num(size)));
      e.store(size, to.get(), e.load(size, from.get()));
      left.set(i32.sub(left.get(), i32.const(1)));
      return left.get();
    });
  });
  return to.get();
}

/** enter's operands are the bytes to reserve and the nesting level, of which 5 bits count. */
function enter(e: Emitter): void {
  const { size } = e.form;
  const reserved = e.let(i64.extend_i32_u(e.imm(0, 2)));
  const level = e.let(i32.and(e.imm(1, 1), i32.const(31)));
  const frame = e.let(i64.sub(e.gpr(RSP, 8), i64.num(size)));
  e.store(size, frame, e.gpr(RBP, size));
  const bottom = e.variable(frame);
  e.if(level, () => {
    const last = e.let(i64.sub(copyDisplay(e, frame, level), i64.num(size)));
    e.store(size, last, size === 8 ? frame : i32.wrap_i64(frame));
    bottom.set(last);
  });
  const top = e.let(i64.sub(bottom.get(), reserved));
  e.probe(1, top, 'write');
  e.setGpr(RSP, 8, top);
  e.setGpr(RBP, size, size === 8 ? frame : i32.wrap_i64(frame));
}

export const STACK: SemanticsTable = { push, pop, leave, enter };
