/** The corpus's programs that do not come from Debian's glibc userland: musl, Go and Rust. */
import { fileURLToPath } from 'node:url';
import type { CorpusCommand, Line } from './command.js';

/** A file of an npm package, whose `linux-x64` packages hold plain executables. */
const npm = (file: string): string =>
  fileURLToPath(new URL(`../../../node_modules/${file}`, import.meta.url));

const ESBUILD = npm('@esbuild/linux-x64/bin/esbuild');
const BIOME = npm('@biomejs/cli-linux-x64/biome');

/** Biome says how long it took. */
const biome = (...args: string[]): CorpusCommand => ({
  argv: [BIOME, ...args, '--colors=off', 'web'],
  differs: 'the time it took',
  normalise: (output) => output.replaceAll(/\bin \d+(\.\d+)?(ns|us|µs|Âµs|ms|s)\b/g, 'in a while'),
});

const MUSL: Line[] = [['bash', '-c', 'musl-gcc -O2 -static threads.c -o threads && ./threads x; echo $?']];

/** esbuild is written in Go. */
const GO: Line[] = [
  [ESBUILD, '--version'],
  [ESBUILD, '--bundle', 'web/main.ts', '--minify', '--sourcemap=inline', '--format=esm', '--log-level=info'],
  [
    ESBUILD,
    '--bundle',
    'web/main.ts',
    'web/style.css',
    '--outdir=out',
    '--splitting',
    '--format=esm',
    '--metafile=meta.json',
    '--log-level=warning',
  ],
  [ESBUILD, 'web/broken.ts', '--color=false'],
];

const RUST: Line[] = [
  [BIOME, '--version'],
  biome('lint'),
  biome('format'),
  biome('check', '--write', '--unsafe'),
];

export const BINARIES: readonly Line[] = [MUSL, GO, RUST].flat();
