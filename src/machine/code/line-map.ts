import { CODE_LINES, CODE_LINE_SHIFT } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import { lineMasks, type Code } from './code.js';

/** Which code was made from which lines of which frame: sets of code by frame, and their union in the memory. */
export class LineMap {
  private readonly byFrame = new Map<number, Set<Code>>();

  constructor(private readonly memory: MachineViews) {}

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
    return this.byFrame.has(frame);
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

  private unite(frame: number): void {
    let [lo, hi] = [0, 0];
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

  /** All code made from lines that bytes offset..offset+length-1 of the frame touch. */
  touched(frame: number, offset: number, length: number): readonly Code[] {
    const [lo, hi] = lineMasks(offset >>> CODE_LINE_SHIFT, (offset + length - 1) >>> CODE_LINE_SHIFT);
    const touches = (code: Code) =>
      code.spans.some((span) => span.frame === frame && ((span.lo & lo) | (span.hi & hi)) !== 0);
    return [...(this.byFrame.get(frame) ?? [])].filter(touches);
  }
}
