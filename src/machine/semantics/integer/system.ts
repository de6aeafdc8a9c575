import { RAX, RBX, RCX, RDX, SCRATCH } from '../../layout.js';
import { I32, i32, i64, type Expr } from '../../wasm/expr.js';
import type { Emitter, SemanticsTable } from '../emitter.js';
import type { Helper, MachineViews } from '../helper.js';
import { cpuidLeaf } from './cpuid.js';
import { rflags } from './flag-control.js';

/** What tells about the processor, what calls the system, and what has no effect here. */

const R11 = 11;

function putWords(memory: MachineViews, words: readonly number[]): void {
  words.forEach((word, i) => {
    memory.i32[SCRATCH / 4 + i] = word;
  });
}
/** Word `i` of SCRATCH. */
function word(i: number): Expr {
  return i32.load(i32.const(SCRATCH), 4 * i);
}

/** (leaf, subleaf): eax, ebx, ecx and edx go to SCRATCH. */
export const cpuidHelper: Helper = {
  name: 'cpuid',
  params: [I32, I32],
  result: null,
  js: (memory, { cpus, level }) => {
    return (leaf, subleaf) => putWords(memory, cpuidLeaf(leaf ?? 0, subleaf ?? 0, cpus, level));
  },
};

/** The time-stamp counter, one tick a nanosecond: its halves go to SCRATCH. */
export const rdtscHelper: Helper = {
  name: 'rdtsc',
  params: [],
  result: null,
  js: (memory, { clock }) => {
    return () => {
      const ticks = Math.floor(clock());
      putWords(memory, [ticks | 0, Math.floor(ticks / 0x100000000) | 0]);
    };
  },
};

function cpuid(e: Emitter): void {
  e.call(cpuidHelper, e.gpr(RAX, 4), e.gpr(RCX, 4));
  [RAX, RBX, RCX, RDX].forEach((register, i) => e.setGpr(register, 4, word(i)));
}

function rdtsc(e: Emitter): void {
  e.call(rdtscHelper);
  e.setGpr(RAX, 4, word(0));
  e.setGpr(RDX, 4, word(1));
}

/** ecx: the processor's number, always 0. */
function rdtscp(e: Emitter): void {
  rdtsc(e);
  e.setGpr(RCX, 4, i32.const(0));
}

function syscall(e: Emitter): void {
  const flags = e.let(i64.extend_i32_u(rflags(e)));
  e.setGpr(RCX, 8, e.nextAddress());
  e.setGpr(R11, 8, flags);
  e.syscall();
}

function nothing(): void {}

export const SYSTEM: SemanticsTable = {
  cpuid,
  rdtsc,
  rdtscp,
  syscall,
  nop: nothing,
  pause: nothing,
  lfence: nothing,
  mfence: nothing,
  sfence: nothing,
  clflush: (e) => e.probe(1, e.address(0), 'read'),
};
