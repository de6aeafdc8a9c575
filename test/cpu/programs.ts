/** Random programs: stretches of random instructions among branches, loops, calls, pointer moves and string instructions. */
import { RSP } from '../../src/machine/layout.js';
import { disassemble } from '../../src/machine/x86/disassemble.js';
import type { Insn } from '../../src/machine/x86/insn.js';
import { Batch } from './batch.js';
import { compare, NOTHING_IGNORED } from './compare.js';
import { allSubjects, encode, isTestable, type Subject } from './encode.js';
import { randomState } from './prepare.js';
import { Random, seedOf } from './random.js';
import { AT_VECTOR, CODE, DATA, DATA_SIZE, RESULT_SIZE, TIMED_OUT, WINDOW, type State } from './state.js';
import type { Executor, Failure } from './suite.js';
import { flagBits, tableFlags } from './undefined.js';

/** Registers with a purpose, which no random instruction names: an index, two pointers into the data, a loop's counter. */
const INDEX = 12;
const POINTERS = [13, 14];
const COUNTER = 15;
const RESERVED = new Set([RSP, INDEX, ...POINTERS, COUNTER]);

/** What would leave the program, or what compares badly: see undefined.ts. */
const LEFT_OUT = new Set(
  (
    'call jmp jcc loop loope loopne jrcxz ret int int1 int3 ud2 privileged mov_seg push_seg pop_seg xlat enter leave popf ' +
    'movs cmps stos lods scas maskmovq maskmovdqu fxsave fxrstor fnsave frstor fnstenv fldenv fldcw ldmxcsr ' +
    'rcpps rcpss rsqrtps rsqrtss vrcpps vrcpss vrsqrtps vrsqrtss vldmxcsr vmaskmovdqu f2xm1 fyl2x fyl2xp1 fptan fpatan fsin fcos fsincos fscale'
  ).split(' '),
);
const DIVISIONS = new Set(['div', 'idiv']);

function fits({ form }: Subject): boolean {
  const { mnemonic, operands } = form;
  if (LEFT_OUT.has(mnemonic)) return false;
  if (form.size === 2 && ['shld', 'shrd', 'bswap'].includes(mnemonic)) return false;
  if (operands[1]?.kind === 'vsib') return false;
  // The bit's place in memory would be anywhere.
  return !(mnemonic.startsWith('bt') && operands[0].kind === 'mem' && operands[1].kind === 'gpr');
}

function touchesReserved(insn: Insn): boolean {
  return insn.operands.some((operand) => operand.kind === 'gpr' && RESERVED.has(operand.index));
}

/** Subjects by kind, so that vector and x87 instructions do not crowd out the integer ones. */
function families(): readonly (readonly Subject[])[] {
  const subjects = allSubjects().filter((subject) => isTestable(subject) && fits(subject));
  const isVector = ({ form }: Subject) => form.operands.some(({ kind }) => kind === 'xmm' || kind === 'mmx');
  const isX87 = (subject: Subject) => !isVector(subject) && subject.form.size === 10;
  const integer = subjects.filter((subject) => !isVector(subject) && !isX87(subject));
  const flagReaders = integer.filter(({ form }) => tableFlags(form.mnemonic).read !== '');
  const moves = integer.filter(({ form }) =>
    ['mov', 'lea', 'push', 'pop', 'add', 'sub', 'cmp'].includes(form.mnemonic),
  );
  return [integer, integer, moves, flagReaders, subjects.filter(isVector), subjects.filter(isX87)];
}

export interface Program {
  readonly state: State;
  readonly code: Uint8Array;
  readonly listing: readonly string[];
  /** Letters of flags that may be undefined at the end. */
  readonly undefinedFlags: string;
}

const STRINGS: readonly [name: string, opcode: number][] = [
  ['movs', 0xa4],
  ['cmps', 0xa6],
  ['stos', 0xaa],
  ['lods', 0xac],
  ['scas', 0xae],
];
const TRIES = 200;
const DEPTH = 2;

const bytes32 = (value: number) => [
  value & 255,
  (value >> 8) & 255,
  (value >> 16) & 255,
  (value >> 24) & 255,
];

class Generator {
  private readonly bytes: number[] = [];
  private readonly listing: string[] = [];
  private undefinedFlags = '';

  constructor(
    private readonly random: Random,
    private readonly start: number,
    private readonly kinds: readonly (readonly Subject[])[],
    private readonly length: number,
  ) {}

  private here(): number {
    return this.start + this.bytes.length;
  }

  private emit(text: string, ...bytes: number[]): void {
    this.listing.push(`${this.here().toString(16)}: ${text}`);
    this.bytes.push(...bytes);
  }

