import { CODE_LINES } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import type { Blocks } from './blocks.js';
import type { Code } from './code.js';

/**
 * Which code was made from which lines of which frame: sets of code by frame, and in the memory their union with the lines
 * of the decoded blocks.
 */
export class LineMap {
  private readonly byFrame = new Map<number, Set<Code>>();

  constructor(
    private readonly memory: MachineViews,
    private readonly blocks: Blocks,
  ) {}

  add(code: Code): void {
    const { i32 } = this.memory;
    for (const { frame, lo, hi } of code.spans) {
      const known = this.byFrame.get(frame);
      if (known === undefined) this.byFrame.set(frame, new Set([code]));
      else known.add(code);
      const at = CODE_LINES / 4 + frame * 2;
      i32[at] = (i32[at] as number) | lo;
      i32[at + 1] = (i32[at + 1] as number) | hi;
    }
  }

  hasCode(frame: number): boolean {
    const at = CODE_LINES / 4 + frame * 2;
    return this.memory.i32[at] !== 0 || this.memory.i32[at + 1] !== 0;
  }

  remove(codes: readonly Code[]): void {
    const frames = new Set<number>();
    for (const code of codes) {
      for (const { frame } of code.spans) {
        this.byFrame.get(frame)?.delete(code);
        frames.add(frame);
      }
    }
    for (const frame of frames) this.unite(frame);
  }

  /** Writes the union anew, after code was removed. */
  unite(frame: number): void {
    let [lo, hi] = this.blocks.linesOfFrame(frame);
    for (const code of this.byFrame.get(frame) ?? []) {
      for (const span of code.spans) {
        if (span.frame !== frame) continue;
        lo |= span.lo;
        hi |= span.hi;
      }
    }
    const at = CODE_LINES / 4 + frame * 2;
    this.memory.i32[at] = lo;
    this.memory.i32[at + 1] = hi;
    if (this.byFrame.get(frame)?.size === 0) this.byFrame.delete(frame);
  }

  /** All code, but for the decoded blocks, made from these lines of the frame. */
  touched(frame: number, lo: number, hi: number): readonly Code[] {
    const touches = (code: Code) =>
      code.spans.some((span) => span.frame === frame && ((span.lo & lo) | (span.hi & hi)) !== 0);
    return [...(this.byFrame.get(frame) ?? [])].filter(touches);
  }
}
