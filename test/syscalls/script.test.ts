/** Scripts of file calls give on the kernel's tmpfs what Linux gives on its own. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { randomScript } from './random.js';
import { Script, callTable } from './script.js';

const sources = fileURLToPath(new URL('../../../test/syscalls/', import.meta.url));
const isRoot = process.getuid?.() === 0;
let folder = '';

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'culm-script-'));
  writeFileSync(join(folder, 'calls.inc'), callTable());
  execFileSync('gcc', ['-O1', '-w', '-I', folder, '-o', join(folder, 'runner'), join(sources, 'runner.c')]);
});
after(() => rmSync(folder, { recursive: true, force: true }));

function native(script: string): string {
  const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const root = mkdtempSync(join(base, 'culm-'));
  try {
    execFileSync('chmod', ['755', root]);
    const { stdout, stderr } = spawnSync(join(folder, 'runner'), [root], { input: script, timeout: 20_000 });
    return stdout.toString('latin1') + stderr.toString('latin1');
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

for (const name of readdirSync(join(sources, 'scripts'))) {
  test(`${name} gives what Linux gives`, { skip: !isRoot && 'chroot needs root' }, () => {
    const script = readFileSync(join(sources, 'scripts', name), 'latin1');
    assert.equal(new Script().run(script), native(script));
  });
}

/** Another seed: SCRIPT_SEED=n. */
const FIRST_SEED = Number(process.env['SCRIPT_SEED'] ?? 1);

test('random scripts give what Linux gives', { skip: !isRoot && 'chroot needs root' }, () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + 20; seed++) {
    const script = randomScript(seed, 300);
    assert.equal(new Script().run(script), native(script), `seed ${seed}`);
  }
});
