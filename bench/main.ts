/**
 * `npm run bench [-- GROUP... ROUNDS]`: kernels, programs and the system's services natively, under qemu-x86_64 and under
 * Culm, interleaved, as ratios; start-up in a sandbox that lives; memory; how both grow with processes and sandboxes.
 * Results go to bench/results/latest.json, group by group. What got worse by more than a tenth since is shown in red.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LIVING_GOALS, living } from './living.js';
import { timeItself, timePrograms } from './measure.js';
import { MEMORY_GOALS, memory, scalingMemory, scalingTime } from './memory.js';
import { least, table, type Figure, type Goal, type Group } from './report.js';
import { SIZE_GOALS, SNAPSHOT_GOALS, snapshot, snapshotSize } from './snapshot.js';
import { JOB_GOALS, JOBS, SYSTEM_GOALS, prepareJobs } from './system.js';
import { PROGRAMS, compile, prepare } from './workloads.js';

interface Bench {
  readonly title: string;
  readonly unit: string;
  readonly goals?: ReadonlyMap<string, Goal>;
  /** Where a round takes minutes. */
  readonly mostRounds?: number;
  run(rounds: number): readonly Figure[] | Promise<readonly Figure[]>;
}

const BENCHES: Readonly<Record<string, Bench>> = {
  kernels: {
    title: 'Kernels, times of their own',
    unit: 'ms',
    run: (rounds) => timeItself([compile('kern')], rounds),
  },
  programs: {
    title: 'Programs, whole runs with start-up',
    unit: 'ms',
    run: (rounds) => timePrograms(PROGRAMS, rounds),
  },
  system: {
    title: 'Services of the system, an operation',
    unit: 'us',
    goals: SYSTEM_GOALS,
    mostRounds: 3,
    // Whatever else the machine does only adds, and keeps V8 from compiling beside the run.
    run: (rounds) => timeItself([compile('system')], rounds, 1e-3, least),
  },
  jobs: {
    title: 'Many processes, whole runs with start-up',
    unit: 'ms',
    goals: JOB_GOALS,
    mostRounds: 3,
    run: (rounds) => timePrograms(JOBS, rounds),
  },
  living: { title: 'In a sandbox that lives', unit: 'ms', goals: LIVING_GOALS, run: living },
  snapshot: {
    title: 'Sandboxes written down, restored and forked',
    unit: 'ms',
    goals: SNAPSHOT_GOALS,
    run: snapshot,
  },
  'snapshot-size': {
    title: 'Compressed snapshots',
    unit: 'MiB',
    goals: SIZE_GOALS,
    run: snapshotSize,
  },
  memory: { title: 'Memory of the host', unit: 'MiB', goals: MEMORY_GOALS, mostRounds: 3, run: memory },
  'scaling-memory': {
    title: 'Memory of the host as sandboxes and processes grow',
    unit: 'MiB',
    mostRounds: 3,
    run: scalingMemory,
  },
  'scaling-time': {
    title: 'The same work in each sandbox and process at once',
    unit: 'ms',
    mostRounds: 3,
    run: scalingTime,
  },
};

const root = fileURLToPath(new URL('../..', import.meta.url));
const file = `${root}/bench/results/latest.json`;

type Results = Record<string, Group>;

function recorded(): Results {
  return existsSync(file)
    ? ((JSON.parse(readFileSync(file, 'utf8')) as { groups?: Results }).groups ?? {})
    : {};
}

const args = process.argv.slice(2);
const rounds = Number(args.find((arg) => /^\d+$/.test(arg)) ?? 5);
const names = args.filter((arg) => !/^\d+$/.test(arg));
const unknown = names.find((name) => BENCHES[name] === undefined);
if (unknown !== undefined) throw new Error(`${unknown}: there are ${Object.keys(BENCHES).join(', ')}`);

prepare();
prepareJobs();
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
const groups = recorded();
for (const [name, bench] of Object.entries(BENCHES)) {
  if (names.length > 0 && !names.includes(name)) continue;
  const times = Math.min(rounds, bench.mostRounds ?? rounds);
  const group: Group = { commit, rounds: times, unit: bench.unit, rows: await bench.run(times) };
  console.log(table(bench.title, group, groups[name], bench.goals));
  groups[name] = group;
}
mkdirSync(`${root}/bench/results`, { recursive: true });
writeFileSync(file, JSON.stringify({ node: process.version, groups }, null, 2) + '\n');
