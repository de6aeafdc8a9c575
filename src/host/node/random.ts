/**
 * Random bytes. On Linux they are read from the kernel's own file: they are the same, and to load Node's crypto for them
 * would take a tenth of the time that a short program takes.
 */
import { randomFillSync } from 'node:crypto';
import fs from 'node:fs';
import { attempt } from './errors.js';

const SOURCE = '/dev/urandom';
let $source: number | undefined;

/** The source's descriptor, opened once and kept; negative where there is none. */
function source(): number {
  return ($source ??= process.platform === 'linux' ? attempt(() => fs.openSync(SOURCE, 'r')) : -1);
}

export function random(into: Uint8Array): void {
  const from = source();
  if (from < 0 || attempt(() => fs.readSync(from, into)) !== into.length) randomFillSync(into);
}
