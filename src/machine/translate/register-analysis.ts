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
  readonly dirtyOut: readonly number[];
  readonly liveIn: readonly number[];
  /** What a block that calls has to load when it comes back. */
  readonly liveOut: readonly number[];
}

type Predecessors = readonly (readonly number[])[];

function writesOf(block: Block): number {
  return block.steps.reduce((mask, step) => mask | step.writes, 0);
}

function findDirty(
  flow: Flow,
  order: GraphOrder,
  predecessors: Predecessors,
): Pick<RegisterAnalysis, 'dirtyIn' | 'dirtyOut'> {
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
  return { dirtyIn, dirtyOut };
}

/** What a block makes of the registers that are live at its end: those it writes are not, those it uses are. */
interface Use {
  readonly writes: number;
  readonly uses: number;
}

/** Where a step can leave the region, all that is dirty is used. */
function useOf(block: Block, dirtyIn: number): Use {
  let dirty = dirtyIn;
  const dirtyBefore = block.steps.map(({ writes }) => {
    const before = dirty;
    dirty |= writes;
    return before;
  });
  let writes = 0;
  let uses = endsOutside(block) ? dirty : 0;
  for (let i = block.steps.length - 1; i >= 0; i--) {
    const step = block.steps[i];
    if (step === undefined) continue;
    writes |= step.writes;
    uses = (uses & ~step.writes) | step.reads;
    if (step.effects.leaves) uses |= dirtyBefore[i] ?? 0;
  }
  return { writes, uses };
}

type Dirty = Pick<RegisterAnalysis, 'dirtyIn' | 'dirtyOut'>;

function findLive(
  flow: Flow,
  order: GraphOrder,
  { dirtyIn, dirtyOut }: Dirty,
): Pick<RegisterAnalysis, 'liveIn' | 'liveOut'> {
  const { place } = order;
  const { successors } = flow.graph;
  const uses = flow.blocks.map((block, i) => useOf(block, dirtyIn[i + 1] ?? 0));
  const liveIn: number[] = place.map(() => 0);
  const liveOut: number[] = place.map(() => 0);
  for (let changed = true; changed;) {
    changed = false;
    for (let i = order.order.length - 1; i >= 0; i--) {
      const node = order.order[i] ?? 0;
      const next = successors[node] ?? [];
      const goesBack = next.some((to) => (place[to] ?? 0) <= (place[node] ?? 0));
      const out = next.reduce((mask, to) => mask | (liveIn[to] ?? 0), goesBack ? (dirtyOut[node] ?? 0) : 0);
      const block = flow.blocks[node - 1];
      const use = uses[node - 1];
      const kept = block === undefined || !endsOutside(block) ? out : 0;
      const live = use === undefined ? kept : (kept & ~use.writes) | use.uses;
      changed ||= live !== liveIn[node];
      liveIn[node] = live;
      liveOut[node] = out;
    }
  }
  return { liveIn, liveOut };
}

/** `findsLive`: otherwise all registers that are used are taken to be live everywhere. */
export function analyseRegisters(
  flow: Flow,
  order: GraphOrder,
  predecessors: Predecessors,
  findsLive: boolean,
): RegisterAnalysis {
  const dirty = findDirty(flow, order, predecessors);
  const steps = flow.blocks.flatMap((block) => block.steps);
  const used = steps.reduce((mask, step) => mask | step.reads | step.writes, 0);
  const everywhere = order.place.map(() => used);
  const live = findsLive ? findLive(flow, order, dirty) : { liveIn: everywhere, liveOut: everywhere };
  return { used, ...dirty, ...live };
}
