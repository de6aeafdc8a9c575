import type { BlockDecoder } from '../interpret/block-decoder.js';
import type { CodeCache } from '../code/code-cache.js';
import type { Fetcher } from '../code/fetch.js';
import type { Translator } from '../code/types.js';
import {
  CPU,
  CPU_CODE_STALE,
  CPU_EFLAGS,
  CPU_EXIT,
  CPU_EXIT_ADDRESS,
  CPU_EXIT_ERROR,
  CPU_EXIT_VECTOR,
  CPU_RIP,
  PAGE_SIZE,
  TRAP_FLAG,
  USER_END,
} from '../layout.js';
import { VECTOR_GP, VECTOR_PF, VECTOR_TRACE, VECTOR_UD } from '../semantics/emitter.js';
import type { MachineViews } from '../semantics/helper.js';
import {
  ACCESS_EXEC,
  EXIT_EXCEPTION,
  EXIT_SYSCALL,
  type Access,
  type MachineStats,
  type Supervisor,
} from '../types.js';
import { DECODE_INVALID, DECODE_TRUNCATED } from '../x86/decode.js';

const EXIT = (CPU + CPU_EXIT) >>> 2;
const VECTOR = (CPU + CPU_EXIT_VECTOR) >>> 2;
const ERROR = (CPU + CPU_EXIT_ERROR) >>> 2;
const ADDRESS = (CPU + CPU_EXIT_ADDRESS) >>> 2;
const RIP = (CPU + CPU_RIP) >>> 2;
const EFLAGS = (CPU + CPU_EFLAGS) >>> 2;
const STALE = (CPU + CPU_CODE_STALE) >>> 2;
const TWO_32 = 0x100000000;
/** Upper halves of rip from which on it is not canonical, and from which on it is the kernel's. */
const NOT_CANONICAL = 0x8000;
const KERNEL_HALF = 0xffff8000;
/** A fetch by user code; and with the page present (SDM volume 3, 4.7). */
const ERROR_FETCH = ACCESS_EXEC | 4;
const ERROR_PRESENT = 1;

/** What the host functions work on. */
export interface HostContext {
  readonly memory: MachineViews;
  readonly supervisor: Supervisor;
  readonly stats: MachineStats;
  readonly code: CodeCache;
  readonly fetcher: Fetcher;
  readonly decoder: BlockDecoder;
  readonly translator: Translator | null;
  /** Translate before anything is interpreted. */
  readonly eager: boolean;
  /** Whether the page of `address` is present in the running space, with whatever rights. */
  readonly isPresent: (address: number) => boolean;
  readonly log: (line: string) => void;
}

/** The functions that the core module calls (HOST_FUNCTIONS in build.ts). */
export class CoreHost {
  constructor(private readonly context: HostContext) {}

  private raise(vector: number, error: number, lo: number, hi: number): void {
    const { i32 } = this.context.memory;
    i32[EXIT] = EXIT_EXCEPTION;
    i32[VECTOR] = vector;
    i32[ERROR] = error;
    i32[ADDRESS] = lo;
    i32[ADDRESS + 1] = hi;
  }

  private raiseFetch(address: number): void {
    const present = this.context.isPresent(address) ? ERROR_PRESENT : 0;
    this.raise(VECTOR_PF, ERROR_FETCH | present, address | 0, Math.floor(address / TWO_32));
  }

  pageFault(address: number, access: Access): number {
    this.context.stats.pageFaults++;
    return this.context.supervisor.pageFault(address, access) ? 1 : 0;
  }

  codeHit(offset: number, length: number): void {
    this.context.code.writtenAt(offset >>> 0, length);
  }

  syscall(): number {
    const { memory, supervisor } = this.context;
    if (!supervisor.syscall()) {
      memory.i32[EXIT] = EXIT_SYSCALL;
      return 0;
    }
    if (((memory.i32[EFLAGS] as number) & TRAP_FLAG) !== 0) this.raise(VECTOR_TRACE, 0, 0, 0);
    return memory.i32[STALE] === 0 && memory.i32[EXIT] === 0 ? 1 : 0;
  }

  search(address: number): number {
    return this.context.code.slotAt(address);
  }

  hot(): void {
    const { translator, code } = this.context;
    const rip = this.rip();
    if (translator === null) code.reheat(rip);
    else translator.hot(rip);
  }

  /** rip, where it is in user space; otherwise raises what its fetch raises, and returns -1. */
  private rip(): number {
    const { i32, u32 } = this.context.memory;
    const hi = u32[RIP + 1] as number;
    if (hi < NOT_CANONICAL) return hi * TWO_32 + (u32[RIP] as number);
    if (hi >= KERNEL_HALF) this.raise(VECTOR_PF, ERROR_FETCH | ERROR_PRESENT, i32[RIP] as number, hi);
    else this.raise(VECTOR_GP, 0, 0, 0);
    return -1;
  }

  /** The frame of a page to execute from; 0 after a fault that the supervisor does not mend. */
  private executable(address: number): number {
    for (;;) {
      const frame = this.context.fetcher.frameOf(address);
      if (frame !== 0) return frame;
      if (address < USER_END && this.pageFault(address, ACCESS_EXEC) !== 0) continue;
      this.raiseFetch(address);
      return 0;
    }
  }

  look(): void {
    const { code, eager, translator } = this.context;
    const address = this.rip();
    const frame = address < 0 ? 0 : this.executable(address);
    if (frame === 0) return;
    if (eager && translator !== null && !code.isTranslated(address)) translator.request(address);
    this.settle(address, frame, code.enter(address, frame));
  }

  /** Acts on what decoding gave; another look follows unless there is an exception. */
  private settle(address: number, frame: number, failure: number): void {
    if (failure === 0) return;
    if (failure === DECODE_TRUNCATED) this.executable(address - (address % PAGE_SIZE) + PAGE_SIZE);
    else if (failure === DECODE_INVALID) this.raiseUnknown(address, frame);
    else this.raise(VECTOR_GP, 0, 0, 0);
  }

  private raiseUnknown(address: number, frame: number): void {
    const { fetcher, log } = this.context;
    log(`unknown instruction at ${address.toString(16)}: ${fetcher.bytesAt(address, frame)}`);
    this.raise(VECTOR_UD, 0, 0, 0);
  }

  step(): number {
    const { decoder } = this.context;
    const address = this.rip();
    const frame = address < 0 ? 0 : this.executable(address);
    if (frame === 0) return 0;
    const record = decoder.step(address, frame);
    if (record > 0) return record;
    this.settle(address, frame, record);
    return 0;
  }

  /** As the module imports them. */
  functions(): Readonly<Record<string, unknown>> {
    return {
      pageFault: (address: number, access: Access) => this.pageFault(address, access),
      codeHit: (offset: number, length: number) => this.codeHit(offset, length),
      look: () => this.look(),
      hot: () => this.hot(),
      step: () => this.step(),
      syscall: () => this.syscall(),
      search: (address: number) => this.search(address),
    };
  }
}
