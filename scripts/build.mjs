// Compiles everything with the native TypeScript compiler, has the machine generate its core module, and bundles the command
// line and the worker: loading one file instead of some 350 saves a fifth of a second at every start, and as much again that
// V8 has compiled it already (scripts/cache.mjs).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What most runs need nothing of, and what takes milliseconds to load: loaded when it is first asked for. */
const LATE = /^(node:(child_process|crypto|inspector|os|worker_threads|zlib)|@noble\/ciphers\/aes\.js)$/;
const late = {
  name: 'late',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: LATE }, ({ path, namespace }) =>
      namespace === 'late' ? undefined : { path, namespace: 'late' },
    );
    onLoad({ filter: LATE, namespace: 'late' }, async ({ path }) => ({
      contents: `for (const name of ${JSON.stringify(Object.keys(await import(path)))})
        Object.defineProperty(exports, name, { get: () => require('${path}')[name], enumerable: true });`,
      resolveDir: root,
    }));
  },
};

if (!existsSync(`${root}/node_modules/typescript-native`)) {
  console.error('build: run `npm ci` first');
  process.exit(1);
}
const tsc = `${root}/node_modules/typescript-native/bin/tsc`;
const compiled = spawnSync(process.execPath, [tsc, '-b', 'tsconfig.json'], { cwd: root, stdio: 'inherit' });

const core = `${root}/build/src/machine/core`;
const main = `${root}/build/src/cli/main.js`;
if (existsSync(`${core}/core-text.js`) && existsSync(main)) {
  const { prebuiltTexts } = await import(`${core}/core-text.js`);
  const { bytes, whole, loading } = prebuiltTexts(
    "() => readFileSync(new URL('../core.wasm', import.meta.url))",
  );
  const build = `export const BUILD = '${machineHash(bytes)}';\n`;
  writeFileSync(`${core}/prebuilt.js`, whole + build);
  rmSync(`${root}/build/bundle`, { recursive: true, force: true });
  mkdirSync(`${root}/build/bundle`, { recursive: true });
  writeFileSync(`${root}/build/bundle/core.wasm`, bytes);
  for (const name of ['cli/main', 'node/worker', 'node/translator']) {
    await bundle(name, `import { readFileSync } from 'node:fs';\n${loading}${build}`);
    const cached = spawnSync(process.execPath, [`${root}/scripts/cache.mjs`, `${name}.cjs`], {
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: 120_000,
    });
    if (cached.status !== 0) console.error(`build: ${name} could not be run`);
  }
}
process.exit(compiled.status ?? 1);

/** Stands for all that decides what code is translated to. */
function machineHash(coreBytes) {
  const hash = createHash('sha256').update(coreBytes);
  const folder = `${root}/build/src/machine`;
  const files = readdirSync(folder, { recursive: true }).filter((name) =>
    /(?<!prebuilt|\.test)\.js$/.test(name),
  );
  for (const name of files.sort()) hash.update(readFileSync(`${folder}/${name}`));
  return hash.digest('hex').slice(0, 24);
}

/** One function of `require`, the file's name and its folder (bin/load.js); `core` is the module that gives the core module. */
async function bundle(name, core) {
  const { build } = await import('esbuild');
  await build({
    entryPoints: [`${root}/build/src/${name}.js`],
    outfile: `${root}/build/bundle/${name}.cjs`,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    define: { 'import.meta.url': '__url' },
    banner: {
      js: "(function (require, __filename, __dirname) {const __url = require('node:url').pathToFileURL(__filename).href;",
    },
    footer: { js: '})' },
    minifyWhitespace: true,
    plugins: [
      late,
      {
        name: 'core',
        setup({ onLoad }) {
          onLoad({ filter: /machine\/core\/prebuilt\.js$/ }, () => ({ contents: core }));
        },
      },
    ],
    logLevel: 'warning',
    logOverride: { 'ignored-bare-import': 'silent' },
  });
}
