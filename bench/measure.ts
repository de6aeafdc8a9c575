/** Runs one program in one of the three ways. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median, noSamples, row, type Row, type Samples } from './report.js';
import { FOLDER, type Program } from './workloads.js';

export const WAYS = ['native', 'qemu', 'culm'] as const;
export type Way = (typeof WAYS)[number];

const CULM = fileURLToPath(new URL('../../bin/culm', import.meta.url));
export const ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/root', LANG: 'C.UTF-8' };

/** All but the name. */
type Measured = Omit<Program, 'name'>;

function command(way: Way, { argv, env: own = {}, memory }: Measured): readonly string[] {
  if (way === 'native') return argv;
  if (way === 'qemu') return ['/usr/bin/qemu-x86_64', ...argv];
  const limit = memory === undefined ? [] : ['-m', memory];
  const env = Object.entries({ ...ENV, ...own }).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  return [process.execPath, CULM, 'run', '--rootfs', '/', '-w', FOLDER, ...limit, ...env, '--', ...argv];
}

export interface Run {
  readonly ms: number;
  readonly stdout: string;
}

export function runOnce(way: Way, program: Measured): Run {
  const { argv, env = {}, qemuEnv = {} } = program;
  const [file = '', ...args] = command(way, program);
  const start = process.hrtime.bigint();
  const result = spawnSync(file, args, {
    cwd: FOLDER,
    env: { ...ENV, ...env, ...(way === 'qemu' ? qemuEnv : {}), CULM_CACHE: process.env.CULM_CACHE },
    encoding: 'latin1',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  if (result.error) throw result.error;
  if (result.status !== 0)
    throw new Error(`${way}: ${argv[0]} ended with ${result.status ?? result.signal}: ${result.stderr}`);
  return { ms, stdout: result.stdout };
}

/** Runs under Culm that come before, as code that was translated is kept; by then it is there as V8 has optimised it. */
const RUNS_BEFORE = 6;

function runBefore(program: Measured): Run[] {
  return Array.from({ length: RUNS_BEFORE }, () => runOnce('culm', program));
}

/** Whole runs in all ways, which must print the same. */
export function timePrograms(programs: readonly Program[], rounds: number): Row[] {
  return programs.map((program) => {
    const { name } = program;
    const samples = noSamples();
    const outputs = new Set(runBefore(program).map(({ stdout }) => stdout));
    for (let round = 0; round < rounds; round++)
      for (const way of WAYS) {
        const { ms, stdout } = runOnce(way, program);
        samples[way].push(ms);
        outputs.add(stdout);
      }
    if (outputs.size !== 1) throw new Error(`${name}: the outputs differ`);
    return row(name, samples);
  });
}

/** A program that prints times of its own, in all ways; `scale` turns them into the group's unit. */
export function timeItself(
  argv: readonly string[],
  rounds: number,
  scale = 1,
  typical: (values: readonly number[]) => number = median,
): Row[] {
  const samples = new Map<string, Samples>();
  runBefore({ argv });
  for (let round = 0; round < rounds; round++)
    for (const way of WAYS)
      for (const [name, time] of timesIn(runOnce(way, { argv }).stdout)) {
        const known = samples.get(name) ?? noSamples();
        samples.set(name, known);
        known[way].push(time * scale);
      }
  return [...samples].map(([name, s]) => row(name, s, typical));
}

/** A name and a time a line. */
function timesIn(stdout: string): Map<string, number> {
  const times = new Map<string, number>();
  for (const match of stdout.matchAll(/^(\S.*?)\s+([\d.]+) (?:ms|ns)$/gm))
    times.set(match[1] ?? '', Number(match[2]));
  return times;
}
