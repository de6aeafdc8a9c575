import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pressure } from './pressure.js';

test('time lost counts in all, and as averages that fade', () => {
  const pressure = new Pressure(0);
  assert.deepEqual(pressure.at(1000), { averages: [0, 0, 0], totalMs: 0 });
  for (let period = 1; period <= 30; period++) {
    pressure.stalled(1000);
    pressure.note(period * 2000);
  }
  const [ten = 0, sixty = 0, threeHundred = 0] = pressure.at(60_000).averages;
  assert(ten > 49 && ten <= 50, `${ten}`);
  assert(sixty > 30 && sixty < 33, `${sixty}`);
  assert(threeHundred > 8 && threeHundred < 10, `${threeHundred}`);
  assert.equal(pressure.at(60_000).totalMs, 30_000);
  const later = pressure.at(160_000).averages;
  assert((later[0] ?? 1) < 0.01 && (later[2] ?? 0) > 6, `${later}`);
});

test('a period cannot be lost more than once', () => {
  const pressure = new Pressure(0);
  pressure.stalled(9000);
  assert((pressure.at(4000).averages[0] ?? 101) <= 100);
});
