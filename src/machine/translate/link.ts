import { FRAME_BASE } from '../layout.js';
import { REGION_PARAMS, REGION_RESULTS } from '../core/dispatch.js';
import { I32 } from '../wasm/expr.js';
import type { Body } from '../wasm/function.js';
import { ModuleBuilder } from '../wasm/module.js';
import { SELF, parseImport } from './imports.js';
import { leaveNamed } from './leaves.js';
import { nearNamed } from './near.js';

/** A region as it can be kept: nothing in it depends on where and when it is used, but guest addresses. */
export interface RegionObject {
  readonly entry: number;
  /** Guest addresses of the code it was made from: start, end, start, end ... in order. */
  readonly ranges: readonly number[];
  /** That code. */
  readonly code: Uint8Array;
  /** Whom the body calls, by number. */
  readonly symbols: readonly string[];
  readonly body: Body;
}

/** Regions in one module, in order. */
export interface LinkedRegions<Region> {
  readonly regions: readonly Region[];
  readonly bytes: Uint8Array;
  /** After how many bytes that have run one of these is worth being optimised (MachineOptions.compile). */
  readonly budget: number;
}

/**
 * To optimise a region takes V8 about a microsecond for a byte of its body, in which the code that it has at first runs for
 * some ten thousand bytes: of a small one that is soon got back.
 */
const BUDGETS = [
  { largest: 2000, budget: 20_000_000 },
  { largest: 8000, budget: 150_000_000 },
  { largest: Infinity, budget: 600_000_000 },
];

/** What modules whose functions are to be looked at export: a table of them. */
export const FUNCTIONS = 'functions';

/** Links regions to modules, one for each size that there is. */
export function linkBySize<Object extends RegionObject>(
  objects: readonly Object[],
  link: (objects: readonly RegionObject[]) => Uint8Array = linkRegions,
): LinkedRegions<Object>[] {
  let smallest = 0;
  return BUDGETS.flatMap(({ largest, budget }) => {
    const from = smallest;
    smallest = largest;
    const regions = objects.filter(({ body: { bytes } }) => bytes.length >= from && bytes.length < largest);
    return regions.length === 0 ? [] : [{ regions, bytes: link(regions), budget }];
  });
}

/** WebAssembly pages that any sandbox's memory has, and that none exceeds. */
const LEAST_PAGES = FRAME_BASE / 0x10000;
const MOST_PAGES = 0x10000;

/** As `linkRegions`, with the table FUNCTIONS. */
export function linkToBeKept(objects: readonly RegionObject[]): Uint8Array {
  const module = new ModuleBuilder();
  const places = addObjects(module, objects, []);
  const table = module.table(places.length);
  module.element(0, places, table);
  module.exportTable(FUNCTIONS, table);
  return module.finish();
}

/**
 * A module of these regions. When it is instantiated they go into the table, in order, from the slot on that is its import
 * env.base. Throws for a symbol that nobody knows.
 */
export function linkRegions(
  objects: readonly RegionObject[],
  names: readonly (string | undefined)[] = [],
): Uint8Array {
  const module = new ModuleBuilder();
  addObjects(module, objects, names);
  return module.finish();
}

/** Returns the functions. */
function addObjects(
  module: ModuleBuilder,
  objects: readonly RegionObject[],
  names: readonly (string | undefined)[],
): number[] {
  module.type(REGION_PARAMS, REGION_RESULTS);
  module.importMemory('env', 'memory', LEAST_PAGES, MOST_PAGES);
  module.importTable('env', 'table', 1);
  module.importGlobal('env', 'base', I32);
  const symbols = new Set(objects.flatMap((object) => object.symbols));
  symbols.delete(SELF);
  const indices = new Map<string, number>();
  for (const symbol of symbols) {
    const wanted = parseImport(symbol);
    if (wanted === null) continue;
    indices.set(symbol, module.importFunction(wanted.from, wanted.name, wanted.params, wanted.results));
  }
  const first = indices.size;
  const leaves = [...symbols].filter((symbol) => !indices.has(symbol));
  leaves.forEach((symbol, i) => indices.set(symbol, first + objects.length + i));
  const places = objects.map((object, i) => {
    const own = object.symbols.map((symbol) => (symbol === SELF ? first + i : (indices.get(symbol) ?? 0)));
    const source = { params: REGION_PARAMS, results: REGION_RESULTS, body: () => object.body };
    return module.function(source, names[i], (callee) => own[callee] ?? 0);
  });
  for (const symbol of leaves) {
    const callee = leaveNamed(symbol) ?? nearNamed(symbol);
    if (callee === null) throw new Error(`a region calls ${symbol}`);
    module.function(callee);
  }
  module.movableElement(places);
  return places;
}
