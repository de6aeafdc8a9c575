/** Debian's source packages, as they are installed here: fetched once, unpacked, with their helpers compiled. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { exec } from './run.js';

/** A helper that gives a test what it expects of those who start it. */
export const ON_TERMINAL = fileURLToPath(new URL('../../../test/suites/on-terminal.c', import.meta.url));

/** apt, with a list of source packages of its own, so that the machine's settings stay as they are. */
async function apt(cache: string, ...args: string[]): Promise<void> {
  const list = `${cache}/sources.list`;
  const options = [
    `Dir::Etc::SourceList=${list}`,
    'Dir::Etc::SourceParts=-',
    `Dir::State::Lists=${cache}/lists`,
  ];
  await exec('apt-get', [...options.flatMap((option) => ['-o', option]), '-qq', ...args], { cwd: cache });
}

async function prepareApt(cache: string): Promise<void> {
  if (existsSync(`${cache}/sources.list`)) return;
  await mkdir(`${cache}/lists/partial`, { recursive: true });
  const release = await readFile('/etc/os-release', 'utf8');
  const name = /VERSION_CODENAME=(\w+)/.exec(release)?.[1] ?? 'bookworm';
  const lines = [
    `deb-src http://deb.debian.org/debian ${name} main`,
    `deb-src http://deb.debian.org/debian-security ${name}-security main`,
  ];
  await writeFile(`${cache}/sources.list`, `${lines.join('\n')}\n`);
  await apt(cache, 'update');
}

/** Unpacks a source package and returns its folder. */
export async function unpack(cache: string, name: string): Promise<string> {
  const folder = async (): Promise<string | undefined> => {
    const entries = await readdir(cache, { withFileTypes: true });
    return entries.find((entry) => entry.isDirectory() && entry.name.startsWith(`${name}-`))?.name;
  };
  await mkdir(cache, { recursive: true });
  await prepareApt(cache);
  if ((await folder()) === undefined) await apt(cache, 'source', '--download-only', name);
  const description = (await readdir(cache)).find(
    (file) => file.startsWith(`${name}_`) && file.endsWith('.dsc'),
  );
  if (description === undefined) throw new Error(`there are no sources of ${name}`);
  if ((await folder()) === undefined)
    await exec('dpkg-source', ['--no-check', '-x', description], { cwd: cache });
  return `${cache}/${(await folder()) ?? name}`;
}

export async function compile(source: string, binary: string, ...flags: string[]): Promise<void> {
  await exec('gcc', ['-w', '-O1', ...flags, '-o', binary, source]);
}
