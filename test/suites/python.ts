/**
 * CPython's own tests of what the kernel does, natively and under Culm:
 *
 *   node build/test/suites/python.js [--limit SECONDS] [MODULE...]
 *
 * Needs Debian's libpython3.11-testsuite. Prints each test whose outcome differs and is not in python-differences.txt, where
 * each has its reason; the exit status is 1 if there are any. A test that hangs is stopped with its module, which then runs
 * again without it. Not part of `npm test`: it takes about an hour.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { CULM, ENVIRONMENT } from '../corpus/run.js';

const file = (name: string): string =>
  fileURLToPath(new URL(`../../../test/suites/${name}`, import.meta.url));
const RUNNER = file('python-runner.py');
const ASYNCIO = [
  'base_events',
  'buffered_proto',
  'context',
  'events',
  'futures',
  'futures2',
  'locks',
  'pep492',
  'proactor_events',
  'protocols',
  'queues',
  'runners',
  'selector_events',
  'sendfile',
  'server',
  'sock_lowlevel',
  'ssl',
  'sslproto',
  'streams',
  'subprocess',
  'taskgroups',
  'tasks',
  'threads',
  'timeouts',
  'transports',
  'unix_events',
  'waitfor',
];
const MODULES = [
  'test_os',
  'test_posix',
  'test_signal',
  'test_subprocess',
  'test_threading',
  'test_select',
  'test_selectors',
  'test_socket',
  'test_socketserver',
  ...ASYNCIO.map((name) => `test_asyncio.test_${name}`),
  'test_mmap',
  'test_concurrent_futures',
  'test_multiprocessing_fork',
  'test_multiprocessing_spawn',
  'test_fcntl',
  'test_tempfile',
  'test_shutil',
  'test_pty',
];
/** More runs after a hang than this say nothing new. */
const MOST_RUNS = 6;

interface Run {
  readonly outcomes: Map<string, string>;
  /** The test that was running when the module ended, if it did not reach its end. */
  readonly unfinished: string;
  readonly output: string;
}

function parse(output: string): Run {
  const outcomes = new Map<string, string>();
  let unfinished = 'the module';
  for (const [, what = '', id = ''] of output.matchAll(/^@@ (\S+)(?: (.*))?$/gm)) {
    if (what === 'start') unfinished = id;
    else if (what === 'end') unfinished = '';
    // A failure stays one, whatever the clean-up says.
    else if (outcomes.get(id) !== 'fail' && outcomes.get(id) !== 'error') outcomes.set(id, what);
  }
  return { outcomes, unfinished, output };
}

function run(command: readonly string[], limit: number): Promise<Run> {
  return new Promise((resolve, reject) => {
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      env: ENVIRONMENT,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const chunks: Buffer[] = [];
    const stop = (): void => {
      // The group, so that what the tests have started goes, too.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    };
    let quiet = setTimeout(stop, limit);
    const hear = (chunk: Buffer): void => {
      chunks.push(chunk);
      clearTimeout(quiet);
      quiet = setTimeout(stop, limit);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', reject);
    child.on('exit', () => {
      clearTimeout(quiet);
      setTimeout(() => resolve(parse(Buffer.concat(chunks).toString('latin1'))), 200);
    });
  });
}

/** Runs a module until it reaches its end, leaving out what hangs. */
async function runModule(module: string, limit: number, before: readonly string[]): Promise<Run> {
  const hanging: string[] = [];
  const outcomes = new Map<string, string>();
  let output = '';
  for (let runs = 0; runs < MOST_RUNS; runs++) {
    const command = [...before, '/usr/bin/python3', RUNNER, `test.${module}`, ...hanging];
    const result = await run(command, limit);
    output += result.output;
    for (const [id, what] of result.outcomes) if (!hanging.includes(id)) outcomes.set(id, what);
    if (result.unfinished === '') break;
    outcomes.set(result.unfinished, 'unfinished');
    if (hanging.includes(result.unfinished) || !result.unfinished.startsWith('test.')) break;
    hanging.push(result.unfinished);
  }
  return { outcomes, unfinished: '', output };
}

/** Test (a `*` stands for anything) and reason, a line each. */
function knownDifferences(): (readonly [RegExp, string])[] {
  const path = file('python-differences.txt');
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', reason = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
      const pattern = name.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
      return [new RegExp(`^${pattern}$`), reason] as const;
    });
}

function failureOf(output: string, id: string): string {
  const at = Math.max(output.indexOf(`@@ fail ${id}\n`), output.indexOf(`@@ error ${id}\n`));
  return at < 0 ? '' : output.slice(output.indexOf('\n', at), output.indexOf('@@', at + 3));
}

const { values, positionals } = parseArgs({
  options: { limit: { type: 'string', default: '300' } },
  allowPositionals: true,
});
const limit = Number(values.limit) * 1000;
const known = knownDifferences();
let unexpected = 0;
for (const module of positionals.length > 0 ? positionals : MODULES) {
  const native = await runModule(module, limit, []);
  const culm = await runModule(module, limit, [
    process.execPath,
    CULM,
    'run',
    '--rootfs',
    '/',
    '-w',
    '/tmp',
    ...environment(),
    '--',
  ]);
  const ids = new Set([...native.outcomes.keys(), ...culm.outcomes.keys()]);
  const differing = [...ids].filter((id) => native.outcomes.get(id) !== culm.outcomes.get(id));
  const isKnown = (id: string): boolean => known.some(([pattern]) => pattern.test(id));
  const fresh = differing.filter((id) => !isKnown(id));
  unexpected += fresh.length;
  console.log(
    `${module}: ${ids.size} tests, ${differing.length} differ, ${fresh.length} of them are not known`,
  );
  for (const [pattern] of known)
    if ([...ids].some((id) => pattern.test(id)) && !differing.some((id) => pattern.test(id)))
      console.log(`  known to differ, but the same: ${pattern.source}`);
  for (const id of fresh) {
    console.log(`  ${id}: ${native.outcomes.get(id)} natively, ${culm.outcomes.get(id)} under Culm`);
    console.log(failureOf(culm.output, id).replaceAll(/^/gm, '      '));
  }
}
process.exitCode = unexpected > 0 ? 1 : 0;

function environment(): string[] {
  return Object.entries(ENVIRONMENT).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
}
