/** Makes random code for a form: the instruction table read the other way round. */
import { readFileSync } from 'node:fs';
import { decode } from '../../src/machine/x86/decode.js';
import {
  PREFIXES,
  SIZE_66,
  SIZE_PLAIN,
  SIZE_W,
  encodingOf,
  opcodesOf,
  type Encoding,
} from '../../src/machine/x86/encoding.js';
import { formsOf, immediateBytes } from '../../src/machine/x86/forms.js';
import type { Form, Insn } from '../../src/machine/x86/insn.js';
import { MAP_0F, MAP_VEX, MAP_VEX_256, TABLE } from '../../src/machine/x86/table.js';
import type { Random } from './random.js';
import { GS_BASE } from './state.js';
import { integer } from './values.js';

/** One way to write a form. */
export interface Spelling {
  readonly map: number;
  readonly opcode: number;
  readonly encoding: Encoding;
  readonly size: number;
  /** r/m means memory. */
  readonly memory: boolean;
}

/** A form with all its spellings. */
export interface Subject {
  readonly form: Form;
  readonly spellings: readonly Spelling[];
}

/** Behind a 66, AMD cuts the target to 16 bits and Intel, as Culm, ignores it. */
const NEAR_BRANCHES = new Set(['call', 'jmp', 'ret', 'jcc', 'loop', 'loope', 'loopne', 'jrcxz']);

function spellingsOf(encoding: Encoding, map: number, opcode: number): Spelling[] {
  const found: Spelling[] = [];
  for (const size of [SIZE_PLAIN, SIZE_66, SIZE_W]) {
    if (encoding.w >= 0 && encoding.w !== (size === SIZE_W ? 1 : 0)) continue;
    if (NEAR_BRANCHES.has(encoding.mnemonic) && size === SIZE_66) continue;
    // A 66 that selects another row, or that a mandatory prefix takes the place of.
    if ((encoding.prefix === 'NP' || map >= MAP_VEX) && size === SIZE_66) continue;
    for (const memory of encoding.modrm ? [false, true] : [false]) {
      if (encoding.mod >= 0 && encoding.mod !== (memory ? 0 : 1)) continue;
      found.push({ map, opcode, encoding, size, memory });
    }
  }
  return found;
}

/** Every form, in the order of the table. */
export function allSubjects(): Subject[] {
  const byForm = new Map<Form, Spelling[]>();
  TABLE.forEach((rows, map) => {
    for (const row of rows) {
      for (const opcode of opcodesOf(row)) {
        for (const spelling of spellingsOf(encodingOf(row, opcode), map, opcode))
          addSpelling(byForm, spelling);
      }
    }
  });
  return [...byForm].map(([form, spellings]) => ({ form, spellings }));
}

function addSpelling(byForm: Map<Form, Spelling[]>, spelling: Spelling): void {
  for (const form of formsOf(spelling.encoding, spelling.size, spelling.memory)) {
    if (form === undefined) continue;
    const known = byForm.get(form);
    if (known === undefined) byForm.set(form, [spelling]);
    else known.push(spelling);
  }
}

const ESCAPES: readonly (readonly number[])[] = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];
const GS = 0x65;
const ADDRESS_32 = 0x67;
const OPERAND_16 = 0x66;
const LOCK = 0xf0;

/**
 * bt and its kin with a bit number in a register: with 32-bit addresses, where the far bit's address wraps around is
 * not modelled.
 */
function bitInMemory({ mnemonic, operands }: Form): boolean {
  return /^bt[src]?$/.test(mnemonic) && operands[0].kind === 'mem' && operands[1].kind === 'gpr';
}

function prefixes(random: Random, spelling: Spelling, form: Form, addressing: Addressing): number[] {
  const { encoding } = spelling;
  const hasMemory = form.operands.some((operand) => operand.kind === 'mem');
  const bytes: number[] = [];
  if (encoding.lock && hasMemory && form.operands[0].kind === 'mem' && random.oneIn(4)) bytes.push(LOCK);
  const plain = addressing === 'based';
  if (encoding.addressSizeMatters ? hasMemory : hasMemory && !plain && random.oneIn(8)) bytes.push(GS);
  if (form.addressSize === 4 || (hasMemory && !plain && !bitInMemory(form) && random.oneIn(16)))
    bytes.push(ADDRESS_32);
  if (isVex(spelling)) return bytes;
  if (spelling.size === SIZE_66 || encoding.prefix === '66') bytes.push(OPERAND_16);
  if (form.rep !== '') bytes.push(form.rep === 'repne' ? 0xf2 : 0xf3);
  if (encoding.prefix === 'F3') bytes.push(0xf3);
  if (encoding.prefix === 'F2') bytes.push(0xf2);
  return bytes;
}

/** How a memory operand is written: in any way, or within a program's means: see `basedAddress`. */
export type Addressing = 'any' | 'based';

/** The address part of an instruction: REX's X and B, and what follows the opcode, reg left 0. */
interface AddressCode {
  readonly rex: number;
  readonly bytes: readonly number[];
}

