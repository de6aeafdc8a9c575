/** /proc/sys: what programs read of the kernel's settings, and what root may change with effect (proc(5), sysctl(8)). */
import { EINVAL } from '../../errno.js';
import type { Errno } from '../../errno.js';
import { constant, dir, file } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import { RELEASE, VERSION } from '../../version.js';
import type { KernelLimits, KernelView } from './subject.js';
import { IPC_SYSCTLS } from './sysvipc.js';
import { written, writtenNumber } from './text.js';

/** __NEW_UTS_LEN. */
const HOSTNAME_LENGTH = 64;

function setHostname(kernel: KernelView, bytes: Uint8Array): 0 | Errno {
  const name = written(bytes);
  if (name.length > HOSTNAME_LENGTH) return EINVAL;
  kernel.setHostname(name);
  return 0;
}

/** A number that the kernel goes by, within limits. */
function setting(name: string, key: keyof KernelLimits, min: number, max: number): Row<KernelView> {
  return file(name, ({ limits }) => `${limits[key]}\n`, {
    save({ limits }, bytes) {
      const value = writtenNumber(bytes, min, max);
      if (value === null) return EINVAL;
      limits[key] = value;
      return 0;
    },
  });
}

const KERNEL: readonly Row<KernelView>[] = [
  constant('cap_last_cap', 40),
  constant('core_pattern', 'core'),
  file('domainname', ({ domainname }) => `${domainname}\n`),
  file('hostname', ({ hostname }) => `${hostname}\n`, { save: setHostname }),
  constant('ngroups_max', 65536),
  constant('osrelease', RELEASE),
  constant('ostype', 'Linux'),
  constant('overflowgid', 65534),
  constant('overflowuid', 65534),
  constant('perf_event_paranoid', 4),
  setting('pid_max', 'pidMax', 301, 4194304),
  dir('random', [
    file('boot_id', ({ bootId }) => `${bootId}\n`),
    constant('entropy_avail', 256),
    constant('poolsize', 256),
    file('uuid', (kernel) => `${kernel.uuid()}\n`),
  ]),
  constant('randomize_va_space', 2),
  constant('sched_rr_timeslice_ms', 100),
  ...IPC_SYSCTLS,
  setting('threads-max', 'threadsMax', 20, 1073741823),
  constant('version', VERSION),
];

const VM: readonly Row<KernelView>[] = [
  setting('max_map_count', 'maxMapCount', 0, 2147483647),
  constant('mmap_min_addr', 65536),
  constant('nr_hugepages', 0),
  setting('overcommit_memory', 'overcommitMemory', 0, 2),
  constant('overcommit_ratio', 50),
  constant('swappiness', 60),
];

const FS: readonly Row<KernelView>[] = [
  setting('file-max', 'fileMax', 0, Number.MAX_SAFE_INTEGER),
  constant('nr_open', 1048576),
  constant('pipe-max-size', 1048576),
  constant('pipe-user-pages-hard', 0),
  constant('pipe-user-pages-soft', 16384),
  constant('protected_fifos', 0),
  constant('protected_hardlinks', 1),
  constant('protected_regular', 0),
  constant('protected_symlinks', 1),
  constant('suid_dumpable', 0),
  dir('inotify', [
    constant('max_queued_events', 16384),
    constant('max_user_instances', 128),
    constant('max_user_watches', 65536),
  ]),
];

const NET: readonly Row<KernelView>[] = [
  dir('core', [constant('somaxconn', 4096), constant('rmem_max', 212992), constant('wmem_max', 212992)]),
  dir('ipv4', [constant('ip_local_port_range', '32768\t60999'), constant('tcp_fin_timeout', 60)]),
];

export const sysctlRow: Row<KernelView> = dir('sys', [
  dir('fs', FS),
  dir('kernel', KERNEL),
  dir('net', NET),
  dir('vm', VM),
]);
