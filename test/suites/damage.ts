/**
 * Damaged snapshots in batches, each in a host process of its own (test/checkpoint/damage.ts says what must not happen):
 *
 *   node build/test/suites/damage.js [FIRST [COUNT]]
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const DAMAGE = fileURLToPath(new URL('../checkpoint/damage.js', import.meta.url));
const BATCH = 50;
const LIMIT_MS = 600_000;

const [first = 1000, count = 2000] = process.argv.slice(2).map(Number);
let wrong = 0;
for (let number = first; number < first + count;) {
  const size = Math.min(BATCH, first + count - number);
  const run = spawnSync(process.execPath, [DAMAGE, String(number), String(size)], {
    encoding: 'utf8',
    timeout: LIMIT_MS,
  });
  const last = Number(/(?:^|\n)(\d+)\n(?!\d+\n)/.exec(run.stderr)?.[1] ?? number);
  if (run.status === 0) console.log(`${number}: ${run.stdout.trim()}`);
  else {
    wrong++;
    console.log(`${last}: ${run.signal ?? run.status}: ${run.stderr.slice(-600)}`);
  }
  // After one that ended the process, with the next.
  number = run.status === 0 ? number + size : last + 1;
}
process.exitCode = wrong === 0 ? 0 : 1;
