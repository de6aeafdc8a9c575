import type { FoundRegion, RegionSource } from './code/types.js';
import type { CpuLevel } from './level.js';
import type { Optimisation } from './translate/optimisations.js';
import type { MachineViews } from './semantics/helper.js';
import type { WasmModule } from './wasm/webassembly.js';

/** The machine's interfaces. The machine knows nothing of Linux; whoever runs it is its Supervisor. */

/** What kind of access faulted; as in a page fault's error code, bits W and I. */
export const ACCESS_READ = 0;
export const ACCESS_WRITE = 2;
export const ACCESS_EXEC = 16;
export type Access = typeof ACCESS_READ | typeof ACCESS_WRITE | typeof ACCESS_EXEC;

/**
 * Called from inside `run`, with all registers in the CPU block for `syscall`, and with none of them guaranteed for
 * `pageFault`. Both may change page tables; neither may throw but KernelBug.
 */
export interface Supervisor {
  /** True: go on with the registers as they now are. False: leave `run` with EXIT_SYSCALL (rip behind the syscall). */
  syscall(): boolean;
  /** True: the access can be tried again. False: leave `run` with EXIT_EXCEPTION, vector 14, registers exact. */
  pageFault(address: number, access: Access): boolean;
}

/** Why `run` came back. */
export const EXIT_BUDGET = 1;
export const EXIT_SYSCALL = 2;
/** An exception: CPU_EXIT_VECTOR, CPU_EXIT_ERROR, CPU_EXIT_ADDRESS; rip as the manual has it for that vector. */
export const EXIT_EXCEPTION = 3;
/** The error of a #DB that the trap flag has raised: single step, as DR6 says it. */
export const DR6_STEP = 0x4000;
export type Exit = typeof EXIT_BUDGET | typeof EXIT_SYSCALL | typeof EXIT_EXCEPTION;

/** Page-table entry flags, in the low 12 bits under the frame's number. */
export const PTE_READ = 1;
export const PTE_WRITE = 2;
export const PTE_EXEC = 4;
/** Set by the walk that fills a TLB entry. */
export const PTE_ACCESSED = 8;
export const PTE_DIRTY = 16;
/** The kernel's own bits; the machine leaves them alone, and counts them (PageTally). */
export const PTE_KERNEL_1 = 32;
export const PTE_KERNEL_2 = 64;

/** The page will soon have another frame: it is part of no range (core/ranges.ts). */
export const PTE_FLEETING = 128;

/** How many of the entries that many were about had each of the kernel's bits. */
export interface PageTally {
  kernel1: number;
  kernel2: number;
}

/** Frames: 4 KiB pieces of the memory, counted by reference. Frame numbers are below 2^20; 0 is none. */
/** See SavedFrames. */
export interface FrameState {
  /** Frames from the first one on: how many references each has. */
  readonly references: Int32Array;
  /** Those without, the one that is handed out next first. */
  readonly freed: Int32Array;
}

export interface Frames {
  /** A frame full of zeros with one reference, or 0 when memory is exhausted. */
  allocate(): number;
  /** The same, that frame which lies `distance` from another; 0 if it cannot be had. */
  allocateBeside(frame: number, distance: number): number;
  /** The same, in a place where `count` frames are free if there is one: the `index`-th of them. The others are kept apart. */
  allocateReserved(count: number, index: number): number;
  retain(frame: number): void;
  /** Gives a reference back; the last one frees the frame. */
  release(frame: number): void;
  references(frame: number): number;
  /** Frames that could still be allocated, and all there are. */
  readonly free: number;
  readonly total: number;
  /** To be called before the kernel itself writes to a frame that may hold translated code. */
  willWrite(frame: number, offset: number, length: number): void;
}

/** A machine's frames: they can be written down and taken back. */
export interface SavedFrames extends Frames {
  /** Which frames are in use, and who comes next: all but their content. */
  save(): FrameState;
  /** Takes a saved state in place of the present one; all frames become zeros. False if it cannot be one of these frames. */
  restore(state: FrameState): boolean;
}

/**
 * A process's page table: 47-bit addresses, 4 KiB pages. An entry is frame << 12 | PTE_*; 0 is none. Each entry stands for
 * a reference to its frame: with single entries it is the owner who retains and releases; `share`, `drop` and `destroy`
 * do so themselves. After an entry that was present is changed to allow less or another frame, the TLB is flushed by these
 * methods themselves where this space is the running one.
 */
export interface AddressSpace {
  get(address: number): number;
  /** False when there was no memory for the table itself. */
  set(address: number, pte: number): boolean;
  /** Calls `visit` for each present entry of [start, end), in order; what it returns becomes the entry. */
  update(start: number, end: number, visit: (address: number, pte: number) => number): void;
  /**
   * Gives `child`, which has nothing there, the entries of [start, end). `readOnly`: without PTE_WRITE, in both. The tally
   * is of what the child got. False when there was no memory for its tables.
   */
  share(child: AddressSpace, start: number, end: number, readOnly: boolean, tally: PageTally): boolean;
  /** Takes all entries of [start, end) away; the tally is of them. */
  drop(start: number, end: number, tally: PageTally): void;
  /**
   * A frame for the page at `address`, which has none: one that lies beside its neighbour's as the pages do. Neighbours
   * that count are those that have this bit, and their frames for themselves. 0 if there is none, or it is taken.
   */
  allocateNear(address: number, bit: number): number;
  /** Frames that the tables themselves take. */
  readonly tables: number;
  /** Takes all entries away and frees the tables. */
  destroy(): void;
}

/** A thread's registers while it does not run: CPU_STATE_SIZE bytes laid out as the CPU block. */
export type CpuState = Uint8Array;

