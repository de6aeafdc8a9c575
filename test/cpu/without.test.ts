/** Slices of what main.ts does in full, with each optimisation left out, and all of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPTIMISATION_NAMES } from '../../src/machine/translate/optimisations.js';
import { culmExecutor } from './culm.js';
import { allSubjects, isTestable } from './encode.js';
import { nativeExecutor } from './native.js';
import { testPrograms } from './programs.js';
import { Random, seedOf } from './random.js';
import { testSubjects, type Failure } from './suite.js';

const SEED = Number(process.env.CULM_TEST_SEED ?? 1);
const PROGRAMS = 25;
const FORMS = 40;
const SETS = 3;
/** Where code is translated at once, nothing gets hot; what is left without translation, the other tests try. */
const NAMES = OPTIMISATION_NAMES.filter((name) => name !== 'translation' && name !== 'functions');

const native = nativeExecutor();
const executors = [...NAMES.map((name) => [name]), NAMES].map((without) =>
  culmExecutor('translate', without),
);

function inWords(failures: readonly Failure[]): string[] {
  return failures
    .slice(0, 10)
    .map(({ executor, subject, at, code, differences }) =>
      [`${executor}: ${subject} ${at}: ${code}`, ...differences].join('\n'),
    );
}

test(`random programs do the same without any optimisation (seed ${SEED})`, { timeout: 300_000 }, () => {
  assert.deepEqual(inWords(testPrograms(SEED, 0, PROGRAMS, native, executors)), []);
});

test(`instructions do the same without any optimisation (seed ${SEED})`, { timeout: 300_000 }, () => {
  const random = new Random(seedOf(SEED, 'without'));
  const subjects = allSubjects().filter(isTestable);
  const some = Array.from({ length: FORMS }, () => random.pick(subjects));
  const strings = subjects.filter(({ form }) => ['movs', 'stos'].includes(form.mnemonic));
  const { failures } = testSubjects([...some, ...strings], SEED, SETS, native, executors);
  assert.deepEqual(inWords(failures), []);
});
