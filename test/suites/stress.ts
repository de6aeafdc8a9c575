/**
 * stress-ng under Culm, class by class:
 *
 *   node build/test/suites/stress.js [--seconds N] [CLASS...]
 *
 * Ten seconds each if not said otherwise. Prints what a class complains of and does not complain of natively; the exit status is 1 if
 * there is any.
 */
import { parseArgs } from 'node:util';
import { CLASSES, complaints, stress } from './stress-ng.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '10' } },
});
const seconds = Number(values.seconds);
let worse = 0;
for (const name of positionals.length > 0 ? positionals : CLASSES) {
  const found = complaints(await stress('culm', name, seconds));
  const native = found.length > 0 ? complaints(await stress('native', name, seconds)) : [];
  const own = found.filter((complaint) => !native.includes(complaint));
  if (own.length > 0) worse++;
  console.log(`${name}: ${own.length === 0 ? 'passed' : own.slice(0, 5).join('\n    ')}`);
}
process.exitCode = worse === 0 ? 0 : 1;
