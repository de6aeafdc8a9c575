// Installs the Debian packages of packages.txt that are missing, and of files that are named on the command line. A missing
// package is an error, never a skipped test.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

function named(file) {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

const wanted = named(new URL('packages.txt', import.meta.url));

function missing() {
  const query = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...wanted], {
    encoding: 'utf8',
  });
  if (query.error) throw new Error('the tests need a Debian system: there is no dpkg-query');
  const installed = new Set(
    query.stdout
      .split('\n')
      .filter((l) => l.endsWith(' installed'))
      .map((l) => l.split(' ')[0]),
  );
  return wanted.filter((name) => !installed.has(name));
}

function aptGet(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const sudo = process.getuid() === 0 ? [] : ['sudo', '-n'];
  const [command, ...rest] = [...sudo, 'apt-get', '-q', '-y', ...args];
  return spawnSync(command, rest, { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
}

/** Installs what is missing; throws with the names of what could not be had. */
export function installPackages() {
  const needed = missing();
  if (needed.length === 0) return;
  console.log(`installing ${needed.join(' ')}`);
  aptGet('update');
  aptGet('install', '--no-install-recommends', ...needed);
  const still = missing();
  if (still.length > 0) throw new Error(`install these Debian packages first: ${still.join(' ')}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  wanted.push(...process.argv.slice(2).flatMap(named));
  installPackages();
}
