/**
 * `npm run bench [-- ROUNDS]`: kernels and programs natively, under qemu-x86_64 and under Culm, interleaved, as ratios.
 * The results go to bench/results/latest.json too.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { WAYS, kernelTimes, runOnce } from './measure.js';
import { geometricMean, row, table, type Row, type Samples } from './report.js';
import { PROGRAMS, prepare } from './workloads.js';

const rounds = Number(process.argv[2] ?? 5);
const noSamples = (): Samples => ({ native: [], qemu: [], culm: [] });

function benchKernels(binary: string): Row[] {
  const samples = new Map<string, Samples>();
  for (let round = 0; round < rounds; round++)
    for (const way of WAYS)
      for (const [name, ms] of kernelTimes(runOnce(way, [binary]).stdout)) {
        const known = samples.get(name) ?? noSamples();
        samples.set(name, known);
        known[way].push(ms);
      }
  return [...samples].map(([name, s]) => row(name, s));
}

function benchPrograms(): Row[] {
  return PROGRAMS.map(({ name, argv }) => {
    const samples = noSamples();
    const outputs = new Set<string>();
    for (let round = 0; round < rounds; round++)
      for (const way of WAYS) {
        const { ms, stdout } = runOnce(way, argv);
        samples[way].push(ms);
        outputs.add(stdout);
      }
    if (outputs.size !== 1) throw new Error(`${name}: the outputs differ`);
    return row(name, samples);
  });
}

const kernels = benchKernels(prepare());
console.log(table('Kernels (times of their own)', kernels));
const programs = benchPrograms();
console.log(table('Programs (whole runs, start-up included)', programs));

const root = fileURLToPath(new URL('../..', import.meta.url));
mkdirSync(`${root}/bench/results`, { recursive: true });
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
const means = (rows: Row[]): object => ({
  timesNative: geometricMean(rows.map((r) => r.timesNative)),
  fasterThanQemu: geometricMean(rows.map((r) => r.fasterThanQemu)),
});
const result = {
  commit,
  node: process.version,
  rounds,
  kernels,
  programs,
  means: { kernels: means(kernels), programs: means(programs) },
};
writeFileSync(`${root}/bench/results/latest.json`, JSON.stringify(result, null, 2) + '\n');
