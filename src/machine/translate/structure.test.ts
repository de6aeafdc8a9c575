import assert from 'node:assert/strict';
import { test } from 'node:test';
import { I32, i32 } from '../wasm/expr.js';
import { FunctionBuilder, STORE } from '../wasm/function.js';
import { ModuleBuilder } from '../wasm/module.js';
import { wasm } from '../wasm/webassembly.js';
import { orderGraph, type Graph } from './graph.js';
import { routed } from './reducible.js';
import { emitGraph, type Ending } from './structure.js';

/** A small repeatable generator (Marsaglia's xorshift32). */
function xorshift(seed: number): () => number {
  let x = seed | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

const STEPS = 200;
const LOG = 8;

/** Which successor a walk takes: decided by bits of a state that each node turns on. */
function walk(graph: Graph, seed: number): number[] {
  const path: number[] = [];
  let state = seed;
  let node = 0;
  while (path.length < STEPS) {
    path.push(node);
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    const successors = graph.successors[node] ?? [];
    if (successors.length === 0) break;
    const choice = (state >>> 16) & 3;
    node = successors[Math.min(choice, successors.length - 1)] ?? 0;
  }
  return path;
}

/** A function (seed) -> length of the path, which it writes from LOG on. */
function compile(graph: Graph): Uint8Array {
  const f = new FunctionBuilder([I32], [I32]);
  const count = f.local(I32);
  const state = f.get(0);
  const emit = (node: number): Ending | null => {
    f.store(STORE.i32, i32.shl(f.get(count), i32.const(2)), i32.const(node), LOG);
    f.set(count, i32.add(f.get(count), i32.const(1)));
    f.set(0, i32.add(i32.mul(state, i32.const(1103515245)), i32.const(12345)));
    const successors = graph.successors[node] ?? [];
    if (successors.length === 0) {
      f.return(f.get(count));
      return null;
    }
    f.if(i32.eq(f.get(count), i32.const(STEPS)));
    f.return(f.get(count));
    f.end();
    const choice = i32.and(i32.shr_u(state, i32.const(16)), i32.const(3));
    return {
      cases: successors.slice(0, -1).map((to, i) => ({ cond: i32.eq(choice, i32.const(i)), to })),
      otherwise: successors[successors.length - 1] ?? 0,
    };
  };
  emitGraph(f, routed(graph), { node: emit, junction: () => undefined, back: () => undefined });
  const module = new ModuleBuilder();
  module.importMemory('m', 'memory', 1, 1);
  module.export('run', module.function(f));
  return module.finish();
}

function randomGraph(random: () => number): Graph {
  const size = 1 + (random() % 24);
  const local = random() % 2 === 0;
  const target = (from: number): number =>
    local ? Math.min(size - 1, Math.max(0, from - 2 + (random() % 6))) : random() % size;
  return {
    successors: Array.from({ length: size }, (_, from) =>
      Array.from({ length: random() % 4 }, () => target(from)),
    ),
  };
}

test('emitted code visits the blocks that a walk of the graph visits', () => {
  let irreducible = 0;
  for (let seed = 1; seed <= 400; seed++) {
    const graph = randomGraph(xorshift(seed * 7919));
    if (!orderGraph(graph).reducible) irreducible++;
    const memory = new wasm.Memory({ initial: 1, maximum: 1, shared: true });
    const instance = new wasm.Instance(new wasm.Module(compile(graph)), { m: { memory } });
    const run = instance.exports.run as (seed: number) => number;
    const log = new Int32Array(memory.buffer, LOG);
    for (let start = 1; start < 6; start++) {
      const count = run(start * 77777);
      assert.deepEqual([...log.subarray(0, count)], walk(graph, start * 77777), `graph ${seed}`);
    }
  }
  assert.ok(irreducible > 20 && irreducible < 380, `${irreducible} irreducible graphs`);
});

test('edges back are told before they are taken', () => {
  const graph = { successors: [[1], [1, 2], [0, 3], []] };
  const f = new FunctionBuilder([], []);
  const backs: string[] = [];
  emitGraph(f, routed(graph), {
    junction: () => undefined,
    node: (n) => {
      const [otherwise, ...cases] = graph.successors[n] ?? [];
      if (otherwise === undefined) return null;
      return { cases: cases.map((to) => ({ cond: i32.const(1), to })), otherwise };
    },
    back: (from, to) => backs.push(`${from}-${to}`),
  });
  assert.deepEqual(backs.sort(), ['1-1', '2-0']);
});
