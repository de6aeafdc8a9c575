import type { CodeSource, Translator } from '../code/types.js';
import { CPU, CPU_TRANSLATED } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import type { TranslatorRequest, TranslatorThread } from '../types.js';
import { addRegions, type Surroundings } from './translator.js';

const TRANSLATED = (CPU + CPU_TRANSLATED) >>> 2;

/** Of a program whose hot code is kept, a few blocks get hot all the same, if only once: a thread would take more time than they do. */
const FEW = 4;
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
  /** What was asked for and not answered. */
  private readonly pending = new Set<number>();
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
    const isOften = pending.has(address);
    if (isOften && this.thread !== null) return;
    if (!isOften) this.waiting.push({ root: this.ways.root(), address, program: this.ways.program() });
    pending.add(address);
    if (this.thread === null && !isOften && this.waiting.length < FEW) return;
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
