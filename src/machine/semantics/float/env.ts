/**
 * Software binary32 and binary64 arithmetic as SSE has it: exact results, MXCSR's rounding and denormal modes, and the
 * exception flags. Values are JavaScript numbers, which hold both formats exactly; NaNs are dealt with as bits, in
 * memory (lanes.ts), since JavaScript may change their payload.
 */

/** MXCSR (SDM volume 1, 10.2.3): exception flags, the modes, and the masks at MASK_SHIFT above the flags. */
export const IE = 0x01;
export const DE = 0x02;
export const ZE = 0x04;
export const OE = 0x08;
export const UE = 0x10;
export const PE = 0x20;
export const ALL_FLAGS = 0x3f;
export const DAZ = 0x40;
export const MASK_SHIFT = 7;
export const ROUNDING_SHIFT = 13;
export const FTZ = 0x8000;
export const MXCSR_DEFAULT = 0x1f80;

/** Rounding control: to nearest even, down, up, toward zero. */
export const NEAREST = 0;
export const DOWN = 1;
export const UP = 2;
export const ZERO = 3;

/** The running instruction's modes, the flags that its running stage has raised, and those of earlier stages. */
export const env = {
  flags: 0,
  settled: 0,
  unmasked: 0,
  rounding: NEAREST as number,
  denormalsAreZero: false,
  flushToZero: false,
};

/** Takes the modes of `mxcsr` and starts with no flag raised. */
export function begin(mxcsr: number): void {
  env.flags = 0;
  env.settled = 0;
  env.unmasked = ~(mxcsr >> MASK_SHIFT) & ALL_FLAGS;
  env.rounding = (mxcsr >> ROUNDING_SHIFT) & 3;
  env.denormalsAreZero = (mxcsr & DAZ) !== 0;
  env.flushToZero = (mxcsr & FTZ) !== 0 && (env.unmasked & UE) === 0;
}

export const OF_OPERANDS = IE | DE | ZE;

/**
 * Ends a stage: an instruction has one, but for dpps, which multiplies and then adds. Returns whether an exception is
 * unmasked, which ends the instruction. An unmasked exception of the operands, in any lane, keeps those of results
 * from being looked for (SDM volume 1, 11.5.3.2).
 */
export function endStage(): boolean {
  const early = env.flags & OF_OPERANDS;
  const raised = (early & env.unmasked) !== 0 ? early : env.flags;
  env.settled |= raised;
  env.flags = 0;
  return (raised & env.unmasked) !== 0;
}

export interface Format {
  readonly bytes: 4 | 8;
  /** Significant bits, the hidden one included. */
  readonly precision: number;
  readonly minExponent: number;
  readonly maxExponent: number;
  readonly minNormal: number;
  readonly max: number;
}

export const BINARY32: Format = {
  bytes: 4,
  precision: 24,
  minExponent: -126,
  maxExponent: 127,
  minNormal: 2 ** -126,
  max: (2 - 2 ** -23) * 2 ** 127,
};
export const BINARY64: Format = {
  bytes: 8,
  precision: 53,
  minExponent: -1022,
  maxExponent: 1023,
  minNormal: 2 ** -1022,
  max: Number.MAX_VALUE,
};

export function isNegative(x: number): boolean {
  return x < 0 || Object.is(x, -0);
}
