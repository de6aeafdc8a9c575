import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, it } from 'node:test';
import { CPU, CPU_FCW, CPU_FSW, SCRATCH } from '../../layout.js';
import type { Helper, MachineViews } from '../helper.js';
import { get, initialise, isEmpty } from './environment.js';
import { Extended } from './extended.js';
import {
  BINARY,
  DOUBLE_FORMAT,
  EXTENDED_BYTES,
  INTEGER_FORMAT,
  SINGLE_FORMAT,
  UNARY_NAMES,
  x87Arithmetic,
  x87Compare,
  x87Load,
  x87Store,
  x87Unary,
} from './operations.js';

const SOURCE = fileURLToPath(new URL('../../../../../src/machine/semantics/x87/oracle.c', import.meta.url));
const IN_SIZE = 24;
const OUT_SIZE = 30;

function views(): MachineViews {
  const buffer = new ArrayBuffer(0x2000);
  return {
    u8: new Uint8Array(buffer),
    i32: new Int32Array(buffer),
    u32: new Uint32Array(buffer),
    f64: new Float64Array(buffer),
    view: new DataView(buffer),
  };
}

const memory = views();
const bound = new Map<Helper, (...args: number[]) => number | void>();

function run(helper: Helper, ...args: number[]): void {
  const known = bound.get(helper) ?? helper.js?.(memory, { clock: () => 0, cpus: 1, level: 'x86-64-v2' });
  if (known === undefined) throw new Error(helper.name);
  bound.set(helper, known);
  known(...args);
}

const unary = (name: string) => (): void => run(x87Unary, UNARY_NAMES.indexOf(name));
const store = (format: number, bytes: number) => (): void => run(x87Store, format, bytes, 0);

const STORED_BITS: Readonly<Record<string, number>> = {
  fsts: 32,
  fstl: 64,
  fists: 16,
  fistl: 32,
  fistll: 64,
};

/** By the numbers of oracle.c. */
const OPERATIONS: readonly (readonly [name: string, run: () => void])[] = [
  ...BINARY.map((name, index) => [name, () => run(x87Arithmetic, index, 0, 1, 0)] as const),
  ...['fsqrt', 'frndint', 'fscale', 'fprem', 'fprem1', 'fxam'].map((name) => [name, unary(name)] as const),
  ['fcom', () => run(x87Compare, 1, 0, 0)],
  ['fucom', () => run(x87Compare, 1, 1, 0)],
  ...['ftst', 'f2xm1', 'fyl2x', 'fyl2xp1', 'fpatan', 'fsin', 'fcos', 'fptan', 'fsincos', 'fxtract'].map(
    (name) => [name, unary(name)] as const,
  ),
  ['fsts', store(SINGLE_FORMAT, 4)],
  ['fstl', store(DOUBLE_FORMAT, 8)],
  ['fists', store(INTEGER_FORMAT, 2)],
  ['fistl', store(INTEGER_FORMAT, 4)],
  ['fistll', store(INTEGER_FORMAT, 8)],
];

let seed = 1;
function random(): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed >>> 0;
}
const chance = (n: number): boolean => (random() >>> 8) % n === 0;

const CORNERS: readonly (readonly [word: number, hi: number, lo: number])[] = [
  [0, 0, 0],
  [0x8000, 0, 0],
  [0x3fff, 0x80000000, 0],
  [0xbfff, 0x80000000, 0],
  [0x7fff, 0x80000000, 0],
  [0xffff, 0x80000000, 0],
  [0x7fff, 0xc0000000, 1],
  [0x7fff, 0xa0000000, 5],
  [0xffff, 0xc0000000, 0],
  [0, 0, 1],
  [0, 0x7fffffff, 0xffffffff],
  [0, 0x80000000, 0],
  [1, 0x80000000, 0],
  [0x7ffe, 0xffffffff, 0xffffffff],
  [0x3ffe, 0xffffffff, 0xffffffff],
  [0x4000, 0x7fffffff, 1],
  [0x401e, 0xfffffffe, 0x80000000],
];

/** A number that is likely to be near `exponent`, or a corner. */
function writeNumber(into: Buffer, at: number, spread: number): void {
  const [word, hi, lo] = chance(4)
    ? (CORNERS[random() % CORNERS.length] ?? [0, 0, 0])
    : [
        ((random() & 1) << 15) | (0x3fff - (spread >> 1) + ((random() >>> 4) % spread)),
        (random() | 0x80000000) >>> 0,
        chance(3) ? 0 : random(),
      ];
  into.writeUInt32LE(lo, at);
  into.writeUInt32LE(hi, at + 4);
  into.writeUInt16LE(word, at + 8);
}

