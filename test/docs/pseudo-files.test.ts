/** docs/pseudo-files.md against the kernel's trees. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);

it('docs/pseudo-files.md tells of every pseudo-file (npm run docs)', () => {
  const script = fileURLToPath(new URL('scripts/pseudo-files.mjs', root));
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

it('everything that Gramine has is there, attestation apart', () => {
  const text = readFileSync(new URL('docs/pseudo-files.md', root), 'utf8');
  const missing = /^## In Gramine.*/ms.exec(text)?.[0] ?? '';
  const paths = [...missing.matchAll(/^\| `(\S+)`/gm)].map(([, path]) => path ?? '');
  assert.deepEqual(
    paths.filter((path) => !path.startsWith('/dev/attestation')),
    [],
  );
});
