import type { CodeSource, FoundRegion, Translator } from '../code/types.js';
import type { Semantics } from '../semantics/emitter.js';
import type { MachineViews } from '../semantics/helper.js';
import type { Compile, KeptProgram, MachineProbe, MachineStats, ModuleInUse } from '../types.js';
import {
  wasm,
  type WasmInstance,
  type WasmMemory,
  type WasmModule,
  type WasmTable,
} from '../wasm/webassembly.js';
import type { Form } from '../x86/insn.js';
import { CodeView } from './code-view.js';
import type { Flow } from './flow.js';
import { FUNCTIONS, linkRegions, type RegionObject } from './link.js';
import { RegionMaker, sizeOf } from './maker.js';
import type { Optimisations } from './optimisations.js';

/** What regions are linked with. */
export interface Surroundings {
  readonly code: CodeSource;
  readonly memory: WasmMemory;
  readonly table: WasmTable;
  /** The core module's functions, and the helpers, by name (imports.ts). */
  readonly core: Readonly<Record<string, unknown>>;
  readonly helpers: Readonly<Record<string, unknown>>;
  readonly stats: MachineStats;
  readonly compile: Compile;
}

/** Puts a module's regions into the table, and lets them be found. */
export function addRegions(with_: Surroundings, module: WasmModule, regions: readonly FoundRegion[]): void {
  const { code, stats } = with_;
  const base = code.takeSlots(regions.length);
  instantiate(with_, module, base);
  regions.forEach((region, i) => {
    if (code.install(region, base + i)) stats.regionsTranslated++;
    else code.giveSlotBack(base + i);
  });
  stats.modules++;
}

/** Puts modules of kept regions into the table, to be found where their code is. */
export function offerRegions(with_: Surroundings, kept: KeptProgram): ModuleInUse[] {
  return kept.map(({ module, regions, ready }) => {
    const base = with_.code.takeSlots(regions.length);
    const { exports } = instantiate(with_, module, base);
    with_.code.offer(regions, base);
    with_.stats.modules++;
    with_.stats.functionsReady += ready;
    const functions = exports[FUNCTIONS] as WasmTable;
    return { module, functions: () => regions.map((_, i) => functions.get(i)) };
  });
}

function instantiate(
  { memory, table, core, helpers }: Surroundings,
  module: WasmModule,
  base: number,
): WasmInstance {
  return new wasm.Instance(module, {
    env: { memory, table, base: new wasm.Global({ value: 'i32' }, base) },
    core,
    helper: helpers,
  });
}

/** Makes regions of hot code at once, while the program waits. */
export class InlineTranslator implements Translator {
  private readonly view: CodeView;
  private readonly maker: RegionMaker;

  constructor(
    private readonly with_: Surroundings,
    views: MachineViews,
    private readonly rootOf: () => number,
    semanticsOf: (form: Form) => Semantics | undefined,
    on: Optimisations,
    private readonly probe: MachineProbe | undefined,
  ) {
    this.view = new CodeView(views);
    this.maker = new RegionMaker(this.view, semanticsOf, on, (entry) => with_.code.isTranslated(entry));
  }

  hot(address: number): void {
    this.make(address, () => this.maker.hotFlows(address));
  }

  request(address: number): void {
    this.make(address, () => this.maker.flowsFrom(address));
  }

  collect(): void {
    // All is there as soon as it has been asked for.
  }

  knows(): void {
    // Whoever asks looks for them.
  }

  close(): void {
    // There is nothing besides the program.
  }

  private make(address: number, find: () => Flow[]): void {
    const { code, stats } = this.with_;
    if (code.isTranslated(address)) return;
    const begun = this.probe?.now() ?? 0;
    this.view.open(this.rootOf());
    const flows = find();
    // What cannot be translated need not be asked for each time; what is in a function runs on as it is.
    const covered = flows.flatMap(({ blocks }) => blocks.map((block) => block.address));
    for (const at of new Set([address, ...covered])) code.reheat(at);
    if (flows.length === 0) return;
    const objects = flows.map((flow) => this.maker.write(flow));
    const names = flows.map(({ entry }) => this.probe?.nameOf(entry));
    const bytes = linkRegions(objects, names);
    const written = this.probe?.now() ?? 0;
    addRegions(
      this.with_,
      new wasm.Module(bytes),
      objects.map((object) => this.view.found(object)),
    );
    stats.wasmBytes += bytes.length;
    if (this.probe !== undefined) report(this.probe, flows, objects, names, begun, written);
  }
}

/** Tells of regions that have been made; what they took together is shared out by their instructions. */
function report(
  probe: MachineProbe,
  flows: readonly Flow[],
  objects: readonly RegionObject[],
  names: readonly (string | undefined)[],
  begun: number,
  written: number,
): void {
  const all = flows.reduce((sum, flow) => sum + sizeOf(flow), 0);
  const compileMs = probe.now() - written;
  flows.forEach((flow, i) => {
    const instructions = sizeOf(flow);
    probe.made({
      name: names[i] ?? '',
      instructions,
      codeBytes: objects[i]?.code.length ?? 0,
      wasmBytes: objects[i]?.body.bytes.length ?? 0,
      writeMs: ((written - begun) * instructions) / all,
      compileMs: (compileMs * instructions) / all,
    });
  });
}
