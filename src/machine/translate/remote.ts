import type { CodeSource, Translator } from '../code/types.js';
import { CPU, CPU_TRANSLATED } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import type { TranslatorRequest, TranslatorThread } from '../types.js';
import { addRegions, type Surroundings } from './translator.js';

const TRANSLATED = (CPU + CPU_TRANSLATED) >>> 2;

/** How often something must have got hot before there is a thread: starting one and ending it takes more time than that. */
const FEW = 4;
/** The same for a program whose hot code is kept. */
const FEW_WITH_KEPT = 64;
/** How much longer what is part of a region may run without one of its own, which would have the same code once more. */
const COVERED = 10;
/** The part, 1 / WORTH, of what is kept that must be new for the program's end to wait until that is kept, too. */
const WORTH = 20;

/** What it is told by the machine. */
export interface RemoteWays {
  /** The running space's root table, and the program that it runs. */
  readonly root: () => number;
  readonly program: () => string;
  readonly start: () => TranslatorThread;
  /** Who makes regions if the thread is lost. */
  readonly instead: () => Translator;
}

/** Has another thread make regions of hot code; the program runs on, and gets them when they are there. */
export class RemoteTranslator implements Translator {
  private thread: TranslatorThread | null = null;
  /** What was asked for and not answered, and how often it got hot. */
  private readonly pending = new Map<number, number>();
  private collected = 0;
  private made = 0;
  private kept = 0;
  /** What is asked for as soon as it is worth a thread. */
  private readonly waiting: TranslatorRequest[] = [];
  private inline: Translator | null = null;
  /** Entries of kept regions, of which the thread has not been told. */
  private readonly known: number[] = [];
  private readonly code: CodeSource;

  constructor(
    private readonly with_: Surroundings,
    private readonly views: MachineViews,
    private readonly ways: RemoteWays,
  ) {
    this.code = with_.code;
  }

  /** What is asked for must be hot: nothing is made at once. */
  request(address: number): void {
    this.hot(address);
  }

  hot(address: number): void {
    this.collect();
    if (this.thread?.isLost === true) return this.hotWithout(address);
    const { code, pending } = this;
    code.reheat(address);
    if (code.isTranslated(address)) return;
    const times = 1 + (pending.get(address) ?? 0);
    pending.set(address, times);
    // It is told of each time that there are twice as many: the hottest comes first.
    if ((times & (times - 1)) !== 0) return;
    this.waiting.push({ root: this.ways.root(), address, program: this.ways.program() });
    if (this.thread === null && this.waiting.length < (this.kept === 0 ? FEW : FEW_WITH_KEPT)) return;
    this.thread ??= this.ways.start();
    for (const request of this.waiting.splice(0))
      this.thread.post({ ...request, known: this.known.splice(0) });
  }

  /** The thread has ended: the program has to wait for its regions from now on. */
  private hotWithout(address: number): void {
    this.inline ??= this.ways.instead();
    this.inline.hot(address);
  }

  collect(): void {
    const { thread, with_, views } = this;
    if (thread === null || Atomics.load(views.i32, TRANSLATED) === this.collected) return;
    for (let answer = thread.receive(); answer !== undefined; answer = thread.receive()) {
      this.collected = (this.collected + 1) | 0;
      for (const address of answer.answered) this.pending.delete(address);
      for (const { module, regions } of answer.made) {
        addRegions(with_, module, regions);
        this.made += regions.length;
      }
      with_.stats.wasmBytes += answer.wasmBytes;
      for (const address of answer.covered) this.code.reheat(address, COVERED);
    }
  }

  /** There are regions with these entries already. */
  knows(entries: readonly number[]): void {
    this.kept += entries.length;
    for (const entry of entries) this.known.push(entry);
  }

  close(): void {
    this.collect();
    this.thread?.close(this.made * WORTH > this.kept);
  }
}
