/**
 * stress-ng's procfs and sysfs stressors, and readers of all of /proc/<pid>, for a minute each:
 *
 *   node build/test/suites/pseudofs.js [--seconds N] [--seed N]
 *
 * Nothing may crash, hang or be left behind; what was done is printed. Not part of `npm test`, which has a slice of it.
 */
import { parseArgs } from 'node:util';
import { Sandbox } from '../../src/index.js';
import { hammer, stressNg, type Stressed } from '../tools/stress.js';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } },
});
const [seconds, seed] = [Number(values.seconds), Number(values.seed)];

function report({ what, seconds: took, operations }: Stressed): void {
  console.log(`${what}: ${operations} in ${took} s, nothing harmed`);
}

await using sandbox = await Sandbox.create({
  rootfs: '/',
  memory: '512m',
  cpus: 2,
  env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
});
report(await stressNg(sandbox, 'procfs', seconds, seed));
report(await stressNg(sandbox, 'sysfs', seconds, seed));
report(await hammer(sandbox, seconds));
