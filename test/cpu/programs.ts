/** Random programs: straight stretches, branches, loops, calls and string instructions over random instructions. */
import { RSP } from '../../src/machine/layout.js';
import { disassemble } from '../../src/machine/x86/disassemble.js';
import type { Insn } from '../../src/machine/x86/insn.js';
import { compare, NOTHING_IGNORED } from './compare.js';
import { Batch } from './batch.js';
import { allSubjects, encode, isTestable, type Subject } from './encode.js';
import { randomState } from './prepare.js';
import { Random, seedOf } from './random.js';
import { AT_VECTOR, CODE, RESULT_SIZE, WINDOW, type State } from './state.js';
import type { Executor, Failure } from './suite.js';
import { flagBits, tableFlags } from './undefined.js';

/** Registers with a purpose, which no random instruction names: pointers into the data, and a loop's counter. */
const POINTERS = [13, 14];
const COUNTER = 15;
const RESERVED = new Set([RSP, ...POINTERS, COUNTER]);

/** What would leave the program, or what compares badly: see undefined.ts. */
const LEFT_OUT = new Set(
  (
    'call jmp jcc loop loope loopne jrcxz ret int int1 int3 ud2 privileged mov_seg push_seg pop_seg xlat enter leave popf ' +
    'movs cmps stos lods scas maskmovq maskmovdqu fxsave fxrstor fnsave frstor fnstenv fldenv fldcw ldmxcsr div idiv ' +
    'rcpps rcpss rsqrtps rsqrtss f2xm1 fyl2x fyl2xp1 fptan fpatan fsin fcos fsincos syscall rdtsc rdtscp cpuid'
  ).split(' '),
);

function fits({ form }: Subject): boolean {
  const { mnemonic, operands } = form;
  if (LEFT_OUT.has(mnemonic)) return false;
  if (form.size === 2 && ['shld', 'shrd', 'bswap'].includes(mnemonic)) return false;
  // The bit's place in memory would be anywhere.
  return !(mnemonic.startsWith('bt') && operands[0].kind === 'mem' && operands[1].kind === 'gpr');
}

function touchesReserved(insn: Insn): boolean {
  return insn.operands.some((operand) => operand.kind === 'gpr' && RESERVED.has(operand.index));
}

/** Subjects by kind, so that vector and x87 instructions do not crowd out the integer ones. */
function families(): readonly (readonly Subject[])[] {
  const subjects = allSubjects().filter((subject) => isTestable(subject) && fits(subject));
  const vector = ({ form }: Subject) => form.operands.some(({ kind }) => kind === 'xmm' || kind === 'mmx');
  const x87 = ({ form }: Subject) => !vector({ form, spellings: [] }) && form.size === 10;
  const integer = subjects.filter((subject) => !vector(subject) && !x87(subject));
  const readers = integer.filter(({ form }) => tableFlags(form.mnemonic).read !== '');
  return [integer, integer, integer, readers, subjects.filter(vector), subjects.filter(x87)];
}

export interface Program {
  readonly state: State;
  readonly code: Uint8Array;
  readonly listing: readonly string[];
  /** Letters of flags that may be undefined at the end. */
  readonly undefinedFlags: string;
}

const CMP_R8_R9 = [0x4d, 0x39, 0xc8];
const TRIES = 200;

class Generator {
  private readonly bytes: number[] = [];
  private readonly listing: string[] = [];
  private undefinedFlags = '';

  constructor(
    private readonly random: Random,
    private readonly start: number,
    private readonly kinds: readonly (readonly Subject[])[],
  ) {}

  private here(): number {
    return this.start + this.bytes.length;
  }

  private emit(text: string, ...bytes: number[]): void {
    this.listing.push(`${this.here().toString(16)}: ${text}`);
    this.bytes.push(...bytes);
  }

  /** Makes all flags defined, but AF only when asked. */
  private washFlags(auxiliaryToo: boolean): void {
    if (this.undefinedFlags === '' || (!auxiliaryToo && this.undefinedFlags === 'A')) return;
    this.emit('cmp r8,r9', ...CMP_R8_R9);
    this.undefinedFlags = '';
  }

  private follow(insn: Insn): void {
    const effects = tableFlags(insn.form.mnemonic);
    const lost = effects.undefined.toUpperCase();
    const defined = effects.written.split('').filter((letter) => !lost.includes(letter));
    const left = [...this.undefinedFlags].filter((letter) => !defined.includes(letter));
    this.undefinedFlags = [...new Set([...left, ...lost])].join('');
  }

  private randomInsn(): void {
    const subject = this.random.pick(this.random.pick(this.kinds));
    const { read } = tableFlags(subject.form.mnemonic);
    if ([...read].some((letter) => this.undefinedFlags.includes(letter))) this.washFlags(true);
    for (let tries = 0; tries < TRIES; tries++) {
      const encoded = encode(this.random, subject, this.here(), WINDOW, 'based');
      if (encoded === null || touchesReserved(encoded.insn)) continue;
      this.emit(disassemble(encoded.insn), ...encoded.bytes);
      this.follow(encoded.insn);
      return;
    }
  }

