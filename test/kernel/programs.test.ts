/** The kernel against Linux: each program of this folder prints the same lines natively and under Culm. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Sandbox } from '../../src/index.js';

const SOURCES = fileURLToPath(new URL('../../../test/kernel', import.meta.url));
const LIMIT_MS = 120_000;
/** What is not so where the tests are run, by program: why its comparison is left out. */
const NEEDS_ROOT = new Set(['identity']);

const programs = readdirSync(SOURCES)
  .filter((name) => name.endsWith('.c'))
  .map((name) => name.slice(0, -2));

function compile(name: string, folder: string): string {
  const binary = join(folder, name);
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

describe('programs of test/kernel', () => {
  const folder = mkdtempSync(join(tmpdir(), 'culm-kernel-'));
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await Sandbox.create({ rootfs: '/', env: {} });
  });
  after(async () => {
    await sandbox.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const name of programs) {
    const skip = NEEDS_ROOT.has(name) && process.getuid?.() !== 0 ? 'compares what root may do' : false;
    it(`${name} finds what it finds on Linux`, { skip, timeout: LIMIT_MS }, async () => {
      const binary = compile(name, folder);
      const expected = await native(binary);
      const { status, stdoutText } = await sandbox.exec([binary], { timeout: LIMIT_MS });
      assert.deepEqual(stdoutText.split('\n'), expected.stdout.split('\n'));
      assert.equal(status, expected.status);
    });
  }
});
