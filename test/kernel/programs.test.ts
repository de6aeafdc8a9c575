/** The kernel against Linux: each program of this folder prints the same lines natively and under Culm. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Sandbox, type Statistics } from '../../src/index.js';

const SOURCES = fileURLToPath(new URL('../../../test/kernel', import.meta.url));
const LIMIT_MS = 120_000;
/** Programs that compare what root may do. */
const NEEDS_ROOT = new Set(['apart', 'faults', 'identity', 'leases', 'procfiles']);

const programs = readdirSync(SOURCES)
  .filter((name) => name.endsWith('.c'))
  .map((name) => name.slice(0, -2));

function compile(name: string, folder: string): string {
  const binary = join(folder, basename(name));
  const flags = ['-O1', '-w', '-pthread', '-I', SOURCES, '-o', binary];
  const { status, stderr } = spawnSync('gcc', [...flags, join(SOURCES, `${name}.c`)], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return binary;
}

function native(binary: string): Promise<{ status: number; stdout: string }> {
  return new Promise((resolve) => {
    const child = execFile(binary, { env: {}, timeout: LIMIT_MS }, (_error, stdout) =>
      resolve({ status: child.exitCode ?? -1, stdout }),
    );
  });
}

/** What the kernel holds besides caches, of files' pages and of names. */
function leftBehind({
  processes,
  threads,
  openFiles,
  heldNames,
  timers,
  ipcObjects,
  memoryUsed,
  memoryCached,
}: Statistics): Record<string, number> {
  return { processes, threads, openFiles, heldNames, timers, ipcObjects, memory: memoryUsed - memoryCached };
}

/** Programs may have left some that end soon, as on Linux. */
async function assertNothingLeft(
  sandbox: Sandbox,
  before: Record<string, number>,
  name: string,
): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    if (isDeepStrictEqual(leftBehind(await sandbox.statistics()), before)) return;
    await setTimeout(100);
  }
  assert.deepEqual(leftBehind(await sandbox.statistics()), before, `${name} leaves something behind`);
}

describe('programs of test/kernel', () => {
  const folder = mkdtempSync(join(tmpdir(), 'culm-kernel-'));
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await Sandbox.create({ rootfs: '/', env: {} });
    // Name spaces are made when somebody asks for them, and stay.
    await sandbox.exec(['/bin/sh', '-c', 'readlink /proc/self/ns/*']);
  });
  after(async () => {
    await sandbox.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const name of programs) {
    const skip = NEEDS_ROOT.has(name) && process.getuid?.() !== 0 ? 'compares what root may do' : false;
    it(`${name} finds what it finds on Linux`, { skip, timeout: LIMIT_MS }, async () => {
      const binary = compile(name, folder);
      const before = leftBehind(await sandbox.statistics());
      const expected = await native(binary);
      const { status, stdoutText } = await sandbox.exec([binary], { timeout: LIMIT_MS });
      assert.deepEqual(stdoutText.split('\n'), expected.stdout.split('\n'));
      assert.equal(status, expected.status);
      await assertNothingLeft(sandbox, before, name);
    });
  }

  it('gives programs the same answers at both levels of the processor', { timeout: LIMIT_MS }, async () => {
    const script =
      'import hashlib, json, zlib, math, re; data = bytes(range(256)) * 300; ' +
      'print(hashlib.sha256(data).hexdigest(), zlib.crc32(data), len(zlib.compress(data)), data.find(b"\\xff\\x00\\x02"), ' +
      'math.sin(1.5), math.exp(0.3), math.pow(2.5, 3.5), re.sub("[aeiou]", "", "a text of words"), json.dumps([0.1] * 3))';
    const command = ['/usr/bin/python3', '-c', script];
    const { stdout } = spawnSync('/usr/bin/python3', ['-c', script], { encoding: 'utf8' });
    for (const cpu of ['x86-64-v2', 'x86-64-v3'] as const) {
      await using leveled = await Sandbox.create({ rootfs: '/', env: {}, cpu });
      assert.equal((await leveled.exec(command, { timeout: LIMIT_MS })).stdoutText, stdout, cpu);
    }
  });

  const noCompact = / xsavec /.test(readFileSync('/proc/cpuinfo', 'utf8')) ? false : 'this CPU has no XSAVEC';
  it(
    'saves and restores the state of AVX in the compacted format',
    { skip: noCompact, timeout: LIMIT_MS },
    async () => {
      const binary = compile(join('avx', 'compact'), folder);
      const expected = await native(binary);
      await using wide = await Sandbox.create({ rootfs: '/', env: {}, cpu: 'x86-64-v3' });
      const { status, stdoutText } = await wide.exec([binary], { timeout: LIMIT_MS });
      assert.deepEqual(stdoutText.split('\n'), expected.stdout.split('\n'));
      assert.equal(status, expected.status);
    },
  );

  const noAvx = / avx2 /.test(readFileSync('/proc/cpuinfo', 'utf8')) ? false : 'this CPU has no AVX2';
  it('keeps the state of AVX as Linux does', { skip: noAvx, timeout: LIMIT_MS }, async () => {
    const binary = compile(join('avx', 'state'), folder);
    const expected = await native(binary);
    await using wide = await Sandbox.create({ rootfs: '/', env: {}, cpu: 'x86-64-v3' });
    const { status, stdoutText } = await wide.exec([binary], { timeout: LIMIT_MS });
    assert.deepEqual(stdoutText.split('\n'), expected.stdout.split('\n'));
    assert.equal(status, expected.status);
  });

  it('leaves no memory behind', { timeout: LIMIT_MS }, async () => {
    const binary = compile('processes', folder);
    const used: unknown[] = [];
    for (let run = 0; run < 3; run++) {
      await sandbox.exec([binary], { timeout: LIMIT_MS });
      const { memoryUsed, inodes, cachedNames } = await sandbox.statistics();
      used.push({ memoryUsed, inodes, cachedNames });
    }
    assert.deepEqual(
      used[2],
      used[1],
      'what is cached may stay after the first run, nothing after the second',
    );
  });

  it('survives random system calls', { timeout: LIMIT_MS }, async () => {
    const binary = compile(join('fuzz', 'calls'), folder);
    const seed = process.env['CULM_SEED'] ?? '1';
    const result = await sandbox.exec([binary, seed, '20', '50'], { timeout: LIMIT_MS });
    assert.deepEqual([result.status, result.stdoutText], [0, 'ended\n'], `run again with CULM_SEED=${seed}`);
  });
});
