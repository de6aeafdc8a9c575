/**
 * bash's own tests: each prints what differs from what was expected, so that silence is success. They want a user that is not root, a
 * terminal, locales and files of a build; all that is made here, so that as many as possible pass natively.
 */
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { exec, type Piece, type Place } from './run.js';
import { compile, ON_TERMINAL, unpack } from './sources.js';
import type { Suite, Verdicts } from './suite.js';

/** They call other tests, or are for other programs. */
const LEFT_OUT = new Set(['run-all', 'run-minimal', 'run-gprof']);
/** What configure would have found, for the helpers. */
const HEADERS = ['STRING', 'STDLIB', 'UNISTD', 'STDINT', 'INTTYPES'];
const HELPERS = ['recho', 'zecho', 'xcase', 'printenv'];
const NOBODY = 65534;
/** Name, definition and character set of each. */
const LOCALES = [
  ['en_US.UTF-8', 'en_US', 'UTF-8'],
  ['de_DE.UTF-8', 'de_DE', 'UTF-8'],
  ['fr_FR.ISO8859-1', 'fr_FR', 'ISO-8859-1'],
  ['ja_JP.SJIS', 'ja_JP', 'SHIFT_JIS'],
  ['zh_HK.big5hkscs', 'zh_HK', 'BIG5-HKSCS'],
  ['ru_RU.CP1251', 'ru_RU', 'CP1251'],
] as const;
/** Large texts that a build leaves in its folder, and of its sources those that do instead. */
const BUILT = { 'y.tab.c': 'parse.y', 'config.h': 'config.h.in', 'version.h': 'patchlevel.h' };
/** What has to be read within 0.1 ms: whether it is says only how fast the machine is. */
const TOO_SHORT = /-t \.0001(?= a <<<)/g;

async function makeLocales(cache: string): Promise<string> {
  const folder = `${cache}/locales`;
  await mkdir(folder, { recursive: true });
  for (const [name, definition, characters] of LOCALES)
    if (!existsSync(`${folder}/${name}`))
      await exec('localedef', [
        '--no-archive',
        '--no-warnings=ascii',
        '-i',
        definition,
        '-f',
        characters,
        `${folder}/${name}`,
      ]);
  return folder;
}

async function prepare(cache: string): Promise<Place> {
  const source = await unpack(cache, 'bash');
  const pristine = `${cache}/bash.built`;
  await makeLocales(cache);
  await cp(`${source}/tests`, `${pristine}/tests`, { recursive: true });
  for (const [name, text] of Object.entries(BUILT))
    await copyFile(`${source}/${text}`, `${pristine}/${name}`);
  for (const name of ['read2.sub', 'read7.sub']) {
    const script = await readFile(`${source}/tests/${name}`, 'latin1');
    await writeFile(`${pristine}/tests/${name}`, script.replaceAll(TOO_SHORT, '-t 1'), 'latin1');
  }
  const flags = [...HEADERS.map((name) => `-DHAVE_${name}_H`), `-I${source}`, `-I${source}/include`];
  for (const name of HELPERS)
    await compile(`${source}/support/${name}.c`, `${pristine}/tests/${name}`, ...flags);
  // The real one does not look there.
  await writeFile(`${pristine}/tests/locale`, '#!/bin/sh\nls $LOCPATH\n', { mode: 0o755 });
  await compile(ON_TERMINAL, `${pristine}/on-terminal`, '-D_GNU_SOURCE');
  return { pristine, work: `${cache}/bash.work`, owner: NOBODY };
}

async function pieces({ pristine, work }: Place): Promise<Piece[]> {
  const names = (await readdir(`${pristine}/tests`)).filter(
    (name) => name.startsWith('run-') && !LEFT_OUT.has(name),
  );
  const env = {
    PATH: `${work}/tests:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: work,
    THIS_SH: '/bin/bash',
    BUILD_DIR: work,
    TMPDIR: work,
    BASH_TSTOUT: `${work}/output`,
    LOCPATH: `${work}/../locales`,
    TERM: 'dumb',
  };
  return names.sort().map((name) => ({
    name: name.slice(4),
    argv: [`${work}/on-terminal`, String(NOBODY), 'sh', `./${name}`],
    folder: 'tests',
    env,
  }));
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
