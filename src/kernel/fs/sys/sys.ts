/** /sys, as far as programs read it to learn about the machine. */
import type { Nodes } from '../pseudo/nodes.js';
import { PseudoFs } from '../pseudo/pseudofs.js';
import { constant, dir } from '../pseudo/row.js';
import type { DirRow, Row } from '../pseudo/row.js';
import type { KernelView } from '../proc/subject.js';
import { memoryDirectory } from './memory.js';
import { netClass, virtualNet } from './net.js';
import { cpuDirectory, hugepages, nodeDirectory } from './topology.js';

const SYSFS_MAGIC = 0x62656572;
const SYSFS_FILE_SIZE = 4096;

const HUGEPAGES: readonly Row<KernelView>[] = [
  constant('defrag', 'always defer defer+madvise madvise [never]'),
  constant('enabled', 'always madvise [never]'),
  constant('hpage_pmd_size', 2097152),
  constant('shmem_enabled', 'always within_size advise [never] deny force'),
  constant('use_zero_page', 0),
];

/** The time-stamp counter, which is the kernel's clock (Documentation/ABI/testing/sysfs-devices-system-clocksource). */
const CLOCK_SOURCE: readonly Row<KernelView>[] = [
  constant('available_clocksource', 'tsc'),
  constant('current_clocksource', 'tsc'),
];

const KERNEL: readonly Row<KernelView>[] = [
  constant('address_bits', 64),
  dir('cgroup', [constant('features', 'nsdelegate'), constant('delegate', 'cgroup.procs')]),
  constant('cpu_byteorder', 'little'),
  dir('debug', [], { mode: 0o700 }),
  constant('fscaps', 1),
  dir('mm', [hugepages(), dir('transparent_hugepage', HUGEPAGES)]),
  dir('security', []),
  dir('tracing', [], { mode: 0o700 }),
];

export const SYS_ROOT: DirRow<KernelView> = dir('', [
  dir('block', []),
  dir('bus', []),
  dir('class', [dir('block', []), netClass, dir('tty', [])]),
  dir('dev', [dir('block', []), dir('char', [])]),
  dir('devices', [
    dir('system', [
      dir('clocksource', [dir('clocksource0', CLOCK_SOURCE)]),
      cpuDirectory,
      memoryDirectory,
      nodeDirectory,
    ]),
    dir('virtual', [virtualNet]),
  ]),
  dir('firmware', []),
  dir('fs', [dir('cgroup', [])]),
  dir('kernel', KERNEL),
  dir('module', []),
  dir('power', []),
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
