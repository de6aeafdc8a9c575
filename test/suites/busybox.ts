/** busybox's own tests: of its applets, and of its shell. Each prints a line with its verdict. */
import { copyFile, cp, mkdir, readdir, symlink } from 'node:fs/promises';
import type { Piece, Place } from './run.js';
import { compile, ON_TERMINAL, unpack } from './sources.js';
import type { Suite, Verdicts } from './suite.js';

const HELPERS = ['printenv', 'recho', 'zecho'];

/** They look at the network, at mounts, or at how fast the machine is. */
const LEFT_OUT = new Set(['mount', 'mdev', 'ping']);

async function prepare(cache: string): Promise<Place> {
  const source = await unpack(cache, 'busybox');
  const pristine = `${cache}/busybox.tests`;
  await mkdir(pristine, { recursive: true });
  await copyFile('/bin/busybox', `${pristine}/busybox`);
  await copyFile(`${source}/debian/config/pkg/static`, `${pristine}/.config`);
  await cp(`${source}/testsuite`, `${pristine}/testsuite`, { recursive: true });
  // Its runner makes a program of it.
  await cp(`${source}/scripts/echo.c`, `${pristine}/scripts/echo.c`);
  const shell = `${pristine}/shell/ash_test`;
  await cp(`${source}/shell/ash_test`, shell, { recursive: true });
  await copyFile(`${pristine}/.config`, `${shell}/.config`);
  await symlink('../../busybox', `${shell}/ash`).catch(() => undefined);
  for (const name of HELPERS) await compile(`${shell}/${name}.c`, `${shell}/${name}`);
  await compile(ON_TERMINAL, `${pristine}/on-terminal`, '-D_GNU_SOURCE');
  return { pristine, work: `${cache}/busybox.work` };
}

async function pieces({ pristine, work }: Place): Promise<Piece[]> {
  const env = { bindir: work, tsdir: `${work}/testsuite`, SKIP_KNOWN_BUGS: '1' };
  const applets = new Set<string>();
  for (const entry of await readdir(`${pristine}/testsuite`, { withFileTypes: true })) {
    if (entry.isDirectory()) applets.add(entry.name);
    else if (entry.name.endsWith('.tests')) applets.add(entry.name.slice(0, -6));
  }
  const shells = (await readdir(`${pristine}/shell/ash_test`)).filter((name) => name.startsWith('ash-'));
  const onTerminal = [`${work}/on-terminal`, '0'];
  return [
    ...[...applets]
      .filter((name) => !LEFT_OUT.has(name))
      .sort()
      .map((name) => ({ name, argv: [...onTerminal, './runtest', name], folder: 'testsuite', env })),
    ...shells.map((name) => ({
      name,
      argv: [...onTerminal, './run-all', name],
      folder: 'shell/ash_test',
      env,
    })),
  ];
}

const LINE = /^(PASS|FAIL|SKIPPED|UNTESTED): (.+)$/;
const SHELL_LINE = /^(ash-\S+): ?(ok|fail)?$/;

function judge(output: string): Verdicts {
  const verdicts = new Map<string, string>();
  let shell = '';
  for (const line of output.split('\n')) {
    const [, verdict = '', name = ''] = LINE.exec(line) ?? [];
    if (name !== '') verdicts.set(name, verdict === 'PASS' ? 'passed' : verdict.toLowerCase());
    const [, test = '', result] = SHELL_LINE.exec(line) ?? [];
    if (test !== '') shell = test;
    const told = result ?? (line.endsWith(' ok') ? 'ok' : line.endsWith(' fail') ? 'fail' : '');
    if (shell !== '' && told !== '') verdicts.set(shell, told === 'ok' ? 'passed' : 'fail');
  }
  return verdicts;
}

export const busybox: Suite = { name: 'busybox', prepare, pieces, judge };
