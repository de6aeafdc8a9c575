import type { CodeSource, RegionFunction, Translator } from '../code/types.js';
import type { Semantics } from '../semantics/emitter.js';
import type { Helper } from '../semantics/helper.js';
import type { MachineStats } from '../types.js';
import { ModuleBuilder } from '../wasm/module.js';
import { wasm, type WasmMemory, type WasmTable } from '../wasm/webassembly.js';
import type { Form } from '../x86/insn.js';
import { discover, type Flow, type Limits } from './discover.js';
import { Imports } from './imports.js';
import { REGION_PARAMS, REGION_RESULTS, emitRegion } from './region.js';
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
  readonly stats: MachineStats;
}

/** Requests that are worth a module of their own: a module costs as much as some ten regions' compilation. */
const BATCH = 8;
const LIMITS: Limits = { instructions: 600, blocks: 160 };

/** Makes regions of hot code, several to a module. */
export class RegionTranslator implements Translator {
  private readonly queue = new Set<number>();
  private readonly scanner: Scanner;

  constructor(private readonly with_: Surroundings) {
    this.scanner = new Scanner(with_.semanticsOf);
  }

  request(address: number): void {
    this.queue.add(address);
    if (this.queue.size >= BATCH) this.flush();
  }

  flush(): void {
    if (this.queue.size === 0) return;
    const flows = this.discoverQueue();
    if (flows.length > 0) this.translate(flows);
  }

  /** What was asked for, less what another region of this batch covers: that is hot with it, not beside it. */
  private discoverQueue(): Flow[] {
    const { code } = this.with_;
    const flows: Flow[] = [];
    const covered = new Set<number>();
    for (const address of this.queue) {
      if (covered.has(address) || code.isTranslated(address)) continue;
      const flow = discover(address, (at) => code.decode(at), this.scanner, LIMITS);
      if (flow === null) continue;
      flows.push(flow);
      for (const block of flow.blocks) covered.add(block.address);
    }
    this.queue.clear();
    return flows;
  }

  private translate(flows: readonly Flow[]): void {
    const { memory, pages, table, core, helper, semanticsOf, code, stats } = this.with_;
    const module = new ModuleBuilder();
    module.importMemory('env', 'memory', pages, pages);
    module.importTable('env', 'table', 1);
    const regionType = module.type(REGION_PARAMS, REGION_RESULTS);
    const imports = new Imports(module);
    const functions = flows.map((flow) => emitRegion(flow, imports, regionType, semanticsOf));
    functions.forEach((f, i) => module.export(`${i}`, module.function(f)));
    const bytes = module.finish();
    const instance = new wasm.Instance(new wasm.Module(bytes), {
      env: { memory, table },
      core,
      helper: imports.helperFunctions(helper),
    });
    flows.forEach(({ entry, ranges }, i) => {
      code.install({ entry, ranges }, instance.exports[`${i}`] as unknown as RegionFunction);
    });
    stats.modules++;
    stats.regionsTranslated += flows.length;
    stats.wasmBytes += bytes.length;
  }
}
