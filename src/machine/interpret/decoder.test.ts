import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { RecordWriter } from '../../../test/machine/records.js';
import { HOST_FUNCTIONS } from '../core/build.js';
import { generateCore } from '../core/core-text.js';
import { DECODED, FRAME_BASE, RECORD_SIZE } from '../layout.js';
import { createMemory } from '../memory/memory.js';
import { wasm } from '../wasm/webassembly.js';
import { MAX_INSN_LENGTH, allForms, decode } from '../x86/decode.js';
import type { Insn } from '../x86/insn.js';
import { FLAGS_UNKNOWN } from './handler-emitter.js';
import { HandlerTable } from './handler-table.js';
import { BRANCH_FLAGS } from './handlers.js';
import { RECORD_DISP, RECORD_IMM, RESULT_HANDLER, RESULT_LENGTH, RESULT_RECORDS } from './record.js';

const core = generateCore();
const handlers = new HandlerTable(core.handlers);
const { memory, views } = createMemory(0x10000);
const nothing = () => 0;
const instance = new wasm.Instance(new wasm.Module(core.bytes), {
  env: { memory, table: new wasm.Table({ initial: 1, element: 'anyfunc' }) },
  host: Object.fromEntries(HOST_FUNCTIONS.map(({ name }) => [name, nothing])),
  helper: Object.fromEntries(core.helpers.map(({ name }) => [name, nothing])),
});
const decodeInsn = instance.exports.decodeInsn as unknown as (
  at: number,
  address: bigint,
  record: number,
  flags: number,
) => number;

const ADDRESS = 0x7fff_f7a1_0ff0;
const BYTES = FRAME_BASE;
const [OURS, THEIRS] = [DECODED + 0x1000, DECODED + 0x2000];
const writer = new RecordWriter(views.view);
const FLAGS = [FLAGS_UNKNOWN, ...BRANCH_FLAGS];

const hex = (at: number, length: number) => Buffer.from(views.u8.subarray(at, at + length)).toString('hex');

/** Decodes the bytes with both decoders; what JavaScript's said. */
function compare(bytes: Uint8Array, address: number, flags: number, why: string): Insn | null {
  views.u8.fill(0, BYTES, BYTES + 64);
  views.u8.set(bytes, BYTES);
  views.u8.fill(0, OURS, OURS + 2 * RECORD_SIZE);
  views.u8.fill(0, THEIRS, THEIRS + 2 * RECORD_SIZE);
  const insn = decode(bytes, 0, bytes.length, address);
  const handler = typeof insn === 'number' ? -1 : handlers.find(insn, FLAGS[flags] as number);
  const result = decodeInsn(BYTES, BigInt(address), OURS, flags);
  const what = () => `${why}: ${Buffer.from(bytes).toString('hex')}`;
  if (typeof insn === 'number' || handler < 0) {
    assert.ok(result === 0 || (result & RESULT_LENGTH) > bytes.length, what());
    return null;
  }
  const end = writer.writeAll(THEIRS, handler, insn);
  assert.equal(result & RESULT_LENGTH, insn.length, what());
  assert.equal(result >> RESULT_HANDLER, handler, what());
  assert.equal(result & RESULT_RECORDS, end - THEIRS, what());
  // JavaScript rounds absolute addresses beyond 2^53, all of which fault.
  const rounded = insn.operands.some((x) => x.kind === 'mem' && !Number.isSafeInteger(x.disp));
  if (rounded)
    for (const record of [OURS, THEIRS]) views.u8.fill(0, record + RECORD_DISP, record + RECORD_IMM);
  assert.equal(hex(OURS, end - THEIRS), hex(THEIRS, end - THEIRS), what());
  return insn;
}

