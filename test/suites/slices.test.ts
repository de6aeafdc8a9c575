/** A short part of the suites that take too long for `npm test`; CULM_SEED decides which. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CLASSES, complaints, stress } from './stress-ng.js';

const SEED = process.env['CULM_SEED'] ?? '1';

/** Some members, other ones for each seed. */
function choose<T>(from: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, i) =>
    from.at((Number(SEED) * count + i * 7) % from.length),
  ).filter((member) => member !== undefined);
}

describe('slices of the long suites', () => {
  for (const name of choose(CLASSES, 3))
    it(`stress-ng's ${name} finds nothing wrong`, { timeout: 150_000 }, async () => {
      assert.deepEqual(complaints(await stress('culm', name, 1)), [], `run again with CULM_SEED=${SEED}`);
    });
});
