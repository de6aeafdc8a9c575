/**
 * The layout of cases and results, and where code and data lie: the same in runner.c. The addresses are below those
 * where Linux puts programs and their heaps.
 */

export const DATA = 0x100000;
export const DATA_SIZE = 0x2000;
export const CODE = 0x200000;
export const CODE_SIZE = 0x2000;
/** The part of the data that every case has of its own: the bytes around the border between the two pages. */
export const WINDOW_SIZE = 512;
export const WINDOW = DATA + DATA_SIZE / 2 - WINDOW_SIZE / 2;
export const PAGE_BORDER = DATA + DATA_SIZE / 2;
export const GS_BASE = DATA - 0x1000;

/** Offsets in a state. */
export const AT_GPR = 0;
export const AT_RIP = 128;
export const AT_RFLAGS = 136;
/** An fxsave image. */
export const AT_FX = 144;
/** The upper halves of ymm0 to ymm15. */
export const AT_UPPER = AT_FX + 512;
export const UPPER_SIZE = 256;
export const AT_WINDOW = AT_UPPER + UPPER_SIZE;
export const STATE_SIZE = AT_WINDOW + WINDOW_SIZE;

/** A case: a state, and its code unless it has that of the case before. */
export const AT_CODE_OFFSET = STATE_SIZE;
export const AT_CODE_SIZE = STATE_SIZE + 4;
export const CASE_SIZE = STATE_SIZE + 8;

/** A result: a state, the exception that ended it, and a sum over the data pages but for the window. */
export const AT_VECTOR = STATE_SIZE;
export const AT_ERROR = STATE_SIZE + 4;
export const AT_ADDRESS = STATE_SIZE + 8;
export const AT_CHECKSUM = STATE_SIZE + 16;
export const RESULT_SIZE = STATE_SIZE + 24;
/** Vector of a case that did not end. */
export const TIMED_OUT = 0xffff;

/** Offsets in an fxsave image. */
export const FX_FCW = 0;
export const FX_FSW = 2;
export const FX_FTW = 4;
export const FX_FOP = 6;
export const FX_FIP = 8;
export const FX_FDP = 16;
export const FX_MXCSR = 24;
export const FX_MXCSR_MASK = 28;
/** Eight registers from ST(0) on, 16 bytes each. */
export const FX_ST = 32;
export const FX_XMM = 160;
export const FX_END = 416;

/** What the data pages hold before a case's window is laid over them. */
export function background(): Uint8Array {
  return Uint8Array.from({ length: DATA_SIZE }, (_, k) => (k * 167 + (k >> 8) * 59) & 255);
}

/** Sum over the data pages, as runner.c makes it. */
export function checksum(words: Uint32Array): number {
  const skip = (WINDOW - DATA) / 4;
  let sum = 0;
  for (let k = 0; k < words.length; k++) {
    if (k === skip) k += WINDOW_SIZE / 4;
    sum = ((sum << 5) | (sum >>> 27)) ^ words[k];
  }
  return sum >>> 0;
}

/** One start state: bytes with a view over them. */
export class State {
  readonly bytes = new Uint8Array(STATE_SIZE);
  readonly view = new DataView(this.bytes.buffer);

  gpr(index: number): bigint {
    return this.view.getBigUint64(AT_GPR + index * 8, true);
  }
  setGpr(index: number, value: bigint): void {
    this.view.setBigUint64(AT_GPR + index * 8, BigInt.asUintN(64, value), true);
  }
  /** The offset of a guest address of the window. */
  windowOffset(address: number): number {
    return AT_WINDOW + address - WINDOW;
  }
}
