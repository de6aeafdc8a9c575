/** /sys, as far as programs read it to learn about the machine, and the cgroup that shows the sandbox's limits. */
import type { Nodes } from '../pseudo/nodes.js';
import { PseudoFs } from '../pseudo/pseudofs.js';
import { constant, dir, file } from '../pseudo/row.js';
import type { DirRow, Row } from '../pseudo/row.js';
import type { KernelView } from '../proc/subject.js';
import { range } from '../proc/text.js';
import { cpuDirectory, nodeDirectory } from './topology.js';

const SYSFS_MAGIC = 0x62656572;
const CGROUP2_SUPER_MAGIC = 0x63677270;
const SYSFS_FILE_SIZE = 4096;

const HUGEPAGES: readonly Row<KernelView>[] = [
  constant('defrag', 'always defer defer+madvise madvise [never]'),
  constant('enabled', 'always madvise [never]'),
  constant('hpage_pmd_size', 2097152),
  constant('shmem_enabled', 'always within_size advise [never] deny force'),
  constant('use_zero_page', 0),
];

export const SYS_ROOT: DirRow<KernelView> = dir('', [
  dir('block', []),
  dir('bus', []),
  dir('class', [dir('net', []), dir('block', []), dir('tty', [])]),
  dir('dev', [dir('block', []), dir('char', [])]),
  dir('devices', [dir('system', [cpuDirectory, nodeDirectory]), dir('virtual', [])]),
  dir('firmware', []),
  dir('fs', [dir('cgroup', [])]),
  dir('kernel', [dir('mm', [dir('hugepages', []), dir('transparent_hugepage', HUGEPAGES)])]),
  dir('module', []),
  dir('power', []),
]);

/** Bytes to the page, as cgroup files count. */
function memoryUsed({ memory }: KernelView): number {
  return memory.total - memory.free;
}

function cgroupMemoryStat({ memory }: KernelView): string {
  const { anonymous, cached, shared, pageTables } = memory;
  return `anon ${anonymous}\nfile ${cached}\nshmem ${shared}\npagetables ${pageTables}\n`;
}

function cpuStat(kernel: KernelView): string {
  const used = Math.floor(kernel.cpuMs() * 1000);
  return `usage_usec ${used}\nuser_usec ${used}\nsystem_usec 0\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n`;
}

function threadCount(kernel: KernelView): number {
  return kernel.processes().reduce((sum, process) => sum + process.threads().length, 0);
}

/** A leaf of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst): run-times size themselves by it. */
export const CGROUP_ROOT: DirRow<KernelView> = dir('', [
  constant('cgroup.controllers', 'cpuset cpu memory pids'),
  constant('cgroup.events', 'populated 1\nfrozen 0'),
  file('cgroup.procs', (kernel) =>
    kernel
      .processes()
      .map(({ pid }) => `${pid}\n`)
      .join(''),
  ),
  constant('cgroup.subtree_control', ''),
  constant('cgroup.type', 'domain'),
  file('cpu.max', ({ cpus }) => `${cpus * 100000} 100000\n`),
  file('cpu.stat', cpuStat),
  constant('cpu.weight', 100),
  file('cpuset.cpus.effective', ({ cpus }) => `${range(cpus)}\n`),
  constant('cpuset.mems.effective', 0),
  file('memory.current', (kernel) => `${memoryUsed(kernel)}\n`),
  constant('memory.events', 'low 0\nhigh 0\nmax 0\noom 0\noom_kill 0'),
  constant('memory.high', 'max'),
  file('memory.max', ({ memory }) => `${memory.total}\n`),
  file('memory.stat', cgroupMemoryStat),
  constant('memory.swap.current', 0),
  constant('memory.swap.max', 0),
  file('pids.current', (kernel) => `${threadCount(kernel)}\n`),
  file('pids.max', ({ limits }) => `${limits.threadsMax}\n`),
]);

export function createSysFs(kernel: KernelView, nodes: Nodes, dev: number): PseudoFs<KernelView> {
  return new PseudoFs({
    type: 'sysfs',
    magic: SYSFS_MAGIC,
    dev,
    nodes,
    root: SYS_ROOT,
    subject: kernel,
    realtime: (out) => kernel.realtime(out),
    fileSize: SYSFS_FILE_SIZE,
    strict: true,
  });
}

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
