import { Blocks } from './code/blocks.js';
import { CodeCache } from './code/code-cache.js';
import { Fetcher, executableFrame } from './code/fetch.js';
import { DEFAULT_CPU_LEVEL } from './level.js';
import type { CoreModule } from './core/build.js';
import { loadCore } from './core/core-text.js';
import { CoreHost } from './core/host.js';
import { BlockDecoder, type CoreDecoder } from './interpret/block-decoder.js';
import {
  CPU,
  CPU_BUDGET,
  CPU_CALL_DEPTH,
  CPU_CC_KIND,
  CPU_CC_Y,
  CPU_DF,
  CPU_EFLAGS,
  CPU_EXIT,
  CPU_EXIT_VECTOR,
  CPU_RIP,
  CPU_STATE_SIZE,
  CPU_TLB_MISSES,
  TRAP_FLAG,
} from './layout.js';
import { PageTable } from './memory/address-space.js';
import { FrameTable } from './memory/frames.js';
import { createMemory } from './memory/memory.js';
import { Tlb } from './memory/tlb.js';
import { ARITHMETIC_FLAGS, KIND_RAW, packKind } from './semantics/flags.js';
import type { MachineViews } from './semantics/helper.js';
import { semanticsOf } from './semantics/index.js';
import { optimisationsWithout, type Optimisations } from './translate/optimisations.js';
import { RemoteTranslator } from './translate/remote.js';
import { InlineTranslator, offerRegions, type Surroundings } from './translate/translator.js';
import { VECTOR_GP, VECTOR_SS, VECTOR_TRACE } from './semantics/emitter.js';
import { isStackFault } from './stack-fault.js';
import { traceStep, type Interpret, type StepDecoder } from './trace.js';
import {
  ACCESS_EXEC,
  EXIT_EXCEPTION,
  PTE_EXEC,
  PTE_READ,
  PTE_WRITE,
  type AddressSpace,
  type CpuState,
  type Exit,
  type KeptCode,
  type SavedFrames,
  type Machine,
  type MachineOptions,
  type MachineProbe,
  type MachineStats,
  type ModuleInUse,
  type Supervisor,
} from './types.js';
import { wasm, type WasmFunction, type WasmModule } from './wasm/webassembly.js';

/** How many instructions of a block are interpreted before it is translated; more than any block ever has, to do without. */
const HEAT = { interpret: 0x7fffffff, translate: 1, mixed: 120_000 } as const;
/** The same where a thread translates: that takes only what the engine takes, some microseconds for an instruction. */
const HEAT_FOR_THREAD = 5_000;
/**
 * Regions' calls that may be nested. Engines give WebAssembly about a megabyte of stack; a region takes up to two
 * kilobytes of it before it is optimised, and the supervisor needs some, too.
 */
const CALL_DEPTH = 256;

const BUDGET = (CPU + CPU_BUDGET) >>> 2;
const EXIT = (CPU + CPU_EXIT) >>> 2;
const CC_KIND = (CPU + CPU_CC_KIND) >>> 2;
const CC_Y = (CPU + CPU_CC_Y) >>> 2;
const DF = (CPU + CPU_DF) >>> 2;
const EFLAGS = (CPU + CPU_EFLAGS) >>> 2;
const EXIT_VECTOR = (CPU + CPU_EXIT_VECTOR) >>> 2;
const RIP = (CPU + CPU_RIP) >>> 2;
const TLB_MISSES = (CPU + CPU_TLB_MISSES) >>> 2;

/** Bits of RFLAGS beyond the arithmetic ones: direction; what user code can set; what is always 1. */
const DF_SHIFT = 10;
const USER_FLAGS = 0x244100; // TF, NT, AC, ID
const FIXED_FLAGS = 0x202; // IF and bit 1

/** What all machines share: loaded and compiled once. */
interface SharedCore {
  readonly core: CoreModule;
  readonly module: WasmModule;
}
let $shared: SharedCore | undefined;

