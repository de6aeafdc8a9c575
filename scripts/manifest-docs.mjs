// Writes the documents that are made from tables of the sources. Run after a build; a test says when it is due.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { manifestDocument } from '../build/src/manifest/document.js';

const root = fileURLToPath(new URL('..', import.meta.url));
mkdirSync(`${root}/docs`, { recursive: true });
writeFileSync(
  `${root}/docs/manifest.md`,
  await format(manifestDocument(), { parser: 'markdown', printWidth: 110, singleQuote: true }),
);
