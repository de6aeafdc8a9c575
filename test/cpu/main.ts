/**
 * The instruction set against the real CPU.
 *
 *   node build/test/cpu/main.js [--seed N] [--form KEY] [--count N] [--programs N] [--first N] [--tier interpret|translate]
 *
 * Without options: 1,000 operand sets of every form, then 1,000 random programs, interpreted and translated. --form takes
 * the beginning of forms' keys ("add 4 ", "mulps"); what failed is replayed with the same seed, form and count.
 */
import { parseArgs } from 'node:util';
import { culmExecutor } from './culm.js';
import { allSubjects, isTestable } from './encode.js';
import { nativeExecutor } from './native.js';
import { testPrograms } from './programs.js';
import { testSubject, type Executor, type Failure } from './suite.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    form: { type: 'string' },
    count: { type: 'string', default: '1000' },
    programs: { type: 'string' },
    first: { type: 'string', default: '0' },
    tier: { type: 'string' },
  },
});

const SHOWN = 3;
const PROGRAMS_PER_BATCH = 50;

function report(title: string, failures: readonly Failure[]): void {
  console.log(`${title}: ${failures.length} differ`);
  for (const { executor, at, code, differences } of failures.slice(0, SHOWN)) {
    console.log(`  ${executor}, number ${at}: ${code}`);
    for (const difference of differences.slice(0, 8)) console.log(`    ${difference}`);
  }
}

function runForms(seed: number, count: number, native: Executor, executors: readonly Executor[]): number {
  const prefix = values.form ?? '';
  const subjects = allSubjects().filter(
    (subject) => isTestable(subject) && subject.form.key.startsWith(prefix),
  );
  let failed = 0;
  let untried = 0;
  for (const subject of subjects) {
    const failures = testSubject(subject, seed, count, native, executors);
    if (failures === null) untried++;
    else if (failures.length > 0) {
      failed++;
      report(subject.form.key, failures);
    }
  }
  console.log(`${subjects.length} forms, ${count} operand sets each: ${failed} differ, ${untried} not tried`);
  return failed;
}

function runPrograms(seed: number, count: number, native: Executor, executors: readonly Executor[]): number {
  const first = Number(values.first);
  let failed = 0;
  for (let done = 0; done < count; done += PROGRAMS_PER_BATCH) {
    const size = Math.min(PROGRAMS_PER_BATCH, count - done);
    const failures = testPrograms(seed, first + done, size, native, executors);
    failed += failures.length;
    if (failures.length > 0) report(`programs from ${first + done}`, failures);
  }
  console.log(`${count} programs: ${failed} differ`);
  return failed;
}

const seed = Number(values.seed ?? Math.floor(Math.random() * 0x100000000));
console.log(`seed ${seed}`);
const tiers = values.tier === undefined ? (['interpret', 'translate'] as const) : [checkedTier(values.tier)];
const native = nativeExecutor();
const executors = tiers.map(culmExecutor);
let failed = 0;
if (values.programs === undefined || values.form !== undefined) {
  failed += runForms(seed, Number(values.count), native, executors);
}
if (values.form === undefined)
  failed += runPrograms(seed, Number(values.programs ?? 1000), native, executors);
process.exitCode = failed > 0 ? 1 : 0;

function checkedTier(name: string): 'interpret' | 'translate' {
  if (name !== 'interpret' && name !== 'translate') throw new Error(`no tier ${name}`);
  return name;
}
