import {
  RANGES_READ,
  RANGES_WRITE,
  RANGE_DISPLACEMENT,
  RANGE_LENGTH,
  RANGE_SIZE,
  RSP,
  RSP_SLOT,
} from '../layout.js';
import { i32, i64, type Expr } from '../wasm/expr.js';
import type { Step } from './flow.js';
import type { AccessKind } from './page-cache.js';

/**
 * A stretch of the stack, [lo, hi) from where rsp points before a step, in which that step and those that follow it in the
 * block make accesses, for which it is looked up once. Where it is for writing nothing can take it away before the block's
 * end: an access by another way that misses may map pages, but none that can be written gets another frame. Where it is for
 * reading, it ends before anything else is written.
 */
export interface StackWindow {
  readonly access: AccessKind;
  readonly lo: number;
  readonly hi: number;
  /** The last step for which it is good. */
  readonly last: Step;
}

/** Larger ones would too often be over the end of what is there. */
const MOST_BYTES = 1024;
const LEAST_ACCESSES = 2;
const SIZES = new Set([1, 2, 4, 8, 16]);

interface StackAccess {
  readonly at: number;
  readonly bytes: number;
  readonly access: AccessKind;
}

/** A window while it is collected. */
class Collected {
  private access: AccessKind = 'read';
  private count = 0;
  private lo = 0;
  private hi = 0;
  /** As it was when something else was written. */
  private broken: StackWindow | null | undefined;

  constructor(private readonly step: Step) {}

  add({ at, bytes, access }: StackAccess): void {
    const lo = this.count === 0 ? at : Math.min(this.lo, at);
    const hi = this.count === 0 ? at + bytes : Math.max(this.hi, at + bytes);
    if (hi - lo > MOST_BYTES) return;
    this.lo = lo;
    this.hi = hi;
    this.count++;
    if (access === 'write') this.access = 'write';
  }

  /** Something else may be written by `step`: if the window is for reading, it is good no longer. */
  breakAt(step: Step): void {
    if (this.broken === undefined) this.broken = this.windowTo(step);
  }

  private windowTo(last: Step): StackWindow | null {
    const { access, lo, hi, count } = this;
    return count < LEAST_ACCESSES ? null : { access, lo, hi, last };
  }

  /** Adds it to those that are worth being looked up. */
  end(last: Step, windows: Map<Step, StackWindow>): void {
    const { access, broken } = this;
    const window = access === 'read' && broken !== undefined ? broken : this.windowTo(last);
    if (window !== null) windows.set(this.step, window);
  }
}

/** The windows of a block, each at the step before which it begins. */
export function stackWindows(steps: readonly Step[]): ReadonlyMap<Step, StackWindow> {
  const windows = new Map<Step, StackWindow>();
  let current: Collected | null = null;
  let moved = 0;
  for (const step of steps) {
    const accesses = accessesOf(step);
    if (accesses.length > 0 && current === null) {
      current = new Collected(step);
      moved = 0;
    }
    for (const access of accesses) current?.add({ ...access, at: moved + access.at });
    if (mayWriteElsewhere(step, accesses)) current?.breakAt(step);
    const by = moveOf(step);
    moved += by ?? 0;
    if (by !== null && step !== steps[steps.length - 1]) continue;
    current?.end(step, windows);
    current = null;
  }
  return windows;
}

/** What a step accesses by rsp as it is before the step. */
function accessesOf({ insn, effects }: Step): StackAccess[] {
  const { form, operands } = insn;
  const accesses: StackAccess[] = [];
  const touched = effects.operandsRead | effects.operandsWritten;
  operands.forEach((operand, k) => {
    const bytes = form.operands[k]?.size ?? 0;
    if (operand.kind !== 'mem' || operand.base !== RSP || operand.index >= 0 || operand.segment !== 0) return;
    if (operand.addressSize !== 8 || (touched & (1 << k)) === 0 || !SIZES.has(bytes)) return;
    const access = (effects.operandsWritten & (1 << k)) === 0 ? 'read' : 'write';
    accesses.push({ at: operand.disp, bytes, access });
  });
  const isPush = form.mnemonic === 'push' || effects.control === 'call';
  if (isPush && form.size === 8) accesses.push({ at: -8, bytes: 8, access: 'write' });
  const isPop = form.mnemonic === 'pop' || effects.control === 'ret';
  if (isPop && form.size === 8) accesses.push({ at: 0, bytes: 8, access: 'read' });
  return accesses;
}

/** By how much rsp is moved; null: it gets another value. */
function moveOf({ insn: { form, operands }, writes }: Step): number | null {
  if ((writes & (1 << RSP)) === 0) return 0;
  const [target, source] = operands;
  if (form.size !== 8) return null;
  if (form.mnemonic === 'push') return -8;
  if (form.mnemonic === 'pop') return target?.kind === 'gpr' && target.index !== RSP ? 8 : null;
  if (target?.kind !== 'gpr' || target.index !== RSP) return null;
  if (source?.kind === 'imm' && form.mnemonic === 'add') return source.lo | 0;
  if (source?.kind === 'imm' && form.mnemonic === 'sub') return -(source.lo | 0);
  const isSum = source?.kind === 'mem' && source.base === RSP && source.index < 0;
  return isSum && form.mnemonic === 'lea' ? source.disp : null;
}

/** Whether a step may write to memory in a way that is not among `accesses`. */
function mayWriteElsewhere({ insn, effects }: Step, accesses: readonly StackAccess[]): boolean {
  if (!effects.leaves) return false;
  const { operandsRead, operandsWritten } = effects;
  const touches = (mask: number): boolean =>
    insn.operands.some(({ kind }, k) => kind === 'mem' && (mask & (1 << k)) !== 0);
  return touches(operandsWritten) || (accesses.length === 0 && !touches(operandsRead));
}

const AT = i32.const(0);

/** The displacement of what is at `top` + lo and behind it; 0 where it is not in the stack's range, or not all of it. */
export function displacementOf({ access, lo, hi }: StackWindow, top: Expr): Expr {
  const slot = (access === 'read' ? RANGES_READ : RANGES_WRITE) + RSP_SLOT * RANGE_SIZE;
  const start = lo === 0 ? top : i64.add(top, i64.num(lo));
  const allowed = i64.sub(i64.load32_u(AT, slot + RANGE_LENGTH), i64.num(hi - lo - 1));
  const isThere = i64.lt_u(i64.sub(start, i64.load(AT, slot)), allowed);
  return i32.mul(i32.load(AT, slot + RANGE_DISPLACEMENT), isThere);
}
