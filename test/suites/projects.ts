/**
 * C projects from Debian's source packages: configured, made and tested by their own means, with gcc. The verdicts are those of
 * their tests, and the sums of what was configured and built, which are the same natively and under Culm.
 */
import { cp, mkdir } from 'node:fs/promises';
import type { Piece, Place } from './run.js';
import { unpack } from './sources.js';
import type { Suite, Verdicts } from './suite.js';

interface Project {
  /** What configuring and making leave behind. */
  readonly results: readonly string[];
  readonly configure: string;
  readonly test: string;
}

const PROJECTS: Readonly<Record<string, Project>> = {
  zlib: {
    results: ['Makefile', 'zconf.h', 'libz.a', 'libz.so.1.2.13', 'minigzip'],
    configure: './configure',
    test: 'check',
  },
  bzip2: { results: ['libbz2.a', 'bzip2', 'bzip2recover'], configure: ':', test: 'check' },
  ed: { results: ['Makefile', 'ed'], configure: './configure', test: 'check' },
  popt: {
    results: ['config.h', 'src/Makefile', 'src/.libs/libpopt.a', 'src/.libs/libpopt.so', 'tests/test1'],
    configure: './configure',
    test: 'check',
  },
};

async function prepare(cache: string): Promise<Place> {
  const pristine = `${cache}/projects`;
  await mkdir(pristine, { recursive: true });
  for (const name of Object.keys(PROJECTS))
    await cp(await unpack(cache, name), `${pristine}/${name}`, {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
    });
  return { pristine, work: `${cache}/projects.work` };
}

/** Each step's status and what it left, a line each. */
function script({ results, configure, test }: Project): string {
  const steps = [
    ['configure', configure],
    ['make', 'make -j4'],
    ['test', `make ${test}`],
  ].map(([name, command]) => `${command}; echo "@@ ${name} ends with $?"`);
  return [...steps, ...results.map((file) => `echo "@@ ${file} is $(md5sum < ${file})"`)].join('\n');
}

function pieces(): Promise<Piece[]> {
  return Promise.resolve(
    Object.entries(PROJECTS).map(([name, project]) => ({
      name,
      argv: ['sh', '-c', `exec 2>&1\n${script(project)}`],
      folder: name,
      env: { LC_ALL: 'C' },
    })),
  );
}

function judge(output: string): Verdicts {
  const verdicts = new Map<string, string>();
  for (const [, step = '', status = ''] of output.matchAll(/^@@ (\w+) ends with (\d+)$/gm))
    verdicts.set(step, status === '0' ? 'passed' : `ends with ${status}`);
  for (const [, file = '', sum = ''] of output.matchAll(/^@@ (\S+) is (\w+)/gm))
    verdicts.set(`${file} ${sum}`, 'passed');
  for (const [, verdict = '', test = ''] of output.matchAll(/^(PASS|FAIL|XFAIL|SKIP|ERROR): (.*)$/gm))
    verdicts.set(test, verdict === 'PASS' ? 'passed' : verdict);
  for (const [test] of output.matchAll(/^.*\btest OK.*$/gm)) verdicts.set(test, 'passed');
  return verdicts;
}

export const projects: Suite = { name: 'projects', prepare, pieces, judge, limitMs: 1_800_000 };
