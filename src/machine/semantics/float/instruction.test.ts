/** Compares the software arithmetic with this CPU's: each instruction, in all modes, on random and corner operands. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CPU, CPU_MXCSR } from '../../layout.js';
import type { MachineViews } from '../helper.js';
import { OPERAND_A, OPERAND_B, OPERATION_NAMES, RESULT, operationCode, softFloat } from './instruction.js';

const RECORD = 48;
const SETS = Number(process.env['CULM_FLOAT_SETS'] ?? 1500);
const SEED = Number(process.env['CULM_SEED'] ?? 1);

interface Case {
  readonly name: string;
  readonly imm: number;
  readonly asm: string;
  /** Bytes of the result that count. */
  readonly bytes: number;
}

/** The instruction with operands in xmm0 (a, result) and xmm1 (b), or rax, mm0 and `b` in memory. */
function assembly(name: string, imm: number): string {
  const [mnemonic, bytes] = name.split('.');
  const suffix = bytes === '8' ? 'q' : 'l';
  if (name.startsWith('cvtsi2')) return `${mnemonic}${suffix} 16(%0), %%xmm0`;
  if (bytes !== undefined)
    return `${mnemonic} %%xmm1, %%${bytes === '8' ? 'rax' : 'eax'}; movq %%rax, %%xmm0`;
  if (/^u?comis/.test(name)) {
    return `${mnemonic} %%xmm1, %%xmm0; pushfq; pop %%rax; and $0x45, %%eax; movd %%eax, %%xmm0`;
  }
  const immediate = /^(cmp|round|dp)/.test(name) ? `$${imm}, ` : '';
  return `${mnemonic} ${immediate}%%xmm1, %%xmm0`;
}

function resultBytes(name: string): number {
  if (/\.[48]$/.test(name) && name.includes('2si')) return Number(name.slice(-1));
  if (/^u?comis|ss$|cvtsd2ss|cvtsi2ss/.test(name)) return 4;
  if (/sd$|cvtsi2sd/.test(name)) return 8;
  return 16;
}

function immediates(name: string): number[] {
  if (name.startsWith('cmp')) return [0, 1, 2, 3, 4, 5, 6, 7];
  if (name.startsWith('round')) return [0, 1, 2, 3, 4, 8, 11, 12];
  if (name === 'dpps') return [0xff, 0xf1, 0x7f, 0x31, 0xc8, 0x52, 0xa5, 0x8f, 0x0f];
  if (name === 'dppd') return [0x33, 0x31, 0x12, 0x23, 0x03];
  return [0];
}

const CASES: Case[] = OPERATION_NAMES.flatMap((name) =>
  immediates(name).map((imm) => ({ name, imm, asm: assembly(name, imm), bytes: resultBytes(name) })),
);

/** Reads records (case, mxcsr, a, b), writes (raised, mxcsr, result) in their place. */
function program(): string {
  const bodies = CASES.map(
    ({ asm }, i) => `static void f${i}(char *r) { __asm__ volatile(
      "movups (%0), %%xmm0; movups 16(%0), %%xmm1; xor %%eax, %%eax; ldmxcsr 36(%0); ${asm}; stmxcsr 36(%0); ldmxcsr 40(%0); movups %%xmm0, (%0)"
      : : "r"(r) : "memory", "rax", "xmm0", "xmm1"); }`,
  );
  return `#define _GNU_SOURCE
#include <signal.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
static sigjmp_buf out; static volatile unsigned trapped;
static void onfpe(int s, siginfo_t *i, void *c) {
  ucontext_t *u = c; trapped = u->uc_mcontext.fpregs->mxcsr; siglongjmp(out, 1); }
${bodies.join('\n')}
static void (*const table[])(char *) = { ${CASES.map((_, i) => `f${i}`).join(', ')} };
int main(void) {
  static char r[${RECORD}]; struct sigaction sa = { .sa_sigaction = onfpe, .sa_flags = SA_SIGINFO | SA_NODEFER };
  sigaction(SIGFPE, &sa, 0);
  while (fread(r, 1, sizeof r, stdin) == sizeof r) {
    unsigned n, plain = 0x1f80; memcpy(&n, r + 32, 4); memcpy(r + 40, &plain, 4);
    unsigned raised = 0;
    if (sigsetjmp(out, 0) == 0) table[n](r);
    else { raised = 1; unsigned t = trapped; memcpy(r + 36, &t, 4); __asm__ volatile("ldmxcsr %0; emms" : : "m"(plain)); }
    memcpy(r + 32, &raised, 4);
    fwrite(r, 1, sizeof r, stdout);
  }
  return 0;
}`;
}

