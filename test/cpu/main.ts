/**
 * The instruction set against the real CPU.
 *
 *   node build/test/cpu/main.js [--seed N] [--form KEY] [--skip N] [--take N] [--count N]
 *     [--programs N] [--first N] [--tier NAME] [--without NAME,...]
 *
 * Without options: 1,000 operand sets of every form, then 1,000 random programs, interpreted and translated. --form takes
 * the beginning of forms' keys ("add 4 ", "mulps"); what failed is replayed with the same seed, form and count.
 * --skip leaves out the first forms, to go on where a run was stopped; --take stops after so many. All forms are done by
 * processes that take a few each: one would translate more code than the engine has room for.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { OPTIMISATION_NAMES, type Optimisation } from '../../src/machine/translate/optimisations.js';
import { TIERS, culmExecutor } from './culm.js';
import { allSubjects, isTestable } from './encode.js';
import { nativeExecutor } from './native.js';
import { testPrograms } from './programs.js';
import { testSubjects, type Executor, type Failure } from './suite.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    form: { type: 'string' },
    skip: { type: 'string', default: '0' },
    take: { type: 'string' },
    count: { type: 'string', default: '1000' },
    programs: { type: 'string' },
    first: { type: 'string', default: '0' },
    tier: { type: 'string' },
    without: { type: 'string', default: '' },
  },
});

const SELF = fileURLToPath(import.meta.url);
const SHOWN = 3;
const SHOWN_DIFFERENCES = 8;
/** Cases in a batch: enough that starting the runner does not count. */
const CASES_PER_BATCH = 5000;
const PROGRAMS_PER_BATCH = 50;
const FORMS_PER_PROCESS = 100;

/** The first few failures of each subject. */
function report(failures: readonly Failure[]): void {
  const seen = new Map<string, number>();
  for (const { executor, subject, at, code, differences } of failures) {
    const count = (seen.get(subject) ?? 0) + 1;
    seen.set(subject, count);
    if (count > SHOWN) continue;
    console.log(`${subject}: ${executor}, number ${at}: ${code}`);
    for (const difference of differences.slice(0, SHOWN_DIFFERENCES)) console.log(`    ${difference}`);
  }
}

function runForms(seed: number, count: number, native: Executor, executors: readonly Executor[]): number {
  const prefix = values.form ?? '';
  const subjects = allSubjects()
    .filter((subject) => isTestable(subject) && subject.form.key.startsWith(prefix))
    .slice(Number(values.skip))
    .slice(0, Number(values.take ?? FORMS_PER_PROCESS));
  const size = Math.max(1, Math.floor(CASES_PER_BATCH / count));
  const failed = new Set<string>();
  const untried: string[] = [];
  for (let done = 0; done < subjects.length; done += size) {
    const outcome = testSubjects(subjects.slice(done, done + size), seed, count, native, executors);
    report(outcome.failures);
    for (const { subject } of outcome.failures) failed.add(subject);
    untried.push(...outcome.untried.map(({ form }) => form.key));
  }
  console.log(`${subjects.length} forms, ${count} operand sets each: ${failed.size} differ`);
  if (untried.length > 0) console.log(`not tried: ${untried.join('; ')}`);
  return failed.size;
}

/** All forms that are asked for, by this program run anew for each piece; how many pieces differ. */
function runPieces(seed: number, count: number): number {
  const prefix = values.form ?? '';
  const forms = allSubjects().filter((s) => isTestable(s) && s.form.key.startsWith(prefix)).length;
  const shared = ['--seed', `${seed}`, '--count', `${count}`, '--form', prefix];
  if (values.tier !== undefined) shared.push('--tier', values.tier);
  if (values.without !== '') shared.push('--without', values.without);
  let differing = 0;
  for (let skip = Number(values.skip); skip < forms; skip += FORMS_PER_PROCESS) {
    const piece = ['--skip', `${skip}`, '--take', `${FORMS_PER_PROCESS}`];
    const { status } = spawnSync(process.execPath, [SELF, ...shared, ...piece], { stdio: 'inherit' });
    if (status !== 0) differing++;
  }
  return differing;
}

function runPrograms(seed: number, count: number, native: Executor, executors: readonly Executor[]): number {
  const first = Number(values.first);
  let failed = 0;
  for (let done = 0; done < count; done += PROGRAMS_PER_BATCH) {
    const size = Math.min(PROGRAMS_PER_BATCH, count - done);
    const failures = testPrograms(seed, first + done, size, native, executors);
    failed += failures.length;
    report(failures);
  }
  console.log(`${count} programs: ${failed} differ`);
  return failed;
}

const seed = Number(values.seed ?? Math.floor(Math.random() * 0x100000000));
console.log(`seed ${seed}`);
const tiers = TIERS.filter((tier) => values.tier === undefined || values.tier === tier);
if (tiers.length === 0) throw new Error(`--tier is one of ${TIERS.join(', ')}`);
const native = nativeExecutor();
const without = values.without === '' ? [] : (values.without.split(',') as Optimisation[]);
const unknown = without.find((name) => !OPTIMISATION_NAMES.includes(name));
if (unknown !== undefined)
  throw new Error(`--without takes ${OPTIMISATION_NAMES.join(', ')}, not ${unknown}`);
const executors = tiers.map((tier) => culmExecutor(tier, without));
let failed = 0;
if (values.programs === undefined || values.form !== undefined) {
  // A single instruction never gets hot: in the mixed tier it is interpreted.
  const distinct = executors.filter((_, i) => tiers[i] !== 'mixed');
  const count = Number(values.count);
  failed += values.take === undefined ? runPieces(seed, count) : runForms(seed, count, native, distinct);
}
if (values.form === undefined)
  failed += runPrograms(seed, Number(values.programs ?? 1000), native, executors);
process.exitCode = failed > 0 ? 1 : 0;
