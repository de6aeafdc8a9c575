import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DECODE_INVALID, DECODE_TOO_LONG, DECODE_TRUNCATED, allForms, decode } from './decode.js';
import { disassemble } from './disassemble.js';
import { knownForms } from './forms.js';
import type { Insn } from './insn.js';

const ADDRESS = 0x400000;

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.split(' '), (byte) => parseInt(byte, 16));
}

function decoded(hex: string): Insn {
  const bytes = bytesOf(hex);
  const insn = decode(bytes, 0, bytes.length, ADDRESS);
  assert.ok(typeof insn !== 'number', `${hex}: error ${String(insn)}`);
  assert.equal(insn.length, bytes.length, hex);
  return insn;
}

function errorOf(hex: string): Insn | number {
  const bytes = bytesOf(hex);
  return decode(bytes, 0, bytes.length, ADDRESS);
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

const TEXTS: readonly [hex: string, text: string][] = [
  ['48 89 e5', 'mov rbp,rsp'],
  ['88 e0', 'mov al,ah'],
  ['40 88 e0', 'mov al,spl'],
  ['90', 'nop'],
  ['41 90', 'xchg r8d,eax'],
  ['f3 90', 'pause'],
  ['f3 0f bc c1', 'tzcnt eax,ecx'],
  ['66 0f 38 f0 00', 'movbe ax,WORD PTR [rax]'],
  ['c4 e2 fb f6 d9', 'mulx rbx,rax,rcx'],
  ['c4 42 38 f3 d9', 'blsi r8d,r9d'],
  ['c5 f8 77', 'vzeroupper'],
  ['c5 fd 6f 00', 'vmovdqa ymm0,YMMWORD PTR [rax]'],
  ['c4 e3 71 4a c2 30', 'vblendvps xmm0,xmm1,xmm2,xmm3'],
  ['c4 e2 6d 90 1c a0', 'vpgatherdd ymm3,DWORD PTR [rax+ymm4*4],ymm2'],
  ['66 0f 38 10 d1', 'pblendvb xmm2,xmm1,xmm0'],
  ['0f 38 cb d1', 'sha256rnds2 xmm2,xmm1,xmm0'],
  ['66 f2 0f 38 f1 c1', 'crc32 eax,cx'],
  ['f3 66 0f b8 c1', 'popcnt ax,cx'],
  ['e8 fb ff bf ff', 'call 0x0'],
  ['e8 fa ff bf ff', 'call 0xffffffffffffffff'],
  ['66 e8 00 00 00 00', 'call 0x400006'],
  ['48 8b 05 00 00 00 00', 'mov rax,QWORD PTR ds:0x400007'],
  ['48 c7 05 00 00 00 00 ff ff ff ff', 'mov QWORD PTR ds:0x40000b,0xffffffffffffffff'],
  ['67 8b 40 ff', 'mov eax,DWORD PTR [eax-0x1]'],
  ['64 8b 04 25 fc ff ff ff', 'mov eax,DWORD PTR fs:0xfffffffffffffffc'],
  ['67 64 8b 04 25 fc ff ff ff', 'mov eax,DWORD PTR fs:0xfffffffc'],
  ['48 a1 f0 ff ff ff ff ff ff ff', 'mov rax,QWORD PTR ds:0xfffffffffffffff0'],
  ['67 a0 01 00 00 80', 'mov al,BYTE PTR ds:0x80000001'],
  ['6a ff', 'push 0xffffffffffffffff'],
  ['66 6a ff', 'push 0xffff'],
  ['d1 e0', 'shl eax,0x1'],
  ['66 48 0f 6e c0', 'movq xmm0,rax'],
  ['f3 a5', 'rep movsd'],
  ['64 67 f3 48 a5', 'rep movsq QWORD PTR fs:[esi]'],
  ['f2 ae', 'repne scasb'],
  ['f0 0f c7 0e', 'lock cmpxchg8b QWORD PTR [rsi]'],
  ['f0 48 0f c7 0e', 'lock cmpxchg16b XMMWORD PTR [rsi]'],
  ['48 40 89 c8', 'mov eax,ecx'],
  ['f3 0f 1e fa', 'nop'],
  ['8e e0', 'mov fs,ax'],
];

test('instructions decode to their text', () => {
  for (const [hex, text] of TEXTS) assert.equal(disassemble(decoded(hex)), text, hex);
});

test('what is no instruction is invalid', () => {
  const invalid = [
    '06',
    '0f 0f c0',
    'f0 90',
    'f0 01 c0',
    'f0 39 00',
    '8e c8',
    '66 c5 f8 77',
    '48 c5 f8 77',
    'f0 c5 f8 77',
    'c5 e8 77',
    'c5 fd 6e c0',
    'c4 e4 79 00 c0',
    'c4 e2 61 90 1c 10',
    'c4 e2 61 90 18',
    '0f c7 c8',
    '8d c0',
    'f3 0f 54 c0',
  ];
  for (const hex of invalid) assert.equal(errorOf(hex), DECODE_INVALID, hex);
});

test('an instruction cut at any byte is truncated', () => {
  const hex = 'f0 64 66 41 81 84 8c 00 01 02 03 34 12';
  const whole = bytesOf(hex);
  for (let end = 0; end < whole.length; end++) assert.equal(decode(whole, 0, end, ADDRESS), DECODE_TRUNCATED);
  assert.equal(decoded(hex).length, whole.length);
});

test('fifteen bytes are allowed, sixteen are not', () => {
  const prefixed = (count: number) => `${'66 '.repeat(count)}90`;
  assert.equal(decoded(prefixed(14)).length, 15);
  assert.equal(errorOf(prefixed(15)), DECODE_TOO_LONG);
  assert.equal(errorOf('66 '.repeat(14).trim()), DECODE_TRUNCATED);
});

test('equal forms are one object, found at its number', () => {
  assert.equal(decoded('04 01').form, decoded('80 c3 01').form);
  assert.equal(decoded('0f 85 00 00 00 00').form, decoded('75 00').form);
  allForms().forEach((form, id) => assert.equal(form.id, id));
});

test('random bytes never give a form that is not listed', () => {
  const listed = new Set(allForms());
  const next = generator(0x2545f491);
  const bytes = new Uint8Array(1 << 16);
  const met = new Set<number>();
  for (let round = 0; round < 8; round++) {
    for (let k = 0; k < bytes.length; k++) bytes[k] = next();
    // Every other byte pair gets an escape, so that the larger maps are met too.
    for (let k = 0; k + 2 < bytes.length; k += 16)
      bytes.set(round & 1 ? [0x0f, 0x38 | (k & 2)] : [0x66, 0x0f], k);
    for (let k = 0; k + 16 < bytes.length; k++) {
      const insn = decode(bytes, k, bytes.length, ADDRESS);
      if (typeof insn === 'number') continue;
      assert.ok(listed.has(insn.form));
      assert.equal(insn.operands.length, insn.form.operands.length);
      insn.operands.forEach((operand, at) => assert.equal(operand.kind, insn.form.operands[at].kind));
      met.add(insn.form.id);
    }
  }
  assert.equal(knownForms().length, listed.size, 'decoding makes no new forms');
  assert.ok(met.size > listed.size / 2, `${met.size} of ${listed.size} forms met`);
});
