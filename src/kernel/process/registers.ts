import { CPU_GPR, CPU_RIP, CPU_SEGMENT } from '../../machine/layout.js';

/** Writes a whole number, negative ones as two's complement, as 64 bits. */
export function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x100000000) >>> 0, true);
}

/** Reads 64 unsigned bits; over 2^53 the number is only good for comparisons. */
export function getU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x100000000;
}

/** Reads 64 signed bits, with the same reservation. */
export function getI64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getInt32(at + 4, true) * 0x100000000;
}

/** A thread's registers, in the CPU block while it is loaded, in its own CpuState otherwise. */
export class Registers {
  /** The same bytes. */
  readonly u8: Uint8Array;

  constructor(
    readonly view: DataView,
    /** Where in `view` the CPU block begins. */
    readonly base: number,
  ) {
    this.u8 = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  }

  /** General register `n` (RAX..), unsigned. */
  get(n: number): number {
    return getU64(this.view, this.base + CPU_GPR + 8 * n);
  }

  set(n: number, value: number): void {
    setU64(this.view, this.base + CPU_GPR + 8 * n, value);
  }

  /** All 64 bits, to and from elsewhere. */
  copyTo(n: number, target: DataView, at: number): void {
    const from = this.base + CPU_GPR + 8 * n;
    target.setUint32(at, this.view.getUint32(from, true), true);
    target.setUint32(at + 4, this.view.getUint32(from + 4, true), true);
  }

  copyFrom(n: number, source: DataView, at: number): void {
    const to = this.base + CPU_GPR + 8 * n;
    this.view.setUint32(to, source.getUint32(at, true), true);
    this.view.setUint32(to + 4, source.getUint32(at + 4, true), true);
  }

  /** Negative in the kernel's half, so that no bits are lost. */
  get rip(): number {
    return getI64(this.view, this.base + CPU_RIP);
  }

  set rip(value: number) {
    setU64(this.view, this.base + CPU_RIP, value);
  }

  /** The base of SEG_FS or SEG_GS. */
  segmentBase(segment: number): number {
    return getU64(this.view, this.base + CPU_SEGMENT + 8 * segment);
  }

  setSegmentBase(segment: number, value: number): void {
    setU64(this.view, this.base + CPU_SEGMENT + 8 * segment, value);
  }
}