/** Marsaglia's xorshift32. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

const PREFIXES = [0x66, 0xf2, 0xf3, 0x67, 0xf0, 0x64, 0x65, 0x2e, 0x48, 0x41, 0x44, 0x40, 0x4f];
const ESCAPES = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];
/** Some with extended registers and vvvv, and every map with each length, W and prefix. */
const VEX_ESCAPES = [
  [0xc5, 0xf8],
  [0xc5, 0x6e],
  [0xc4, 0xa2, 0xad],
  [0xc4, 0x42, 0x4a],
  [0xc4, 0x63, 0xed],
  [0xc4, 0xe4, 0x79],
  ...[1, 2, 3].flatMap((map) =>
    [0, 1, 2, 3, 4, 5, 6, 7].flatMap((last) => [0x78, 0xf8].map((w) => [0xc4, 0xe0 | map, w | last])),
  ),
];
/** VEX forbids most prefixes, and does not ask for more than what it has. */
const VEX_PREFIXES = [[], [0x66], [0x67], [0x65], [0x48]];

describe('the decoder in WebAssembly', () => {
  it('decodes every opcode with every modrm and prefix as the one in JavaScript does', () => {
    const met = new Set<number>();
    const next = generator(0x9e3779b9);
    const bytes = new Uint8Array(MAX_INSN_LENGTH + 8);
    const prefixes = [
      [],
      ...PREFIXES.map((byte) => [byte]),
      [0x66, 0x48],
      [0xf3, 0x48],
      [0xf2, 0x66],
      [0x67, 0xf3, 0x64],
    ];
    for (const escape of [...ESCAPES, ...VEX_ESCAPES]) {
      const isVex = VEX_ESCAPES.includes(escape);
      const few = VEX_ESCAPES.indexOf(escape) > 5 ? [[]] : VEX_PREFIXES;
      for (const prefix of isVex ? few : prefixes) {
        for (let opcode = 0; opcode < 256; opcode++) {
          for (let modrm = 0; modrm < 256; modrm += isVex || prefix.length > 0 ? 5 : 1) {
            for (let k = 0; k < bytes.length; k++) bytes[k] = next();
            bytes.set([...prefix, ...escape, opcode, modrm]);
            const insn = compare(bytes, ADDRESS, modrm % FLAGS.length, 'all opcodes');
            if (insn !== null) met.add(insn.form.id);
          }
        }
      }
    }
    const forms = allForms().length;
    assert.ok(met.size > forms * 0.9, `${met.size} of ${forms} forms met`);
  });

  it('decodes random bytes as the one in JavaScript does', () => {
    const seed = Date.now() | 1;
    const next = generator(seed);
    const bytes = new Uint8Array(32);
    let decoded = 0;
    for (let round = 0; round < 150_000; round++) {
      for (let k = 0; k < bytes.length; k++) bytes[k] = next();
      const prefixes = next() % 4;
      for (let k = 0; k < prefixes; k++) bytes[k] = PREFIXES[next() % PREFIXES.length] as number;
      const escapes = next() % 4 === 0 ? VEX_ESCAPES : ESCAPES;
      bytes.set(escapes[next() % escapes.length] as number[], prefixes);
      if (compare(bytes, ADDRESS, round % FLAGS.length, `seed ${seed}`) !== null) decoded++;
    }
    assert.ok(decoded > 30_000, `${decoded} instructions`);
  });

  it('decodes the code of real programs as the one in JavaScript does', () => {
    for (const path of [process.execPath, '/bin/bash', '/lib/x86_64-linux-gnu/libc.so.6']) {
      const file = readFileSync(path).subarray(0, 24 << 20);
      // From the middle on: there is code in each.
      let at = file.length >>> 1;
      let decoded = 0;
      for (let k = 0; k < 60_000 && at + 32 < file.length; k++) {
        const insn = compare(file.subarray(at, at + 32), 0x555555554000 + at, k % FLAGS.length, path);
        at += insn === null ? 1 : insn.length;
        if (insn !== null) decoded++;
      }
      assert.ok(decoded > 30_000, `${path}: ${decoded} instructions`);
    }
  });
});
