/** /sys/devices/system/{cpu,node}: one package, one node, each processor a core of its own. */
import { constant, dir, family, file, link, parseNumber } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import type { KernelView } from '../proc/subject.js';
import { kib, mask, range } from '../proc/text.js';
import { memoryLinks } from './memory.js';

interface CpuSubject {
  readonly kernel: KernelView;
  readonly cpu: number;
}

interface CacheSubject extends CpuSubject {
  readonly index: number;
}

/** Level, type and KiB of each cache; the last one, as large as CPUID says, is shared by all. */
const CACHES: readonly (readonly [level: number, type: string, kib: number])[] = [
  [1, 'Data', 32],
  [1, 'Instruction', 32],
  [2, 'Unified', 512],
  [3, 'Unified', 0],
];
const LINE = 64;
const WAYS = 8;

function bit(index: number): string {
  const groups = Array.from({ length: Math.floor(index / 32) + 1 }, () => '00000000');
  groups[0] = (2 ** (index % 32)).toString(16).padStart(groups.length > 1 ? 8 : 1, '0');
  return groups.join(',');
}

function cacheKib({ kernel, index }: CacheSubject): number {
  return CACHES[index]?.[2] || kernel.cpu.cacheKib;
}

function isShared({ index }: CacheSubject): boolean {
  return CACHES[index]?.[0] === 3;
}

const cacheRow = dir<CacheSubject>('', [
  file('coherency_line_size', `${LINE}\n`),
  file('id', (subject) => `${isShared(subject) ? 0 : subject.cpu}\n`),
  file('level', ({ index }) => `${CACHES[index]?.[0] ?? 0}\n`),
  file('number_of_sets', (subject) => `${(cacheKib(subject) * 1024) / (LINE * WAYS)}\n`),
  constant('physical_line_partition', 1),
  file('shared_cpu_list', (subject) => `${isShared(subject) ? range(subject.kernel.cpus) : subject.cpu}\n`),
  file(
    'shared_cpu_map',
    (subject) => `${isShared(subject) ? mask(subject.kernel.cpus) : bit(subject.cpu)}\n`,
  ),
  file('size', (subject) => `${cacheKib(subject)}K\n`),
  file('type', ({ index }) => `${CACHES[index]?.[1] ?? ''}\n`),
  constant('ways_of_associativity', WAYS),
]);

function findCache({ kernel, cpu }: CpuSubject, name: string): CacheSubject | null {
  const index = name.startsWith('index') ? parseNumber(name.slice(5)) : -1;
  return index >= 0 && index < CACHES.length ? { kernel, cpu, index } : null;
}

const caches = family(
  {
    label: 'index<N>',
    find: findCache,
    list: () => CACHES.map((_cache, index) => `index${index}`),
    same: (a: CacheSubject, b: CacheSubject) => a.index === b.index,
  },
  cacheRow,
);

const all = ({ kernel }: CpuSubject) => `${range(kernel.cpus)}\n`;
const allMask = ({ kernel }: CpuSubject) => `${mask(kernel.cpus)}\n`;
const own = ({ cpu }: CpuSubject) => `${cpu}\n`;
const ownMask = ({ cpu }: CpuSubject) => `${bit(cpu)}\n`;

const cpuRow = dir<CpuSubject>('', [
  dir('cache', [caches]),
  link('node0', '../../node/node0'),
  // The first processor cannot be taken offline and has no such file.
  file('online', '1\n', { exists: ({ cpu }) => cpu > 0, mode: 0o644 }),
  dir('topology', [
    file('cluster_cpus', ownMask),
    file('cluster_cpus_list', own),
    file('cluster_id', '65535\n'),
    file('core_cpus', ownMask),
    file('core_cpus_list', own),
    file('core_id', own),
    file('core_siblings', allMask),
    file('core_siblings_list', all),
    constant('die_id', 0),
    file('die_cpus', allMask),
    file('die_cpus_list', all),
    file('package_cpus', allMask),
    file('package_cpus_list', all),
    constant('physical_package_id', 0),
    file('thread_siblings', ownMask),
    file('thread_siblings_list', own),
  ]),
]);

function findCpu(kernel: KernelView, name: string): CpuSubject | null {
  const cpu = name.startsWith('cpu') ? parseNumber(name.slice(3)) : -1;
  return cpu >= 0 && cpu < kernel.cpus ? { kernel, cpu } : null;
}

const cpus = {
  label: 'cpu<N>',
  find: findCpu,
  list: ({ cpus: count }: KernelView) => Array.from({ length: count }, (_cpu, index) => `cpu${index}`),
  same: (a: CpuSubject, b: CpuSubject) => a.cpu === b.cpu,
};

/** What Linux says of processors that have none of these faults: the host's are its own affair. */
const VULNERABILITIES = [
  'gather_data_sampling',
  'itlb_multihit',
  'l1tf',
  'mds',
  'meltdown',
  'mmio_stale_data',
  'retbleed',
  'spec_rstack_overflow',
  'spec_store_bypass',
  'spectre_v1',
  'spectre_v2',
  'srbds',
  'tsx_async_abort',
];

const online = (kernel: KernelView) => `${range(kernel.cpus)}\n`;

export const cpuDirectory: Row<KernelView> = dir('cpu', [
  family(cpus, cpuRow),
  constant('isolated', ''),
  constant('kernel_max', 8191),
  constant('offline', ''),
  file('online', online),
  file('possible', online),
  file('present', online),
  dir('smt', [constant('active', 0), constant('control', 'notsupported')]),
  dir(
    'vulnerabilities',
    VULNERABILITIES.map((name) => constant<KernelView>(name, 'Not affected')),
  ),
]);

function nodeMeminfo({ memory }: KernelView): string {
  const { total, free, cached, shared, anonymous, pageTables } = memory;
  const line = (name: string, bytes: number) =>
    `Node 0 ${`${name}:`.padEnd(15)} ${`${kib(bytes)}`.padStart(8)} kB\n`;
  return [
    line('MemTotal', total),
    line('MemFree', free),
    line('MemUsed', total - free),
    line('FilePages', cached),
    line('AnonPages', anonymous),
    line('Shmem', shared),
    line('PageTables', pageTables),
    line('SwapCached', 0),
  ].join('');
}

/** Pools of large pages, all empty. */
export function hugepages(): Row<KernelView> {
  const pool: readonly Row<KernelView>[] = [
    constant('free_hugepages', 0),
    constant('nr_hugepages', 0),
    constant('surplus_hugepages', 0),
  ];
  return dir('hugepages', [dir('hugepages-1048576kB', pool), dir('hugepages-2048kB', pool)]);
}

/** Every page comes from the only node. */
function numastat(kernel: KernelView): string {
  const hits = kernel.pageFaults();
  return `numa_hit ${hits}\nnuma_miss 0\nnuma_foreign 0\ninterleave_hit 0\nlocal_node ${hits}\nother_node 0\n`;
}

const nodeZero: Row<KernelView> = dir('node0', [
  family(
    cpus,
    link('', ({ cpu }: CpuSubject) => `../../cpu/cpu${cpu}`),
  ),
  file('cpulist', online),
  file('cpumap', (kernel) => `${mask(kernel.cpus)}\n`),
  constant('distance', 10),
  hugepages(),
  memoryLinks,
  file('meminfo', nodeMeminfo),
  file('numastat', numastat, { note: 'page faults' }),
]);

export const nodeDirectory: Row<KernelView> = dir('node', [
  constant('has_cpu', 0),
  constant('has_memory', 0),
  constant('has_normal_memory', 0),
  nodeZero,
  constant('online', 0),
  constant('possible', 0),
]);