let state = SEED >>> 0;
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  let x = state;
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  return x >>> 0;
}
function pick<T>(list: readonly T[]): T {
  return list[random() % list.length] as T;
}

const CORNERS64: readonly (readonly [number, number])[] = [
  [0, 0],
  [0x80000000, 0],
  [0x3ff00000, 0],
  [0xbff00000, 0],
  [0x7ff00000, 0],
  [0xfff00000, 0],
  [0x7ff80000, 0x123],
  [0xfff80000, 1],
  [0x7ff00000, 1],
  [0xfff40000, 5],
  [0, 1],
  [0x80000000, 1],
  [0xfffff, 0xffffffff],
  [0x100000, 0],
  [0x80100000, 0],
  [0x100000, 1],
  [0x7fefffff, 0xffffffff],
  [0xffefffff, 0xffffffff],
  [0x41dfffff, 0xffc00000],
  [0x41e00000, 0],
  [0xc1e00000, 0],
  [0xc1e00000, 0x00200000],
  [0x43e00000, 0],
  [0xc3e00000, 0],
  [0x3fe00000, 0],
  [0x3ff80000, 0],
  [0x40040000, 0],
  [0xbfe00000, 0],
  [0x3fdfffff, 0xffffffff],
  [0x381fffff, 0xffffffff],
  [0x36a00000, 0],
  [0x380fffff, 0xe0000000],
  [0x47efffff, 0xefffffff],
  [0x47efffff, 0xf0000000],
  [0x43300000, 1],
];
// prettier-ignore
const CORNERS32: readonly number[] = [
  0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00123, 0xffc00001, 0x7f800001, 0xffa00005, 1,
  0x80000001, 0x7fffff, 0x800000, 0x80800000, 0x800001, 0x7f7fffff, 0xff7fffff, 0x4effffff, 0x4f000000, 0xcf000000,
  0xcf000001, 0x5f000000, 0xdf000000, 0x3f000000, 0x3fc00000, 0x40200000, 0xbf000000, 0x3effffff, 0x4b000001,
];

function random64(): readonly [number, number] {
  const kind = random() % 8;
  if (kind < 3) return pick(CORNERS64);
  const [high, low] = pick(CORNERS64);
  if (kind === 3) return [high, (low + (random() % 5) - 2) >>> 0];
  if (kind === 4) return [random(), random()];
  const exponent = pick([
    0x3ff,
    0x3fe,
    0x400,
    0x41d,
    0x1ff,
    0x200,
    0x5fe,
    0x3ff - 53,
    0x381,
    0x368,
    0x47e,
    2,
    0x7fd,
  ]);
  const coarse = random() % 2 === 0 ? 0 : random();
  const top = (random() & 0x800fffff) | ((exponent + (random() % 3) - 1) << 20);
  return [top >>> 0, coarse];
}
function random32(): number {
  const kind = random() % 8;
  if (kind < 3) return pick(CORNERS32);
  if (kind === 3) return (pick(CORNERS32) + (random() % 5) - 2) >>> 0;
  if (kind === 4) return random();
  const exponent = pick([0x7f, 0x7e, 0x80, 0x9d, 0x9e, 0x3f, 0x40, 0xbe, 0x7f - 24, 2, 0xfd]);
  const mask = random() % 2 === 0 ? 0x807fffff : 0x807ff000;
  return ((random() & mask) | ((exponent + (random() % 3) - 1) << 23)) >>> 0;
}

function isDouble(name: string): boolean {
  return /(pd|sd)$/.test(name) || /cvtt?[sp]d2/.test(name);
}

function fillOperand(view: DataView, at: number, name: string): void {
  const doubles = isDouble(name) && !name.startsWith('cvtps2') && !name.startsWith('cvtss2');
  for (let i = 0; i < 16; i += 8) {
    if (doubles) {
      const [high, low] = random64();
      view.setUint32(at + i, low, true);
      view.setUint32(at + i + 4, high, true);
    } else {
      view.setUint32(at + i, random32(), true);
      view.setUint32(at + i + 4, random32(), true);
    }
  }
}

