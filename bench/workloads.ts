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
  /** Variables beyond measure.ts's. */
  readonly env?: Readonly<Record<string, string>>;
  /** What a sandbox must have for it, as `--memory` takes it. */
  readonly memory?: string;
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

const NODE_LOOP =
  'let t = {}, s = 0; for (let i = 0; i < 1e6; i++) { t[i % 1000] = i; s += (t[(i * 7) % 1000] ?? 0) % 13 } console.log(s)';
const JAVA_FLAGS = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
const ESBUILD = fileURLToPath(new URL('../../node_modules/@esbuild/linux-x64/bin/esbuild', import.meta.url));
const JAVA_SOURCE = `import java.util.HashMap;
public class Work {
  public static void main(String[] args) {
    HashMap<Integer, Long> sums = new HashMap<>();
    long total = 0;
    for (int i = 0; i < 200000; i++) {
      sums.merge(i % 1000, (long) i * i % 7, Long::sum);
      total += sums.getOrDefault(i * 7 % 1000, 0L) % 13;
    }
    System.out.println(total);
  }
}
`;

/** What starting takes. */
export const STARTS: readonly Program[] = [
  { name: 'static hello', argv: [join(FOLDER, 'hello-static')] },
  { name: 'dynamic hello', argv: [join(FOLDER, 'hello')] },
  { name: 'bash -c true', argv: ['/bin/bash', '-c', 'true'] },
  { name: 'python3 -c 0', argv: ['/usr/bin/python3', '-c', '0'] },
];

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
  // The primes are tested with exponentiations as in signing; openssl's own benchmark runs for a time, not to an end.
  { name: 'openssl rsa', argv: ['/usr/bin/openssl', 'rsa', '-check', '-noout', '-in', 'rsa.pem'] },
  // What it writes depends on how the processor rounds a*b+c, so on its kind. It would give /dev/null the input's mode, too.
  {
    name: 'flac',
    argv: ['/usr/bin/flac', '-s', '-f', '-8', '--no-preserve-modtime', '-o', '/dev/null', 'audio.wav'],
  },
  { name: 'lame', argv: ['/usr/bin/lame', '--quiet', 'audio.wav', '-'] },
  { name: 'java', argv: ['/usr/bin/java', ...JAVA_FLAGS, '-cp', '.', 'Work'], memory: '2g' },
  { name: 'node', argv: [process.execPath, '-e', NODE_LOOP], memory: '2g' },
  // In Go.
  { name: 'esbuild', argv: [ESBUILD, '--minify', 'source.js'], env: { GOMAXPROCS: '1' } },
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

/** A source for esbuild, of 18,000 lines. */
function jsSource(): string {
  return Array.from(
    { length: 2000 },
    (_, n) => `function work${n}(list, count = ${n}) {
  let total = 0;
  for (const item of list) {
    if (item.value > count && item.name !== "name${n % 7}") total += item.value * ${n % 13};
    else total -= Math.max(item.value, count % 17);
  }
  return { total, label: \`result ${n}: \${total}\` };
}
export class Thing${n} { constructor(value) { this.value = work${n}(value ?? []); } }
`,
  ).join('');
}

const RATE = 44_100;
const SECONDS = 5;

/** Two channels of 16 bits: tones that move, and some noise. */
function audio(): Uint8Array {
  const frames = RATE * SECONDS;
  const wav = Buffer.alloc(44 + frames * 4);
  wav.write('RIFF', 0);
  wav.writeUInt32LE(wav.length - 8, 4);
  wav.write('WAVEfmt ', 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(2, 22);
  wav.writeUInt32LE(RATE, 24);
  wav.writeUInt32LE(RATE * 4, 28);
  wav.writeUInt16LE(4, 32);
  wav.writeUInt16LE(16, 34);
  wav.write('data', 36);
  wav.writeUInt32LE(frames * 4, 40);
  let noise = 7;
  for (let i = 0; i < frames; i++) {
    noise = (Math.imul(noise, 1664525) + 1013904223) >>> 0;
    for (const channel of [0, 1]) {
      const tone = 8000 * Math.sin(i * 0.03 * (1 + channel)) + 4000 * Math.sin(i * i * 1e-7);
      wav.writeInt16LE(Math.round(tone + (noise >>> 24) * 4), 44 + i * 4 + channel * 2);
    }
  }
  return wav;
}

const HELLO = '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n';

/** What compilers and openssl make, once. */
function build(): void {
  if (!existsSync(join(FOLDER, 'rsa.pem')))
    execFileSync('openssl', ['genrsa', '-out', join(FOLDER, 'rsa.pem'), '3072'], { stdio: 'ignore' });
  writeFileSync(join(FOLDER, 'hello.c'), HELLO);
  execFileSync('gcc', ['-O1', '-o', join(FOLDER, 'hello'), join(FOLDER, 'hello.c')]);
  execFileSync('gcc', ['-O1', '-static', '-o', join(FOLDER, 'hello-static'), join(FOLDER, 'hello.c')]);
  if (existsSync(join(FOLDER, 'Work.class'))) return;
  writeFileSync(join(FOLDER, 'Work.java'), JAVA_SOURCE);
  execFileSync('javac', ['-d', FOLDER, join(FOLDER, 'Work.java')]);
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
  writeFileSync(join(FOLDER, 'source.js'), jsSource());
  writeFileSync(join(FOLDER, 'audio.wav'), audio());
  build();
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
