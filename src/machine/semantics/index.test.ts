import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TABLE } from '../x86/table.js';
import type { Form } from '../x86/insn.js';
import { semanticsOf } from './index.js';
import { avx } from './avx/index.js';
import { crypto } from './crypto/index.js';
import { integer } from './integer/index.js';
import { sse } from './sse/index.js';
import { x87 } from './x87/index.js';

const mnemonics = new Set(TABLE.flat().map(([, mnemonic]) => mnemonic));

test('every instruction in the table has a meaning', () => {
  const unknown = [...mnemonics].filter((mnemonic) => semanticsOf({ mnemonic } as Form) === undefined);
  assert.deepEqual(unknown, []);
});

test('no mnemonic has two meanings', () => {
  const all = [integer, sse, avx, crypto, x87].flatMap((table) => Object.keys(table));
  assert.deepEqual(
    all.filter((mnemonic, i) => all.indexOf(mnemonic) !== i),
    [],
  );
});

test('every meaning belongs to an instruction', () => {
  const known = new Set(TABLE.flat().map(([, mnemonic]) => mnemonic));
  const strays = [integer, sse, avx, crypto, x87]
    .flatMap((table) => Object.keys(table))
    .filter((name) => !known.has(name));
  assert.deepEqual(strays, []);
});
