import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoadAverages } from './load.js';

test('load averages rise with running threads and fall while idle', () => {
  const load = new LoadAverages(0);
  for (let now = 0; now <= 60_000; now += 100) load.note(now, 2);
  const [one, five, fifteen] = load.at(60_000, 2);
  assert(Math.abs(one - 2 * (1 - Math.exp(-1))) < 0.01, `${one}`);
  assert(one > five && five > fifteen && fifteen > 0);
  const [later] = load.at(180_000, 0);
  assert(Math.abs(later - one * Math.exp(-2)) < 0.01, `${later}`);
});
