/** Compares results, leaving out what the manual leaves undefined. */
import * as S from './state.js';

/** What of a case's result does not count. */
export interface Ignored {
  /** Bits of RFLAGS. */
  readonly flags: number;
  /** Bits of the x87 status word. */
  readonly status: number;
  readonly gpr: number;
  /** Offsets in the result: start, end, start, end ... */
  readonly ranges: readonly number[];
  /** XMM registers may differ in each float by a relative error of this. */
  readonly floatError: number;
  /** x87 registers may differ by this many units in the last place. */
  readonly extendedError: number;
}

export const NOTHING_IGNORED: Ignored = {
  flags: 0,
  status: 0,
  gpr: -1,
  ranges: [],
  floatError: 0,
  extendedError: 0,
};

/** Arithmetic flags, DF, NT and ID: what user code can see that was set by itself. */
const COMPARED_FLAGS = 0x204cd5;
const VECTOR_PF = 14;
const ERROR_WRITE = 2;
const GPR_NAMES = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');

const hex = (value: number | bigint, digits = 1) => value.toString(16).padStart(digits, '0');

/** Where results lie: a view and the start of one result in it. */
export interface Place {
  readonly view: DataView;
  readonly at: number;
}

class Comparison {
  readonly differences: string[] = [];

  constructor(
    private readonly want: Place,
    private readonly got: Place,
    private readonly ignored: Ignored,
  ) {}

  private note(name: string, want: string, got: string): void {
    if (want !== got) this.differences.push(`${name}: ${want} natively, ${got} here`);
  }

  u16(name: string, offset: number, mask = 0xffff): void {
    const read = ({ view, at }: Place) => hex(view.getUint16(at + offset, true) & mask);
    this.note(name, read(this.want), read(this.got));
  }
  u32(name: string, offset: number, mask = -1): void {
    const read = ({ view, at }: Place) => hex((view.getUint32(at + offset, true) & mask) >>> 0);
    this.note(name, read(this.want), read(this.got));
  }
  u64(name: string, offset: number): void {
    const read = ({ view, at }: Place) => hex(view.getBigUint64(at + offset, true), 16);
    this.note(name, read(this.want), read(this.got));
  }

  st(k: number): void {
    const offset = S.AT_FX + S.FX_ST + 16 * k;
    const read = ({ view, at }: Place) =>
      `${hex(view.getUint16(at + offset + 8, true), 4)}.${hex(view.getBigUint64(at + offset, true), 16)}`;
    if (this.ignored.extendedError > 0 && this.nearExtended(offset)) return;
    this.note(`st${k}`, read(this.want), read(this.got));
  }

  private nearExtended(offset: number): boolean {
    const ordinal = ({ view, at }: Place) =>
      (BigInt(view.getUint16(at + offset + 8, true)) << 63n) +
      (view.getBigUint64(at + offset, true) & ((1n << 63n) - 1n));
    const distance = ordinal(this.want) - ordinal(this.got);
    return distance <= BigInt(this.ignored.extendedError) && -distance <= BigInt(this.ignored.extendedError);
  }

  xmm(k: number): void {
    this.vector(`xmm${k}`, S.AT_FX + S.FX_XMM + 16 * k);
  }
  upper(k: number): void {
    this.vector(`upper half of ymm${k}`, S.AT_UPPER + 16 * k);
  }

  private vector(name: string, offset: number): void {
    const read = ({ view, at }: Place) =>
      `${hex(view.getBigUint64(at + offset + 8, true), 16)}:${hex(view.getBigUint64(at + offset, true), 16)}`;
    if (this.ignored.floatError > 0 && this.nearFloats(offset)) return;
    this.note(name, read(this.want), read(this.got));
  }

  private nearFloats(offset: number): boolean {
    for (let k = 0; k < 16; k += 4) {
      const want = this.want.view.getFloat32(this.want.at + offset + k, true);
      const got = this.got.view.getFloat32(this.got.at + offset + k, true);
      if (
        Math.abs(want - got) > Math.abs(want) * this.ignored.floatError ||
        Number.isNaN(want) !== Number.isNaN(got)
      ) {
        return false;
      }
    }
    return true;
  }

  window(): void {
    const { ranges } = this.ignored;
    for (let k = S.AT_WINDOW; k < S.STATE_SIZE; k++) {
      if (ranges.length > 0 && isIn(ranges, k)) continue;
      const want = this.want.view.getUint8(this.want.at + k);
      const got = this.got.view.getUint8(this.got.at + k);
      if (want !== got) this.note(`byte at ${hex(S.WINDOW + k - S.AT_WINDOW)}`, hex(want, 2), hex(got, 2));
    }
  }
}

function isIn(ranges: readonly number[], offset: number): boolean {
  for (let k = 0; k < ranges.length; k += 2) if (offset >= ranges[k] && offset < ranges[k + 1]) return true;
  return false;
}

function sameBytes(want: Place, got: Place, start: number, end: number): boolean {
  for (let k = start; k < end; k += 8) {
    if (want.view.getUint32(want.at + k, true) !== got.view.getUint32(got.at + k, true)) return false;
    if (want.view.getUint32(want.at + k + 4, true) !== got.view.getUint32(got.at + k + 4, true)) return false;
  }
  return true;
}

/** The differences between two results, in words. */
export function compare(want: Place, got: Place, ignored: Ignored): string[] {
  const comparison = new Comparison(want, got, ignored);
  comparison.u32('vector', S.AT_VECTOR);
  if (comparison.differences.length === 0 && want.view.getUint32(want.at + S.AT_VECTOR, true) === VECTOR_PF) {
    comparison.u64('fault address', S.AT_ADDRESS);
    comparison.u32('fault error', S.AT_ERROR, ERROR_WRITE);
  }
  for (let k = 0; k < 16; k++) if (k !== ignored.gpr) comparison.u64(GPR_NAMES[k], S.AT_GPR + 8 * k);
  comparison.u64('rip', S.AT_RIP);
  comparison.u32('rflags', S.AT_RFLAGS, COMPARED_FLAGS & ~ignored.flags);
  if (!sameBytes(want, got, S.AT_FX, S.AT_FX + S.FX_END)) compareFx(comparison, ignored);
  if (!sameBytes(want, got, S.AT_UPPER, S.AT_WINDOW)) for (let k = 0; k < 16; k++) comparison.upper(k);
  if (!sameBytes(want, got, S.AT_WINDOW, S.STATE_SIZE)) comparison.window();
  comparison.u32('checksum of the other data', S.AT_CHECKSUM);
  return comparison.differences;
}

function compareFx(comparison: Comparison, ignored: Ignored): void {
  comparison.u16('fcw', S.AT_FX + S.FX_FCW);
  comparison.u16('fsw', S.AT_FX + S.FX_FSW, 0xffff & ~ignored.status);
  comparison.u16('ftw', S.AT_FX + S.FX_FTW, 0xff);
  comparison.u32('mxcsr', S.AT_FX + S.FX_MXCSR);
  for (let k = 0; k < 8; k++) comparison.st(k);
  for (let k = 0; k < 16; k++) comparison.xmm(k);
}
