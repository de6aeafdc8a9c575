import type { CodeSource } from '../code/types.js';
import { RAX } from '../layout.js';
import type { Insn } from '../x86/insn.js';
import type { Graph } from './graph.js';
import { registersOf, type Effects, type Scanner } from './scan.js';

/** One instruction of a region: what it is, and what it touches. */
export interface Step {
  readonly insn: Insn;
  readonly effects: Effects;
  /** Registers, as masks: bits 0..15 general, 16..31 xmm. */
  readonly reads: number;
  readonly writes: number;
}

export interface Block {
  readonly address: number;
  readonly steps: readonly Step[];
  /** Where it goes on: a branch's target first, then what lies behind. Empty after a jump to who knows where. */
  readonly next: readonly number[];
}

/**
 * The code that is reached from one entry. The graph's nodes: 0 stands for the way in, 1.. are the blocks (the entry's
 * first), and behind them the addresses at which the region is left.
 */
export interface Flow {
  readonly entry: number;
  readonly blocks: readonly Block[];
  readonly exits: readonly number[];
  readonly graph: Graph;
  /** The node of a block's or an exit's address. */
  readonly nodeAt: ReadonlyMap<number, number>;
  /** Start and end of each stretch of code, in order. */
  readonly ranges: readonly number[];
}

export interface Limits {
  readonly instructions: number;
  readonly blocks: number;
}

/** An instruction's distance from the entry must fit 32 bits. */
const FARTHEST = 0x40000000;

/** What discovery needs of CodeSource. */
export type CodeReader = Pick<CodeSource, 'decode' | 'executions'>;

/** Addresses at which an instruction may go on, as far as they are known. */
function successorsOf(insn: Insn, effects: Effects): number[] {
  const next = insn.address + insn.length;
  const [operand] = insn.operands;
  const targets = operand?.kind === 'imm' ? [operand.hi * 4294967296 + (operand.lo >>> 0)] : [];
  switch (effects.control) {
    case 'branch':
      return [...targets, next];
    case 'jump':
      return targets;
    case 'ret':
    case 'raise':
      return [];
    default:
      return [next];
  }
}

/** Two bytes of zero, `add [rax], al`: no code, but what lies behind a call that never comes back. */
function isZeros({ form, length, operands }: Insn): boolean {
  const [target, source] = operands;
  if (form.mnemonic !== 'add' || length !== 2) return false;
  return target?.kind === 'mem' && target.base === RAX && source?.kind === 'gpr' && source.index === RAX;
}

/** Collects instructions from an entry on, what ran most often first, up to the limits. */
class Discovery {
  readonly steps = new Map<number, Step>();
  readonly leaders = new Set<number>();
  /** Where to go on, and how often that has run. */
  private readonly queue: { readonly address: number; readonly runs: number }[] = [];
  private readonly fewest: number;

  constructor(
    private readonly entry: number,
    private readonly code: CodeReader,
    private readonly scanner: Scanner,
    private readonly limits: Limits,
  ) {
    // Where the entry has run, what has not is left out.
    this.fewest = Math.min(1, code.executions(entry));
  }

  run(): void {
    this.lead(this.entry);
    for (let blocks = 0; blocks < this.limits.blocks; blocks++) {
      const next = this.hottest();
      if (next === undefined) return;
      this.straight(next);
    }
  }

  /** Takes the address that ran most often from the queue; the one that came first of several. */
  private hottest(): number | undefined {
    let best = 0;
    this.queue.forEach(({ runs }, i) => {
      if (runs > (this.queue[best]?.runs ?? 0)) best = i;
    });
    return this.queue.splice(best, 1)[0]?.address;
  }

  /** Follows the code from `address` until it branches or meets code that is known. */
  private straight(start: number): void {
    let address = start;
    while (!this.steps.has(address) && this.steps.size < this.limits.instructions) {
      const step = this.step(address);
      if (step === null) return;
      this.steps.set(address, step);
      const next = address + step.insn.length;
      if (step.effects.control !== 'next') {
        for (const target of successorsOf(step.insn, step.effects)) this.lead(target);
        return;
      }
      address = next;
    }
    this.leaders.add(address);
  }

  private lead(address: number): void {
    if (this.leaders.has(address)) return;
    this.leaders.add(address);
    const runs = this.code.executions(address);
    if (runs >= this.fewest) this.queue.push({ address, runs });
  }

  private step(address: number): Step | null {
    if (Math.abs(address - this.entry) > FARTHEST) return null;
    const insn = this.code.decode(address);
    const effects = insn === null || isZeros(insn) ? null : this.scanner.effects(insn);
    return insn === null || effects === null ? null : { insn, effects, ...registersOf(insn, effects) };
  }
}

function blockAt(found: Discovery, address: number): Block {
  const steps: Step[] = [];
  for (let at = address; ;) {
    const step = found.steps.get(at);
    if (step === undefined || (steps.length > 0 && found.leaders.has(at)))
      return { address, steps, next: [at] };
    steps.push(step);
    if (step.effects.control !== 'next')
      return { address, steps, next: successorsOf(step.insn, step.effects) };
    at += step.insn.length;
  }
}

function rangesOf(steps: Iterable<Step>): number[] {
  const ranges: number[] = [];
  const byAddress = [...steps].sort((a, b) => a.insn.address - b.insn.address);
  for (const { insn } of byAddress) {
    const end = insn.address + insn.length;
    const last = ranges.length - 1;
    if (ranges[last] === insn.address) ranges[last] = end;
    else ranges.push(insn.address, end);
  }
  return ranges;
}

/** Null when there is no instruction at the entry that could be translated. */
export function discover(entry: number, code: CodeReader, scanner: Scanner, limits: Limits): Flow | null {
  const found = new Discovery(entry, code, scanner, limits);
  found.run();
  if (!found.steps.has(entry)) return null;
  const starts = [...found.leaders].filter((address) => found.steps.has(address));
  const blocks = starts.map((address) => blockAt(found, address));
  const nodeAt = new Map(starts.map((address, i) => [address, i + 1]));
  const exits: number[] = [];
  const nodeOf = (address: number): number => {
    const known = nodeAt.get(address);
    if (known !== undefined) return known;
    exits.push(address);
    nodeAt.set(address, blocks.length + exits.length);
    return blocks.length + exits.length;
  };
  const successors = [[1], ...blocks.map((block) => block.next.map(nodeOf))];
  for (let i = 0; i < exits.length; i++) successors.push([]);
  return { entry, blocks, exits, graph: { successors }, nodeAt, ranges: rangesOf(found.steps.values()) };
}

/** Whether the block's end stores all that the region keeps in locals, and starts afresh from the CPU block. */
export function endsOutside(block: Block): boolean {
  const control = block.steps[block.steps.length - 1]?.effects.control ?? 'next';
  return control !== 'next' && control !== 'branch' && !(control === 'jump' && block.next.length > 0);
}
