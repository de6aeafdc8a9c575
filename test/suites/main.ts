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
import { run, type Piece, type Place, type System } from './run.js';
import type { Suite, Verdicts } from './suite.js';

const SUITES: readonly Suite[] = [bash, busybox, projects];
const NATIVE_LIMIT_MS = 120_000;
/** Some tests calculate for 20 s natively. */
const CULM_LIMIT_MS = 1_200_000;

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

interface Judged {
  readonly verdicts: Verdicts;
  readonly late: boolean;
}

async function judge(system: System, suite: Suite, place: Place, piece: Piece): Promise<Judged> {
  const limit = suite.limitMs ?? (system === 'native' ? NATIVE_LIMIT_MS : CULM_LIMIT_MS);
  const { status, output } = await run(system, place, piece, limit);
  await writeFile(`${values.output}/${suite.name}-${piece.name}.${system}`, output);
  const verdicts = suite.judge(output);
  if (status !== -1) return { verdicts, late: false };
  // One that is passed by silence has no name.
  const judged = ([name, verdict]: [string, string]): [string, string] =>
    name !== '' && verdict === 'passed' ? [name, verdict] : [name, 'late'];
  return { verdicts: new Map([...verdicts].map(judged)), late: true };
}

/** Runs a piece on both and tells what is worse here; what was worse because others used the machine is not at the second try. */
async function compare(suite: Suite, place: Place, piece: Piece, count: Count): Promise<void> {
  const { verdicts: native } = await judge('native', suite, place, piece);
  const worseThan = (found: Verdicts): string[] =>
    [...native]
      .filter(([name, verdict]) => ![verdict, 'passed'].includes(found.get(name) ?? ''))
      .map(([name]) => name);
  const tried = await judge('culm', suite, place, piece);
  const first = worseThan(tried.verdicts);
  const again = first.length > 0 && !tried.late;
  const { verdicts: found } = again ? await judge('culm', suite, place, piece) : tried;
  const second = new Set(worseThan(found));
  for (const name of new Set([...first, ...second])) {
    const verdict = second.has(name)
      ? (found.get(name) ?? 'missing').split('\n')[0]
      : 'only at the second try';
    console.log(`${suite.name} ${piece.name}${name === '' ? '' : `: ${name}`}: ${verdict}`);
  }
  if (native.size === 0) console.log(`${suite.name} ${piece.name}: tells nothing natively`);
  count.worse += second.size;
  for (const name of native.keys())
    if (found.get(name) === 'passed') count.passed++;
    else if (!second.has(name)) count.alike++;
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
