import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { BINARIES, compareBinary } from './objdump.js';

/** Executables that are not position-independent are linked here; objdump takes addresses, not file offsets. */
const LINK_BASE = 0x400000;
const SLICE = 0x10000;

for (const path of BINARIES) {
  test(`the decoder agrees with objdump on a slice of ${path}`, { timeout: 60_000 }, async () => {
    const start = Math.floor(statSync(path).size / 3);
    const report = await compareBinary(path, { start, stop: start + SLICE });
    const base = report.instructions > 0 ? report : await compareBinary(path, atLinkBase(start));
    assert.deepEqual(base.mismatches.slice(0, 10), []);
    assert.ok(base.instructions > 1000, `only ${base.instructions} instructions met`);
  });
}

function atLinkBase(start: number): { start: number; stop: number } {
  return { start: start + LINK_BASE, stop: start + LINK_BASE + SLICE };
}
