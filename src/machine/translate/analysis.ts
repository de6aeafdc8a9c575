import { endsOutside, type Block, type Flow } from './flow.js';
import { predecessorsOf, type GraphOrder } from './graph.js';
import { analyseRegisters, type RegisterAnalysis } from './register-analysis.js';
import type { Optimisations } from './optimisations.js';
import { FLAGS_KEPT, FLAGS_UNKNOWN } from './scan.js';

/** Where a node finds the flags: in the CPU block, or in locals with a kind that is known (>= 0) or lies in a local. */
export const FLAGS_IN_CPU = -3;
export const FLAGS_IN_LOCALS = FLAGS_UNKNOWN;

/** What the emitter has to know beforehand, by node. */
export interface Analysis {
  /** Whether somebody may see the flags that the node starts with. */
  readonly flagsNeeded: readonly boolean[];
  /** FLAGS_IN_CPU, FLAGS_IN_LOCALS, or a packed kind with the values in locals. */
  readonly flagsIn: readonly number[];
  /** For each step of a block (node - 1), whether somebody may see the flags that it leaves. */
  readonly flagsNeededAfter: readonly (readonly boolean[])[];
  readonly registers: RegisterAnalysis;
  readonly predecessors: readonly (readonly number[])[];
}

/** Mnemonics whose flags read only those that they pass on: where nobody sees the result, nobody reads. */
const PASS_FLAGS_ON = new Set(['inc', 'dec', 'rol', 'ror']);

/** Goes backward through a block; fills `after`, returns whether the flags are needed at its start. */
function neededBefore(block: Block, neededAtEnd: boolean, after: boolean[]): boolean {
  let needed = neededAtEnd || endsOutside(block);
  for (let i = block.steps.length - 1; i >= 0; i--) {
    const step = block.steps[i];
    if (step === undefined) continue;
    after[i] = needed;
    const { flags, flagsRead, leaves } = step.effects;
    const reads = flagsRead && (needed || !PASS_FLAGS_ON.has(step.insn.form.mnemonic));
    needed = leaves || reads || (needed && flags < 0);
  }
  return needed;
}

/** Backward over the graph. Loop heads count as readers: the region may be left there. */
function findNeeded(flow: Flow, order: GraphOrder): Pick<Analysis, 'flagsNeeded' | 'flagsNeededAfter'> {
  const { successors } = flow.graph;
  const flagsNeeded: boolean[] = successors.map(() => false);
  const flagsNeededAfter: boolean[][] = flow.blocks.map(() => []);
  for (let changed = true; changed;) {
    changed = false;
    for (let i = order.order.length - 1; i >= 0; i--) {
      const node = order.order[i] ?? 0;
      const atEnd = (successors[node] ?? []).some((s) => flagsNeeded[s] === true);
      const block = flow.blocks[node - 1];
      const before =
        block === undefined ? atEnd : neededBefore(block, atEnd, flagsNeededAfter[node - 1] ?? []);
      const needed = before || order.loopHeads.has(node);
      if (needed === flagsNeeded[node]) continue;
      flagsNeeded[node] = needed;
      changed = true;
    }
  }
  return { flagsNeeded, flagsNeededAfter };
}

const UNDECIDED = -4;

function flagsAfter(block: Block, before: number): number {
  if (endsOutside(block)) return FLAGS_IN_CPU;
  return block.steps.reduce(
    (state, { effects }) => (effects.flags === FLAGS_KEPT ? state : effects.flags),
    before,
  );
}

function meet(a: number, b: number): number {
  if (a === UNDECIDED || a === b) return b;
  return b === UNDECIDED ? a : FLAGS_IN_LOCALS;
}

/** Forward over the graph: what all ways into a node agree on. */
function findFlagsIn(flow: Flow, order: GraphOrder, predecessors: readonly (readonly number[])[]): number[] {
  const flagsIn: number[] = order.place.map(() => UNDECIDED);
  const flagsOut: number[] = order.place.map(() => UNDECIDED);
  flagsOut[0] = FLAGS_IN_CPU;
  for (let changed = true; changed;) {
    changed = false;
    for (const node of order.order) {
      if (node === 0) continue;
      const before = (predecessors[node] ?? []).map((p) => flagsOut[p] ?? UNDECIDED).reduce(meet, UNDECIDED);
      const block = flow.blocks[node - 1];
      const after = block === undefined ? before : flagsAfter(block, before);
      changed ||= before !== flagsIn[node] || after !== flagsOut[node];
      flagsIn[node] = before;
      flagsOut[node] = after;
    }
  }
  return flagsIn;
}

export function analyse(flow: Flow, order: GraphOrder, on: Optimisations): Analysis {
  const predecessors = predecessorsOf(flow.graph, order.order);
  const needed = on.flags ? findNeeded(flow, order) : allNeeded(flow);
  const flagsIn = findFlagsIn(flow, order, predecessors);
  return {
    ...needed,
    flagsIn: on.kinds ? flagsIn : flagsIn.map(() => FLAGS_IN_LOCALS),
    registers: analyseRegisters(flow, order, predecessors, on.registers),
    predecessors,
  };
}

function allNeeded({ graph, blocks }: Flow): Pick<Analysis, 'flagsNeeded' | 'flagsNeededAfter'> {
  return {
    flagsNeeded: graph.successors.map(() => true),
    flagsNeededAfter: blocks.map(({ steps }) => steps.map(() => true)),
  };
}
