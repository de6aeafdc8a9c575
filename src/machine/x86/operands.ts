import { SEG_FLAT, RBX, RSI } from '../layout.js';
import { FIXED, type OperandPattern } from './encoding.js';
import { isMemory } from './forms.js';
import type { ImmediateOperand, MemoryOperand, Operand, RegisterOperand } from './insn.js';

/**
 * The instruction being decoded, and the readers of its operands. The work space is module-level: decoding makes no
 * garbage but its result.
 */
export class Cursor {
  bytes: Uint8Array = new Uint8Array(0);
  /** Where the next byte is read, and where bytes end; reading past it gives zeros and is seen by `pos > limit`. */
  pos = 0;
  limit = 0;
  opcode = 0;
  rex = 0;
  hasRex = false;
  segment = SEG_FLAT;
  address32 = false;
  /** The register that VEX.vvvv names; -1 without VEX. */
  vvvv = -1;
  /** Fields of modrm, extended by REX. */
  mod = 0;
  reg = 0;
  rm = 0;
  /** The memory operand by modrm. */
  base = -1;
  index = -1;
  scale = 0;
  disp = 0;
  /** Index and shift that a sib byte names, where 4 is an index too; -1 without sib. */
  vectorIndex = -1;
  vectorScale = 0;
  /** Guest address of the next instruction. */
  next = 0;

  byte(): number {
    const at = this.pos++;
    return at < this.limit ? this.bytes[at] : 0;
  }
  word(): number {
    return this.byte() | (this.byte() << 8);
  }
  /** A signed 32-bit number. */
  dword(): number {
    return this.word() | (this.word() << 16);
  }
}

export const cursor = new Cursor();

const TWO_32 = 0x100000000;

const registers = (kind: RegisterOperand['kind'], count: number): readonly RegisterOperand[] =>
  Array.from({ length: count }, (_, index) => ({ kind, index }));
const GPR = registers('gpr', 16);
const HIGH = registers('high', 4);
const XMM = registers('xmm', 16);
const MMX = registers('mmx', 8);
const ST = registers('st', 8);
const SEG = registers('seg', 6);

const immediate = (lo: number, hi: number): ImmediateOperand => ({ kind: 'imm', lo, hi });

const byteRegister = (index: number): RegisterOperand =>
  index >= 4 && index < 8 && !cursor.hasRex ? HIGH[index - 4] : GPR[index];

function memoryAt(base: number, index: number, scale: number, disp: number): MemoryOperand {
  const short = cursor.address32;
  const absolute = base < 0 && index < 0;
  return {
    kind: 'mem',
    base,
    index,
    scale,
    disp: short && absolute ? disp >>> 0 : disp,
    segment: cursor.segment,
    addressSize: short ? 4 : 8,
  };
}

const readMemory = (): MemoryOperand => memoryAt(cursor.base, cursor.index, cursor.scale, cursor.disp);

/** What is no instruction here decode.ts finds (isGather). */
const readVectorMemory = (): MemoryOperand => ({
  ...memoryAt(cursor.base, cursor.vectorIndex, cursor.vectorScale, cursor.disp),
  kind: 'vsib',
});

function readAbsolute(): MemoryOperand {
  const lo = cursor.dword() >>> 0;
  const hi = cursor.address32 ? 0 : cursor.dword();
  return memoryAt(-1, -1, 0, hi * TWO_32 + lo);
}

/** rsi, with the segment that a prefix names: the source of a string instruction. */
export const readStringSource = (): MemoryOperand => memoryAt(RSI, -1, 0, 0);

function readSigned(bytes: number): ImmediateOperand {
  const value =
    bytes === 1 ? (cursor.byte() << 24) >> 24 : bytes === 2 ? (cursor.word() << 16) >> 16 : cursor.dword();
  return immediate(value, value >> 31);
}

function readUnsigned(bytes: number): ImmediateOperand {
  if (bytes === 8) return immediate(cursor.dword(), cursor.dword());
  return immediate(bytes === 1 ? cursor.byte() : bytes === 2 ? cursor.word() : cursor.dword(), 0);
}

function readTarget(bytes: number): ImmediateOperand {
  const target = cursor.next + readSigned(bytes).lo;
  return immediate(target | 0, Math.floor(target / TWO_32) | 0);
}

/** Reads one operand at the cursor; opcode, modrm and address are already read. */
export type Reader = () => Operand;

const REGISTER_READERS: Readonly<Record<string, Reader>> = {
  E: () => GPR[cursor.rm],
  R: () => GPR[cursor.rm],
  G: () => GPR[cursor.reg],
  Z: () => GPR[(cursor.opcode & 7) | ((cursor.rex & 1) << 3)],
  W: () => XMM[cursor.rm],
  U: () => XMM[cursor.rm],
  V: () => XMM[cursor.reg],
  H: () => XMM[cursor.vvvv],
  T: () => GPR[cursor.vvvv],
  L: () => XMM[cursor.byte() >> 4],
  Q: () => MMX[cursor.rm & 7],
  N: () => MMX[cursor.rm & 7],
  P: () => MMX[cursor.reg & 7],
  S: () => SEG[cursor.reg & 7],
  STi: () => ST[cursor.rm & 7],
};
const BYTE_READERS: Readonly<Record<string, Reader>> = {
  E: () => byteRegister(cursor.rm),
  G: () => byteRegister(cursor.reg),
  Z: () => byteRegister((cursor.opcode & 7) | ((cursor.rex & 1) << 3)),
};
const FIXED_REGISTERS = { gpr: GPR, seg: SEG, st: ST, xmm: XMM };

function fixedReader(name: string): Reader {
  const fixed = FIXED[name];
  const operand = fixed.kind === 'imm' ? immediate(fixed.index, 0) : FIXED_REGISTERS[fixed.kind][fixed.index];
  return () => operand;
}

/** The reader of a pattern for one operand size, with a register or memory by r/m. */
export function readerOf(pattern: OperandPattern, size: number, memory: boolean): Reader {
  const { method } = pattern;
  const bytes = pattern.bytes[size];
  if (method === 'J') return () => readTarget(bytes);
  if (method === 'I') return pattern.signed ? () => readSigned(bytes) : () => readUnsigned(bytes);
  if (method === 'O') return readAbsolute;
  if (method === 'B') return () => memoryAt(RBX, -1, 0, 0);
  if (method === 'X') return readVectorMemory;
  if (isMemory(pattern, memory)) return readMemory;
  if (method in FIXED) return fixedReader(method);
  const byteReader = pattern.sizes[0] === 1 ? BYTE_READERS[method] : undefined;
  return byteReader ?? REGISTER_READERS[method];
}
