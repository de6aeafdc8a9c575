import { CalleeFinder, linkedTarget } from './callee.js';
import type { Insn } from '../x86/insn.js';
import type { Block, Flow, Step } from './flow.js';
import { isZeros, registersOf, targetOf, type Scanner } from './scan.js';

export interface Limits {
  readonly instructions: number;
  readonly blocks: number;
  /** Calls within calls that become part of a region. */
  readonly calls: number;
  /** Whether jumps through fixed places in memory are followed. */
  readonly stubs: boolean;
}

/** What code-view.ts gives. */
export interface CodeReader {
  decode(address: number): Insn | null;
  executions(address: number): number;
  word(address: number): number;
}

/** What is known where a region begins. */
export interface Start {
  /** The entry has run, though perhaps not as the start of a block that was counted. */
  readonly hasRun: boolean;
  /** Addresses to which the region's own code jumps, since regions begin there that are made with it. */
  readonly stops: ReadonlySet<number>;
}

/** How many times as often the entry ran as what is not worth the time that the engine takes for it. */
const RARE = 32;

/** An instruction's distance from the entry must fit 32 bits. */
const FARTHEST = 0x40000000;

/** The region's own code, or a callee's that is part of it: equal addresses in different contexts are different nodes. */
interface Context {
  readonly caller: Context | null;
  readonly callee: number;
  readonly returnTo: number;
  readonly depth: number;
  readonly steps: Map<number, Step>;
  readonly leaders: Set<number>;
  /** By address of their last step, blocks that do not just fall through. */
  readonly ends: Map<number, End>;
}

interface Target {
  readonly context: Context;
  readonly address: number;
}

type End = Pick<Block, 'end' | 'expected'> & { readonly next: readonly Target[] };

/** Collects instructions from an entry on, what ran most often first, up to the limits. */
class Discovery {
  readonly own: Context;
  private readonly callees: CalleeFinder;
  /** Where to go on, and how often that has run. */
  private readonly queue: (Target & { readonly runs: number })[] = [];
  private readonly fewest: number;
  private readonly stops: ReadonlySet<number>;
  private instructions = 0;
  /** Where the limit on instructions cut straight code of the region's own; -1: nowhere. */
  cutAt = -1;

  constructor(
    private readonly entry: number,
    private readonly code: CodeReader,
    private readonly scanner: Scanner,
    private readonly limits: Limits,
    { hasRun, stops }: Start,
  ) {
    this.stops = stops;
    // Where the entry has run, what has not, or hardly ever, is left out.
    this.fewest = hasRun ? Math.max(1, Math.floor(code.executions(entry) / RARE)) : 0;
    this.callees = new CalleeFinder(code, scanner);
    this.own = newContext(null, entry, -1);
  }

  run(): void {
    this.lead({ context: this.own, address: this.entry });
    for (let blocks = 0; blocks < this.limits.blocks; blocks++) {
      const next = this.hottest();
      if (next === undefined) return;
      this.straight(next);
    }
  }

  /** Takes what ran most often from the queue; of several, what came first. */
  private hottest(): Target | undefined {
    let best = 0;
    this.queue.forEach(({ runs }, i) => {
      if (runs > (this.queue[best]?.runs ?? 0)) best = i;
    });
    return this.queue.splice(best, 1)[0];
  }

  /** Follows the code from `start` until it branches or meets code that is known. */
  private straight({ context, address: start }: Target): void {
    let address = start;
    while (!context.steps.has(address) && this.instructions < this.limits.instructions) {
      if (context === this.own && this.stops.has(address)) break;
      const step = this.step(address);
      if (step === null) return;
      context.steps.set(address, step);
      this.instructions++;
      if (step.effects.control !== 'next') {
        const end = this.endOf(context, step);
        context.ends.set(address, end);
        for (const target of end.next) this.lead(target);
        return;
      }
      address += step.insn.length;
    }
    context.leaders.add(address);
    const isCut = context === this.own && !context.steps.has(address) && !this.stops.has(address);
    if (isCut) this.cutAt = address;
  }

  private lead(target: Target): void {
    const { context, address } = target;
    if (context.leaders.has(address)) return;
    context.leaders.add(address);
    const runs = this.code.executions(address);
    if (runs >= this.fewest || address === context.callee) this.queue.push({ ...target, runs });
  }

  private step(address: number): Step | null {
    if (Math.abs(address - this.entry) > FARTHEST) return null;
    const insn = this.code.decode(address);
    const effects = insn === null || isZeros(insn) ? null : this.scanner.effects(insn);
    return insn === null || effects === null ? null : { insn, effects, ...registersOf(insn, effects) };
  }

