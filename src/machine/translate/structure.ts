import { I32, i32, type Expr } from '../wasm/expr.js';
import type { FunctionBuilder, Label } from '../wasm/function.js';
import type { GraphOrder } from './graph.js';
import type { Routed } from './reducible.js';

/**
 * How a node ends. Code that has left the function ends with `null`; `cases` are tried in order, and if none holds, the
 * node goes on to `otherwise`.
 */
export interface Ending {
  readonly cases: readonly { readonly cond: Expr; readonly to: number }[];
  readonly otherwise: number;
}

/** What emits the nodes' code. */
export interface NodeEmitter {
  /** Emits a node. Called once a node, in an order in which a node comes after its immediate dominator. */
  node(node: number): Ending | null;
  /** The same for a node that the graph was given to be nested. */
  junction(node: number): void;
  /** Emits what goes before a jump back to a node that has been passed. */
  back(from: number, to: number): void;
}

/**
 * Emits a control-flow graph as nested blocks and loops that follow the dominator tree, as in Norman Ramsey's "Beyond
 * Relooper" (ICFP 2022).
 */
export function emitGraph(f: FunctionBuilder, graph: Routed, nodes: NodeEmitter): void {
  new Nesting(f, graph, nodes).tree(0);
  f.unreachable();
}

class Nesting {
  /** What a branch to a node goes to: the end of the block before it, or the start of its loop. */
  private readonly before: (Label | undefined)[] = [];
  private readonly loops: (Label | undefined)[] = [];
  /** The nodes below each in the dominator tree that several edges reach, first in order first. */
  private readonly below: number[][];

  private readonly order: GraphOrder;
  /** Where a junction is to go: the place of the node among those it goes to. */
  private readonly next: number;

  constructor(
    private readonly f: FunctionBuilder,
    private readonly graph: Routed,
    private readonly nodes: NodeEmitter,
  ) {
    const order = (this.order = graph.order);
    this.next = graph.junctions.size === 0 ? -1 : f.local(I32);
    this.below = order.place.map(() => []);
    for (const node of order.order) {
      if (node !== 0 && order.merges.has(node)) this.below[order.idom[node] ?? 0]?.push(node);
    }
  }

  /** Emits `node` and all that it dominates. */
  tree(node: number): void {
    const f = this.f;
    const isLoop = this.order.loopHeads.has(node);
    if (isLoop) this.loops[node] = f.loop();
    const merges = this.below[node] ?? [];
    for (let i = merges.length - 1; i >= 0; i--) this.before[merges[i] ?? 0] = f.block();
    this.within(node);
    for (const merge of merges) {
      f.end();
      this.tree(merge);
    }
    if (isLoop) f.end();
  }

  private within(node: number): void {
    const ways = this.graph.junctions.get(node);
    if (ways !== undefined) return this.junction(node, ways);
    const ending = this.nodes.node(node);
    if (ending === null) return;
    for (const { cond, to } of ending.cases) {
      this.f.if(cond);
      this.branch(node, to);
      this.f.end();
    }
    this.branch(node, ending.otherwise);
  }

  private junction(node: number, ways: readonly number[]): void {
    this.nodes.junction(node);
    ways.slice(1).forEach((to, i) => {
      this.f.if(i32.eq(this.f.get(this.next), i32.const(i + 1)));
      this.go(node, to);
      this.f.end();
    });
    this.go(node, ways[0] ?? 0);
  }

  private branch(from: number, meant: number): void {
    const { via, junctions } = this.graph;
    const { place } = this.order;
    const to = via.get(meant) ?? meant;
    if ((place[to] ?? 0) <= (place[from] ?? 0)) this.nodes.back(from, meant);
    if (to !== meant) this.f.set(this.next, i32.const(junctions.get(to)?.indexOf(meant) ?? 0));
    this.go(from, to);
  }

  private go(from: number, to: number): void {
    const { place, merges } = this.order;
    const isBack = (place[to] ?? 0) <= (place[from] ?? 0);
    const label = isBack ? this.loops[to] : merges.has(to) ? this.before[to] : undefined;
    if (label === undefined) this.tree(to);
    else this.f.br(label);
  }
}
