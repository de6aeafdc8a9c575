/** Every command of the corpus, natively and under Culm: the same status and output to the byte. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { COMMANDS, type CorpusCommand } from './commands.js';
import { makeFixture } from './fixture.js';
import { runCulm, runNative } from './run.js';

const shown = (output: Buffer, command: CorpusCommand): string => {
  const text = output.toString('latin1');
  return command.normalise === undefined ? text : command.normalise(text);
};

describe('corpus', { concurrency: 2 }, () => {
  before(makeFixture);

  it('is as large as promised', () => {
    const programs = new Set(
      COMMANDS.map(({ argv }) => (argv[0] === 'busybox' ? `busybox ${argv[1]}` : argv[0])),
    );
    assert.ok(COMMANDS.length >= 100, `${COMMANDS.length} commands`);
    assert.ok(programs.size >= 35, `${programs.size} programs`);
  });

  for (const command of COMMANDS)
    it(command.argv.join(' ').slice(0, 100), async () => {
      // Under Culm first: what a command writes there stays in memory, so both start from the same files.
      const culm = await runCulm(command);
      const native = await runNative(command);
      assert.equal(shown(culm.stderr, command), shown(native.stderr, command), 'standard error');
      assert.equal(shown(culm.stdout, command), shown(native.stdout, command), 'standard output');
      assert.equal(culm.status, native.status, 'exit status');
    });
});
