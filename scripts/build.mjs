// Compiles everything with the native TypeScript compiler.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
if (!existsSync(`${root}/node_modules/typescript-native`)) {
  console.error('build: run `npm ci` first');
  process.exit(1);
}
const tsc = `${root}/node_modules/typescript-native/bin/tsc`;
process.exit(
  spawnSync(process.execPath, [tsc, '-b', 'tsconfig.json'], { cwd: root, stdio: 'inherit' }).status ?? 1,
);
