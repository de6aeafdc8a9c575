/** The system-wide files of /proc: one content function each. */
import { RELEASE, VERSION } from '../../version.js';
import type { Row } from '../pseudo/row.js';
import { constant, file } from '../pseudo/row.js';
import type { CpuView, KernelView } from './subject.js';
import { kib, ticks } from './text.js';

function cpuLines(cpu: CpuView, index: number, count: number): (readonly [string, string | number])[] {
  return [
    ['processor', index],
    ['vendor_id', cpu.vendor],
    ['cpu family', cpu.family],
    ['model', cpu.model],
    ['model name', cpu.modelName],
    ['stepping', cpu.stepping],
    ['cpu MHz', cpu.mhz.toFixed(3)],
    ['cache size', `${cpu.cacheKib} KB`],
    ['physical id', 0],
    ['siblings', count],
    ['core id', index],
    ['cpu cores', count],
    ['apicid', index],
    ['initial apicid', index],
    ['fpu', 'yes'],
    ['fpu_exception', 'yes'],
    ['cpuid level', cpu.level],
    ['wp', 'yes'],
    ['flags', cpu.flags.join(' ')],
    ['bugs', ''],
    ['bogomips', (cpu.mhz * 2).toFixed(2)],
    ['clflush size', 64],
    ['cache_alignment', 64],
    ['address sizes', '40 bits physical, 48 bits virtual'],
    ['power management', ''],
  ];
}

/** Names of up to seven letters are followed by two tabs. */
function cpuLine([name, value]: readonly [string, string | number]): string {
  const tabs = name.length < 8 ? '\t\t' : '\t';
  return value === ''
    ? `${name}${name === 'bugs' ? tabs : ''}:${name === 'bugs' ? ' ' : ''}\n`
    : `${name}${tabs}: ${value}\n`;
}

function cpuinfo({ cpu, cpus }: KernelView): string {
  let text = '';
  for (let i = 0; i < cpus; i++) text += `${cpuLines(cpu, i, cpus).map(cpuLine).join('')}\n`;
  return text;
}

function memoryAmounts({ memory }: KernelView): (readonly [string, number])[] {
  const { total, free, cached, shared, anonymous, pageTables, committed } = memory;
  const file = Math.max(0, cached - shared);
  return [
    ['MemTotal', total],
    ['MemFree', free],
    ['MemAvailable', free + file],
    ['Buffers', 0],
    ['Cached', cached],
    ['SwapCached', 0],
    ['Active', anonymous + file],
    ['Inactive', shared],
    ['Active(anon)', anonymous],
    ['Inactive(anon)', shared],
    ['Active(file)', file],
    ['Inactive(file)', 0],
    ['Unevictable', 0],
    ['Mlocked', 0],
    ['SwapTotal', 0],
    ['SwapFree', 0],
    ['Dirty', 0],
    ['Writeback', 0],
    ['AnonPages', anonymous],
    ['Mapped', cached],
    ['Shmem', shared],
    ['KReclaimable', 0],
    ['Slab', 0],
    ['SReclaimable', 0],
    ['SUnreclaim', 0],
    ['KernelStack', 0],
    ['PageTables', pageTables],
    ['NFS_Unstable', 0],
    ['Bounce', 0],
    ['WritebackTmp', 0],
    ['CommitLimit', total],
    ['Committed_AS', committed],
    ['VmallocTotal', 34359738367 * 1024],
    ['VmallocUsed', 0],
    ['VmallocChunk', 0],
    ['Percpu', 0],
    ['AnonHugePages', 0],
    ['ShmemHugePages', 0],
    ['ShmemPmdMapped', 0],
    ['FileHugePages', 0],
    ['FilePmdMapped', 0],
  ];
}

function meminfo(kernel: KernelView): string {
  const line = (name: string, kb: number) => `${`${name}:`.padEnd(16)}${`${kb}`.padStart(8)} kB\n`;
  const amounts = memoryAmounts(kernel).map(([name, bytes]) => line(name, kib(bytes)));
  const pools = ['HugePages_Total', 'HugePages_Free', 'HugePages_Rsvd', 'HugePages_Surp'];
  const huge = pools.map((name) => `${`${name}:`.padEnd(16)}${'0'.padStart(8)}\n`);
  return [...amounts, ...huge, line('Hugepagesize', 2048), line('Hugetlb', 0)].join('');
}

/** Time that threads used and the rest, spread over the processors. */
function stat(kernel: KernelView): string {
  const { cpus } = kernel;
  const used = ticks(kernel.cpuMs());
  const idle = Math.max(0, ticks(kernel.uptimeMs()) * cpus - used);
  const line = (name: string, user: number, rest: number) => `${name} ${user} 0 0 ${rest} 0 0 0 0 0 0\n`;
  let text = line('cpu ', used, idle);
  for (let i = 0; i < cpus; i++) text += line(`cpu${i}`, Math.floor(used / cpus), Math.floor(idle / cpus));
  const running = runningThreads(kernel);
  return (
    `${text}intr 0\nctxt ${kernel.contextSwitches()}\nbtime ${kernel.bootTime}\nprocesses ${kernel.forks()}\n` +
    `procs_running ${Math.max(1, running)}\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n`
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

/** No averages are kept; the runnable and all threads, and the latest pid, are real. */
function loadavg(kernel: KernelView): string {
  const threads = allThreads(kernel);
  return `0.00 0.00 0.00 ${Math.max(1, runningThreads(kernel))}/${threads.length} ${kernel.lastPid()}\n`;
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

export const SYSTEM_ROWS: readonly Row<KernelView>[] = [
  constant('cmdline', 'culm'),
  file('cpuinfo', cpuinfo),
  file('devices', DEVICES),
  file('filesystems', filesystems),
  file('loadavg', loadavg),
  file('meminfo', meminfo),
  file('modules', ''),
  file('partitions', 'major minor  #blocks  name\n\n'),
  file('stat', stat),
  file('swaps', 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'),
  file('uptime', uptime),
  constant('version', `Linux version ${RELEASE} (culm@culm) (TypeScript) ${VERSION}`),
];
