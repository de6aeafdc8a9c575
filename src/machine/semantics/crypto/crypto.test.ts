/** Published test vectors, for processors that lack what `test/cpu` would compare with. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BareMachine, bytes } from '../../../../test/machine/program.js';
import * as L from '../../layout.js';
import { EXIT_SYSCALL } from '../../types.js';

type Vector = Uint8Array;
type Tier = 'interpret' | 'translate';

const fromHex = (text: string): Vector => Uint8Array.from(Buffer.from(text, 'hex'));
const hex = (vector: Vector): string => Buffer.from(vector).toString('hex');
/** As the manuals write a vector: the last byte first. */
const reversed = (text: string): Vector => fromHex(text).reverse();
const xor = (a: Vector, b: Vector): Vector => a.map((byte, i) => byte ^ (b[i] ?? 0));
const words = (list: readonly number[]): Vector => new Uint8Array(Uint32Array.from(list).buffer);
const wordsOf = (vector: Vector): Uint32Array => new Uint32Array(vector.slice().buffer);

/** Runs single instructions on xmm1, xmm2 and xmm0; the result is xmm1. */
class Processor {
  private readonly codes = new Map<string, BareMachine>();

  constructor(private readonly tier: Tier) {}

  run(code: string, a: Vector, b: Vector, implied: Vector = new Uint8Array(16)): Vector {
    let m = this.codes.get(code);
    if (m === undefined) {
      m = new BareMachine({ tier: this.tier });
      m.load(bytes(`${code} 0f 05`));
      this.codes.set(code, m);
    }
    const { u8 } = m.machine.memory;
    const at = L.CPU + L.CPU_XMM;
    u8.set(implied, at);
    u8.set(a, at + 16);
    u8.set(b, at + 32);
    assert.equal(m.start(), EXIT_SYSCALL);
    return u8.slice(at + 16, at + 32);
  }
}

const AESENC = '66 0f 38 dc ca';
const AESENCLAST = '66 0f 38 dd ca';
const AESDEC = '66 0f 38 de ca';
const AESDECLAST = '66 0f 38 df ca';
const AESIMC = '66 0f 38 db ca';
const keygenAssist = (rcon: number): string => `66 0f 3a df ca ${rcon.toString(16).padStart(2, '0')}`;
const RCON = [1, 2, 4, 8, 16, 32, 64, 128, 0x1b, 0x36];

function expandKey(cpu: Processor, key: Vector): Vector[] {
  const keys = [key];
  for (const rcon of RCON) {
    const last = wordsOf(keys[keys.length - 1] as Vector);
    const assist = wordsOf(cpu.run(keygenAssist(rcon), new Uint8Array(16), words([...last])));
    let word = assist[3] ?? 0;
    keys.push(words([...last].map((old) => (word ^= old))));
  }
  return keys;
}

const SCHEDULE = [0, 1, 2, 3];
/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
function cubeRoots(): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < 64; n++)
    if (!Array.from({ length: n - 2 }, (_, i) => i + 2).some((d) => n % d === 0))
      found.push(Math.floor((Math.cbrt(n) % 1) * 0x100000000));
  return found;
}

/** The block of the message "abc": its words, lane 3 first for SHA-1, lane 0 first for SHA-256. */
const ABC = [0x61626380, ...new Array<number>(14).fill(0), 24];
const lanes = (of: (n: number) => number): Vector => words(SCHEDULE.map(of));