function sharedCore(kept: KeptCode | null): SharedCore {
  if ($shared === undefined) {
    const core = loadCore();
    $shared = { core, module: kept?.core(core.bytes) ?? new wasm.Module(core.bytes) };
  }
  return $shared;
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

function zeroStats(): MachineStats {
  return {
    instructions: 0,
    blocksDecoded: 0,
    regionsTranslated: 0,
    regionsKept: 0,
    functionsReady: 0,
    modules: 0,
    wasmBytes: 0,
    tlbMisses: 0,
    pageFaults: 0,
    codeInvalidations: 0,
  };
}

/** Functions whose calls are told. */
function counted(
  functions: Readonly<Record<string, unknown>>,
  probe: MachineProbe,
): Readonly<Record<string, unknown>> {
  const entries = Object.entries(functions).map(([name, func]) => {
    const inner = func as (a: number, b: number) => number;
    const calls = { count: 0 };
    probe.called.set(name, calls);
    return [
      name,
      (a: number, b: number): number => {
        calls.count++;
        return inner(a, b);
      },
    ];
  });
  return Object.fromEntries(entries) as Readonly<Record<string, unknown>>;
}

class SandboxMachine implements Machine {
  readonly memory: MachineViews;
  readonly frames: SavedFrames;
  private readonly counts = zeroStats();
  private readonly tlb: Tlb;
  private readonly blocks: Blocks;
  private readonly code: CodeCache;
  private readonly translator: InlineTranslator | RemoteTranslator | null;
  private readonly run_: WasmFunction;
  private readonly decodeStep: StepDecoder;
  private readonly interpret: Interpret;
  private readonly settleFlags: WasmFunction;
  /** The loaded thread's registers. */
  private readonly cpu: CpuState;
  private space: PageTable | null = null;
  /** What the running space runs, and of which programs kept code has been looked for. */
  private program = '';
  private readonly programs = new Set<string>();
  private readonly keptCode: KeptCode | null;
  /** The core, and modules of kept regions. */
  private readonly inUse: ModuleInUse[] = [];
  private readonly surroundings: Surroundings;

  constructor(options: MachineOptions, supervisor: Supervisor) {
    const { clock = () => 0, cpus = 1, level = DEFAULT_CPU_LEVEL, log = () => undefined, probe } = options;
    const on = optimisationsWithout(options.without ?? []);
    const tier = on.translation ? (options.tier ?? 'mixed') : 'interpret';
    const hasThread = tier === 'mixed' && options.translator !== undefined && probe === undefined;
    // Code that does without some optimisation is not what others want.
    this.keptCode = hasThread && (options.without ?? []).length === 0 ? (options.keptCode ?? null) : null;
    const { core, module } = sharedCore(this.keptCode);
    const sandbox = createMemory(options.memory);
    const memory = (this.memory = sandbox.views);
    const frames = (this.frames = new FrameTable(memory, sandbox.frameEnd));
    this.cpu = memory.u8.subarray(CPU, CPU + CPU_STATE_SIZE);
    this.tlb = new Tlb(memory);
    const fetcher = new Fetcher(memory, (address) => executableFrame(this.space?.get(address) ?? 0));
    this.blocks = new Blocks(memory, hasThread ? HEAT_FOR_THREAD : HEAT[tier]);
    const decoder = new BlockDecoder(memory, fetcher, this.blocks);
    const table = new wasm.Table({ initial: 1, element: 'anyfunc' });
    this.code = new CodeCache(
      memory,
      this.tlb,
      table,
      fetcher,
      this.blocks,
      decoder,
      this.counts,
      (frame) => frames.references(frame) > 0,
      (page) =>
        fetcher.frameOf(page) !== 0 ||
        (supervisor.pageFault(page, ACCESS_EXEC) && fetcher.frameOf(page) !== 0),
      tier === 'translate',
    );
    frames.onCodeWrite = (frame, offset, length) => this.code.written(frame, offset, length);
    const functions: Record<string, unknown> = {};
    const helperFunctions: Record<string, unknown> = {};
    this.surroundings = {
      code: this.code,
      memory: sandbox.memory,
      table,
      core: functions,
      helpers: helperFunctions,
      stats: this.counts,
      compile: options.compile ?? ((bytes) => new wasm.Module(bytes)),
    };
    this.translator = tier === 'interpret' ? null : this.makeTranslator(options, on, hasThread);
    const hostFunctions = new CoreHost({
      memory,
      supervisor,
      stats: this.counts,
      code: this.code,
      fetcher,
      decoder,
      translator: this.translator,
      eager: tier === 'translate',
      isPresent: (address) => ((this.space?.get(address) ?? 0) & (PTE_READ | PTE_WRITE | PTE_EXEC)) !== 0,
      log,
    }).functions();
    const host = probe === undefined ? hostFunctions : counted(hostFunctions, probe);
    this.decodeStep = host.step as StepDecoder;
    const surroundings = { clock, cpus, level };
    const fromJs = Object.fromEntries(
      core.helpers.map((helper) => [helper.name, helper.js?.(memory, surroundings)]),
    );
    const { exports } = new wasm.Instance(module, {
      env: { memory: sandbox.memory, table },
      host,
      helper: fromJs,
    });
    this.inUse.push({ module, functions: () => Object.values(exports).filter(isFunction) });
    Object.assign(functions, host, exports);
    Object.assign(helperFunctions, exports, fromJs);
    decoder.core = exports as unknown as CoreDecoder;
    this.run_ = exports.run as WasmFunction;
    this.interpret = exports.interpret as Interpret;
    this.settleFlags = exports.settleFlags as WasmFunction;
    memory.i32[(CPU + CPU_CALL_DEPTH) >>> 2] = CALL_DEPTH;
  }

  /** A thread's, but where regions are wanted at once, or are to be named. */
  private makeTranslator(
    { translator, probe, without = [] }: MachineOptions,
    on: Optimisations,
    hasThread: boolean,
  ): InlineTranslator | RemoteTranslator {
    const { memory, surroundings } = this;
    const rootOf = (): number => this.space?.root ?? 0;
    const inline = (): InlineTranslator =>
      new InlineTranslator(surroundings, memory, rootOf, semanticsOf, on, probe);
    if (translator === undefined || !hasThread) return inline();
    const { buffer } = surroundings.memory;
    const keeps = this.keptCode !== null;
    return new RemoteTranslator(surroundings, memory, {
      root: rootOf,
      program: () => this.program,
      start: () => translator({ buffer, without, keeps }),
      instead: inline,
    });
  }

  get parts(): Readonly<Record<string, object>> {
    return { tlb: this.tlb };
  }

  createSpace(): AddressSpace | null {
    return PageTable.create(this.memory, this.frames, this.tlb);
  }

  private loadKept(program: string): void {
    this.programs.add(program);
    const kept = this.keptCode?.load(program) ?? null;
    if (kept === null || this.translator === null) return;
    this.inUse.push(...offerRegions(this.surroundings, kept));
    this.translator.knows(kept.flatMap(({ regions }) => regions.map(({ entry }) => entry)));
  }

  activate(space: AddressSpace, program = ''): void {
    if (!(space instanceof PageTable)) throw new Error('a foreign address space');
    this.program = program;
    if (program !== '' && !this.programs.has(program)) this.loadKept(program);
    if (space === this.space) return;
    this.space = space;
    this.tlb.activate(space.root, space.epoch);
  }

  loadCpu(state: CpuState): void {
    this.cpu.set(state);
  }

  saveCpu(state: CpuState): void {
    state.set(this.cpu);
  }

  readFlags(): number {
    const { i32 } = this.memory;
    const direction = (i32[DF] as number) << DF_SHIFT;
    return this.settleFlags() | direction | (i32[EFLAGS] as number) | FIXED_FLAGS;
  }

  writeFlags(flags: number): void {
    const { i32 } = this.memory;
    i32[CC_KIND] = packKind(KIND_RAW, 4);
    i32[CC_Y] = flags & ARITHMETIC_FLAGS;
    i32[CC_Y + 1] = 0;
    i32[DF] = (flags >>> DF_SHIFT) & 1;
    i32[EFLAGS] = flags & USER_FLAGS;
  }

  run(budget: number): Exit {
    const { i32 } = this.memory;
    this.translator?.collect();
    i32[BUDGET] = budget;
    do {
      i32[EXIT] = 0;
      if (((i32[EFLAGS] as number) & TRAP_FLAG) !== 0)
        traceStep(this.memory, this.decodeStep, this.interpret);
      else this.run_();
    } while (i32[EXIT] === EXIT_EXCEPTION && i32[EXIT_VECTOR] === VECTOR_TRACE);
    if (i32[EXIT] === EXIT_EXCEPTION && i32[EXIT_VECTOR] === VECTOR_GP && this.isStackFault())
      i32[EXIT_VECTOR] = VECTOR_SS;
    return i32[EXIT] as Exit;
  }

  private isStackFault(): boolean {
    const { u32 } = this.memory;
    const insn = this.code.decode((u32[RIP + 1] as number) * 0x100000000 + (u32[RIP] as number));
    return insn !== null && isStackFault(this.memory, insn);
  }

  eachBlock(visit: (address: number, frame: number, instructions: number) => void): void {
    this.blocks.eachListed(visit);
  }

  close(): void {
    this.translator?.close();
    this.keptCode?.keep(this.inUse);
  }

  flushCode(): void {
    this.code.flush();
  }

  get stats(): MachineStats {
    this.counts.instructions = this.blocks.instructions;
    this.counts.blocksDecoded = this.blocks.decoded;
    this.counts.tlbMisses = this.memory.u32[TLB_MISSES] as number;
    return this.counts;
  }
}

/** A machine for one sandbox; `supervisor` is who runs programs on it. Throws RangeError for an impossible memory. */
export function createMachine(options: MachineOptions, supervisor: Supervisor): Machine {
  return new SandboxMachine(options, supervisor);
}
