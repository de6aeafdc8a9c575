import assert from 'node:assert/strict';
import { test } from 'node:test';
import { XSAVE_SIZE, cpuidLeaf, featureNames } from './cpuid.js';

const V2 = 'x86-64-v2';
const V3 = 'x86-64-v3';

/** The text that registers hold, four characters each, least byte first. */
function text(words: readonly number[]): string {
  const bytes = new Uint8Array(Int32Array.from(words).buffer);
  return Buffer.from(bytes).toString('latin1').replace(/\0+$/, '');
}

test('vendor and brand', () => {
  const [, ebx, ecx, edx] = cpuidLeaf(0, 0, 1, V2);
  assert.equal(text([ebx, edx, ecx]), 'GenuineIntel');
  const brand = [2, 3, 4].flatMap((part) => cpuidLeaf(0x80000000 + part, 0, 1, V2));
  assert.equal(text(brand), 'Culm virtual CPU');
});

test('features are x86-64-v2, PCLMULQDQ and SHA, and no more', () => {
  const [, , ecx, edx] = cpuidLeaf(1, 0, 1, V2);
  const v2 = { SSE3: 0, SSSE3: 9, CMPXCHG16B: 13, SSE4_1: 19, SSE4_2: 20, POPCNT: 23, PCLMULQDQ: 1 };
  for (const [name, bit] of Object.entries(v2)) assert.equal((ecx >>> bit) & 1, 1, name);
  const absent = {
    FMA: 12,
    MOVBE: 22,
    AES: 25,
    XSAVE: 26,
    OSXSAVE: 27,
    AVX: 28,
    F16C: 29,
    RDRAND: 30,
  };
  for (const [name, bit] of Object.entries(absent)) assert.equal((ecx >>> bit) & 1, 0, name);
  const baseline = { FPU: 0, TSC: 4, CX8: 8, CMOV: 15, CLFSH: 19, MMX: 23, FXSR: 24, SSE: 25, SSE2: 26 };
  for (const [name, bit] of Object.entries(baseline)) assert.equal((edx >>> bit) & 1, 1, name);
  const extended = (1 << 9) | (1 << 29);
  assert.deepEqual(cpuidLeaf(7, 0, 1, V2), [0, extended, 0, 0], 'only ERMS and SHA: no FSGSBASE, BMI, AVX2');
  assert.deepEqual(cpuidLeaf(0xd, 0, 1, V2), [0, 0, 0, 0], 'no XSAVE area');
});

test('topology of several processors', () => {
  assert.deepEqual(cpuidLeaf(0xb, 0, 4, V2), [0, 1, 0x100, 0]);
  assert.deepEqual(cpuidLeaf(0xb, 1, 4, V2), [2, 4, 0x201, 0]);
  assert.deepEqual(cpuidLeaf(0xb, 1, 1, V2), [0, 1, 0x201, 0]);
  assert.equal(cpuidLeaf(1, 0, 4, V2)[3] & (1 << 28), 1 << 28);
  assert.equal(cpuidLeaf(1, 0, 1, V2)[3] & (1 << 28), 0);
});

test('caches have sizes that programs can compute', () => {
  const sizes = [0, 1, 2, 3].map((subleaf) => {
    const [, ebx, ecx] = cpuidLeaf(4, subleaf, 1, V2);
    return ((ebx >>> 22) + 1) * ((ebx & 0xfff) + 1) * (ecx + 1);
  });
  assert.deepEqual(sizes, [32 << 10, 32 << 10, 512 << 10, 16 << 20]);
  assert.deepEqual(cpuidLeaf(4, 4, 1, V2), [0, 0, 0, 0]);
});

test('leaves beyond the last ones are empty', () => {
  assert.deepEqual(cpuidLeaf(0x1234, 0, 1, V2), [0, 0, 0, 0]);
  assert.deepEqual(cpuidLeaf(-1, 7, 1, V2), [0, 0, 0, 0]);
});

test('x86-64-v3 has all that the psABI asks for, and XSAVE with room for it', () => {
  const [maxLeaf] = cpuidLeaf(0, 0, 1, V3);
  assert.ok(maxLeaf >= 0xd);
  const [, , ecx] = cpuidLeaf(1, 0, 1, V3);
  const leaf1 = { SSE3: 0, FMA: 12, MOVBE: 22, XSAVE: 26, OSXSAVE: 27, AVX: 28, F16C: 29 };
  for (const [name, bit] of Object.entries(leaf1)) assert.equal((ecx >>> bit) & 1, 1, name);
  const [, ebx] = cpuidLeaf(7, 0, 1, V3);
  for (const [name, bit] of Object.entries({ BMI1: 3, AVX2: 5, BMI2: 8 }))
    assert.equal((ebx >>> bit) & 1, 1, name);
  assert.equal((cpuidLeaf(0x80000001, 0, 1, V3)[2] >>> 5) & 1, 1, 'LZCNT');
  assert.deepEqual(cpuidLeaf(0xd, 0, 1, V3), [7, XSAVE_SIZE, XSAVE_SIZE, 0]);
  assert.deepEqual(
    cpuidLeaf(0xd, 1, 1, V3),
    [6, XSAVE_SIZE, 0, 0],
    'XSAVEC and XGETBV, no XSAVEOPT, no XSAVES',
  );
  assert.deepEqual(cpuidLeaf(0xd, 1, 1, V2), [0, 0, 0, 0]);
  assert.deepEqual(cpuidLeaf(0xd, 2, 1, V3), [256, 576, 0, 0]);
  assert.ok(featureNames(V3).includes('avx2') && !featureNames(V2).includes('avx2'));
});
