// With a terminal: an interactive shell of this machine's own userland inside Culm. Without one: a short tour.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const culm = fileURLToPath(new URL('../bin/culm', import.meta.url));
const root = ['--rootfs', '/', '-e', 'HOME=/root', '-e', 'LANG=C.UTF-8'];

function run(options, argv) {
  const result = spawnSync(process.execPath, [culm, 'run', ...root, ...options, '--', ...argv], {
    stdio: 'inherit',
  });
  return result.status ?? 1;
}

const TOUR = [
  ['/bin/echo', 'hello from an unmodified /bin/echo'],
  ['/bin/uname', '-a'],
  ['/bin/ls', '-l', '/proc/self/fd'],
  [
    '/bin/bash',
    '-c',
    'for i in {1..5}; do echo -n "$((i * i)) "; done; echo; echo "bash $BASH_VERSION, pid $$"',
  ],
  ['/usr/bin/perl', '-e', 'print join(" ", map { sprintf "%x", $_ ** 3 } 1 .. 10), "\\n"'],
  ['/usr/bin/python3', '-c', 'import sys, math; print(sys.version); print(math.factorial(30))'],
].filter(([program]) => existsSync(program));

function tour() {
  for (const argv of TOUR) {
    console.log(
      `\n$ ${argv.map((word) => (/^[\w./-]+$/.test(word) ? word : JSON.stringify(word))).join(' ')}`,
    );
    const status = run([], argv);
    if (status !== 0) return status;
  }
  return 0;
}

const terminal = process.stdin.isTTY && process.stdout.isTTY;
process.exitCode = terminal ? run(['-i', '-t', '-w', '/root'], ['/bin/bash']) : tour();
