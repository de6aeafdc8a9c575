/**
 * The instruction comparison and the whole corpus with each optimisation left out, and with all of them.
 *
 *   node build/test/suites/without.js [NAME...]
 *
 * Takes hours. Exits with 1 if anything differs.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { OPTIMISATION_NAMES } from '../../src/machine/translate/optimisations.js';
import type { CorpusCommand } from '../corpus/command.js';
import { COMMANDS } from '../corpus/commands.js';
import { makeFixture } from '../corpus/fixture.js';
import { runCulm, runNative, type Outcome } from '../corpus/run.js';

const CPU = fileURLToPath(new URL('../cpu/main.js', import.meta.url));
/** Operand sets of each form, and random programs. */
const SETS = '50';
const PROGRAMS = '1000';

function shown({ status, stdout, stderr }: Outcome, { normalise = (text) => text }: CorpusCommand): string {
  return [status, normalise(stdout.toString('latin1')), normalise(stderr.toString('latin1'))].join('\n');
}

async function nativeOutcomes(): Promise<Map<CorpusCommand, string>> {
  const outcomes = new Map<CorpusCommand, string>();
  for (const command of COMMANDS) {
    makeFixture();
    outcomes.set(command, shown(await runNative(command), command));
  }
  makeFixture();
  return outcomes;
}

const wanted = process.argv.slice(2);
const names = wanted.length > 0 ? wanted : [...OPTIMISATION_NAMES, OPTIMISATION_NAMES.slice(1).join()];
const expected = await nativeOutcomes();
let differing = 0;
for (const name of names) {
  console.log(`without ${name}`);
  for (const what of [
    ['--count', SETS],
    ['--programs', PROGRAMS],
  ]) {
    const args = [CPU, '--seed', '1', '--without', name, ...what];
    if (spawnSync(process.execPath, args, { stdio: 'inherit' }).status !== 0) differing++;
  }
  for (const [command, native] of expected) {
    if (shown(await runCulm(command, ['--without', name]), command) === native) continue;
    differing++;
    console.log(`differs: ${command.argv.join(' ')}`);
  }
}
process.exitCode = differing > 0 ? 1 : 0;
