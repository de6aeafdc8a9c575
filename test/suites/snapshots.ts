/**
 * Snapshots at random moments of real programs, restored in new host processes: the rest of the output is the same.
 *
 *   node build/test/suites/snapshots.js [--moments 200] [--seed N] [--node PATH] [--limit SECONDS] [--keep FOLDER] [JOB...]
 *
 * The moments are spread over the jobs (test/checkpoint/jobs.ts). A seed gives the same moments again. `--node`: another
 * Node.js restores. The whole takes a quarter of an hour.
 */
import { parseArgs } from 'node:util';
import { JOBS, jobNamed } from '../checkpoint/jobs.js';
import { sweep } from '../checkpoint/moments.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    moments: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    node: { type: 'string', default: process.execPath },
    limit: { type: 'string', default: '300' },
    keep: { type: 'string' },
  },
});

const jobs = positionals.length === 0 ? JOBS : positionals.map(jobNamed);
const count = Math.ceil(Number(values.moments) / jobs.length);
let wrong = 0;
for (const job of jobs) {
  let tried = 0;
  // A snapshot changes what comes after it a little, and may so make the run shorter: then there are not so many moments in it.
  for (let seed = Number(values.seed); tried < count; seed++) {
    const result = await sweep(job, {
      count: count - tried,
      seed,
      node: values.node,
      limitMs: Number(values.limit) * 1000,
      keep: values.keep ?? null,
      tell: (line) => console.log(line),
    });
    console.log(`${job.name}, seed ${seed}: ${result.tried} moments, ${result.wrong.length} problems`);
    tried += result.tried;
    wrong += result.wrong.length;
  }
}
process.exitCode = wrong === 0 ? 0 : 1;
