/**
 * `node crowd.js memory|time SANDBOXES PROCESSES`: so many sandboxes in this host process with so many processes each.
 * Prints, as JSON, the host process's resident memory while all sleep and the guests' part of it, in MiB; or how long all
 * took for the same work each, in milliseconds.
 */
import { Sandbox } from '../src/index.js';
import { ENV } from './measure.js';

export interface Crowd {
  readonly resident: number;
  readonly guest: number;
  readonly ms: number;
}

const MIB = 2 ** 20;
const SETTLE_MS = 500;
const WORK = 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; echo $(echo $i) | cat';

const [mode, sandboxes, processes] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const all = await Promise.all(
  Array.from({ length: sandboxes }, () => Sandbox.create({ rootfs: '/', env: ENV })),
);
const argv = mode === 'time' ? ['/bin/dash', '-c', WORK] : ['/bin/sleep', '1000'];
const start = performance.now();
const started = await Promise.all(
  all.flatMap((sandbox) => Array.from({ length: processes }, () => sandbox.spawn(argv))),
);
if (mode === 'time') await Promise.all(started.map((p) => p.exit));
const ms = performance.now() - start;
await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
const used = await Promise.all(all.map(async (sandbox) => (await sandbox.statistics()).memoryUsed));
const crowd: Crowd = {
  resident: process.memoryUsage.rss() / MIB,
  guest: used.reduce((sum, bytes) => sum + bytes, 0) / MIB,
  ms,
};
console.log(JSON.stringify(crowd));
process.exit();
