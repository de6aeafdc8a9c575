// Compiles everything with the native TypeScript compiler, then has the machine generate its core module.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
if (!existsSync(`${root}/node_modules/typescript-native`)) {
  console.error('build: run `npm ci` first');
  process.exit(1);
}
const tsc = `${root}/node_modules/typescript-native/bin/tsc`;
const compiled = spawnSync(process.execPath, [tsc, '-b', 'tsconfig.json'], { cwd: root, stdio: 'inherit' });

const core = `${root}/build/src/machine/core`;
if (existsSync(`${core}/core-text.js`)) {
  const { prebuiltText } = await import(`${core}/core-text.js`);
  writeFileSync(`${core}/prebuilt.js`, prebuiltText());
}
process.exit(compiled.status ?? 1);