const REX_B = 1;
const REX_X = 2;

/** At r13 or r14, perhaps with r12 as index, or on the stack; aligned where `size` is that of a vector. */
function basedAddress(random: Random, size: number): AddressCode {
  const aligned = size >= 16;
  const pointer = 5 + random.below(2);
  const near = aligned ? 16 * (random.below(16) - 8) : random.below(256) - 128;
  const kind = random.below(aligned ? 3 : 4);
  if (kind === 0) return { rex: REX_B, bytes: [0x40 | pointer, near & 255] };
  if (kind === 1)
    return { rex: REX_B, bytes: [0x80 | pointer, near & 255, ...(near < 0 ? [255, 255, 255] : [0, 0, 0])] };
  const scale = aligned ? 0 : random.below(4) << 6;
  if (kind === 2) return { rex: REX_B | REX_X, bytes: [0x44, scale | 0x20 | pointer, near & 255] };
  return { rex: 0, bytes: [0x44, 0x24, near & 127] };
}

const VEX_3 = 0xc4;
const VEX_2 = 0xc5;
const isVex = ({ map }: Spelling): boolean => map >= MAP_VEX;

/**
 * VEX's bytes with the opcode: two where the extensions allow it, sometimes three even then. vvvv is random where it
 * names a register, else 1111.
 */
function vex(random: Random, spelling: Spelling, based: AddressCode | null): number[] {
  const { map, encoding, opcode } = spelling;
  const isLong = map >= MAP_VEX_256;
  const escape = map - (isLong ? MAP_VEX_256 : MAP_VEX) + MAP_0F;
  const extensions = based === null ? random.below(8) : based.rex | (random.below(2) << 2);
  const w = encoding.w >= 0 ? encoding.w : spelling.size === SIZE_W ? 1 : 0;
  const vvvv = encoding.vvvv ? random.below(16) : 15;
  const last = (vvvv << 3) | (isLong ? 4 : 0) | PREFIXES.indexOf(encoding.prefix ?? 'NP');
  if ((extensions & 3) === 0 && w === 0 && escape === 1 && random.oneIn(2))
    return [VEX_2, (extensions === 0 ? 0x80 : 0) | last, opcode];
  return [VEX_3, ((~extensions & 7) << 5) | escape, (w << 7) | last, opcode];
}

function rex(random: Random, spelling: Spelling, based: AddressCode | null): number[] {
  const wide = spelling.size === SIZE_W;
  if (based !== null) {
    const bits = based.rex | (wide ? 8 : 0) | (random.below(2) << 2);
    return bits === 0 && random.oneIn(2) ? [] : [0x40 | bits];
  }
  if (!wide && random.oneIn(2)) return [];
  return [0x40 | (wide ? 8 : 0) | random.below(8)];
}

/** Where the address stands alone, so that the code and not a register must hold it. */
type Alone = 'no' | 'rip' | 'absolute';

function basedModrm(
  random: Random,
  spelling: Spelling,
  address: AddressCode,
): { bytes: number[]; alone: Alone } {
  const reg = spelling.encoding.reg >= 0 ? spelling.encoding.reg : random.below(8);
  const [first, ...rest] = address.bytes;
  return { bytes: [first | (reg << 3), ...rest], alone: 'no' };
}

function addressOf(random: Random, spelling: Spelling): { bytes: number[]; alone: Alone } {
  return spelling.encoding.modrm ? modrm(random, spelling) : { bytes: [], alone: 'no' };
}

/** modrm, with sib and displacement; one that stands alone is filled in later. */
function modrm(random: Random, spelling: Spelling): { bytes: number[]; alone: Alone } {
  const { encoding, memory } = spelling;
  const isVector = encoding.operands.some(({ method }) => method === 'X');
  const mod = isVector ? 1 + random.below(2) : memory ? random.below(3) : 3;
  const reg = encoding.reg >= 0 ? encoding.reg : random.below(8);
  const rm = isVector ? 4 : encoding.rm >= 0 ? encoding.rm : random.below(8);
  const bytes = [(mod << 6) | (reg << 3) | rm];
  if (!memory) return { bytes, alone: 'no' };
  const sib = random.below(256);
  if (rm === 4) bytes.push(sib);
  const noBase = mod === 0 && rm === 4 && (sib & 7) === 5;
  if (mod === 1) bytes.push(random.below(256));
  const alone = mod === 0 && rm === 5 ? 'rip' : noBase && (sib & 0x38) === 0x20 ? 'absolute' : 'no';
  if (mod === 2 || noBase || alone !== 'no') bytes.push(...immediate(random, 4));
  return { bytes, alone };
}

function immediate(random: Random, bytes: number): number[] {
  const value = integer(random);
  return Array.from({ length: bytes }, (_, k) => Number((value >> BigInt(8 * k)) & 0xffn));
}

function putAddress(bytes: number[], at: number, width: number, address: number): void {
  for (let k = 0; k < width; k++) bytes[at + k] = Number((BigInt(address) >> BigInt(8 * k)) & 0xffn);
}

