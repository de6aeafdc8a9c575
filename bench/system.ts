/** What the system's services should cost, and jobs of many short processes. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Goal } from './report.js';
import { FOLDER, type Program } from './workloads.js';

/** Cheaper than under qemu-x86_64, or half a microsecond. */
const CALL: Goal = { below: 0.5, timesQemu: 1, either: true };

export const SYSTEM_GOALS = new Map<string, Goal>([
  ...['getppid', 'read 1 byte', 'read 1 MiB', 'open+close', 'stat', 'page fault', 'mmap+munmap'].map(
    (name): [string, Goal] => [name, CALL],
  ),
  ['signal', CALL],
  ['pipe turn', { below: 5 }],
  // A gigabyte a second.
  ['pipe 64 KiB', { below: 65.5 }],
  ['fork', { below: 500, timesQemu: 10 }],
  ['fork 64 MiB', { below: 3000 }],
]);

const MAKE_FOLDER = join(FOLDER, 'project');
const SCRIPT = join(FOLDER, 'script.sh');
const PIPELINE =
  'for i in 1 2 3 4 5 6 7 8 9 10; do cat text | head -n 2000 | tr a-m n-z | sort | wc -c; done';

/** Programs of the jobs below, each of which runs under qemu-x86_64 through a wrapper of its own. */
const WRAPPED = [
  ...['cat', 'head', 'tr', 'sort', 'wc', 'ls', 'expr', 'basename', 'make', 'gcc', 'as', 'ld', 'ar'].map(
    (name) => `/usr/bin/${name}`,
  ),
  ...['cc1', 'collect2'].map((name) =>
    execFileSync('gcc', [`-print-prog-name=${name}`], { encoding: 'utf8' }).trim(),
  ),
];
const WRAPPERS = join(FOLDER, 'under-qemu');
/** What makes a job's children run under qemu-x86_64, too. gcc looks for its parts in COMPILER_PATH first. */
const UNDER_QEMU = { PATH: `${WRAPPERS}:/usr/bin:/bin`, COMPILER_PATH: WRAPPERS };

export const JOBS: readonly Program[] = [
  { name: 'pipelines of 5', argv: ['/bin/dash', '-c', PIPELINE], qemuEnv: UNDER_QEMU },
  { name: 'make', argv: ['/usr/bin/make', '-s', '-B', '-C', MAKE_FOLDER], qemuEnv: UNDER_QEMU },
  { name: '500 commands', argv: ['/bin/dash', SCRIPT], qemuEnv: UNDER_QEMU },
];

export const JOB_GOALS = new Map<string, Goal>([
  ['make', { timesQemu: 2 }],
  ['500 commands', { timesQemu: 2 }],
]);

function wrap(): void {
  const source = fileURLToPath(new URL('../../bench/programs/under-qemu.c', import.meta.url));
  mkdirSync(WRAPPERS, { recursive: true });
  for (const program of WRAPPED)
    execFileSync('gcc', ['-O1', `-DPROGRAM="${program}"`, '-o', join(WRAPPERS, basename(program)), source]);
}

/** A project of eight C files and a library, and a script of 500 commands that are programs. */
export function prepareJobs(): void {
  wrap();
  rmSync(MAKE_FOLDER, { recursive: true, force: true });
  mkdirSync(MAKE_FOLDER, { recursive: true });
  const units = Array.from({ length: 8 }, (_, i) => `unit${i}`);
  for (const [i, unit] of units.entries()) writeFileSync(join(MAKE_FOLDER, `${unit}.c`), source(unit, i));
  const calls = units.map((unit) => `${unit}(argc)`).join(' + ');
  const declarations = units.map((unit) => `int ${unit}(int);`).join('\n');
  writeFileSync(
    join(MAKE_FOLDER, 'main.c'),
    `#include <stdio.h>\n${declarations}\nint main(int argc, char **argv) { return printf("%d\\n", ${calls}) < 0; }\n`,
  );
  writeFileSync(join(MAKE_FOLDER, 'Makefile'), makefile(units));
  const commands = ['ls text', 'expr 3 + 4', 'cat /etc/hostname', 'basename a/b', 'head -n 1 text'];
  writeFileSync(
    SCRIPT,
    Array.from({ length: 100 }, () => commands.join(' >/dev/null\n') + ' >/dev/null\n').join(''),
  );
}

function source(unit: string, n: number): string {
  const functions = Array.from(
    { length: 10 },
    (_, i) =>
      `static int f${i}(int x) { int s = ${n}; for (int i = 0; i < x; i++) s += i * ${i + 1} % 7; return s; }`,
  );
  const sum = functions.map((_, i) => `f${i}(x)`).join(' + ');
  return `#include <string.h>\n#include <stdlib.h>\n${functions.join('\n')}\nint ${unit}(int x) { return ${sum}; }\n`;
}

function makefile(units: readonly string[]): string {
  const objects = units.map((unit) => `${unit}.o`).join(' ');
  return `main: main.o libunits.a
\tgcc -o $@ main.o -L. -lunits
libunits.a: ${objects}
\tar rcs $@ $^
%.o: %.c
\tgcc -O1 -c -o $@ $<
`;
}
