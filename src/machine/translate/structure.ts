import { I32, i32, type Expr } from '../wasm/expr.js';
import type { FunctionBuilder, Label } from '../wasm/function.js';
import type { GraphOrder } from './graph.js';

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
  /** Emits what goes before a jump back to a node that has been passed. */
  back(from: number, to: number): void;
}

/**
 * Emits a control-flow graph as nested blocks and loops. A reducible graph follows the dominator tree, as in Norman
 * Ramsey's "Beyond Relooper" (ICFP 2022); any other becomes one loop around a br_table.
 */
export function emitGraph(f: FunctionBuilder, order: GraphOrder, nodes: NodeEmitter): void {
  if (order.reducible) new Nesting(f, order, nodes).tree(0);
  else emitDispatch(f, order, nodes);
  f.unreachable();
}

class Nesting {
  /** What a branch to a node goes to: the end of the block before it, or the start of its loop. */
  private readonly before: (Label | undefined)[] = [];
  private readonly loops: (Label | undefined)[] = [];
  /** The nodes below each in the dominator tree that several edges reach, first in order first. */
  private readonly below: number[][];

  constructor(
    private readonly f: FunctionBuilder,
    private readonly order: GraphOrder,
    private readonly nodes: NodeEmitter,
  ) {
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
    const ending = this.nodes.node(node);
    if (ending === null) return;
    for (const { cond, to } of ending.cases) {
      this.f.if(cond);
      this.branch(node, to);
      this.f.end();
    }
    this.branch(node, ending.otherwise);
  }

  private branch(from: number, to: number): void {
    const { place, merges } = this.order;
    const isBack = (place[to] ?? 0) <= (place[from] ?? 0);
    if (isBack) this.nodes.back(from, to);
    const label = isBack ? this.loops[to] : merges.has(to) ? this.before[to] : undefined;
    if (label === undefined) this.tree(to);
    else this.f.br(label);
  }
}

/** loop { br_table next: ... } with the nodes one behind the other. */
function emitDispatch(f: FunctionBuilder, order: GraphOrder, nodes: NodeEmitter): void {
  const next = f.local(I32);
  const top = f.loop();
  const labels = order.order.map(() => f.block()).reverse();
  const [first] = labels;
  if (first === undefined) return;
  f.brTable(labels.slice(1), first, i32.sub(f.get(next), i32.const(1)));
  const go = (from: number, to: number): void => {
    if ((order.place[to] ?? 0) <= (order.place[from] ?? 0)) nodes.back(from, to);
    f.set(next, i32.const(order.place[to] ?? 0));
    f.br(top);
  };
  for (const node of order.order) {
    f.end();
    const ending = nodes.node(node);
    if (ending === null) continue;
    for (const { cond, to } of ending.cases) {
      f.if(cond);
      go(node, to);
      f.end();
    }
    go(node, ending.otherwise);
  }
  f.end();
}
