/** Control-flow graphs as numbers: node 0 is the entry, `successors[n]` the nodes that n may go to. */
export interface Graph {
  readonly successors: readonly (readonly number[])[];
}

export interface GraphOrder {
  /** The reachable nodes in reverse postorder, and each node's place in it (-1: unreachable). */
  readonly order: readonly number[];
  readonly place: readonly number[];
  /** Immediate dominators; the entry's is itself. */
  readonly idom: readonly number[];
  /** Targets of retreating edges. */
  readonly loopHeads: ReadonlySet<number>;
  /** Nodes that two or more forward edges reach. */
  readonly merges: ReadonlySet<number>;
  /** Whether each retreating edge's target dominates its source: only then can the graph be nested as it is. */
  readonly reducible: boolean;
}

function reversePostorder(graph: Graph): number[] {
  const visited = new Uint8Array(graph.successors.length);
  const order: number[] = [];
  const path = [0];
  const next = [0];
  visited[0] = 1;
  while (path.length > 0) {
    const node = path[path.length - 1] ?? 0;
    const edge = next[next.length - 1] ?? 0;
    const target = graph.successors[node]?.[edge];
    if (target === undefined) {
      order.push(node);
      path.pop();
      next.pop();
    } else {
      next[next.length - 1] = edge + 1;
      if (visited[target] === 1) continue;
      visited[target] = 1;
      path.push(target);
      next.push(0);
    }
  }
  return order.reverse();
}

/** Cooper, Harvey, Kennedy: "A Simple, Fast Dominance Algorithm". */
function dominators(order: readonly number[], place: readonly number[], predecessors: number[][]): number[] {
  const idom: number[] = place.map(() => -1);
  idom[0] = 0;
  const intersect = (a: number, b: number): number => {
    while (a !== b) {
      while ((place[a] ?? 0) > (place[b] ?? 0)) a = idom[a] ?? 0;
      while ((place[b] ?? 0) > (place[a] ?? 0)) b = idom[b] ?? 0;
    }
    return a;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const node of order) {
      if (node === 0) continue;
      const known = (predecessors[node] ?? []).filter((p) => idom[p] !== -1);
      const best = known.reduce((a, b) => intersect(a, b));
      if (idom[node] !== best) {
        idom[node] = best;
        changed = true;
      }
    }
  }
  return idom;
}

/** Whether `a` dominates `b`. */
export function dominates(o: Pick<GraphOrder, 'place' | 'idom'>, a: number, b: number): boolean {
  while ((o.place[b] ?? 0) > (o.place[a] ?? 0)) b = o.idom[b] ?? 0;
  return a === b;
}

export function predecessorsOf(graph: Graph, order: readonly number[]): number[][] {
  const predecessors: number[][] = graph.successors.map(() => []);
  for (const node of order) {
    for (const target of graph.successors[node] ?? []) predecessors[target]?.push(node);
  }
  return predecessors;
}

export function orderGraph(graph: Graph): GraphOrder {
  const order = reversePostorder(graph);
  const place: number[] = graph.successors.map(() => -1);
  order.forEach((node, i) => (place[node] = i));
  const predecessors = predecessorsOf(graph, order);
  const idom = dominators(order, place, predecessors);
  const loopHeads = new Set<number>();
  const merges = new Set<number>();
  let reducible = true;
  for (const node of order) {
    const sources = predecessors[node] ?? [];
    const backward = sources.filter((p) => (place[p] ?? 0) >= (place[node] ?? 0));
    if (backward.length > 0) loopHeads.add(node);
    if (sources.length - backward.length > 1) merges.add(node);
    if (backward.some((p) => !dominates({ place, idom }, node, p))) reducible = false;
  }
  return { order, place, idom, loopHeads, merges, reducible };
}
