import { orderGraph } from './graph.js';
import type { CodeView } from './code-view.js';
import { discover, type Limits, type Start } from './discover.js';
import type { Flow } from './flow.js';
import type { RegionObject } from './link.js';
import type { Optimisations } from './optimisations.js';
import { emitRegion } from './region.js';
import { Scanner } from './scan.js';
import type { Semantics } from '../semantics/emitter.js';
import type { Form } from '../x86/insn.js';

const LIMITS = { instructions: 1000, blocks: 300 };
const CALLS = 2;
/** Regions that are made at once of code that is too long for one. */
const MOST_REGIONS = 16;

/** Of a function that is called this much less often than a loop of it turns, only the loop is worth a region. */
const SELDOM = 64;

/** Decides what to make regions of, and writes them. */
export class RegionMaker {
  private readonly scanner: Scanner;
  private readonly limits: Limits;

  constructor(
    private readonly view: CodeView,
    private readonly semanticsOf: (form: Form) => Semantics | undefined,
    private readonly on: Optimisations,
    /** Whether there is a region with this entry already. */
    private readonly isMade: (entry: number) => boolean,
  ) {
    this.limits = { ...LIMITS, calls: on.callees ? CALLS : 0, stubs: on.stubs };
    this.scanner = new Scanner(semanticsOf);
  }

  /**
   * Of code in a function it is the function that is translated, and the code runs on as it is until it is called again:
   * else each loop, and each place behind a call, would get a region of its own with all that follows. What stays hot
   * (a loop that does not end) gets one nevertheless.
   */
  hotFlows(address: number): Flow[] {
    if (!this.on.functions) return this.flowsFrom(address);
    for (const start of this.view.calledBefore(address)) {
      if (this.isMade(start) || start === address) break;
      if (this.view.executions(start) * SELDOM < this.view.executions(address)) continue;
      const flows = this.flowsFrom(start);
      if (flows.some(({ blocks }) => blocks.some((block) => block.address === address))) return flows;
    }
    return this.flowsFrom(address);
  }

  /** The regions that begin at `address`: more than one where the code is too long for one. None if it cannot be translated. */
  flowsFrom(address: number): Flow[] {
    const flows: Flow[] = [];
    const entries = new Set<number>();
    const hasRun = this.view.executions(address) > 0;
    let flow = this.flowFrom(address, { hasRun, stops: entries });
    while (flow !== null) {
      flows.push(flow);
      entries.add(flow.entry);
      flow = flows.length < MOST_REGIONS ? this.rest(flow, entries) : null;
    }
    return flows;
  }

  private flowFrom(address: number, start: Start): Flow | null {
    const flow = discover(address, this.view, this.scanner, this.limits, start);
    const canBeNested = flow === null || this.on.junctions || orderGraph(flow.graph).reducible;
    return canBeNested ? flow : null;
  }

  /**
   * The region behind one that was too long: its start is as hot, but no block began there that was counted. A loop of
   * thousands of instructions would else get translated piece by piece, each after having become hot anew.
   */
  private rest({ cutAt }: Flow, entries: ReadonlySet<number>): Flow | null {
    if (cutAt < 0 || !this.on.pieces || this.isMade(cutAt)) return null;
    return this.flowFrom(cutAt, { hasRun: true, stops: entries });
  }

  write(flow: Flow): RegionObject {
    const { entry, ranges } = flow;
    return { entry, ranges, code: this.view.code(ranges), ...emitRegion(flow, this.semanticsOf, this.on) };
  }
}

/** Instructions of a region. */
export function sizeOf({ blocks }: Flow): number {
  return blocks.reduce((sum, { steps }) => sum + steps.length, 0);
}
