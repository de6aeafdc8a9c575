/** How long programs take in a sandbox that lives already and has run them before. */
import { Sandbox } from '../src/index.js';
import { ENV } from './measure.js';
import { median, type Figure, type Goal } from './report.js';
import { FOLDER, STARTS } from './workloads.js';

/** Of a host process of its own. */
export const START_GOALS = new Map<string, Goal>([['dynamic hello', { below: 150 }]]);
export const LIVING_GOALS = new Map<string, Goal>([
  ['bash -c true', { below: 10 }],
  ['python3 -c 0', { below: 100 }],
]);

const WARM_UP = 10;

export async function living(rounds: number): Promise<Figure[]> {
  const sandbox = await Sandbox.create({ rootfs: '/', env: ENV, cwd: FOLDER });
  const figures: Figure[] = [];
  for (const { name, argv } of STARTS) {
    const times: number[] = [];
    for (let i = 0; i < WARM_UP + 2 * rounds; i++) {
      const start = performance.now();
      const { status, stderrText } = await sandbox.exec([...argv]);
      if (status !== 0) throw new Error(`${name}: ${stderrText}`);
      if (i >= WARM_UP) times.push(performance.now() - start);
    }
    figures.push({ name, culm: median(times) });
  }
  await sandbox.dispose();
  return figures;
}