const SPREADS: Readonly<Record<string, number>> = {
  f2xm1: 60,
  fsin: 60,
  fcos: 60,
  fptan: 60,
  fsincos: 60,
  fprem: 100,
};
const CONTROLS = [0x37f, 0x27f, 0x07f, 0x77f, 0xb7f, 0xf7f, 0x67f];

function records(operation: number, name: string, count: number): Buffer {
  const batch = Buffer.alloc(count * IN_SIZE);
  for (let i = 0; i < count; i++) {
    const at = i * IN_SIZE;
    batch.writeUInt16LE(operation, at);
    batch.writeUInt16LE(CONTROLS[random() % CONTROLS.length] ?? 0x37f, at + 2);
    const spread = SPREADS[name] ?? (chance(3) ? 0x7ffe : 140);
    writeNumber(batch, at + 4, spread);
    writeNumber(batch, at + 14, spread);
  }
  return batch;
}

const $x = new Extended();
/** st(i); an empty one is stored as the indefinite. */
function register(i: number): string {
  if (isEmpty(memory, i)) return 'ffff:c0000000:0';
  get(memory, i, $x);
  const word = ($x.sign << 15) | $x.exponent;
  return `${word.toString(16)}:${$x.hi.toString(16)}:${$x.lo.toString(16)}`;
}

/** The same instruction here: status word, st0 and st1 as oracle.c leaves them, and what was stored. */
function execute(record: Buffer, work: () => void, storedBits: number): string {
  initialise(memory);
  const load = (at: number): void =>
    run(
      x87Load,
      EXTENDED_BYTES,
      record.readUInt32LE(at),
      record.readUInt32LE(at + 4),
      record.readUInt16LE(at + 8),
    );
  load(14);
  load(4);
  memory.i32[(CPU + CPU_FCW) >> 2] = record.readUInt16LE(2);
  memory.view.setUint32(SCRATCH, 0, true);
  memory.view.setUint32(SCRATCH + 4, 0, true);
  work();
  const status = memory.i32[(CPU + CPU_FSW) >> 2] as number;
  const stored = BigInt.asUintN(storedBits, memory.view.getBigUint64(SCRATCH, true));
  return [status.toString(16), register(0), register(1), stored.toString(16)].join(' ');
}

function shown(out: Buffer, at: number): string {
  const word = (from: number): string =>
    `${out.readUInt16LE(from + 8).toString(16)}:${out.readUInt32LE(from + 4).toString(16)}:${out.readUInt32LE(from).toString(16)}`;
  return [
    out.readUInt16LE(at).toString(16),
    word(at + 2),
    word(at + 12),
    out.readBigUInt64LE(at + 22).toString(16),
  ].join(' ');
}

const COUNT = 1500;
/**
 * Of these so large a part may differ from the processor: by a unit in the last place, as the manual allows, and wherever
 * the operands lie outside the instruction's domain, which half of f2xm1's and a fifth of fyl2xp1's do.
 */
const APPROXIMATE: Readonly<Record<string, number>> = {
  f2xm1: 0.5,
  fyl2x: 0.1,
  fyl2xp1: 0.3,
  fpatan: 0.1,
  fsin: 0.1,
  fcos: 0.1,
  fptan: 0.1,
  fsincos: 0.1,
};

describe('x87', () => {
  const folder = mkdtempSync(join(tmpdir(), 'culm-x87-'));
  const oracle = join(folder, 'oracle');
  before(() => void execFileSync('gcc', ['-O1', '-o', oracle, SOURCE]));
  after(() => rmSync(folder, { recursive: true }));

  OPERATIONS.forEach(([name, work], number) => {
    it(`${name} as the processor has it`, () => {
      seed = 1000 + number;
      const batch = records(number, name, COUNT);
      const out = execFileSync(oracle, { input: batch, maxBuffer: 1 << 26 });
      assert.equal(out.length, COUNT * OUT_SIZE);
      const differences: string[] = [];
      for (let i = 0; i < COUNT; i++) {
        const record = batch.subarray(i * IN_SIZE, (i + 1) * IN_SIZE);
        const expected = shown(out, i * OUT_SIZE);
        const actual = execute(record, work, STORED_BITS[name] ?? 0);
        if (expected !== actual) differences.push(`${record.toString('hex')}: ${expected} but ${actual}`);
      }
      const allowed = COUNT * (APPROXIMATE[name] ?? 0);
      assert.ok(
        differences.length <= allowed,
        `${differences.length} differ, as\n${differences.slice(0, 8).join('\n')}`,
      );
    });
  });
});