export interface Encoded {
  readonly insn: Insn;
  readonly bytes: Uint8Array;
}

/** Opcodes by map whose #GP does not depend on descriptor tables or the system's settings. */
const SURELY_PRIVILEGED: readonly (readonly number[])[] = [
  [0x6c, 0x6d, 0x6e, 0x6f, 0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed, 0xee, 0xef, 0xf4, 0xfa, 0xfb],
  [0x06, 0x08, 0x09, 0x30, 0x32],
];
/** XSAVE's area is larger than the window: test/kernel/avx has these. int1's address is the instruction's own on virtual machines, the next one's in the manual. */
const UNTESTED = new Set([
  'syscall',
  'rdtsc',
  'rdtscp',
  'cpuid',
  'xgetbv',
  'xsave',
  'xsavec',
  'xrstor',
  'int1',
]);
/** Interrupts that user code may raise: breakpoint, overflow, a 32-bit system call. */
const OPEN_GATES = new Set([3, 4, 0x80]);
const FS = 4;

/** Features that not every processor of x86-64-v3 has, as /proc/cpuinfo names them. */
const RARE_FEATURES: Readonly<Record<string, string>> = { AES: 'aes', PCLMULQDQ: 'pclmulqdq', SHA: 'sha_ni' };
/** Mnemonics that this processor does not know. */
function unknownHere(): ReadonlySet<string> {
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].split(' ') ?? [];
  const isLacking = (word: string) => word in RARE_FEATURES && !flags.includes(RARE_FEATURES[word]);
  const rows = TABLE.flat().filter(([, , , attributes]) => attributes.split(' ').some(isLacking));
  return new Set(rows.map(([, mnemonic]) => mnemonic));
}
const UNKNOWN_HERE = unknownHere();

/** Not what differs from run to run, or asks the system and not the CPU, or what the CPU does not have. */
export function isTestable({ form }: Subject): boolean {
  return !UNTESTED.has(form.mnemonic) && !UNKNOWN_HERE.has(form.mnemonic);
}

function isSafe({ insn, bytes }: Encoded, { map, opcode }: Spelling): boolean {
  const { mnemonic } = insn.form;
  const [operand] = insn.operands;
  if (mnemonic === 'privileged') return SURELY_PRIVILEGED[map].includes(opcode);
  if (operand?.kind === 'seg')
    return mnemonic === 'push_seg' || (mnemonic === 'mov_seg' && operand.index < FS);
  if (operand?.kind !== 'imm') return true;
  if (mnemonic === 'int') return !OPEN_GATES.has(operand.lo);
  const inside = operand.hi * 0x100000000 + operand.lo - insn.address;
  return inside < 0 || inside >= bytes.length;
}

/**
 * One random instruction of a form, at `address`. Where its memory operand's address is part of the code, that is
 * `target`. Null when the dice made another form.
 */
export function encode(
  random: Random,
  subject: Subject,
  address: number,
  target: number,
  addressing: Addressing = 'any',
): Encoded | null {
  const spelling = random.pick(subject.spellings);
  const { encoding } = spelling;
  const size = subject.form.operands.find((operand) => operand.kind === 'mem')?.size ?? 0;
  const based = spelling.memory && addressing === 'based' ? basedAddress(random, size) : null;
  const bytes = prefixes(random, spelling, subject.form, addressing);
  if (!isVex(spelling)) bytes.push(...rex(random, spelling, based));
  const linear = bytes.includes(GS) ? target - GS_BASE : target;
  const moffs = encoding.operands.some((pattern) => pattern.method === 'O');
  const moffsBytes = moffs ? (bytes.includes(ADDRESS_32) ? 4 : 8) : 0;
  if (isVex(spelling)) bytes.push(...vex(random, spelling, based));
  else bytes.push(...ESCAPES[spelling.map], spelling.opcode);
  const operand = based !== null ? basedModrm(random, spelling, based) : addressOf(random, spelling);
  bytes.push(...operand.bytes);
  const end = bytes.length;
  const tail = immediateBytes(encoding, spelling.size);
  bytes.push(...immediate(random, tail + moffsBytes));
  // Relative branches mostly stay among the code pages' int3 bytes.
  if (tail === 4 && encoding.operands[0].method === 'J' && !random.oneIn(8))
    putAddress(bytes, end, 4, random.below(0xe00));
  if (moffs) putAddress(bytes, end, moffsBytes, linear);
  if (operand.alone === 'absolute') putAddress(bytes, end - 4, 4, linear);
  if (operand.alone === 'rip') putAddress(bytes, end - 4, 4, linear - address - bytes.length);
  const code = Uint8Array.from(bytes);
  const insn = decode(code, 0, code.length, address);
  if (typeof insn === 'number' || insn.form !== subject.form || insn.length !== code.length) return null;
  const encoded = { insn, bytes: code };
  return isSafe(encoded, spelling) ? encoded : null;
}
