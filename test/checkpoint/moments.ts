/** Snapshots of a job at any moment, each gone on with in a host process of its own: nothing of the output may differ. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Job } from './jobs.js';
import { differenceOf, momentsOf, replay, type Run, type Taken } from './replay.js';

const RESUME = fileURLToPath(new URL('./resume.js', import.meta.url));

export interface Sweep {
  readonly count: number;
  readonly seed: number;
  /** The Node.js that goes on. */
  readonly node: string;
  readonly limitMs: number;
  /** Where files are left that went wrong; null: nowhere. */
  readonly keep: string | null;
  readonly tell?: (line: string) => void;
}

/** What was wrong, a line each. */
export async function sweep(job: Job, options: Sweep): Promise<{ tried: number; wrong: string[] }> {
  const { count, seed, tell = () => undefined } = options;
  const whole = await replay(job, seed);
  tell(`${job.name}: ${whole.turns} turns, status ${whole.status}`);
  const folder = mkdtempSync(join(tmpdir(), 'culm-moments-'));
  const wrong: string[] = [];
  let tried = 0;
  try {
    const same = await replay(job, seed, momentsOf(whole.turns, count, seed), (taken) => {
      tried++;
      for (const what of problems(job, whole, taken, folder, options)) {
        const line = `${job.name}, seed ${seed}, turn ${taken.turn} of ${whole.turns}: ${what}`;
        wrong.push(line);
        tell(line);
        if (options.keep !== null) writeFileSync(`${options.keep}/${job.name}-${taken.turn}`, taken.file);
      }
    });
    const what = differs(whole, same);
    if (what !== null) wrong.push(`${job.name}, seed ${seed}: the run that snapshots were taken of: ${what}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { tried, wrong };
}

function problems(job: Job, whole: Run, taken: Taken, folder: string, options: Sweep): string[] {
  const found: string[] = [];
  const { stdout, stderr, file } = taken;
  const at = differenceOf(file);
  if (at >= 0) found.push(`taken again after a restore, it differs at ${at}`);
  const name = join(folder, 'snapshot');
  writeFileSync(name, file);
  writeFileSync(`${name}.json`, JSON.stringify({ stdout, stderr }));
  const run = spawnSync(options.node, [RESUME, job.name, name, `${name}.json`], {
    encoding: 'utf8',
    timeout: options.limitMs,
    maxBuffer: 1 << 26,
  });
  if (run.status !== 0) found.push(`status ${run.status ?? run.signal}: ${run.stderr.slice(0, 300)}`);
  else {
    const what = differs(whole, JSON.parse(run.stdout) as Omit<Run, 'turns'>);
    if (what !== null) found.push(what);
  }
  return found;
}

function differs(whole: Run, rest: Omit<Run, 'turns'>): string | null {
  if (rest.status !== whole.status) return `status ${rest.status}, not ${whole.status}: ${rest.stderr}`;
  for (const stream of ['stdout', 'stderr'] as const) {
    const [a, b] = [whole[stream], rest[stream]];
    if (a === b) continue;
    let i = 0;
    while (a[i] === b[i]) i++;
    const near = (text: string): string => JSON.stringify(text.slice(Math.max(0, i - 20), i + 60));
    return `${stream} differs at ${i}: ${near(b)}, not ${near(a)}`;
  }
  return null;
}
