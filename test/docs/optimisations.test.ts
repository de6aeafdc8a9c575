/** docs/optimisations.md against the table. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { OPTIMISATIONS } from '../../src/index.js';

it('docs/optimisations.md tells of every optimisation', () => {
  const text = readFileSync(new URL('../../../docs/optimisations.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `(\w+)` +\| (.*?) +\|$/gm)].map(([, name, what]) => [name, what]);
  assert.deepEqual(rows, Object.entries(OPTIMISATIONS));
});
