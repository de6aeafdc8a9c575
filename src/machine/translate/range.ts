import { MULTIPLIER } from '../code/jump-cache.js';
import { SLOT_SHIFT } from '../core/ranges.js';
import {
  RANGES_READ,
  RANGES_WRITE,
  RANGE_DISPLACEMENT,
  RANGE_LENGTH,
  RANGE_SIZE,
  RANGE_SLOTS,
  RBP,
  RSP,
  RSP_SLOT,
} from '../layout.js';
import { i32, i64, type Expr } from '../wasm/expr.js';
import type { Insn } from '../x86/insn.js';
import type { Flow, Step } from './flow.js';
import type { GraphOrder } from './graph.js';
import type { AccessKind, Place } from './page-cache.js';

/** The slot's place goes into the constant offset, so that the address is one byte. */
const SLOTS = i32.const(0);

/**
 * Finds an access in the range that its slot has (core/ranges.ts). That lies at a fixed place, so the way from the address to
 * the value is short.
 */
export function inRange(access: AccessKind, a: Expr, bytes: number, slot: number): Place {
  const at = (access === 'read' ? RANGES_READ : RANGES_WRITE) + slot * RANGE_SIZE;
  const length = i64.load32_u(SLOTS, at + RANGE_LENGTH);
  const allowed = bytes === 1 ? length : i64.sub(length, i64.num(bytes - 1));
  return {
    missed: i64.ge_u(i64.sub(a, i64.load(SLOTS, at)), allowed),
    access: accessInSlot(slot, bytes),
    at: () => i32.add(i32.wrap_i64(a), i32.load(SLOTS, at + RANGE_DISPLACEMENT)),
  };
}

/** What a core function is told of an access. */
export function accessInSlot(slot: number, bytes: number): Expr {
  return i32.const((slot << SLOT_SHIFT) | bytes);
}

/** By register, the slots for accesses by it; 0: none. */
export type RangeSlots = readonly number[];

const REGISTERS = 16;
const FIRST_HASHED = RSP_SLOT + 1;
const NO_SLOTS: RangeSlots = new Array<number>(REGISTERS).fill(0);

/**
 * Which registers get slots, by node. The stack pointer does: it stays in one range. So do, in a loop, registers that do not
 * get another value there, but only move on. Other pointers lead here and there, and a miss costs as much as ten look-ups in
 * the TLB: with slots for all, Perl and Python took a fifth longer.
 */
export function rangeSlots(
  { entry, blocks }: Flow,
  { order, place, loopHeads }: GraphOrder,
  predecessors: readonly (readonly number[])[],
): readonly RangeSlots[] {
  const steps = blocks.flatMap((block) => block.steps);
  const frame = steps.some(({ insn }) => isFramePointer(insn)) ? [RSP, RBP] : [RSP];
  const outside = withStack(NO_SLOTS, frame);
  const slots: RangeSlots[] = place.map(() => outside);
  // An inner loop's head comes after the outer's.
  for (const head of order) {
    if (!loopHeads.has(head)) continue;
    const body = loopOf(head, place, predecessors);
    let lost = 0;
    for (const node of body) for (const step of blocks[node - 1]?.steps ?? []) lost |= lostBy(step);
    const own = NO_SLOTS.map((_, n) => ((lost & (1 << n)) === 0 ? hashed(entry + REGISTERS * head + n) : 0));
    const all = withStack(own, frame);
    for (const node of body) slots[node] = all;
  }
  return slots;
}

function withStack(slots: RangeSlots, frame: readonly number[]): RangeSlots {
  return slots.map((slot, n) => (frame.includes(n) ? RSP_SLOT : slot));
}

/** The nodes from which a loop's head is reached again without passing it. */
function loopOf(
  head: number,
  place: readonly number[],
  predecessors: readonly (readonly number[])[],
): Set<number> {
  const body = new Set([head]);
  for (const source of predecessors[head] ?? [])
    if ((place[source] ?? 0) >= (place[head] ?? 0)) body.add(source);
  for (const node of body) if (node !== head) for (const source of predecessors[node] ?? []) body.add(source);
  return body;
}

const MOVES_ON = new Set(['add', 'sub', 'inc', 'dec']);

/** Registers that get a value which has nothing to do with the one before. */
function lostBy({ insn, effects, writes }: Step): number {
  const [target, source] = insn.operands;
  if (target?.kind !== 'gpr') return writes & ~effects.gprWritten;
  const isMoved = source?.kind === 'mem' && source.base === target.index && insn.form.mnemonic === 'lea';
  return MOVES_ON.has(insn.form.mnemonic) || isMoved ? writes & ~(1 << target.index) : writes;
}

function isFramePointer({ form, operands }: Insn): boolean {
  const [target, source] = operands;
  if (form.mnemonic !== 'mov' || target?.kind !== 'gpr' || source?.kind !== 'gpr') return false;
  return target.index === RBP && source.index === RSP && form.size === 8;
}

/** Code shares slots by chance. */
function hashed(key: number): number {
  return FIRST_HASHED + ((Math.imul(key | 0, MULTIPLIER) >>> 16) % (RANGE_SLOTS - FIRST_HASHED));
}
