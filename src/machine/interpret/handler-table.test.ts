import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generateCore } from '../core/core-text.js';
import { JS_HELPERS } from '../semantics/js-helpers.js';
import { allForms, decode } from '../x86/decode.js';
import { knownForms } from '../x86/forms.js';
import { FLAGS_UNKNOWN } from './handler-emitter.js';
import { HandlerTable } from './handler-table.js';

const BYTES = 15;
const core = generateCore();
const table = new HandlerTable(core.handlers);

/** Bytes that differ in every run of the test; the seed is in the message. */
function randomBytes(seed: number): () => Uint8Array {
  let state = seed;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) | 0) >>> 24;
  return () => Uint8Array.from({ length: BYTES }, next);
}

describe('interpreter handlers', () => {
  it('exist for every form that random bytes decode to, and no form is new', () => {
    const known = allForms().length;
    const seed = Date.now() | 0;
    const bytes = randomBytes(seed);
    let decoded = 0;
    for (let i = 0; i < 100_000; i++) {
      const code = bytes();
      const insn = decode(code, 0, BYTES, 0x1000);
      if (typeof insn === 'number') continue;
      decoded++;
      assert.ok(table.find(insn, FLAGS_UNKNOWN) >= 0, `seed ${seed}: no handler for ${insn.form.key}`);
    }
    assert.ok(decoded > 10_000);
    assert.equal(knownForms().length, known, `seed ${seed}`);
  });

  it('have names of their own', () => {
    assert.equal(new Set(core.handlers.map(({ name }) => name)).size, core.handlers.length);
  });

  it('know the condition of a branch behind a comparison', () => {
    const compare = decode(Uint8Array.of(0x39, 0xc8), 0, 2, 0x1000); // cmp eax, ecx
    const branch = decode(Uint8Array.of(0x74, 0x00), 0, 2, 0x1002); // je
    assert.ok(typeof compare !== 'number' && typeof branch !== 'number');
    const flags = table.flagsAfter(table.find(compare, FLAGS_UNKNOWN), FLAGS_UNKNOWN);
    assert.match(core.handlers[table.find(branch, flags)]?.name ?? '', /^jcc .*flags/);
    assert.doesNotMatch(core.handlers[table.find(branch, FLAGS_UNKNOWN)]?.name ?? '', /flags/);
  });

  it('end their blocks where control goes elsewhere, and nowhere else', () => {
    const ending = core.handlers.filter(({ ends }) => ends).map(({ name }) => name.split(' ')[0]);
    const expected =
      'call end int int1 int3 jcc jmp jrcxz loop loope loopne privileged ret start syscall ud2';
    assert.deepEqual([...new Set(ending)].sort(), expected.split(' '));
  });
});

describe('core module', () => {
  it('is the same each time it is generated', () => {
    assert.deepEqual(generateCore().bytes, core.bytes);
  });

  it('imports helpers that can be found by name', () => {
    const names = new Set(JS_HELPERS.map(({ name }) => name));
    assert.equal(names.size, JS_HELPERS.length);
    assert.deepEqual(
      core.helpers.map(({ name }) => name).filter((name) => !names.has(name)),
      [],
    );
  });
});