  private straight(count: number): void {
    for (let k = 0; k < count; k++) this.randomInsn();
  }

  /** Fills in a byte that jumps from behind itself to here. */
  private land(at: number): void {
    this.bytes[at] = this.bytes.length - at - 1;
    this.undefinedFlags = [...new Set([...this.undefinedFlags, 'A'])].join('');
  }

  private branch(): void {
    this.washFlags(false);
    const cc = this.random.below(16);
    this.emit(`jcc ${cc}`, 0x70 | cc, 0);
    const at = this.bytes.length - 1;
    this.straight(1 + this.random.below(4));
    this.washFlags(false);
    if (this.random.oneIn(2)) {
      this.emit('jmp', 0xeb, 0);
      const second = this.bytes.length - 1;
      this.land(at);
      this.straight(1 + this.random.below(4));
      this.washFlags(false);
      this.land(second);
    } else this.land(at);
  }

  private loop(): void {
    const count = 1 + this.random.below(12);
    this.emit(`mov r15d,${count}`, 0x41, 0xbf, count, 0, 0, 0);
    this.washFlags(false);
    const top = this.bytes.length;
    this.undefinedFlags = 'A';
    this.straight(1 + this.random.below(8));
    this.washFlags(false);
    this.emit('dec r15d', 0x41, 0xff, 0xcf);
    const distance = top - (this.bytes.length + 6);
    this.emit(
      'jne',
      0x0f,
      0x85,
      distance & 255,
      (distance >> 8) & 255,
      (distance >> 16) & 255,
      (distance >> 24) & 255,
    );
  }

  private call(): void {
    this.washFlags(false);
    this.emit('call', 0xe8, 2, 0, 0, 0);
    this.emit('jmp', 0xeb, 0);
    const at = this.bytes.length - 1;
    this.straight(1 + this.random.below(6));
    this.washFlags(false);
    this.emit('ret', 0xc3);
    this.land(at);
  }

  private string(): void {
    const mnemonics: readonly [name: string, opcode: number][] = [
      ['movs', 0xa4],
      ['cmps', 0xa6],
      ['stos', 0xaa],
      ['lods', 0xac],
      ['scas', 0xae],
    ];
    const [name, opcode] = this.random.pick(mnemonics);
    const [from, to, count] = [this.random.below(128), this.random.below(128), this.random.below(20)];
    this.emit(`lea rsi,[r13+${from}]`, 0x49, 0x8d, 0x75, from);
    this.emit(`lea rdi,[r14+${to}]`, 0x49, 0x8d, 0x7e, to);
    this.emit(`mov ecx,${count}`, 0xb9, count, 0, 0, 0);
    const prefix = this.random.pick([[], [0xf3], [0xf2]]);
    const size = this.random.pick([[], [0x66], [0x48]]);
    if (name === 'cmps' || name === 'scas') this.washFlags(false);
    this.emit(`${prefix.join()} ${name} ${size.join()}`, ...prefix, ...size, opcode | this.random.below(2));
    // With rcx 0 the flags stay as they were.
  }

  make(count: number): Program {
    const parts = [() => this.branch(), () => this.loop(), () => this.call(), () => this.string()];
    while (this.listing.length < count) {
      if (this.random.oneIn(3)) this.random.pick(parts)();
      else this.straight(1 + this.random.below(10));
    }
    const state = randomState(this.random, this.start);
    state.setGpr(RSP, BigInt(WINDOW + 64));
    for (const register of POINTERS) state.setGpr(register, BigInt(WINDOW + 128 + 16 * this.random.below(8)));
    const { bytes, listing, undefinedFlags } = this;
    return { state, code: Uint8Array.from(bytes), listing, undefinedFlags };
  }
}

const KINDS = families();
const VECTOR_BP = 3;

export function makeProgram(seed: number, number: number): Program {
  const random = new Random(seedOf(seed, `program ${number}`));
  const start = CODE + 0x100 + random.below(0xe00);
  return new Generator(random, start, KINDS).make(10 + random.below(190));
}

/** Compares programs number `first` to `first + count - 1`. */
export function testPrograms(
  seed: number,
  first: number,
  count: number,
  native: Executor,
  executors: readonly Executor[],
): Failure[] {
  const programs = Array.from({ length: count }, (_, k) => makeProgram(seed, first + k));
  const batch = new Batch();
  for (const program of programs) batch.add(program.state, program.code);
  const want = native.run(batch);
  const failures: Failure[] = [];
  for (const executor of executors) {
    const got = executor.run(batch);
    programs.forEach((program, k) => {
      const at = k * RESULT_SIZE;
      // A fault may come where flags are undefined.
      const faulted = want.getUint32(at + AT_VECTOR, true) !== VECTOR_BP;
      const flags = flagBits(faulted ? 'OSZAPC' : program.undefinedFlags);
      const differences = compare({ view: want, at }, { view: got, at }, { ...NOTHING_IGNORED, flags });
      if (differences.length === 0) return;
      const code = program.listing.join('\n');
      failures.push({ executor: executor.name, subject: 'program', at: first + k, code, differences });
    });
  }
  return failures;
}
