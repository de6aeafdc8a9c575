/** What is measured: the compute kernels, which time themselves, and whole programs, which are timed from outside. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { STEMS } from '../test/corpus/fixture.js';

export const FOLDER = '/tmp/culm-bench';

export interface Program {
  readonly name: string;
  readonly argv: readonly string[];
  /** Environment under qemu-x86_64. */
  readonly qemuEnv?: Readonly<Record<string, string>>;
}

const SHELL_LOOP = 'i=0; s=0; while ((i < 100000)); do ((s += i * i % 7, i++)); done; echo $s';
const PERL_HASH =
  'my %h; for my $i (1..1000000) { $h{"k" . ($i % 5000)} += $i } print scalar(keys %h), "\\n"';
const PYTHON_LOOP = 'd={}\nfor i in range(600000): d[i%1000]=d.get(i%1000,0)+i*i\nprint(sum(d.values()))';
const LUA_LOOP = 'local t,s={},0 for i=1,10000000 do t[i%1000]=i s=s+(t[(i*7)%1000] or 0)%13 end print(s)';
const AWK_COUNT = '{ for (i = 1; i <= NF; i++) c[$i]++ } END { n = 0; for (k in c) n += c[k]; print n }';
const SQL = `create table t(a integer primary key, b text, c real);
with recursive n(x) as (select 1 union all select x + 1 from n where x < 200000) insert into t select x, 'name' || (x % 977), x * 0.5 from n;
select b, count(*), sum(c) from t group by b order by 2 desc, 1 limit 3;`;

/** A rewarding thing to optimise, of about 700 lines. */
function cSource(): string {
  const functions = Array.from(
    { length: 60 },
    (_, n) => `static unsigned f${n}(const unsigned *v, unsigned count) {
  unsigned sum = ${n};
  for (unsigned i = 0; i < count; i++) {
    if (v[i] % ${n + 2} == 0) sum += v[i] / ${n + 2};
    else if (v[i] > sum) sum ^= v[i] << ${n % 13};
    else sum = sum * 31 + v[i];
  }
  for (unsigned i = 1; i < count; i *= 2) sum -= v[i] & ${n * 7 + 1};
  return sum;
}
`,
  );
  const calls = functions.map((_, n) => `  sum += f${n}(v, ${n % 32});`);
  return `${functions.join('')}\nunsigned all(const unsigned *v) {\n  unsigned sum = 0;\n${calls.join('\n')}\n  return sum;\n}\n`;
}

/** Besides the starts, inputs are so large that they take qemu-x86_64 0.3 to 5 seconds. */
export const PROGRAMS: readonly Program[] = [
  { name: 'hello', argv: ['/bin/echo', 'hello'] },
  { name: 'python start', argv: ['/usr/bin/python3', '-c', 'pass'] },
  { name: 'python loop', argv: ['/usr/bin/python3', '-c', PYTHON_LOOP] },
  { name: 'perl hash', argv: ['/usr/bin/perl', '-e', PERL_HASH] },
  { name: 'bash loop', argv: ['/bin/bash', '-c', SHELL_LOOP] },
  { name: 'lua', argv: ['/usr/bin/lua5.4', '-e', LUA_LOOP] },
  { name: 'gawk', argv: ['/usr/bin/gawk', AWK_COUNT, 'text'] },
  { name: 'sort', argv: ['/usr/bin/sort', '--parallel=1', 'text', 'text', 'text'] },
  // Only the last line matches: with its output thrown away, grep stops at the first that does.
  {
    name: 'grep',
    argv: ['/bin/grep', '-c', '-E', '[a-m]{4}[n-z]{3}[aeiou]{4}', 'long', 'long', 'long', 'end'],
  },
  { name: 'sed', argv: ['/bin/sed', '-n', 's/\\(ka\\|mor\\)\\([a-z]*\\)/\\2\\1/gp;$=', 'text'] },
  { name: 'gzip', argv: ['/bin/gzip', '-c', 'long'] },
  { name: 'xz', argv: ['/usr/bin/xz', '-T1', '-3', '-c', 'text', 'text', 'text'] },
  { name: 'sha256sum', argv: ['/usr/bin/sha256sum', 'long', 'long'] },
  { name: 'openssl', argv: ['/usr/bin/openssl', 'dgst', '-sha512', 'long', 'long'] },
  { name: 'sqlite3', argv: ['/usr/bin/sqlite3', ':memory:', SQL] },
  { name: 'bzip2', argv: ['/bin/bzip2', '-c', 'text'] },
  { name: 'zstd', argv: ['/usr/bin/zstd', '-q', '-9', '--single-thread', '-c', 'long'] },
  { name: 'cc1', argv: ['/usr/lib/gcc/x86_64-linux-gnu/12/cc1', '-quiet', '-O2', 'source.c', '-o', '-'] },
  { name: 'jq', argv: ['/usr/bin/jq', '[.[] | select(.n % 3 == 0) | .v * 2] | add', 'data.json'] },
];

function text(): string {
  let state = 7;
  const next = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % n;
  };
  const word = (): string =>
    STEMS[next(16)] + (next(2) === 0 ? '' : `${STEMS[next(16)]}`) + (STEMS[next(16)] ?? '');
  return (
    Array.from({ length: 60000 }, () => Array.from({ length: 4 + next(8) }, word).join(' ')).join('\n') + '\n'
  );
}

/** Makes the inputs. */
export function prepare(): void {
  mkdirSync(FOLDER, { recursive: true });
  if (!existsSync(join(FOLDER, 'long'))) {
    const lines = text();
    writeFileSync(join(FOLDER, 'text'), lines);
    writeFileSync(join(FOLDER, 'long'), lines.repeat(10));
  }
  writeFileSync(join(FOLDER, 'end'), 'makaoxuaeio\n');
  writeFileSync(join(FOLDER, 'source.c'), cSource());
  const rows = Array.from({ length: 60000 }, (_, n) => ({ n, v: (n * 7919) % 1000, tag: `tag${n % 17}` }));
  writeFileSync(join(FOLDER, 'data.json'), JSON.stringify(rows));
}

/** Compiles one of bench/programs; returns the binary. */
export function compile(name: string): string {
  const source = fileURLToPath(new URL(`../../bench/programs/${name}.c`, import.meta.url));
  const binary = join(FOLDER, name);
  execFileSync('gcc', ['-O2', '-static', '-o', binary, source, '-lm']);
  return binary;
}
