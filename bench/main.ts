/**
 * `npm run bench [-- GROUP... ROUNDS --record]`: kernels, programs and the system's services natively, under qemu-x86_64 and under
 * Culm, interleaved, as ratios; start-up in a sandbox that lives; memory; how both grow with processes and sandboxes.
 * What is worse by more than a tenth than the last recorded run (bench/results/latest.json) is shown in red. `--record` makes
 * this run the recorded one, group by group, and writes docs/bench.md from all that is recorded.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BENCHES } from './groups.js';
import { RESULTS, recorded, writePage } from './page.js';
import { table, type Group } from './report.js';
import { prepareJobs } from './system.js';
import { prepare } from './workloads.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

const records = process.argv.includes('--record');
const args = process.argv.slice(2).filter((arg) => arg !== '--record');
const rounds = Number(args.find((arg) => /^\d+$/.test(arg)) ?? 5);
const names = args.filter((arg) => !/^\d+$/.test(arg));
const unknown = names.find((name) => BENCHES[name] === undefined);
if (unknown !== undefined) throw new Error(`${unknown}: there are ${Object.keys(BENCHES).join(', ')}`);

// Code that earlier runs have kept does not count, nor is that of the user's own programs lost.
process.env.CULM_CACHE = mkdtempSync(join(tmpdir(), 'culm-bench-code-'));
process.on('exit', () => rmSync(process.env.CULM_CACHE ?? '', { recursive: true, force: true }));
prepare();
prepareJobs();
const commit = execFileSync('git', ['describe', '--always', '--dirty'], {
  cwd: root,
  encoding: 'utf8',
}).trim();
const groups = { ...recorded().groups };
for (const [name, bench] of Object.entries(BENCHES)) {
  if (names.length > 0 && !names.includes(name)) continue;
  const times = Math.min(rounds, bench.mostRounds ?? rounds);
  const group: Group = { commit, rounds: times, unit: bench.unit, rows: await bench.run(times) };
  console.log(table(bench.title, group, groups[name], bench.goals));
  if (records) record(name, group);
}

/** Group by group, as a run takes hours. */
function record(name: string, group: Group): void {
  groups[name] = group;
  const results = { node: process.version, groups };
  writeFileSync(RESULTS, JSON.stringify(results, null, 2) + '\n');
  writePage(results);
}
