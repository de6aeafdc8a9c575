import type { Insn } from '../x86/insn.js';
import type { Graph } from './graph.js';
import type { Effects } from './scan.js';

/** One instruction of a region: what it is, and what it touches. */
export interface Step {
  readonly insn: Insn;
  readonly effects: Effects;
  /** Registers, as masks: bits 0..15 general, 16..31 xmm. */
  readonly reads: number;
  readonly writes: number;
}

/**
 * How a block ends. 'inside': it goes on in the region, and what is in locals stays there. 'outside': it leaves the
 * region, perhaps to come back: all is stored, and loaded again if it has a successor. 'exit': it has no steps, but goes
 * on at its address outside. 'guard': its last step goes to an address that must be `expected` to be inside.
 */
export type BlockEnd = 'inside' | 'outside' | 'exit' | 'guard';

export interface Block {
  readonly address: number;
  readonly steps: readonly Step[];
  readonly end: BlockEnd;
  readonly expected: number;
  /** Nodes at which it goes on; a branch's target first, then what lies behind. */
  readonly next: readonly number[];
}

/**
 * The code that is reached from one entry. The graph's node 0 stands for the way in; node n is blocks[n - 1], the
 * entry's first. Small callees are part of it, once for each call.
 */
export interface Flow {
  readonly entry: number;
  readonly blocks: readonly Block[];
  readonly graph: Graph;
  /** Start and end of each stretch of code, in order. */
  readonly ranges: readonly number[];
  /** Where straight code goes on beyond the limit on a region's size; -1: nowhere. */
  readonly cutAt: number;
}

/** Whether the block's end stores all that the region keeps in locals. */
export function endsOutside(block: Block): boolean {
  return block.end === 'outside' || block.end === 'exit';
}
