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

const SHELL_LOOP = 'i=0; s=0; while ((i < 40000)); do ((s += i * i % 7, i++)); done; echo $s';
const PERL_HASH = 'my %h; for my $i (1..250000) { $h{"k" . ($i % 5000)} += $i } print scalar(keys %h), "\\n"';
const PYTHON_LOOP = 'd={}\nfor i in range(400000): d[i%1000]=d.get(i%1000,0)+i*i\nprint(sum(d.values()))';
const LUA_LOOP = 'local t,s={},0 for i=1,2000000 do t[i%1000]=i s=s+(t[(i*7)%1000] or 0)%13 end print(s)';
const AWK_COUNT = '{ for (i = 1; i <= NF; i++) c[$i]++ } END { n = 0; for (k in c) n += c[k]; print n }';
const SQL = `create table t(a integer primary key, b text, c real);
with recursive n(x) as (select 1 union all select x + 1 from n where x < 60000) insert into t select x, 'name' || (x % 977), x * 0.5 from n;
select b, count(*), sum(c) from t group by b order by 2 desc, 1 limit 3;`;

export const PROGRAMS: readonly Program[] = [
  { name: 'hello', argv: ['/bin/echo', 'hello'] },
  { name: 'python start', argv: ['/usr/bin/python3', '-c', 'pass'] },
  { name: 'python loop', argv: ['/usr/bin/python3', '-c', PYTHON_LOOP] },
  { name: 'perl hash', argv: ['/usr/bin/perl', '-e', PERL_HASH] },
  { name: 'bash loop', argv: ['/bin/bash', '-c', SHELL_LOOP] },
  { name: 'lua', argv: ['/usr/bin/lua5.4', '-e', LUA_LOOP] },
  { name: 'gawk', argv: ['/usr/bin/gawk', AWK_COUNT, 'text'] },
  { name: 'sort', argv: ['/usr/bin/sort', '--parallel=1', 'text'] },
  { name: 'grep', argv: ['/bin/grep', '-c', '-E', '(ka|mor)+lum', 'text'] },
  { name: 'sed', argv: ['/bin/sed', '-n', 's/\\(ka\\|mor\\)\\([a-z]*\\)/\\2\\1/gp;$=', 'text'] },
  { name: 'gzip', argv: ['/bin/gzip', '-c', 'text'] },
  { name: 'xz', argv: ['/usr/bin/xz', '-T1', '-3', '-c', 'text'] },
  { name: 'sha256sum', argv: ['/usr/bin/sha256sum', 'text', 'text', 'text', 'text'] },
  { name: 'openssl', argv: ['/usr/bin/openssl', 'dgst', '-sha512', 'text'] },
  { name: 'sqlite3', argv: ['/usr/bin/sqlite3', ':memory:', SQL] },
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
  if (!existsSync(join(FOLDER, 'text'))) writeFileSync(join(FOLDER, 'text'), text());
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
