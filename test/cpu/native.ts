/** The real CPU: compiles runner.c and hands it batches of cases. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { RESULT_SIZE } from './state.js';
import type { Executor } from './suite.js';

const SOURCE = fileURLToPath(new URL('../../../test/cpu/runner.c', import.meta.url));
const BINARY = fileURLToPath(new URL('./runner', import.meta.url));

let built = false;

function build(): void {
  if (built) return;
  if (!existsSync(BINARY) || statSync(BINARY).mtimeMs < statSync(SOURCE).mtimeMs) {
    mkdirSync(fileURLToPath(new URL('.', import.meta.url)), { recursive: true });
    execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-static-pie', '-o', BINARY, SOURCE], {
      stdio: 'inherit',
    });
  }
  built = true;
}

/** Runs cases, laid out as state.ts has it, and gives `count` results. */
function runNative(cases: Uint8Array, count: number): DataView {
  build();
  const run = spawnSync(BINARY, { input: cases, maxBuffer: count * RESULT_SIZE + 1, timeout: 120_000 });
  if (run.status !== 0 || run.stdout.length !== count * RESULT_SIZE) {
    const got = run.stdout.length / RESULT_SIZE;
    throw new Error(`runner ended with ${run.status ?? run.signal} after ${got} of ${count} cases`);
  }
  return new DataView(run.stdout.buffer, run.stdout.byteOffset, run.stdout.length);
}

/** The real CPU as an executor. */
export function nativeExecutor(): Executor {
  return { name: 'native', run: (batch) => runNative(batch.bytes, batch.count) };
}
