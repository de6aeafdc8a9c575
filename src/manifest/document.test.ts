import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { manifestDocument } from './document.js';

it('docs/manifest.md is what the table of keys says (node scripts/manifest-docs.mjs writes it)', async () => {
  const file = fileURLToPath(new URL('../../../docs/manifest.md', import.meta.url));
  const options = await resolveConfig(file);
  const expected = await format(manifestDocument(), { ...options, parser: 'markdown' });
  assert.equal(readFileSync(file, 'utf8'), expected);
});
