import { SEG_FLAT, SEG_FS } from '../layout.js';
import type { Form, ImmediateOperand, Insn, MemoryOperand, OperandForm, RegisterOperand } from './insn.js';

/** Text of decoded instructions for logs and tests, in Intel's syntax as objdump writes it. */

const CONDITIONS = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'];
const NAMES_64 = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'];
const NAMES_8 = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
const NAMES_HIGH = ['ah', 'ch', 'dh', 'bh'];
const NAMES_SEGMENT = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
const SUFFIX: Readonly<Record<number, string>> = { 1: 'b', 2: 'w', 4: 'd', 8: '' };
const POINTERS: Readonly<Record<number, string>> = {
  1: 'BYTE PTR ',
  2: 'WORD PTR ',
  4: 'DWORD PTR ',
  8: 'QWORD PTR ',
  10: 'TBYTE PTR ',
  16: 'XMMWORD PTR ',
  32: 'YMMWORD PTR ',
};
/** Mnemonics whose written name depends on the form's size: names for 1, 2, 4, 8. */
const BY_SIZE: Readonly<Record<string, readonly string[]>> = {
  cbw: ['', 'cbw', 'cwde', 'cdqe'],
  cwd: ['', 'cwd', 'cdq', 'cqo'],
  movs: ['movsb', 'movsw', 'movsd', 'movsq'],
  cmps: ['cmpsb', 'cmpsw', 'cmpsd', 'cmpsq'],
  stos: ['stosb', 'stosw', 'stosd', 'stosq'],
  lods: ['lodsb', 'lodsw', 'lodsd', 'lodsq'],
  scas: ['scasb', 'scasw', 'scasd', 'scasq'],
  pushf: ['', 'pushfw', '', 'pushf'],
  popf: ['', 'popfw', '', 'popf'],
  leave: ['', 'leavew', '', 'leave'],
  enter: ['', 'enterw', '', 'enter'],
  fxsave: ['', '', 'fxsave', 'fxsave64'],
  fxrstor: ['', '', 'fxrstor', 'fxrstor64'],
  xsave: ['', '', 'xsave', 'xsave64'],
  xrstor: ['', '', 'xrstor', 'xrstor64'],
};
/** Mnemonics whose written name depends on a general operand of 8 bytes. */
const BY_WIDE_OPERAND: Readonly<Record<string, string>> = {
  movd: 'movq',
  pextrd: 'pextrq',
  pinsrd: 'pinsrq',
  vmovd: 'vmovq',
  vpextrd: 'vpextrq',
  vpinsrd: 'vpinsrq',
};
const RENAMED: Readonly<Record<string, string>> = {
  movsd_sse: 'movsd',
  mov_seg: 'mov',
  push_seg: 'push',
  pop_seg: 'pop',
};
const TWO_32 = 0x100000000;

/** The name of general register `index`, of `size` bytes. */
export function gprName(index: number, size: number): string {
  if (index >= 8) return `r${index}${SUFFIX[size]}`;
  if (size === 1) return NAMES_8[index];
  const name = NAMES_64[index];
  return size === 8 ? name : (size === 4 ? 'e' : '') + name.slice(1);
}

function hex64(lo: number, hi: number): string {
  if (hi === 0) return `0x${(lo >>> 0).toString(16)}`;
  return `0x${(hi >>> 0).toString(16)}${(lo >>> 0).toString(16).padStart(8, '0')}`;
}

const hexAddress = (address: number) => hex64(address | 0, Math.floor(address / TWO_32) | 0);

function immediateText(operand: ImmediateOperand, size: number): string {
  if (size === 8) return hex64(operand.lo, operand.hi);
  return hex64(size === 1 ? operand.lo & 0xff : size === 2 ? operand.lo & 0xffff : operand.lo, 0);
}

const vectorName = (index: number, size: number): string => (size === 32 ? 'ymm' : 'xmm') + index;

/** `elementSize`: of what a gather loads. */
function memoryText(operand: MemoryOperand, size: number, elementSize: number): string {
  const { base, index, disp } = operand;
  const pointer = POINTERS[operand.kind === 'mem' ? size : elementSize] ?? '';
  const segment = operand.segment === SEG_FLAT ? '' : operand.segment === SEG_FS ? 'fs:' : 'gs:';
  if (base < 0 && index < 0) return `${pointer}${segment === '' ? 'ds:' : segment}${hexAddress(disp)}`;
  const parts: string[] = [];
  if (base >= 0) parts.push(gprName(base, operand.addressSize));
  if (index >= 0) {
    const name = operand.kind === 'mem' ? gprName(index, operand.addressSize) : vectorName(index, size);
    parts.push(`${name}*${1 << operand.scale}`);
  }
  const magnitude = `0x${Math.abs(disp).toString(16)}`;
  const shown = disp !== 0 || base < 0;
  return `${pointer}${segment}[${parts.join('+')}${shown ? (disp < 0 ? '-' : '+') + magnitude : ''}]`;
}

function registerText(operand: RegisterOperand, size: number): string {
  const { kind, index } = operand;
  if (kind === 'gpr') return gprName(index, size);
  if (kind === 'high') return NAMES_HIGH[index];
  if (kind === 'seg') return NAMES_SEGMENT[index];
  if (kind === 'st') return index === 0 ? 'st' : `st(${index})`;
  return kind === 'mmx' ? `mm${index}` : vectorName(index, size);
}

const isWide = (operand: OperandForm) =>
  (operand.kind === 'gpr' || operand.kind === 'mem') && operand.size === 8;

/** The mnemonic as it is written: with its condition, and with what depends on sizes. */
export function mnemonicText(form: Form): string {
  const { mnemonic } = form;
  if (form.cc >= 0) return mnemonic.slice(0, -2) + CONDITIONS[form.cc];
  if (mnemonic === 'jrcxz' && form.addressSize === 4) return 'jecxz';
  const sized = BY_SIZE[mnemonic];
  if (sized !== undefined) return sized[31 - Math.clz32(form.size)];
  const wide = BY_WIDE_OPERAND[mnemonic];
  if (wide !== undefined && form.operands.some(isWide)) return wide;
  return RENAMED[mnemonic] ?? mnemonic;
}

function operandText(insn: Insn, k: number): string {
  const operand = insn.operands[k];
  const { size } = insn.form.operands[k];
  if (operand.kind === 'imm') return immediateText(operand, size);
  if (!('base' in operand)) return registerText(operand, size);
  return memoryText(operand, size, /(?:[dq]d|ps)$/.test(insn.form.mnemonic) ? 4 : 8);
}

/** One line: prefixes, mnemonic, operands. A relative branch shows its target. */
export function disassemble(insn: Insn): string {
  const prefix = (insn.lock ? 'lock ' : '') + (insn.form.rep === '' ? '' : `${insn.form.rep} `);
  const operands = insn.operands.map((_, k) => operandText(insn, k)).join(',');
  return `${prefix}${mnemonicText(insn.form)} ${operands}`.trimEnd();
}
