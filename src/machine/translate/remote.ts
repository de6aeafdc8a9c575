import type { CodeSource, Translator } from '../code/types.js';
import { CPU, CPU_TRANSLATED } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import type { TranslatorThread } from '../types.js';
import { addRegions, type Surroundings } from './translator.js';

const TRANSLATED = (CPU + CPU_TRANSLATED) >>> 2;

/** Has another thread make regions of hot code; the program runs on, and gets them when they are there. */
export class RemoteTranslator implements Translator {
  private thread: TranslatorThread | null = null;
  /** What was asked for and not answered. */
  private readonly pending = new Set<number>();
  private collected = 0;
  private readonly code: CodeSource;

  constructor(
    private readonly with_: Surroundings,
    private readonly views: MachineViews,
    private readonly rootOf: () => number,
    private readonly start: () => TranslatorThread,
  ) {
    this.code = with_.code;
  }

  /** What is asked for must be hot: nothing is made at once. */
  request(address: number): void {
    this.hot(address);
  }

  hot(address: number): void {
    this.collect();
    const { code, pending } = this;
    code.reheat(address);
    if (pending.has(address) || code.isTranslated(address)) return;
    pending.add(address);
    this.thread ??= this.start();
    this.thread.post({ root: this.rootOf(), address });
  }

  collect(): void {
    const { thread, with_, views } = this;
    if (thread === null || Atomics.load(views.i32, TRANSLATED) === this.collected) return;
    for (let answer = thread.receive(); answer !== undefined; answer = thread.receive()) {
      this.collected = (this.collected + 1) | 0;
      for (const address of answer.answered) this.pending.delete(address);
      if (answer.module === null) continue;
      addRegions(with_, answer.module, answer.regions);
      with_.stats.wasmBytes += answer.wasmBytes;
      for (const address of answer.covered) this.code.reheat(address);
    }
  }

  close(): void {
    this.thread?.close();
  }
}
