import { AT_CODE_OFFSET, AT_CODE_SIZE, AT_RIP, CASE_SIZE, CODE, STATE_SIZE, type State } from './state.js';

/** A sequence of cases as runner.c reads it. */
export class Batch {
  private buffer = new Uint8Array(1 << 16);
  private length = 0;
  /** Where each case starts. */
  private readonly starts: number[] = [];

  get count(): number {
    return this.starts.length;
  }

  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  /** Adds a case; `code` null: that of the case before. The code lies where the state's rip points. */
  add(state: State, code: Uint8Array | null): void {
    const size = code?.length ?? 0;
    this.reserve(CASE_SIZE + size);
    this.starts.push(this.length);
    this.buffer.set(state.bytes, this.length);
    const view = this.caseAt(this.count - 1);
    view.setUint32(AT_CODE_OFFSET, view.getUint32(AT_RIP, true) - CODE, true);
    view.setUint32(AT_CODE_SIZE, size, true);
    if (code !== null) this.buffer.set(code, this.length + CASE_SIZE);
    this.length += CASE_SIZE + size;
  }

  /** The case's bytes, from its state on. */
  caseAt(k: number): DataView {
    return new DataView(this.buffer.buffer, this.starts[k]);
  }

  stateAt(k: number): Uint8Array {
    return this.buffer.subarray(this.starts[k], this.starts[k] + STATE_SIZE);
  }

  /** The case's code, or null when it has that of the case before. */
  codeAt(k: number): Uint8Array | null {
    const start = this.starts[k] + CASE_SIZE;
    const size = this.caseAt(k).getUint32(AT_CODE_SIZE, true);
    return size === 0 ? null : this.buffer.subarray(start, start + size);
  }

  private reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const bigger = new Uint8Array(this.buffer.length * 2 + count);
    bigger.set(this.buffer.subarray(0, this.length));
    this.buffer = bigger;
  }
}
