import assert from 'node:assert/strict';
import { test } from 'node:test';
import { semanticsOf } from '../semantics/index.js';
import { allForms } from './decode.js';
import { encodingOf, opcodesOf } from './encoding.js';
import { FEATURES, TABLE } from './table.js';

const WORDS = new Set([...FEATURES, ...'lock rep repcc source addr b v y z q d64 f64'.split(' ')]);
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

test('every form has a meaning', () => {
  const without = allForms().filter((form) => semanticsOf(form) === undefined);
  assert.deepEqual(
    without.map((form) => form.key),
    [],
  );
});
