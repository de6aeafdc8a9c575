/** Files that the corpus's commands work on, made the same every time from a seeded generator. */
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A fixed place, so that programs that print paths print the same ones. */
export const FIXTURE = '/tmp/culm-corpus';

function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}

/** Syllables of made-up words; the bench uses them too. */
export const STEMS = [
  'ar',
  'be',
  'cor',
  'del',
  'en',
  'fa',
  'gri',
  'hal',
  'in',
  'jo',
  'ka',
  'lum',
  'mor',
  'ne',
  'ol',
  'pra',
];

function words(random: () => number, count: number): string[] {
  const pick = (): string => STEMS[Math.floor(random() * STEMS.length)] ?? 'x';
  return Array.from(
    { length: count },
    () => pick() + (random() < 0.6 ? pick() : '') + (random() < 0.3 ? pick() : ''),
  );
}

function text(random: () => number, lines: number): string {
  return (
    Array.from({ length: lines }, () => words(random, 3 + Math.floor(random() * 9)).join(' ')).join('\n') +
    '\n'
  );
}

function table(random: () => number, rows: number): string {
  const row = (i: number): string =>
    [i, words(random, 1)[0], Math.floor(random() * 1000), (random() * 100).toFixed(3)].join(',');
  return ['id,name,amount,price', ...Array.from({ length: rows }, (_, i) => row(i + 1))].join('\n') + '\n';
}

function binary(random: () => number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i % 7 === 0 ? Math.floor(random() * 256) : i & 0x3f));
}

const C_SOURCE = `#include <stdio.h>
#include <stdlib.h>
struct point { double x, y; };
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int collatz(unsigned long n) { int steps = 0; while (n != 1) { n = n % 2 ? 3 * n + 1 : n / 2; steps++; } return steps; }
double norm(struct point p) { return p.x * p.x + p.y * p.y; }
int main(int argc, char **argv) {
  int values[64];
  for (int i = 0; i < 64; i++) values[i] = collatz(i + 1 + argc);
  qsort(values, 64, sizeof *values, compare);
  for (int i = 0; i < 64; i++) printf("%d%c", values[i], i % 8 == 7 ? '\\n' : ' ');
  struct point p = {1.5, -2.25};
  printf("%g %s\\n", norm(p), argv[0] ? "named" : "nameless");
  switch (values[5]) { case 1: return 1; case 5: return 5; case 7: return 7; case 12: return 12; default: return 0; }
}
`;

const ASM_SOURCE = `        .globl  start
        .text
start:  movl    $60, %eax
        xorl    %edi, %edi
        leaq    table(%rip), %rsi
        movq    8(%rsi,%rdi,8), %rdx
        syscall
        .data
table:  .quad   1, 2, 3, start
`;

const PARTS = ['one', 'two', 'three', 'four'];

const MAKEFILE = `OBJECTS := $(patsubst %.c,%.o,$(sort $(wildcard *.c)))
program: $(OBJECTS)
\tgcc -o $@ $^
\t./$@
%.o: %.c part.h
\tgcc -O1 -Wall -c $< -o $@
clean:
\trm -f *.o program
.PHONY: clean
`;

const THREADS_SOURCE = `#include <math.h>
#include <pthread.h>
#include <stdio.h>
static void *work(void *n) {
  long sum = 0;
  for (long i = 0; i < (long)n; i++) sum += i * i;
  return (void *)sum;
}
int main(int argc, char **argv) {
  pthread_t threads[4];
  void *sum;
  for (long i = 0; i < 4; i++) pthread_create(&threads[i], 0, work, (void *)(i * 1000));
  for (int i = 0; i < 4; i++) pthread_join(threads[i], &sum), printf("%ld\\n", (long)sum);
  printf("%Lf %.17g %s\\n", 1.5L * argc, sin(argc), argv[argc - 1]);
  return 3;
}
`;

/** Modules for bundlers and linters, with something for these to find. */
const WEB: Readonly<Record<string, string>> = {
  'web/main.ts': `import { part, unused } from './part';
import data from '../data.json';
export enum Kind { A, B = 5 }
export class Shape<T> { constructor(private readonly sides: T) {} get area() { return part<T>(this.sides) ?? 1; } }
var old = 1; let never: any = old == 2 ? Kind.B : [...data.items];
if (never = 3) { debugger; }
console.log(new Shape(4).area, \`\${Kind.A}\`, async () => await import('./part'));
`,
  'web/part.ts': `export function part<T>(x: T): T | undefined { return x }
export const unused = (a: number, b = 2) => { return a ** b };
`,
  'web/broken.ts': `export const x = {;\n`,
  'web/style.css': `.a { color: #ff0000; & .b { margin: 0px 0px } }\n`,
};

/** A program of a few files for make. */
const PROJECT: Readonly<Record<string, string>> = {
  'project/Makefile': MAKEFILE,
  'project/part.h': PARTS.map((name) => `int ${name}(int);\n`).join(''),
  'project/main.c': `#include <stdio.h>\n#include "part.h"\nint main() { printf("%d\\n", ${PARTS.map((n) => `${n}(2)`).join(' + ')}); }\n`,
  ...Object.fromEntries(
    PARTS.map((name, i) => [
      `project/${name}.c`,
      `#include "part.h"\nint ${name}(int x) { return x * ${i + 1}; }\n`,
    ]),
  ),
};

/** Makes the fixture afresh; all files get one time, so that listings and archives do not depend on the clock. */
export function makeFixture(): void {
  rmSync(FIXTURE, { recursive: true, force: true });
  const random = generator(42);
  const lines = text(random, 400);
  const files: Record<string, string | Uint8Array> = {
    'text.txt': lines,
    'other.txt': lines.replaceAll('mor', 'MOR').replace(/^(.*)\n/, '$1 changed\n') + 'one more line\n',
    'words.txt': words(random, 1000).join('\n') + '\n',
    'numbers.txt': Array.from({ length: 500 }, () => Math.floor(random() * 100000)).join('\n') + '\n',
    'table.csv': table(random, 200),
    'data.bin': binary(random, 50000),
    'data.json': JSON.stringify({
      name: 'corpus',
      items: Array.from({ length: 50 }, (_, i) => ({
        id: i,
        tag: words(random, 1)[0],
        value: random() * 10,
      })),
      nested: { a: [1, 2, { b: null }], text: 'ünïcode \u2713' },
    }),
    'page.xml': `<?xml version="1.0"?><root><item id="1">one</item><item id="2">two &amp; three</item></root>`,
    'program.c': C_SOURCE,
    'program.s': ASM_SOURCE,
    'macros.m4': "define(`double', `eval($1 * 2)')dnl\nresult: double(21)\nifelse(double(2), 4, yes, no)\n",
    'tree/a/one.txt': 'one\n',
    'tree/a/two.txt': 'two two\n',
    'tree/b/deep/three.md': '# three\n',
    'tree/b/empty': '',
    ...PROJECT,
    ...WEB,
    'threads.c': THREADS_SOURCE,
  };
  for (const [name, content] of Object.entries(files)) {
    const path = join(FIXTURE, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  for (const name of [
    ...Object.keys(files),
    'tree/b/deep',
    'tree/a',
    'tree/b',
    'tree',
    'project',
    'web',
    '.',
  ])
    utimesSync(join(FIXTURE, name), 1_600_000_000, 1_600_000_000);
}
