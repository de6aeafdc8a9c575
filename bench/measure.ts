/** Runs one program in one of the three ways. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { FOLDER } from './workloads.js';

export const WAYS = ['native', 'qemu', 'culm'] as const;
export type Way = (typeof WAYS)[number];

const CULM = fileURLToPath(new URL('../../bin/culm', import.meta.url));
const ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/root', LANG: 'C.UTF-8' };

function command(way: Way, argv: readonly string[]): readonly string[] {
  if (way === 'native') return argv;
  if (way === 'qemu') return ['/usr/bin/qemu-x86_64', ...argv];
  const env = Object.entries(ENV).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  return [process.execPath, CULM, 'run', '--rootfs', '/', '-w', FOLDER, ...env, '--', ...argv];
}

export interface Run {
  readonly ms: number;
  readonly stdout: string;
}

export function runOnce(way: Way, argv: readonly string[]): Run {
  const [file = '', ...args] = command(way, argv);
  const start = process.hrtime.bigint();
  const result = spawnSync(file, args, {
    cwd: FOLDER,
    env: ENV,
    encoding: 'latin1',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  if (result.error) throw result.error;
  if (result.status !== 0)
    throw new Error(`${way}: ${argv[0]} ended with ${result.status ?? result.signal}: ${result.stderr}`);
  return { ms, stdout: result.stdout };
}

/** Times that the kernels print: a name and milliseconds a line. */
export function kernelTimes(stdout: string): Map<string, number> {
  const times = new Map<string, number>();
  for (const match of stdout.matchAll(/^(\w+)\s+([\d.]+) ms$/gm)) times.set(match[1] ?? '', Number(match[2]));
  return times;
}
