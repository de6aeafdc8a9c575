import { orderGraph, type Graph, type GraphOrder } from './graph.js';

/**
 * A graph whose loops each have one way in, so that it can be nested. Loops with several are given one: a new node, through
 * which all edges to the nodes at which the loop is entered go, and which goes to whichever was meant.
 */
export interface Routed {
  readonly graph: Graph;
  readonly order: GraphOrder;
  /** The new nodes, and where each goes. */
  readonly junctions: ReadonlyMap<number, readonly number[]>;
  /** Nodes that are reached through a junction, and which. */
  readonly via: ReadonlyMap<number, number>;
}

class Router {
  readonly successors: number[][];
  readonly junctions = new Map<number, readonly number[]>();
  readonly via = new Map<number, number>();

  constructor(
    graph: Graph,
    private readonly reachable: ReadonlySet<number>,
  ) {
    this.successors = graph.successors.map((targets) => [...targets]);
  }

  /** Sees to the loops among `nodes`. */
  route(nodes: ReadonlySet<number>): void {
    for (const loop of this.loops(nodes)) {
      const entries = this.entriesOf(loop);
      const inner = new Set(loop);
      if (entries.length === 1) inner.delete(entries[0] ?? 0);
      else this.addJunction(entries);
      this.route(inner);
    }
  }

  private entriesOf(loop: ReadonlySet<number>): number[] {
    const entries = new Set<number>(loop.has(0) ? [0] : []);
    this.successors.forEach((targets, from) => {
      const isOutside = !loop.has(from) && (this.reachable.has(from) || this.junctions.has(from));
      if (isOutside) for (const to of targets) if (loop.has(to)) entries.add(to);
    });
    return [...entries].sort((a, b) => a - b);
  }

  private addJunction(entries: readonly number[]): void {
    const junction = this.successors.length;
    this.junctions.set(junction, entries);
    for (const entry of entries) this.via.set(entry, junction);
    for (const targets of this.successors) {
      targets.forEach((to, i) => {
        if (entries.includes(to)) targets[i] = junction;
      });
    }
    this.successors.push([...entries]);
  }

  /** The strongly connected components with an edge inside; Tarjan: "Depth-first search and linear graph algorithms". */
  private loops(nodes: ReadonlySet<number>): Set<number>[] {
    const found: Set<number>[] = [];
    const index = new Map<number, number>();
    const stack: number[] = [];
    const open = new Set<number>();
    const visit = (node: number): number => {
      const own = index.size;
      index.set(node, own);
      stack.push(node);
      open.add(node);
      let low = own;
      for (const to of this.successors[node] ?? []) {
        if (!nodes.has(to)) continue;
        if (!index.has(to)) low = Math.min(low, visit(to));
        else if (open.has(to)) low = Math.min(low, index.get(to) ?? own);
      }
      if (low === own) this.close(node, stack, open, found);
      return low;
    };
    for (const node of nodes) if (!index.has(node)) visit(node);
    return found;
  }

  private close(node: number, stack: number[], open: Set<number>, found: Set<number>[]): void {
    const component = new Set<number>(stack.splice(stack.indexOf(node)));
    for (const member of component) open.delete(member);
    const isLoop = component.size > 1 || (this.successors[node] ?? []).includes(node);
    if (isLoop) found.push(component);
  }
}

export function routed(graph: Graph): Routed {
  const order = orderGraph(graph);
  if (order.reducible) return { graph, order, junctions: new Map(), via: new Map() };
  const reachable = new Set(order.order);
  const router = new Router(graph, reachable);
  router.route(reachable);
  const { successors, junctions, via } = router;
  return { graph: { successors }, order: orderGraph({ successors }), junctions, via };
}