/** Mostly all masked; sticky flags only sometimes. */
function randomMxcsr(): number {
  const masks = random() % 4 === 0 ? random() & 0x1f80 : 0x1f80;
  const modes = pick([0, 0, 0x2000, 0x4000, 0x6000]) | (random() % 4 === 0 ? random() & 0x8040 : 0);
  const sticky = random() % 4 === 0 ? random() & 0x3f : 0;
  return masks | modes | (sticky & (masks >> 7));
}

function makeInput(): Buffer {
  const input = Buffer.alloc(CASES.length * SETS * RECORD);
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  CASES.forEach(({ name }, n) => {
    for (let i = 0; i < SETS; i++) {
      const at = (n * SETS + i) * RECORD;
      fillOperand(view, at, name);
      fillOperand(view, at + 16, name);
      if (random() % 8 === 0) input.copy(input, at + 16, at, at + 16);
      view.setUint32(at + 32, n, true);
      view.setUint32(at + 36, randomMxcsr(), true);
    }
  });
  return input;
}

function machine(): MachineViews {
  const buffer = new ArrayBuffer(0x2000);
  return {
    u8: new Uint8Array(buffer),
    i32: new Int32Array(buffer),
    u32: new Uint32Array(buffer),
    f64: new Float64Array(buffer),
    view: new DataView(buffer),
  };
}

function flagsOf(difference: number): number {
  if (Number.isNaN(difference)) return 0x45;
  return difference < 0 ? 0x01 : difference === 0 ? 0x40 : 0;
}

const folder = mkdtempSync(join(tmpdir(), 'culm-float-'));
let input: Buffer;
let expected: Buffer;

before(() => {
  writeFileSync(join(folder, 'native.c'), program());
  execFileSync('gcc', ['-O1', '-msse4.2', '-o', join(folder, 'native'), join(folder, 'native.c')]);
  input = makeInput();
  expected = execFileSync(join(folder, 'native'), { input, maxBuffer: input.length + 1024 });
});
after(() => rmSync(folder, { recursive: true }));

const m = machine();
const soft = (softFloat.js as NonNullable<typeof softFloat.js>)(m, {
  clock: () => 0,
  cpus: 1,
  level: 'x86-64-v2',
});

function runSoft(record: Buffer, test: Case): { raised: number; mxcsr: number; result: string } {
  m.u8.set(record.subarray(0, 16), OPERAND_A);
  m.u8.set(record.subarray(16, 32), OPERAND_B);
  m.i32[(CPU + CPU_MXCSR) >> 2] = record.readUInt32LE(36);
  const raised = Math.min(1, soft(operationCode(test.name), test.imm) as number);
  if (/^u?comis/.test(test.name)) m.u32[RESULT >> 2] = flagsOf(m.f64[RESULT >> 3] as number);
  const mxcsr = m.i32[(CPU + CPU_MXCSR) >> 2] as number;
  return { raised, mxcsr, result: Buffer.from(m.u8.subarray(RESULT, RESULT + test.bytes)).toString('hex') };
}

function describe(record: Buffer): string {
  const words = (at: number) =>
    [12, 8, 4, 0]
      .map((i) =>
        record
          .readUInt32LE(at + i)
          .toString(16)
          .padStart(8, '0'),
      )
      .join('_');
  return `a ${words(0)} b ${words(16)} mxcsr ${record.readUInt32LE(36).toString(16)}`;
}

CASES.forEach((each, n) => {
  test(`${each.name} ${each.imm} as this CPU does it (seed ${SEED})`, () => {
    for (let i = 0; i < SETS; i++) {
      const at = (n * SETS + i) * RECORD;
      const record = input.subarray(at, at + RECORD);
      const want = expected.subarray(at, at + RECORD);
      const got = runSoft(record, each);
      const raised = want.readUInt32LE(32);
      const result = raised === 1 ? got.result : want.subarray(0, each.bytes).toString('hex');
      const where = describe(record);
      assert.deepEqual(
        { ...got, mxcsr: got.mxcsr.toString(16) },
        { raised, mxcsr: want.readUInt32LE(36).toString(16), result },
        where,
      );
    }
  });
});
