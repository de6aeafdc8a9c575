/** Every command of the corpus, natively and under Culm: the same status and output to the byte. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { OPTIMISATIONS } from '../../src/index.js';
import { Random, seedOf } from '../cpu/random.js';
import type { CorpusCommand } from './command.js';
import { COMMANDS } from './commands.js';
import { makeFixture } from './fixture.js';
import { runCulm, runNative, type Outcome } from './run.js';

const SEED = Number(process.env['CULM_TEST_SEED'] ?? 1);

const shown = (output: Buffer, command: CorpusCommand): string => {
  const text = output.toString('latin1');
  return command.normalise === undefined ? text : command.normalise(text);
};

describe('corpus', { concurrency: 2 }, () => {
  const expected = new Map<CorpusCommand, Outcome>();

  // Natively first, one by one, each on fresh files: commands that change them change the host's. Under Culm nothing
  // that a command writes gets out, so all of these can share one fixture.
  before(async () => {
    for (const command of COMMANDS) {
      makeFixture();
      expected.set(command, await runNative(command));
    }
    makeFixture();
  });

  it('is as large as promised', () => {
    const programs = new Set(
      COMMANDS.map(({ argv }) => (argv[0] === 'busybox' ? `busybox ${argv[1]}` : argv[0])),
    );
    assert.ok(COMMANDS.length >= 100, `${COMMANDS.length} commands`);
    assert.ok(programs.size >= 35, `${programs.size} programs`);
  });

  const compare = async (command: CorpusCommand, options: readonly string[]): Promise<void> => {
    const culm = await runCulm(command, options);
    const native = expected.get(command);
    assert.ok(native !== undefined);
    assert.equal(shown(culm.stderr, command), shown(native.stderr, command), 'standard error');
    assert.equal(shown(culm.stdout, command), shown(native.stdout, command), 'standard output');
    assert.equal(culm.status, native.status, 'exit status');
  };

  for (const command of COMMANDS) it(command.argv.join(' ').slice(0, 100), () => compare(command, []));

  const COMPUTING = COMMANDS.filter(({ argv }) => !argv.join(' ').includes('sleep'));
  // CULM_TEST_SEED chooses other commands; suites/without.ts takes all.
  for (const name of Object.keys(OPTIMISATIONS)) {
    const command = new Random(seedOf(SEED, name)).pick(COMPUTING);
    it(`without ${name}: ${command.argv.join(' ').slice(0, 80)}`, () =>
      compare(command, ['--without', name]));
  }
});