  /** Makes all flags defined, but AF only when asked. */
  private washFlags(which: 'all' | 'all but AF' = 'all but AF'): void {
    if (this.undefinedFlags === '' || (which !== 'all' && this.undefinedFlags === 'A')) return;
    this.emit('cmp r8,r9', 0x4d, 0x39, 0xc8);
    this.undefinedFlags = '';
  }

  /** After a join: AF may come undefined from the other side. */
  private join(): void {
    if (!this.undefinedFlags.includes('A')) this.undefinedFlags += 'A';
  }

  private follow(insn: Insn): void {
    const effects = tableFlags(insn.form.mnemonic);
    const lost = effects.undefined.toUpperCase();
    const defined = [...effects.written].filter((letter) => !lost.includes(letter));
    const left = [...this.undefinedFlags].filter((letter) => !defined.includes(letter));
    this.undefinedFlags = [...new Set([...left, ...lost])].join('');
  }

  private instruction(): void {
    const subject = this.random.pick(this.random.pick(this.kinds));
    const { mnemonic } = subject.form;
    if (DIVISIONS.has(mnemonic) && !this.random.oneIn(8)) return;
    const { read } = tableFlags(mnemonic);
    if ([...read].some((letter) => this.undefinedFlags.includes(letter))) this.washFlags('all');
    for (let tries = 0; tries < TRIES; tries++) {
      const encoded = encode(this.random, subject, this.here(), WINDOW, 'based');
      if (encoded === null || touchesReserved(encoded.insn)) continue;
      this.emit(disassemble(encoded.insn), ...encoded.bytes);
      this.follow(encoded.insn);
      return;
    }
  }

  /** A few instructions, and sometimes a structure within. */
  private body(count: number, depth: number): void {
    for (let k = 1 + this.random.below(count); k > 0; k--) {
      if (depth > 0 && this.random.oneIn(10)) this.structure(depth - 1);
      else this.instruction();
    }
  }

  /** Fills in the 32-bit distance from behind `at` to here. */
  private land(at: number): void {
    bytes32(this.bytes.length - at - 4).forEach((byte, k) => (this.bytes[at + k] = byte));
    this.join();
  }

  /** Emits a jump forward; gives where its distance stands. */
  private forward(text: string, ...opcode: number[]): number {
    this.emit(text, ...opcode, 0, 0, 0, 0);
    return this.bytes.length - 4;
  }

  private branch(depth: number): void {
    this.washFlags();
    const cc = this.random.below(16);
    const at = this.forward(`jcc ${cc}`, 0x0f, 0x80 | cc);
    this.body(5, depth);
    this.washFlags();
    if (this.random.oneIn(2)) return this.land(at);
    const second = this.forward('jmp', 0xe9);
    this.land(at);
    this.body(5, depth);
    this.washFlags();
    this.land(second);
  }

  /** Outermost loops sometimes run until their code is hot, so that it changes its tier under way. */
  private loopCount(depth: number): number {
    const long = depth === DEPTH && this.random.oneIn(6);
    return long ? 500 + this.random.below(3000) : 1 + this.random.below(10);
  }

  private loop(depth: number): void {
    const count = this.loopCount(depth);
    this.emit('push r15', 0x41, 0x57);
    this.emit(`mov r15d,${count}`, 0x41, 0xbf, ...bytes32(count));
    this.washFlags();
    this.join();
    const top = this.bytes.length;
    this.body(8, depth);
    this.washFlags();
    this.emit('dec r15d', 0x41, 0xff, 0xcf);
    this.emit(
      `jne ${(this.start + top).toString(16)}`,
      0x0f,
      0x85,
      ...bytes32(top - (this.bytes.length + 6)),
    );
    this.emit('pop r15', 0x41, 0x5f);
  }

  /** A call of the function behind the jump behind it; the return address may have been pushed by hand. */
  private call(depth: number): void {
    this.washFlags();
    if (this.random.oneIn(3)) {
      this.emit('lea rax,[rip+2]', 0x48, 0x8d, 0x05, 2 + 5, 0, 0, 0);
      this.emit('call rax', 0xff, 0xd0);
    } else this.emit('call', 0xe8, 5, 0, 0, 0);
    const at = this.forward('jmp', 0xe9);
    this.body(6, depth);
    this.washFlags();
    this.emit('ret', 0xc3);
    this.land(at);
  }

