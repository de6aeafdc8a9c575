/** The system-wide files of /proc, memory's apart: one content function each. */
import { RELEASE, VERSION } from '../../version.js';
import type { Row } from '../pseudo/row.js';
import { constant, dir, file, sorted } from '../pseudo/row.js';
import { cpuinfo } from './cpuinfo.js';
import { INTERRUPT_ROWS, interruptSums } from './interrupts.js';
import { locks } from './locks.js';
import { MEMORY_ROWS } from './meminfo.js';
import { pressureRows } from './pressure.js';
import type { KernelView } from './subject.js';
import { ticks } from './text.js';
import { ttyDirectory } from './tty.js';

/** Time that threads used and the rest, spread over the processors. */
function stat(kernel: KernelView): string {
  const { cpus } = kernel;
  const used = ticks(kernel.cpuMs());
  const idle = Math.max(0, ticks(kernel.uptimeMs()) * cpus - used);
  const system = Math.min(used, ticks(kernel.systemMs()));
  const times = [used - system, 0, system, idle];
  let text = `cpu  ${times.join(' ')} 0 0 0 0 0 0\n`;
  const share = times.map((time) => Math.floor(time / cpus)).join(' ');
  for (let i = 0; i < cpus; i++) text += `cpu${i} ${share} 0 0 0 0 0 0\n`;
  const running = runningThreads(kernel);
  const { intr, softirq } = interruptSums(kernel);
  return (
    `${text}${intr}ctxt ${kernel.contextSwitches()}\nbtime ${kernel.bootTime}\nprocesses ${kernel.forks()}\n` +
    `procs_running ${Math.max(1, running)}\nprocs_blocked 0\n${softirq}`
  );
}

function allThreads(kernel: KernelView): string[] {
  return kernel.processes().flatMap((process) => process.threads().map((thread) => thread.state));
}

function runningThreads(kernel: KernelView): number {
  return allThreads(kernel).filter((state) => state === 'R').length;
}

function uptime(kernel: KernelView): string {
  const up = kernel.uptimeMs();
  const idle = Math.max(0, up * kernel.cpus - kernel.cpuMs());
  return `${(up / 1000).toFixed(2)} ${(idle / 1000).toFixed(2)}\n`;
}

function loadavg(kernel: KernelView): string {
  const threads = allThreads(kernel);
  const averages = kernel.loadAverages().map((average) => average.toFixed(2));
  return `${averages.join(' ')} ${Math.max(1, runningThreads(kernel))}/${threads.length} ${kernel.lastPid()}\n`;
}

function filesystems({ filesystems: types }: KernelView): string {
  return types.map(({ type, nodev }) => `${nodev ? 'nodev' : ''}\t${type}\n`).join('');
}

const DEVICES = `Character devices:
  1 mem
  4 tty
  5 /dev/tty
  5 /dev/console
  5 /dev/ptmx
136 pts

Block devices:
`;

const CONTROLLERS = ['cpuset', 'cpu', 'memory', 'pids'];

function cgroups(): string {
  const lines = CONTROLLERS.map((name) => `${name}\t0\t1\t1\n`);
  return `#subsys_name\thierarchy\tnum_cgroups\tenabled\n${lines.join('')}`;
}

export const SYSTEM_ROWS: readonly Row<KernelView>[] = sorted([
  ...MEMORY_ROWS,
  file('cgroups', cgroups, { note: 'the controllers of cgroup v2' }),
  constant('cmdline', 'culm'),
  file('consoles', '', { note: 'empty: no console' }),
  file('cpuinfo', cpuinfo, { note: "the machine's fixed model, never the host's processor" }),
  file('devices', DEVICES),
  file('diskstats', '', { note: 'no block devices' }),
  constant('execdomains', '0-0\tLinux           \t[kernel]'),
  file('filesystems', filesystems),
  ...INTERRUPT_ROWS,
  file('loadavg', loadavg, { note: 'sampled every 5 s while something runs' }),
  file('locks', locks, { note: 'locks on files that some process has open' }),
  file('misc', '', { note: 'empty' }),
  file('modules', '', { note: 'no modules' }),
  dir(
    'pressure',
    pressureRows((resource) => resource),
  ),
  file('partitions', 'major minor  #blocks  name\n\n', { note: 'no block devices' }),
  file('stat', stat, {
    note: "time since the sandbox's start, the same for each processor; the kernel's part is sampled",
  }),
  file('swaps', 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n', { note: 'no swap' }),
  ttyDirectory,
  file('uptime', uptime, { note: "since the sandbox's start" }),
  constant('version', `Linux version ${RELEASE} (culm@culm) (TypeScript) ${VERSION}`),
]);
