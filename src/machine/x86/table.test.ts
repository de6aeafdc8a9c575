import assert from 'node:assert/strict';
import { test } from 'node:test';
import { semanticsOf } from '../semantics/index.js';
import { allForms } from './decode.js';
import { encodingOf, opcodesOf } from './encoding.js';
import { FEATURES, KNOWN_FEATURES, TABLE } from './table.js';

const WORDS = new Set([...KNOWN_FEATURES, ...'lock rep repcc source addr b v y z q d64 f64'.split(' ')]);
const FLAGS = /^(?:[<>][OSZAPCD]+|\?[OSZAPCoszapc]+)$/;

test('rows say nothing that the notation does not have', () => {
  for (const row of TABLE.flat()) {
    const words = row[3].split(' ').filter((word) => word !== '');
    assert.deepEqual(
      words.filter((word) => !WORDS.has(word) && !FLAGS.test(word)),
      [],
      row.join(' | '),
    );
    for (const opcode of opcodesOf(row)) assert.doesNotThrow(() => encodingOf(row, opcode), row.join(' | '));
  }
});

test('a feature that the machine does not have has no rows', () => {
  const known = new Set(allForms().map((form) => form.mnemonic));
  for (const [, mnemonic, , attributes] of TABLE.flat()) {
    const isAbsent = attributes.split(' ').some((word) => KNOWN_FEATURES.has(word) && !FEATURES.has(word));
    if (isAbsent) assert.ok(!known.has(mnemonic), mnemonic);
  }
  assert.ok(known.has('bsf') && known.has('tzcnt'));
});

test('every form has a meaning', () => {
  const without = allForms().filter((form) => semanticsOf(form) === undefined);
  assert.deepEqual(
    without.map((form) => form.key),
    [],
  );
});