for (const tier of ['interpret', 'translate'] as const) {
  describe(`ciphers and digests, ${tier}`, () => {
    const cpu = new Processor(tier);

    it('AES-128 as in FIPS 197, C.1, there and back', () => {
      const keys = expandKey(cpu, fromHex('000102030405060708090a0b0c0d0e0f'));
      assert.equal(hex(keys[10] as Vector), '13111d7fe3944a17f307a78b4d2b30c5');
      const plain = fromHex('00112233445566778899aabbccddeeff');
      let state = xor(plain, keys[0] as Vector);
      for (let i = 1; i < 10; i++) state = cpu.run(AESENC, state, keys[i] as Vector);
      state = cpu.run(AESENCLAST, state, keys[10] as Vector);
      assert.equal(hex(state), '69c4e0d86a7b0430d8cdb78070b4c55a');
      state = xor(state, keys[10] as Vector);
      for (let i = 9; i > 0; i--)
        state = cpu.run(AESDEC, state, cpu.run(AESIMC, new Uint8Array(16), keys[i] as Vector));
      assert.equal(hex(cpu.run(AESDECLAST, state, keys[0] as Vector)), hex(plain));
    });

    it('products as in Intel’s paper on carry-less multiplication', () => {
      const a = reversed('7b5b54657374566563746f725d53475d');
      const b = reversed('48692853686179295b477565726f6e5d');
      const product = (imm: string): string => hex(cpu.run(`66 0f 3a 44 ca ${imm}`, a, b).reverse());
      assert.equal(product('00'), '1d4d84c85c3440c0929633d5d36f0451');
      assert.equal(product('01'), '1a2bf6db3a30862fbabf262df4b7d5c9');
      assert.equal(product('10'), '1bd17c8d556ab5a17fa540ac2a281315');
      assert.equal(product('11'), '1d1e1f2c592e7c45d66ee03e410fd4ed');
    });

    it('SHA-1 of abc as in FIPS 180-2, A.1', () => {
      const blocks = SCHEDULE.map((k) => lanes((i) => ABC[4 * k + 3 - i] ?? 0));
      for (let k = 4; k < 20; k++) {
        const [a, b, c, d] = blocks.slice(-4) as [Vector, Vector, Vector, Vector];
        blocks.push(cpu.run('0f 38 ca ca', xor(cpu.run('0f 38 c9 ca', a, b), c), d));
      }
      const start = words([0x10325476, 0x98badcfe, 0xefcdab89, 0x67452301]);
      const e = words([0, 0, 0, 0xc3d2e1f0]);
      let state: Vector = start;
      let before: Vector = new Uint8Array(16);
      blocks.forEach((block, k) => {
        // At first e itself is added to the first word; then it comes of the state before.
        const sum = wordsOf(block).map((word, i) => word + (wordsOf(e)[i] ?? 0));
        const terms = k === 0 ? words([...sum]) : cpu.run('0f 38 c8 ca', before, block);
        const imm = Math.floor(k / 5);
        [before, state] = [state, cpu.run(`0f 3a cc ca 0${imm}`, state, terms)];
      });
      const last = wordsOf(cpu.run('0f 38 c8 ca', before, e));
      const sum = wordsOf(state).map((word, i) => word + (wordsOf(start)[i] ?? 0));
      const digest = [sum[3], sum[2], sum[1], sum[0], last[3]].map((word) => (word ?? 0).toString(16));
      assert.equal(digest.join(' '), 'a9993e36 4706816a ba3e2571 7850c26c 9cd0d89d');
    });

    it('SHA-256 of abc as in FIPS 180-2, B.1', () => {
      const blocks = SCHEDULE.map((k) => lanes((i) => ABC[4 * k + i] ?? 0));
      for (let k = 4; k < 16; k++) {
        const [a, b, c, d] = blocks.slice(-4) as [Vector, Vector, Vector, Vector];
        const before = [...wordsOf(c), ...wordsOf(d)].slice(1, 5);
        const sum = wordsOf(cpu.run('0f 38 cc ca', a, b)).map((word, i) => word + (before[i] ?? 0));
        blocks.push(cpu.run('0f 38 cd ca', words([...sum]), d));
      }
      const roots = cubeRoots();
      let abef = words([0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667]);
      let cdgh = words([0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372]);
      const starts = [wordsOf(abef), wordsOf(cdgh)];
      blocks.forEach((block, k) => {
        const terms = wordsOf(block).map((word, i) => word + (roots[4 * k + i] ?? 0));
        for (const two of [[...terms], [...terms.slice(2)]]) {
          const next = cpu.run('0f 38 cb ca', cdgh, abef, words([two[0] ?? 0, two[1] ?? 0, 0, 0]));
          [cdgh, abef] = [abef, next];
        }
      });
      const [f, e, b, a] = wordsOf(abef).map((word, i) => word + (starts[0]?.[i] ?? 0));
      const [h, g, d, c] = wordsOf(cdgh).map((word, i) => word + (starts[1]?.[i] ?? 0));
      const digest = [a, b, c, d, e, f, g, h].map((word) => (word ?? 0).toString(16).padStart(8, '0'));
      assert.equal(
        digest.join(' '),
        'ba7816bf 8f01cfea 414140de 5dae2223 b00361a3 96177a9c b410ff61 f20015ad',
      );
    });
  });
}