  /** A jump to a computed address, or a return to a pushed one. */
  private indirect(): void {
    this.washFlags();
    const distance = this.random.pick([0, 1, 3]);
    const leave = this.random.pick([
      [0xff, 0xe0],
      [0x50, 0xc3],
    ]);
    this.emit('lea rax,[rip+..]', 0x48, 0x8d, 0x05, leave.length + distance, 0, 0, 0);
    this.emit(leave[0] === 0x50 ? 'push rax; ret' : 'jmp rax', ...leave);
    if (distance > 0) this.emit('(skipped)', ...new Array<number>(distance).fill(0xcc));
  }

  /** Another value for a pointer or the index; now and then close before the end of the data. */
  private pointer(): void {
    const which = this.random.below(2);
    const step = 16 * (this.random.below(7) - 3);
    const name = `r${POINTERS[which]}`;
    const kind = this.random.below(12);
    if (kind === 0) {
      const end = DATA + DATA_SIZE - 16 * this.random.below(12);
      this.emit(`mov ${name},${end.toString(16)}`, 0x49, 0xc7, 0xc5 + which, ...bytes32(end));
    } else if (kind < 4) {
      this.emit(`add ${name},${step}`, 0x49, 0x83, 0xc5 + which, step & 255);
      this.undefinedFlags = '';
    } else if (kind < 8)
      this.emit(`lea ${name} from the other`, 0x4d, 0x8d, which === 0 ? 0x6e : 0x75, step & 255);
    else this.emit('mov r12d,..', 0x41, 0xbc, 16 * this.random.below(5), 0, 0, 0);
  }

  private string(): void {
    const [name, opcode] = this.random.pick(STRINGS);
    const [from, to] = [this.random.below(128), this.random.below(128)];
    const count = this.random.oneIn(4) ? this.random.below(500) : this.random.below(20);
    this.emit(`lea rsi,[r13+${from}]`, 0x49, 0x8d, 0x75, from);
    this.emit(`lea rdi,[r14+${to}]`, 0x49, 0x8d, 0x7e, to);
    this.emit(`mov ecx,${count}`, 0xb9, ...bytes32(count));
    const [prefix, prefixBytes] = this.random.pick<[string, number[]]>([
      ['', []],
      ['rep ', [0xf3]],
      ['repne ', [0xf2]],
    ]);
    const [size, sizeBytes] = this.random.pick<[string, number[]]>([
      ['w', [0x66]],
      ['d', []],
      ['q', [0x48]],
    ]);
    const wide = this.random.below(2);
    // With rcx 0 the flags stay as they were.
    if (name === 'cmps' || name === 'scas') this.washFlags();
    this.emit(`${prefix}${name}${wide === 0 ? 'b' : size}`, ...prefixBytes, ...sizeBytes, opcode | wide);
  }

  private structure(depth: number): void {
    const kinds = [
      () => this.branch(depth),
      () => this.branch(depth),
      () => this.loop(depth),
      () => this.call(depth),
      () => this.indirect(),
      () => this.pointer(),
      () => this.pointer(),
      () => this.string(),
    ];
    this.random.pick(kinds)();
  }

  make(): Program {
    const state = randomState(this.random, this.start);
    while (this.listing.length < this.length) {
      if (this.random.oneIn(3)) this.structure(DEPTH);
      else this.body(10, 0);
    }
    state.setGpr(RSP, BigInt(WINDOW + 64));
    state.setGpr(INDEX, BigInt(16 * this.random.below(4)));
    for (const register of POINTERS)
      state.setGpr(register, BigInt(WINDOW + 128 + 16 * this.random.below(16)));
    const { bytes, listing, undefinedFlags } = this;
    return { state, code: Uint8Array.from(bytes), listing, undefinedFlags };
  }
}

const KINDS = families();
const VECTOR_BP = 3;
/** Instructions emitted at least, and how many more. */
const SHORTEST = 10;
const LONGEST = 200;

/** Program `number` of a seed. */
export function makeProgram(seed: number, number: number): Program {
  const random = new Random(seedOf(seed, `program ${number}`));
  const start = CODE + 0x100 + random.below(0xe00);
  return new Generator(random, start, KINDS, SHORTEST + random.below(LONGEST - SHORTEST)).make();
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
      const vector = want.getUint32(at + AT_VECTOR, true);
      // One that overwrote a loop's saved counter, and may run for hours.
      if (vector === TIMED_OUT) return;
      const flags = flagBits(vector !== VECTOR_BP ? 'OSZAPC' : program.undefinedFlags);
      const differences = compare({ view: want, at }, { view: got, at }, { ...NOTHING_IGNORED, flags });
      if (differences.length === 0) return;
      const code = program.listing.join('\n');
      failures.push({ executor: executor.name, subject: 'program', at: first + k, code, differences });
    });
  }
  return failures;
}
