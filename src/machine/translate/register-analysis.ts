import { endsOutside, type Block, type Flow } from './flow.js';
import type { GraphOrder } from './graph.js';

/**
 * When registers lie in locals and when in the CPU block, by node. Masks name registers (bits 0..15 general, 16..31
 * xmm). A register is dirty where the CPU block may not have its value, and live where its local must have it: since it
 * may be read, or stored on the way out.
 */
export interface RegisterAnalysis {
  readonly used: number;
  readonly dirtyIn: readonly number[];
  /** What is stored when a node is left in its middle, or a loop at its head: some more than is dirty. */
  readonly leaveMask: readonly number[];
  readonly backMask: readonly number[];
  /** The different masks among these. */
  readonly masks: readonly number[];
  readonly liveIn: readonly number[];
  /** What a block that calls has to load when it comes back. */
  readonly liveOut: readonly number[];
}

/** Ways out with masks of their own; more share one that covers them. */
const MOST_MASKS = 12;

type Predecessors = readonly (readonly number[])[];

function writesOf(block: Block): number {
  return block.steps.reduce((mask, step) => mask | step.writes, 0);
}

function findDirtyIn(flow: Flow, order: GraphOrder, predecessors: Predecessors): number[] {
  const dirtyIn: number[] = order.place.map(() => 0);
  const dirtyOut: number[] = order.place.map(() => 0);
  for (let changed = true; changed;) {
    changed = false;
    for (const node of order.order) {
      const before = (predecessors[node] ?? []).reduce((mask, p) => mask | (dirtyOut[p] ?? 0), 0);
      const block = flow.blocks[node - 1];
      const written = block === undefined ? before : before | writesOf(block);
      const after = block !== undefined && endsOutside(block) ? 0 : written;
      changed ||= after !== dirtyOut[node];
      dirtyIn[node] = before;
      dirtyOut[node] = after;
    }
  }
  return dirtyIn;
}

/** What may be dirty at any place where the block can be left, or null where there is none. */
function leaveMaskOf(block: Block | undefined, dirtyIn: number): number | null {
  let mask = dirtyIn;
  let found: number | null = null;
  for (const { effects, writes } of block?.steps ?? []) {
    mask |= writes;
    if (effects.leaves) found = mask;
  }
  return found;
}

function bitCount(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** Maps each mask to one of at most `most` that covers it; the rarest go together first. */
export function coverMasks(masks: readonly number[], most: number): Map<number, number> {
  const uses = new Map<number, number>();
  for (const mask of masks) uses.set(mask, (uses.get(mask) ?? 0) + 1);
  const kept = [...uses.keys()].sort((a, b) => (uses.get(b) ?? 0) - (uses.get(a) ?? 0) || a - b);
  const rest = kept.splice(most - 1).reduce((all, mask) => all | mask, 0);
  const cover = new Map<number, number>();
  for (const mask of uses.keys()) {
    const fits = [...kept, rest].filter((k) => (k & mask) === mask);
    cover.set(
      mask,
      fits.reduce((a, b) => (bitCount(b) < bitCount(a) ? b : a)),
    );
  }
  return cover;
}

/** Live registers at the start of a block whose end needs `end`. */
function liveBefore(block: Block, end: number, leaveMask: number): number {
  let live = end;
  for (let i = block.steps.length - 1; i >= 0; i--) {
    const step = block.steps[i];
    if (step === undefined) continue;
    live = (live & ~step.writes) | step.reads;
    if (step.effects.leaves) live |= leaveMask;
  }
  return live;
}

type Masks = Pick<RegisterAnalysis, 'dirtyIn' | 'leaveMask' | 'backMask'>;

function findLive(flow: Flow, order: GraphOrder, masks: Masks): Pick<RegisterAnalysis, 'liveIn' | 'liveOut'> {
  const liveIn: number[] = order.place.map(() => 0);
  const liveOut: number[] = order.place.map(() => 0);
  for (let changed = true; changed;) {
    changed = false;
    for (let i = order.order.length - 1; i >= 0; i--) {
      const node = order.order[i] ?? 0;
      const out = (flow.graph.successors[node] ?? []).reduce((mask, s) => mask | (liveIn[s] ?? 0), 0);
      const block = flow.blocks[node - 1];
      const dirtyIn = masks.dirtyIn[node] ?? 0;
      let live = node === 0 ? out : dirtyIn;
      if (block !== undefined) {
        const end = endsOutside(block) ? dirtyIn | writesOf(block) : out;
        live = liveBefore(block, end, masks.leaveMask[node] ?? 0) | (masks.backMask[node] ?? 0);
      }
      changed ||= live !== liveIn[node];
      liveIn[node] = live;
      liveOut[node] = out;
    }
  }
  return { liveIn, liveOut };
}

export function analyseRegisters(
  flow: Flow,
  order: GraphOrder,
  predecessors: Predecessors,
): RegisterAnalysis {
  const dirtyIn = findDirtyIn(flow, order, predecessors);
  const leave = dirtyIn.map((dirty, node) => leaveMaskOf(flow.blocks[node - 1], dirty));
  const back = dirtyIn.map((dirty, node) => (order.loopHeads.has(node) ? dirty : null));
  const cover = coverMasks(
    [...leave, ...back].filter((mask) => mask !== null),
    MOST_MASKS,
  );
  const covered = (mask: number | null) => (mask === null ? 0 : (cover.get(mask) ?? 0));
  const leaveMask = leave.map(covered);
  const backMask = back.map(covered);
  const steps = flow.blocks.flatMap((block) => block.steps);
  return {
    used: steps.reduce((mask, step) => mask | step.reads | step.writes, 0),
    dirtyIn,
    leaveMask,
    backMask,
    masks: [...new Set(cover.values())],
    ...findLive(flow, order, { dirtyIn, leaveMask, backMask }),
  };
}