export interface Machine {
  readonly memory: MachineViews;
  readonly frames: SavedFrames;
  /** What its address spaces refer to besides: for who writes them down. */
  readonly parts: Readonly<Record<string, object>>;
  createSpace(): AddressSpace | null;
  /** Makes `space` the running one, which runs a program of which kept code is known by this name; '': of none. */
  activate(space: AddressSpace, program?: string): void;
  loadCpu(state: CpuState): void;
  saveCpu(state: CpuState): void;
  /** RFLAGS of the loaded thread; of what is written, the bits that user code can set count. */
  readFlags(): number;
  writeFlags(flags: number): void;
  /** Runs the loaded thread for about `budget` back edges, calls and returns. */
  run(budget: number): Exit;
  readonly stats: MachineStats;
  /** Calls `visit` for each decoded block that is there: its address and frame, and how many instructions of it were interpreted. */
  eachBlock(visit: (address: number, frame: number, instructions: number) => void): void;
  /** Forgets all decoded and translated code. */
  flushCode(): void;
  /** Ends what runs besides: no program will run any more. */
  close(): void;
}

export interface MachineStats {
  instructions: number;
  blocksDecoded: number;
  regionsTranslated: number;
  /** Regions of earlier runs that were taken. */
  regionsKept: number;
  /** Kept functions that came optimised. */
  functionsReady: number;
  modules: number;
  wasmBytes: number;
  tlbMisses: number;
  pageFaults: number;
  codeInvalidations: number;
}

export interface MachineOptions {
  /** Bytes of guest memory (frames); rounded up to pages. */
  memory: number;
  /** Interpret only, translate at once, or translate what is hot (default). */
  tier?: 'interpret' | 'translate' | 'mixed';
  /** Nanoseconds since some fixed time, never going back: what RDTSC reads. Without it time stands still. */
  clock?: () => number;
  /** Processors that CPUID reports; 1 without it. */
  cpus?: number;
  /** Which instructions CPUID reports; DEFAULT_CPU_LEVEL without it. */
  level?: CpuLevel;
  /** One line for what should not pass unseen: an unknown instruction with its bytes and address. */
  log?: (line: string) => void;
  /** What translated code is to do without (translate/optimisations.ts). */
  without?: readonly Optimisation[];
  /** Who writes a profile. */
  probe?: MachineProbe;
  /** Starts a thread that makes regions; without it the program waits for them. */
  translator?: (setup: TranslatorSetup) => TranslatorThread;
  /** Compiles a module of regions, which are worth being optimised after about so many bytes of them have run. */
  compile?: Compile;
  /** Where code that was translated before is kept. */
  keptCode?: KeptCode | undefined;
}

export type Compile = (bytes: Uint8Array, budget: number) => WasmModule;

/** Code that outlives the machine. */
export interface KeptCode {
  /** Compiles the module of what is there before anything is translated. */
  core(bytes: Uint8Array): WasmModule;
  /** What earlier runs of a program have left; null where nothing is there, or nothing that can be trusted. */
  load(program: string): KeptProgram | null;
  /** Keeps what the engine has made of these meanwhile, of what comes from here. */
  keep(modules: readonly ModuleInUse[]): void;
}

/** Modules of regions, in order (translate/link.ts: linkToBeKept). */
export type KeptProgram = readonly KeptModule[];

export interface KeptModule {
  readonly module: WasmModule;
  readonly regions: readonly RegionSource[];
  /** How many of its functions are optimised. */
  readonly ready: number;
}

/** A module, and functions of it that tell how it is compiled. */
export interface ModuleInUse {
  readonly module: WasmModule;
  readonly functions: () => readonly unknown[];
}

/** What a thread that makes regions has to know (translate/service.ts). */
export interface TranslatorSetup {
  /** The machine's memory. */
  readonly buffer: SharedArrayBuffer;
  readonly without: readonly Optimisation[];
  /** Whether what is made is to be kept. */
  readonly keeps: boolean;
}

/** A machine's end of the way to its translator. */
export interface TranslatorThread {
  /** It has ended by itself. */
  readonly isLost: boolean;
  post(request: TranslatorRequest): void;
  /** The next answer, if one has come. */
  receive(): TranslatorAnswer | undefined;
  /** Ends the thread; `keeps`: after it has put away what is to be kept. */
  close(keeps: boolean): void;
}

/** Code of the space with this root table has got hot, in this program; and of which entries regions are kept. */
export interface TranslatorRequest {
  readonly root: number;
  readonly address: number;
  readonly program: string;
  readonly known?: readonly number[];
}

export interface TranslatorAnswer {
  /** The addresses of the requests that are done with. */
  readonly answered: readonly number[];
  /** Where blocks begin that are in the regions. */
  readonly covered: readonly number[];
  /** Modules of regions, in order (translate/link.ts). */
  readonly made: readonly { readonly module: WasmModule; readonly regions: readonly FoundRegion[] }[];
  readonly wasmBytes: number;
}

/** What the machine tells whoever writes a profile. */
export interface MachineProbe {
  /** Milliseconds since some fixed time. */
  now(): number;
  /** A region of the running space's code is about to be made: what its function is to be called in samples. */
  nameOf(entry: number): string;
  made(region: MadeRegion): void;
  /** How often translated and interpreted code has called each function of JavaScript's (HOST_FUNCTIONS in core/build.ts). */
  readonly called: Map<string, { count: number }>;
}

export interface MadeRegion {
  readonly name: string;
  readonly instructions: number;
  readonly codeBytes: number;
  readonly wasmBytes: number;
  /** Its part of the time in which it was found and written, and handed to the engine. */
  readonly writeMs: number;
  readonly compileMs: number;
}
