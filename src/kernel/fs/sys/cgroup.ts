/**
 * /sys/fs/cgroup: one group that holds all processes, with the sandbox's limits: run-times size themselves by it
 * (Documentation/admin-guide/cgroup-v2.rst). As in a container whose own group is shown as the root.
 */
import type { KernelView } from '../proc/subject.js';
import { pressureRows } from '../proc/pressure.js';
import { range } from '../proc/text.js';
import type { Nodes } from '../pseudo/nodes.js';
import { PseudoFs } from '../pseudo/pseudofs.js';
import { constant, dir, file } from '../pseudo/row.js';
import type { DirRow } from '../pseudo/row.js';

const CGROUP2_SUPER_MAGIC = 0x63677270;
/** Microseconds in which `cpu.max` is counted. */
const PERIOD = 100_000;

function memoryUsed({ memory }: KernelView): number {
  return memory.total - memory.free;
}

function memoryStat(kernel: KernelView): string {
  const { anonymous, cached, shared, pageTables, mapped, locked } = kernel.memory;
  const file = cached - shared;
  const lines: readonly (readonly [string, number])[] = [
    ['anon', anonymous],
    ['file', cached],
    ['kernel', pageTables],
    ['kernel_stack', 0],
    ['pagetables', pageTables],
    ['sock', 0],
    ['shmem', shared],
    ['file_mapped', mapped],
    ['file_dirty', 0],
    ['file_writeback', 0],
    ['swapcached', 0],
    ['inactive_anon', shared],
    ['active_anon', anonymous],
    ['inactive_file', 0],
    ['active_file', file],
    ['unevictable', locked],
    ['slab', 0],
    ['pgfault', kernel.pageFaults()],
    ['pgmajfault', kernel.majorFaults()],
  ];
  return lines.map(([name, value]) => `${name} ${value}\n`).join('');
}

function cpuStat(kernel: KernelView): string {
  const used = Math.floor(kernel.cpuMs() * 1000);
  const system = Math.min(used, Math.floor(kernel.systemMs() * 1000));
  return (
    `usage_usec ${used}\nuser_usec ${used - system}\nsystem_usec ${system}\n` +
    'nr_periods 0\nnr_throttled 0\nthrottled_usec 0\nnr_bursts 0\nburst_usec 0\n'
  );
}

function pids(kernel: KernelView): number[] {
  return kernel.processes().map(({ pid }) => pid);
}

function tids(kernel: KernelView): number[] {
  return kernel.processes().flatMap((process) => process.threads().map(({ tid }) => tid));
}

const lines = (numbers: readonly number[]) => numbers.map((number) => `${number}\n`).join('');

export const CGROUP_ROOT: DirRow<KernelView> = dir('', [
  ...pressureRows((resource) => `${resource}.pressure`),
  constant('cgroup.controllers', 'cpuset cpu memory pids'),
  constant('cgroup.events', 'populated 1\nfrozen 0'),
  constant('cgroup.freeze', 0),
  constant('cgroup.max.depth', 'max'),
  constant('cgroup.max.descendants', 'max'),
  file('cgroup.procs', (kernel) => lines(pids(kernel))),
  constant('cgroup.stat', 'nr_descendants 0\nnr_dying_descendants 0'),
  constant('cgroup.subtree_control', ''),
  file('cgroup.threads', (kernel) => lines(tids(kernel))),
  constant('cgroup.type', 'domain'),
  file('cpu.max', ({ cpus }) => `${cpus * PERIOD} ${PERIOD}\n`),
  constant('cpu.max.burst', 0),
  file('cpu.stat', cpuStat, { note: "the kernel's part is sampled" }),
  constant('cpu.weight', 100),
  constant('cpu.weight.nice', 0),
  constant('cpuset.cpus', ''),
  file('cpuset.cpus.effective', ({ cpus }) => `${range(cpus)}\n`),
  constant('cpuset.mems', ''),
  constant('cpuset.mems.effective', 0),
  file('memory.current', (kernel) => `${memoryUsed(kernel)}\n`),
  file(
    'memory.events',
    (kernel) => `low 0\nhigh 0\nmax 0\noom ${kernel.oomKills()}\noom_kill ${kernel.oomKills()}\n`,
  ),
  constant('memory.high', 'max'),
  constant('memory.low', 0),
  file('memory.max', ({ memory }) => `${memory.total}\n`, { note: 'what -m says' }),
  constant('memory.min', 0),
  constant('memory.oom.group', 0),
  file('memory.stat', memoryStat),
  constant('memory.swap.current', 0),
  constant('memory.swap.max', 0),
  file('pids.current', (kernel) => `${tids(kernel).length}\n`),
  file('pids.events', 'max 0\n'),
  file('pids.max', ({ limits }) => `${limits.pidsMax}\n`),
]);

/** For mounting at /sys/fs/cgroup. */
export function createCgroupFs(kernel: KernelView, nodes: Nodes, dev: number): PseudoFs<KernelView> {
  return new PseudoFs({
    type: 'cgroup2',
    magic: CGROUP2_SUPER_MAGIC,
    dev,
    nodes,
    root: CGROUP_ROOT,
    subject: kernel,
    realtime: (out) => kernel.realtime(out),
    strict: true,
  });
}
