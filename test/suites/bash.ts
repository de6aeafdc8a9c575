/** bash's own tests: each prints what differs from what was expected, so that silence is success. */
import { cp, readdir } from 'node:fs/promises';
import type { Piece, Place } from './run.js';
import { compile, unpack } from './sources.js';
import type { Suite, Verdicts } from './suite.js';

/** They call other tests, or are for other programs. */
const LEFT_OUT = new Set(['run-all', 'run-minimal', 'run-gprof']);
/** What configure would have found, for the helpers. */
const HEADERS = ['STRING', 'STDLIB', 'UNISTD', 'STDINT', 'INTTYPES'];
const HELPERS = ['recho', 'zecho', 'xcase', 'printenv'];

async function prepare(cache: string): Promise<Place> {
  const source = await unpack(cache, 'bash');
  const pristine = `${cache}/bash.tests`;
  await cp(`${source}/tests`, pristine, { recursive: true });
  const flags = [...HEADERS.map((name) => `-DHAVE_${name}_H`), `-I${source}`, `-I${source}/include`];
  for (const name of HELPERS) await compile(`${source}/support/${name}.c`, `${pristine}/${name}`, ...flags);
  return { pristine, work: `${cache}/bash.work` };
}

async function pieces({ pristine, work }: Place): Promise<Piece[]> {
  const names = (await readdir(pristine)).filter((name) => name.startsWith('run-') && !LEFT_OUT.has(name));
  const env = {
    PATH: `${work}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    THIS_SH: '/bin/bash',
    BUILD_DIR: work,
    TMPDIR: work,
    BASH_TSTOUT: `${work}/output`,
    TERM: 'dumb',
  };
  return names.sort().map((name) => ({ name: name.slice(4), argv: ['sh', `./${name}`], folder: '.', env }));
}

/** One verdict: all that it prints, without the warnings that it always prints. */
function judge(output: string): Verdicts {
  const lines = output
    .replace(/\(\d+\)/g, '(PID)')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('warning: '));
  return new Map([['', lines.length === 0 ? 'passed' : lines.join('\n')]]);
}

export const bash: Suite = { name: 'bash', prepare, pieces, judge };
