// Runs all tests: those beside the sources, then the suites that compare with the real CPU, kernel and programs.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackages } from './packages.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const wanted = process.argv.slice(2);

function testFiles(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.js'))
    .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`)
    .filter((file) => wanted.length === 0 || wanted.some((word) => file.includes(word)))
    .sort();
}

try {
  installPackages();
} catch (error) {
  console.error(`test: ${error.message}`);
  process.exit(1);
}
const files = [...testFiles(`${root}/build/src`), ...testFiles(`${root}/build/test`)];
if (files.length === 0) {
  console.error(`test: no test file matches ${wanted.join(' ')}`);
  process.exit(1);
}
// Tests share the code that they translate, with each other alone.
const cache = mkdtempSync(join(tmpdir(), 'culm-code-'));
const run = spawnSync(process.execPath, ['--test', '--test-concurrency=2', ...files], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, CULM_CACHE: cache },
});
rmSync(cache, { recursive: true, force: true });
process.exit(run.status ?? 1);