  private endOf(context: Context, { insn, effects }: Step): End {
    const behind = { context, address: insn.address + insn.length };
    const target = targetOf(insn);
    switch (effects.control) {
      case 'branch':
        return inside({ context, address: target }, behind);
      case 'jump':
        return target >= 0 ? inside({ context, address: target }) : this.indirectJump(context, insn);
      case 'call':
        return this.call(context, target, behind);
      case 'ret':
        return returnEnd(context);
      case 'raise':
        return outside();
      default:
        return outside(behind);
    }
  }

  private indirectJump(context: Context, insn: Step['insn']): End {
    const expected = this.limits.stubs ? linkedTarget(insn, this.code) : -1;
    return expected < 0 ? outside() : { end: 'guard', expected, next: [{ context, address: expected }] };
  }

  private call(context: Context, target: number, behind: Target): End {
    const isFit = target >= 0 && context.depth < this.limits.calls && !isCalling(context, target);
    if (!isFit || this.code.executions(target) < this.fewest || !this.callees.isSmall(target, this.fewest))
      return outside(behind);
    const callee = newContext(context, target, behind.address);
    return inside({ context: callee, address: target });
  }
}

function newContext(caller: Context | null, callee: number, returnTo: number): Context {
  const depth = caller === null ? 0 : caller.depth + 1;
  return { caller, callee, returnTo, depth, steps: new Map(), leaders: new Set(), ends: new Map() };
}

function isCalling(context: Context, callee: number): boolean {
  for (let at: Context | null = context; at !== null; at = at.caller) if (at.callee === callee) return true;
  return false;
}

function inside(...next: readonly Target[]): End {
  return { end: 'inside', expected: -1, next };
}
function outside(...next: readonly Target[]): End {
  return { end: 'outside', expected: -1, next };
}

/** Of a callee that is part of the region, a return that goes where the call came from stays inside. */
function returnEnd({ caller, returnTo }: Context): End {
  if (caller === null) return outside();
  return { end: 'guard', expected: returnTo, next: [{ context: caller, address: returnTo }] };
}

/** Numbers the nodes that can be reached. */
class FlowBuilder {
  readonly blocks: Block[] = [];
  private readonly numbers = new Map<Context, Map<number, number>>();
  private readonly pending: Target[] = [];

  build(start: Target): void {
    this.nodeOf(start);
    for (const target of this.pending) this.blocks.push(this.blockAt(target));
  }

  private nodeOf(target: Target): number {
    let known = this.numbers.get(target.context);
    if (known === undefined) this.numbers.set(target.context, (known = new Map()));
    const number = known.get(target.address);
    if (number !== undefined) return number;
    this.pending.push(target);
    known.set(target.address, this.pending.length);
    return this.pending.length;
  }

  private blockAt({ context, address }: Target): Block {
    const steps: Step[] = [];
    for (let at = address; ;) {
      const step = context.steps.get(at);
      if (step === undefined && steps.length === 0) return this.exitTo(context, address);
      const isOver = step === undefined || (steps.length > 0 && context.leaders.has(at));
      if (isOver) return this.block(address, steps, inside({ context, address: at }));
      steps.push(step);
      const end = context.ends.get(at);
      if (end !== undefined) return this.block(address, steps, end);
      at += step.insn.length;
    }
  }

  /** From a callee the region is left by a call, which may come back to where the callee would. */
  private exitTo({ caller, returnTo }: Context, address: number): Block {
    const next = caller === null ? [] : [{ context: caller, address: returnTo }];
    return this.block(address, [], { end: 'exit', expected: returnTo, next });
  }

  private block(address: number, steps: readonly Step[], { end, expected, next }: End): Block {
    return { address, steps, end, expected, next: next.map((target) => this.nodeOf(target)) };
  }
}

function rangesOf(blocks: readonly Block[]): number[] {
  const ends = new Map<number, number>();
  for (const { steps } of blocks) {
    for (const { insn } of steps) ends.set(insn.address, insn.address + insn.length);
  }
  const ranges: number[] = [];
  for (const [start, end] of [...ends].sort(([a], [b]) => a - b)) {
    const last = ranges.length - 1;
    if (ranges[last] === start) ranges[last] = end;
    else ranges.push(start, end);
  }
  return ranges;
}

/** Null when there is no instruction at the entry that could be translated. */
export function discover(
  entry: number,
  code: CodeReader,
  scanner: Scanner,
  limits: Limits,
  start: Start,
): Flow | null {
  const found = new Discovery(entry, code, scanner, limits, start);
  found.run();
  if (!found.own.steps.has(entry)) return null;
  const builder = new FlowBuilder();
  builder.build({ context: found.own, address: entry });
  const { blocks } = builder;
  const successors = [[1], ...blocks.map((block) => block.next)];
  return { entry, blocks, graph: { successors }, ranges: rangesOf(blocks), cutAt: found.cutAt };
}
