/** File calls of whole programs, which wait, fork and map: each prints under Culm what it prints on Linux. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Sandbox } from '../../src/index.js';

const SOURCES = fileURLToPath(new URL('../../../test/syscalls', import.meta.url));
const LIMIT_MS = 60_000;
/** runner.c is for scripts (script.test.ts). */
const programs = readdirSync(SOURCES).filter((name) => name.endsWith('.c') && name !== 'runner.c');

describe('programs of test/syscalls', () => {
  const folder = mkdtempSync(join(tmpdir(), 'culm-syscalls-'));
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await Sandbox.create({ rootfs: '/', env: {} });
  });
  after(async () => {
    await sandbox.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const source of programs) {
    it(`${source} finds what it finds on Linux`, { timeout: 2 * LIMIT_MS }, async () => {
      const binary = join(folder, source.slice(0, -2));
      execFileSync('gcc', ['-static', '-O1', '-w', '-o', binary, join(SOURCES, source)]);
      const expected = spawnSync(binary, { env: {}, timeout: LIMIT_MS, encoding: 'utf8' });
      const { status, stdoutText } = await sandbox.exec([binary], { timeout: LIMIT_MS });
      assert.deepEqual(stdoutText.split('\n'), expected.stdout.split('\n'));
      assert.equal(status, expected.status);
    });
  }
});
