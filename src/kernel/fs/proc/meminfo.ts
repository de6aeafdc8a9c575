/** /proc/{buddyinfo,meminfo,slabinfo,vmstat,zoneinfo}: the sandbox's frames (proc_meminfo(5)); one node, one zone. */
import { PAGE_SIZE } from '../../../machine/layout.js';
import { commitLimit } from '../../limits.js';
import { file } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import type { KernelView } from './subject.js';
import { kib } from './text.js';

function memoryAmounts({ memory, limits }: KernelView): (readonly [string, number])[] {
  const { total, free, cached, shared, anonymous, pageTables, committed, locked, mapped } = memory;
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
    ['Unevictable', locked],
    ['Mlocked', locked],
    ['SwapTotal', 0],
    ['SwapFree', 0],
    ['Dirty', 0],
    ['Writeback', 0],
    ['AnonPages', anonymous],
    ['Mapped', mapped],
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
    ['CommitLimit', commitLimit(limits, total)],
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

function pages(bytes: number): number {
  return Math.floor(bytes / PAGE_SIZE);
}

type Counts = readonly (readonly [name: string, count: number])[];

function pageCounts({ memory }: KernelView): Counts {
  const file = pages(Math.max(0, memory.cached - memory.shared));
  return [
    ['nr_inactive_anon', pages(memory.shared)],
    ['nr_active_anon', pages(memory.anonymous)],
    ['nr_inactive_file', 0],
    ['nr_active_file', file],
    ['nr_unevictable', pages(memory.locked)],
    ['nr_slab_reclaimable', 0],
    ['nr_slab_unreclaimable', 0],
    ['nr_anon_pages', pages(memory.anonymous)],
    ['nr_mapped', pages(memory.mapped)],
    ['nr_file_pages', pages(memory.cached)],
    ['nr_dirty', 0],
    ['nr_writeback', 0],
    ['nr_shmem', pages(memory.shared)],
    ['nr_kernel_stack', 0],
    ['nr_page_table_pages', pages(memory.pageTables)],
  ];
}

/** Every event that can happen here has its counter; there is no swap. */
function vmstat(kernel: KernelView): string {
  const counts: Counts = [
    ['nr_free_pages', pages(kernel.memory.free)],
    ['nr_mlock', pages(kernel.memory.locked)],
    ...pageCounts(kernel),
    ['pgpgin', kernel.pagesRead() * (PAGE_SIZE / 1024)],
    ['pgpgout', 0],
    ['pswpin', 0],
    ['pswpout', 0],
    ['pgfault', kernel.pageFaults()],
    ['pgmajfault', kernel.majorFaults()],
    ['oom_kill', kernel.oomKills()],
  ];
  return counts.map(([name, count]) => `${name} ${count}\n`).join('');
}

function zoneinfo(kernel: KernelView): string {
  const { free, total } = kernel.memory;
  const stats = pageCounts(kernel).map(([name, count]) => `      ${name.padEnd(12)} ${count}\n`);
  const zone: Counts = [
    ['min', 0],
    ['low', 0],
    ['high', 0],
    ['spanned', pages(total)],
    ['present', pages(total)],
    ['managed', pages(total)],
    ['cma', 0],
  ];
  const lines = zone.map(([name, count]) => `        ${name.padEnd(8)} ${count}\n`);
  return (
    `Node 0, zone   Normal\n  per-node stats\n${stats.join('')}  pages free     ${pages(free)}\n${lines.join('')}` +
    `        protection: (0)\n      nr_free_pages ${pages(free)}\n  pagesets\n` +
    '  node_unreclaimable:  0\n  start_pfn:           0\n'
  );
}

/** Ten higher orders: frames are single pages. */
function buddyinfo({ memory }: KernelView): string {
  const counts = [pages(memory.free), ...new Array<number>(10).fill(0)];
  return `Node 0, zone   Normal ${counts.map((count) => `${`${count}`.padStart(6)} `).join('')}\n`;
}

const SLABINFO =
  'slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> ' +
  ': tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n';

export const MEMORY_ROWS: readonly Row<KernelView>[] = [
  file('buddyinfo', buddyinfo, { note: 'frames are single pages: all free ones are of order 0' }),
  file('meminfo', meminfo, { note: "the sandbox's frames; what the kernel itself uses is not in them" }),
  file('slabinfo', SLABINFO, { mode: 0o400, note: 'no slabs' }),
  file('vmstat', vmstat, { note: 'the counters of what can happen here' }),
  file('zoneinfo', zoneinfo, { note: 'one node, one zone' }),
];
