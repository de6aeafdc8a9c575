import { kind } from '../checkpoint/registry.js';
/** A set of signals 1..64, in two halves so that no BigInt is needed. */
export class SigSet {
  constructor(
    public lo = 0,
    public hi = 0,
  ) {}

  static of(...signals: readonly number[]): SigSet {
    const set = new SigSet();
    for (const signal of signals) set.add(signal);
    return set;
  }

  get empty(): boolean {
    return (this.lo | this.hi) === 0;
  }

  has(signal: number): boolean {
    return signal <= 32 ? (this.lo & (1 << (signal - 1))) !== 0 : (this.hi & (1 << (signal - 33))) !== 0;
  }

  add(signal: number): void {
    if (signal <= 32) this.lo |= 1 << (signal - 1);
    else this.hi |= 1 << (signal - 33);
  }

  delete(signal: number): void {
    if (signal <= 32) this.lo &= ~(1 << (signal - 1));
    else this.hi &= ~(1 << (signal - 33));
  }

  copy(): SigSet {
    return new SigSet(this.lo, this.hi);
  }

  assign(other: SigSet): void {
    this.lo = other.lo;
    this.hi = other.hi;
  }

  union(other: SigSet): void {
    this.lo |= other.lo;
    this.hi |= other.hi;
  }

  subtract(other: SigSet): void {
    this.lo &= ~other.lo;
    this.hi &= ~other.hi;
  }

  /** The lowest signal that is here and not in `mask`; 0 for none. */
  firstOutside(mask: SigSet): number {
    return lowest(this.lo & ~mask.lo, this.hi & ~mask.hi);
  }

  clear(): void {
    this.lo = 0;
    this.hi = 0;
  }

  *[Symbol.iterator](): IterableIterator<number> {
    for (let signal = 1; signal <= 64; signal++) if (this.has(signal)) yield signal;
  }
}

function lowest(lo: number, hi: number): number {
  if (lo !== 0) return 32 - Math.clz32(lo & -lo);
  return hi !== 0 ? 64 - Math.clz32(hi & -hi) : 0;
}

kind('SigSet', SigSet);
