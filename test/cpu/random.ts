/** Repeatable random numbers (Marsaglia's xorshift32). */
export class Random {
  private state: number;

  constructor(seed: number) {
    // Neighbouring seeds must not give neighbouring numbers, and 0 would give only 0.
    this.state = Math.imul((seed | 0) ^ 0x5bd1e995, 0x9e3779b1) || 1;
    for (let k = 0; k < 4; k++) this.u32();
  }

  u32(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return x >>> 0;
  }

  /** A whole number of [0, count). */
  below(count: number): number {
    return Math.floor((this.u32() / 0x100000000) * count);
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)];
  }
}

/** A seed for a name within a run, so that one form's cases do not depend on the others'. */
export function seedOf(seed: number, name: string): number {
  let hash = seed | 0;
  for (let k = 0; k < name.length; k++) hash = Math.imul(hash ^ name.charCodeAt(k), 0x01000193);
  return hash >>> 0;
}
