/** Damaged snapshots, a few of them; test/suites/damage.ts goes on. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const DAMAGE = fileURLToPath(new URL('./damage.js', import.meta.url));
const COUNT = 20;

it('a damaged snapshot harms nobody', { timeout: 200_000 }, () => {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [DAMAGE, '1', String(COUNT)], {
    encoding: 'utf8',
    timeout: 180_000,
  });
  assert.equal(status, 0, `${signal}: ${stderr.slice(-1000)}`);
  const { refused, restored, ended } = JSON.parse(stdout) as Record<string, number | undefined>;
  assert.equal((refused ?? 0) + (restored ?? 0) + (ended ?? 0), COUNT);
  assert.ok((refused ?? 0) > 0 && (restored ?? 0) > 0, stdout);
});
