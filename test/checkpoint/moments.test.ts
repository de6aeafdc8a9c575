/** A short, repeatable part of test/suites/snapshots.ts. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { jobNamed } from './jobs.js';
import { sweep } from './moments.js';
import { replay } from './replay.js';

const LIMIT = { timeout: 300_000 };

for (const [name, count, seed] of [
  ['sqlite3', 2, 11],
  ['vim', 1, 12],
] as const)
  it(`${name} goes on from any moment as if nothing had happened`, LIMIT, async () => {
    const options = { count, seed, node: process.execPath, limitMs: 120_000, keep: null };
    assert.deepEqual(await sweep(jobNamed(name), options), { tried: count, wrong: [] });
  });

it('runs are repeatable to the turn, and differ from seed to seed', LIMIT, async () => {
  const job = {
    name: 'sh',
    argv: ['sh', '-c', 'for i in 1 2 3 4; do echo $i | cat; done; head -c 9 /dev/urandom | od -x'],
  };
  const [one, same, other] = [await replay(job, 1), await replay(job, 1), await replay(job, 2)];
  assert.deepEqual(one, same);
  assert.notEqual(one.stdout, other.stdout);
});
