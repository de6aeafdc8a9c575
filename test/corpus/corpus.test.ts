/** Every command of the corpus, natively and under Culm: the same status and output to the byte. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { CorpusCommand } from './command.js';
import { COMMANDS } from './commands.js';
import { makeFixture } from './fixture.js';
import { runCulm, runNative, type Outcome } from './run.js';

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

  for (const command of COMMANDS)
    it(command.argv.join(' ').slice(0, 100), async () => {
      const culm = await runCulm(command);
      const native = expected.get(command);
      assert.ok(native !== undefined);
      assert.equal(shown(culm.stderr, command), shown(native.stderr, command), 'standard error');
      assert.equal(shown(culm.stdout, command), shown(native.stdout, command), 'standard output');
      assert.equal(culm.status, native.status, 'exit status');
    });
});
