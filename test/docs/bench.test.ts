/** docs/bench.md and its pictures against the recorded figures; what counts as worse. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { pageOf, recorded } from '../../bench/page.js';
import { isWorse, table, type Group, type Row } from '../../bench/report.js';

const docs = new URL('../../../docs/', import.meta.url);

it('docs/bench.md shows the recorded run (npm run docs)', () => {
  const { page, pictures } = pageOf(recorded());
  assert.equal(readFileSync(new URL('bench.md', docs), 'utf8'), page);
  for (const [name, picture] of pictures)
    assert.equal(readFileSync(new URL(`bench/${name}`, docs), 'utf8'), picture);
});

function row(native: number, culm: number): Row {
  return {
    name: 'x',
    native,
    qemu: 50,
    culm,
    timesNative: culm / native,
    fasterThanQemu: 50 / culm,
    spread: 1,
  };
}
const group = (figure: Row): Group => ({ commit: 'c', rounds: 1, unit: 'ms', rows: [figure] });

describe('a figure', () => {
  it('is worse by more than a tenth if it is so beside native, too', () => {
    assert.equal(isWorse(row(10, 111), row(10, 100)), true);
    assert.equal(isWorse(row(10, 109), row(10, 100)), false);
    assert.equal(isWorse(row(20, 200), row(10, 100)), false);
    assert.equal(isWorse(row(5, 100), row(10, 100)), false);
    assert.equal(isWorse({ name: 'x', culm: 111 }, { name: 'x', culm: 100 }), true);
    assert.equal(isWorse(row(10, 100), undefined), false);
  });

  it('is red then, beside what it was', () => {
    const red = table('t', group(row(10, 200)), group(row(10, 100)));
    assert.match(red, /\u001b\[31mx .* was 100\u001b\[0m/);
    assert.doesNotMatch(table('t', group(row(10, 101)), group(row(10, 100))), /\u001b/);
  });
});
