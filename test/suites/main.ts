/**
 * Other projects' test suites, natively and under Culm: which tests pass on Linux but not here.
 *
 *   node build/test/suites/main.js [bash|busybox|projects] [--only NAME,NAME] [--output FOLDER] [--cache FOLDER]
 *
 * The sources come from Debian; what each piece printed is left in the output folder.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { bash } from './bash.js';
import { busybox } from './busybox.js';
import { projects } from './projects.js';
import { run, type Piece, type Place } from './run.js';
import type { Suite } from './suite.js';

const SUITES: readonly Suite[] = [bash, busybox, projects];
const NATIVE_LIMIT_MS = 120_000;
const CULM_LIMIT_MS = 300_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    cache: { type: 'string', default: `${tmpdir()}/culm-suites` },
    output: { type: 'string', default: `${tmpdir()}/culm-suites/results` },
  },
});

interface Count {
  passed: number;
  alike: number;
  worse: number;
}

/** Runs a piece on both and tells what is worse here. */
async function compare(suite: Suite, place: Place, piece: Piece, count: Count): Promise<void> {
  const native = await run('native', place, piece, suite.limitMs ?? NATIVE_LIMIT_MS);
  const culm = await run('culm', place, piece, suite.limitMs ?? CULM_LIMIT_MS);
  await writeFile(`${values.output}/${suite.name}-${piece.name}.native`, native.output);
  await writeFile(`${values.output}/${suite.name}-${piece.name}.culm`, culm.output);
  const found = suite.judge(culm.output);
  for (const [name, verdict] of suite.judge(native.output)) {
    const here = culm.status === -1 && found.get(name) !== 'passed' ? 'late' : found.get(name);
    if (here === 'passed') count.passed++;
    else if (here === verdict) count.alike++;
    else {
      count.worse++;
      const first = (here ?? 'missing').split('\n')[0] ?? '';
      console.log(`${suite.name} ${piece.name}${name === '' ? '' : `: ${name}`}: ${first}`);
    }
  }
}

async function runSuite(suite: Suite): Promise<number> {
  const place = await suite.prepare(values.cache);
  const only = values.only?.split(',');
  const count: Count = { passed: 0, alike: 0, worse: 0 };
  for (const piece of await suite.pieces(place))
    if (only === undefined || only.includes(piece.name)) await compare(suite, place, piece, count);
  const { passed, alike, worse } = count;
  console.log(`${suite.name}: ${passed} pass, ${alike} fail as they do natively, ${worse} are worse`);
  return worse;
}

await mkdir(values.output, { recursive: true });
let worse = 0;
for (const suite of SUITES)
  if (positionals.length === 0 || positionals.includes(suite.name)) worse += await runSuite(suite);
process.exitCode = worse === 0 ? 0 : 1;
