import { kind } from '../../checkpoint/registry.js';
/** The urgent byte of a stream (tcp(7)): where it is among the bytes received, until reading has passed it. */
export class UrgentMark {
  /** Offset of the byte; -1 without one. */
  at = -1;
  /** MSG_OOB has read it. */
  read = false;

  set(at: number): void {
    this.at = at;
    this.read = false;
  }

  clear(): void {
    this.at = -1;
  }

  /** 1 when the next byte is the urgent one, which is skipped when it is not read in line. */
  hole(inLine: boolean): number {
    return Number(this.at === 0 && !inLine);
  }

  /** How far one read goes of `length` bytes: it ends before the mark. */
  end(length: number): number {
    return this.at > 0 ? this.at : length;
  }

  /** The first bytes have been read. */
  consume(count: number): void {
    if (this.at >= 0) this.at = Math.max(-1, this.at - count);
  }

  get isPending(): boolean {
    return this.at >= 0 && !this.read;
  }
}

kind('UrgentMark', UrgentMark);
