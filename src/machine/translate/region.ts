import { REGION_PARAMS, REGION_RESULTS } from '../core/dispatch.js';
import { RSP } from '../layout.js';
import type { Semantics } from '../semantics/emitter.js';
import { FunctionBuilder, type Body } from '../wasm/function.js';
import type { Form } from '../x86/insn.js';
import { analyse, type Analysis } from './analysis.js';
import type { Block, Flow } from './flow.js';
import type { FlagState } from './flag-locals.js';
import type { Graph } from './graph.js';
import { Symbols } from './imports.js';
import type { Optimisations } from './optimisations.js';
import type { CachedPages } from './page-cache.js';
import { rangeSlots } from './range.js';
import { routed } from './reducible.js';
import { RegionEmitter, type StepEnd } from './region-emitter.js';
import { emitGraph, type Ending, type NodeEmitter } from './structure.js';

const RSP_BIT = 1 << RSP;

/** Registers by which a block goes to memory more than once. */
function repeatedBases(block: Block | undefined): number {
  let once = 0;
  let again = 0;
  for (const { insn, effects } of block?.steps ?? []) {
    insn.operands.forEach((operand, k) => {
      const touched = ((effects.operandsRead | effects.operandsWritten) & (1 << k)) !== 0;
      if (operand.kind !== 'mem' || operand.base < 0 || operand.index >= 0 || !touched) return;
      again |= once & (1 << operand.base);
      once |= 1 << operand.base;
    });
  }
  return again;
}

/** Emits a region's blocks, in the order that the structure asks for, and takes the flags' state along the edges. */
class RegionNodes implements NodeEmitter {
  private readonly flagsOut: (FlagState | undefined)[] = [];
  private readonly pagesOut: (CachedPages | undefined)[] = [];

  constructor(
    private readonly flow: Flow,
    /** The flow's, led over junctions. */
    private readonly successors: Graph['successors'],
    private readonly analysis: Analysis,
    private readonly emitter: RegionEmitter,
    private readonly semanticsOf: (form: Form) => Semantics | undefined,
    private readonly on: Optimisations,
  ) {}

  node(node: number): Ending | null {
    this.begin(node);
    const end = this.body(node);
    return end === 'gone' ? null : this.finish(node, end);
  }

  junction(node: number): void {
    this.begin(node);
    this.settle(node);
  }

  private begin(node: number): void {
    const { flags } = this.emitter;
    this.emitter.beginNode(node, this.flow.blocks[node - 1]?.steps ?? []);
    const sources = this.analysis.predecessors[node] ?? [];
    const state = sources.length === 1 ? this.flagsOut[sources[0] ?? 0] : undefined;
    if (state !== undefined) flags.state = state;
    else if (node > 0) flags.enter(this.analysis.flagsIn[node] ?? 0);
    this.emitter.pages.enter(sources.map((source) => this.pagesOut[source]));
    this.emitter.pages.wanted = this.on.pages ? RSP_BIT | repeatedBases(this.flow.blocks[node - 1]) : 0;
  }

  private body(node: number): StepEnd {
    const block = this.flow.blocks[node - 1];
    if (block === undefined) return 'next';
    if (block.end === 'exit') return this.emitter.leaveTo(block);
    const neededAfter = this.analysis.flagsNeededAfter[node - 1] ?? [];
    let end: StepEnd = 'next';
    block.steps.forEach((step, i) => {
      const semantics = this.semanticsOf(step.insn.form);
      if (semantics === undefined) throw new Error(`no semantics for ${step.insn.form.mnemonic}`);
      end = this.emitter.emit(step, semantics, neededAfter[i] ?? true, block);
    });
    return end;
  }

  /** Leaves the flags as the successors that have other ways in expect them. */
  private settle(node: number): void {
    const { flags, pages } = this.emitter;
    for (const to of this.successors[node] ?? []) {
      const shared = (this.analysis.predecessors[to]?.length ?? 0) > 1;
      if (shared && this.analysis.flagsNeeded[to] === true) flags.settle(this.analysis.flagsIn[to] ?? 0);
    }
    this.flagsOut[node] = flags.state;
    this.pagesOut[node] = pages.pages;
  }

  private finish(node: number, end: StepEnd): Ending {
    this.settle(node);
    const [first, second] = this.flow.graph.successors[node] ?? [];
    if (first === undefined) throw new Error('a block that goes nowhere did not leave');
    if (typeof end === 'string') return { cases: [], otherwise: first };
    if (second === undefined) throw new Error('a branch has one successor');
    return { cases: [{ cond: end.cond, to: first }], otherwise: second };
  }

  back(from: number, to: number): void {
    const state = this.flagsOut[from];
    if (state !== undefined) this.emitter.flags.state = state;
    this.emitter.countBack(from, this.flow.blocks[to - 1]?.address ?? this.flow.entry);
  }
}

/** Writes the function of one region; whom it calls, by number in `symbols`. */
export function emitRegion(
  flow: Flow,
  semanticsOf: (form: Form) => Semantics | undefined,
  on: Optimisations,
): { readonly body: Body; readonly symbols: readonly string[] } {
  const graph = routed(flow.graph);
  const { order } = graph;
  const analysis = analyse({ ...flow, graph: graph.graph }, order, on);
  const f = new FunctionBuilder(REGION_PARAMS, REGION_RESULTS);
  const symbols = new Symbols();
  const emitter = new RegionEmitter(f, {
    entry: flow.entry,
    registers: analysis.registers,
    hasLoops: order.loopHeads.size > 0,
    slots: on.ranges ? rangeSlots(flow, order, analysis.predecessors) : [],
    symbols,
    on,
  });
  emitter.open();
  emitGraph(f, graph, new RegionNodes(flow, graph.graph.successors, analysis, emitter, semanticsOf, on));
  return { body: f.body(), symbols: symbols.names };
}
