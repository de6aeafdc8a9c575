import type { CodeSource, RegionFunction, Translator } from '../code/types.js';
import { REGION_PARAMS, REGION_RESULTS } from '../core/dispatch.js';
import type { Semantics } from '../semantics/emitter.js';
import type { Helper } from '../semantics/helper.js';
import type { MachineProbe, MachineStats } from '../types.js';
import type { FunctionBuilder } from '../wasm/function.js';
import { ModuleBuilder } from '../wasm/module.js';
import { wasm, type WasmMemory, type WasmTable } from '../wasm/webassembly.js';
import type { Form } from '../x86/insn.js';
import { discover, type CodeReader, type Limits, type Start } from './discover.js';
import { orderGraph } from './graph.js';
import type { Optimisations } from './optimisations.js';
import type { Flow } from './flow.js';
import { Imports } from './imports.js';
import { Leaves } from './leaves.js';
import { emitRegion } from './region.js';
import { Scanner } from './scan.js';

/** What regions are linked with. */
export interface Surroundings {
  readonly code: CodeSource;
  readonly memory: WasmMemory;
  /** The memory's size in WebAssembly pages, which is also its maximum. */
  readonly pages: number;
  readonly table: WasmTable;
  readonly semanticsOf: (form: Form) => Semantics | undefined;
  /** The core module's functions, by name (imports.ts). */
  readonly core: Readonly<Record<string, unknown>>;
  readonly helper: (helper: Helper) => unknown;
  readonly word: CodeReader['word'];
  readonly stats: MachineStats;
  readonly probe: MachineProbe | undefined;
  readonly on: Optimisations;
}

const LIMITS = { instructions: 1000, blocks: 300 };
const CALLS = 2;
/** Regions that are made at once of code that is too long for one. */
const MOST_REGIONS = 16;

/** Makes regions of hot code, several to a module. */
export class RegionTranslator implements Translator {
  private readonly scanner: Scanner;
  private readonly reader: CodeReader;
  private readonly limits: Limits;
  /** When it began with the regions that are made now, where somebody wants to know. */
  private begun = 0;

  constructor(private readonly with_: Surroundings) {
    const { code, semanticsOf, word, on } = with_;
    this.limits = { ...LIMITS, calls: on.callees ? CALLS : 0, stubs: on.stubs };
    this.scanner = new Scanner(semanticsOf);
    this.reader = {
      decode: (address) => code.decode(address),
      executions: (address) => code.executions(address),
      word,
    };
  }

  /**
   * Of code in a function it is the function that is translated, and the code runs on as it is until it is called again:
   * else each loop, and each place behind a call, would get a region of its own with all that follows. What stays hot
   * (a loop that does not end) gets one nevertheless.
   */
  hot(address: number): void {
    const { code, on } = this.with_;
    if (code.isTranslated(address)) return;
    if (!on.functions) return this.request(address);
    for (const start of code.calledBefore(address)) {
      if (code.isTranslated(start) || start === address) break;
      if (code.executions(start) === 0) continue;
      const flows = this.flowsFrom(start);
      if (!flows.some(({ blocks }) => blocks.some((block) => block.address === address))) continue;
      this.translate(flows);
      for (const { blocks } of flows) for (const block of blocks) code.reheat(block.address);
      return;
    }
    this.request(address);
  }

  request(address: number): void {
    if (this.with_.code.isTranslated(address)) return;
    const flows = this.flowsFrom(address);
    if (flows.length > 0) this.translate(flows);
    // What cannot be translated need not be asked for each time.
    else this.with_.code.reheat(address);
  }

  /** At once: while a region waits for others, its blocks get hot one by one, and each would become a region. */
  private flowsFrom(address: number): Flow[] {
    this.begun = this.with_.probe?.now() ?? 0;
    const flows: Flow[] = [];
    const entries = new Set<number>();
    const hasRun = this.reader.executions(address) > 0;
    let flow = this.flowFrom(address, { hasRun, stops: entries });
    while (flow !== null) {
      flows.push(flow);
      entries.add(flow.entry);
      flow = flows.length < MOST_REGIONS ? this.rest(flow, entries) : null;
    }
    return flows;
  }

  private flowFrom(address: number, start: Start): Flow | null {
    const flow = discover(address, this.reader, this.scanner, this.limits, start);
    const canBeNested = flow === null || this.with_.on.junctions || orderGraph(flow.graph).reducible;
    return canBeNested ? flow : null;
  }

  /**
   * The region behind one that was too long: its start is as hot, but no block began there that was counted. A loop of
   * thousands of instructions would else get translated piece by piece, each after having become hot anew.
   */
  private rest({ cutAt }: Flow, entries: ReadonlySet<number>): Flow | null {
    const { code, on } = this.with_;
    if (cutAt < 0 || !on.pieces || code.isTranslated(cutAt)) return null;
    return this.flowFrom(cutAt, { hasRun: true, stops: entries });
  }

  private translate(flows: readonly Flow[]): void {
    const { memory, pages, table, core, helper, semanticsOf, code, stats, probe, on } = this.with_;
    const module = new ModuleBuilder();
    module.importMemory('env', 'memory', pages, pages);
    module.importTable('env', 'table', 1);
    const regionType = module.type(REGION_PARAMS, REGION_RESULTS);
    const imports = new Imports(module);
    const leaves = new Leaves(flows.length, !on.leaves);
    const functions = flows.map((flow, i) =>
      emitRegion(flow, i, imports, leaves, regionType, semanticsOf, on),
    );
    const names = flows.map(({ entry }) => probe?.nameOf(entry));
    functions.forEach((f, i) => module.export(`${i}`, module.function(f, names[i])));
    leaves.functions.forEach((f) => module.function(f));
    const bytes = module.finish();
    const written = probe?.now() ?? 0;
    const instance = new wasm.Instance(new wasm.Module(bytes), {
      env: { memory, table },
      core,
      helper: imports.helperFunctions(helper),
    });
    flows.forEach(({ entry, ranges }, i) => {
      code.install({ entry, ranges }, instance.exports[`${i}`] as unknown as RegionFunction);
    });
    if (probe !== undefined) this.report(probe, flows, functions, names, written);
    stats.modules++;
    stats.regionsTranslated += flows.length;
    stats.wasmBytes += bytes.length;
  }

  /** Tells of regions that have been made; what they took together is shared out by their instructions. */
  private report(
    probe: MachineProbe,
    flows: readonly Flow[],
    functions: readonly FunctionBuilder[],
    names: readonly (string | undefined)[],
    written: number,
  ): void {
    const sizes = flows.map(({ blocks }) => blocks.reduce((sum, { steps }) => sum + steps.length, 0));
    const all = sizes.reduce((sum, size) => sum + size, 0);
    const compileMs = probe.now() - written;
    flows.forEach(({ ranges }, i) => {
      const instructions = sizes[i] ?? 0;
      probe.made({
        name: names[i] ?? '',
        instructions,
        codeBytes: ranges.reduce((sum, at, k) => (k % 2 === 0 ? sum - at : sum + at), 0),
        wasmBytes: functions[i]?.size ?? 0,
        writeMs: ((written - this.begun) * instructions) / all,
        compileMs: (compileMs * instructions) / all,
      });
    });
  }
}
