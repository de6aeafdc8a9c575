/** A slice of what main.ts does in full. CULM_TEST_SEED chooses another one; failures name what to replay. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { culmExecutor } from './culm.js';
import { allSubjects, isTestable } from './encode.js';
import { nativeExecutor } from './native.js';
import { testPrograms } from './programs.js';
import { testSubjects, type Failure } from './suite.js';

const SEED = Number(process.env.CULM_TEST_SEED ?? 1);
const SETS = 12;
const FORMS_PER_BATCH = 200;
const PROGRAMS = 300;
/** Forms that cannot be tried: pop into fs and gs changes what the runner itself uses. */
const UNTRIED = ['pop_seg 8 seg2', 'pop_seg 2 seg2'];

const native = nativeExecutor();
const executors = [culmExecutor('interpret'), culmExecutor('translate')];
const mixed = culmExecutor('mixed');

function inWords(failures: readonly Failure[]): string[] {
  return failures.slice(0, 10).map(({ executor, subject, at, code, differences }) => {
    const replay =
      subject === 'program' ? `--programs 1 --first ${at}` : `--form '${subject}' --count ${SETS}`;
    return `${executor}: ${code}\n${differences.join('\n')}\nreplay: --seed ${SEED} ${replay}`;
  });
}

test(`every instruction form does what the CPU does (seed ${SEED})`, { timeout: 300_000 }, () => {
  const subjects = allSubjects().filter(isTestable);
  assert.ok(subjects.length > 1800, `${subjects.length} forms`);
  const untried: string[] = [];
  for (let done = 0; done < subjects.length; done += FORMS_PER_BATCH) {
    const outcome = testSubjects(subjects.slice(done, done + FORMS_PER_BATCH), SEED, SETS, native, executors);
    assert.deepEqual(inWords(outcome.failures), []);
    untried.push(...outcome.untried.map(({ form }) => form.key));
  }
  assert.deepEqual(untried, UNTRIED);
});

test(`random programs do what the CPU does (seed ${SEED})`, { timeout: 300_000 }, () => {
  const failures = testPrograms(SEED, 0, PROGRAMS, native, [...executors, mixed]);
  assert.deepEqual(inWords(failures), []);
});
