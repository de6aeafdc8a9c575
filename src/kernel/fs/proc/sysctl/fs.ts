/** /proc/sys/fs (proc_sys_fs(5)). */
import { constant, dir, file } from '../../pseudo/row.js';
import type { Row } from '../../pseudo/row.js';
import type { KernelView } from '../subject.js';
import { mqueueSysctls } from '../sysvipc.js';
import { setting } from './entry.js';

/** Nothing but memory limits how many files can be open. */
const FILE_MAX = '9223372036854775807';

const INT_MAX = 2147483647;

export const FS: readonly Row<KernelView>[] = [
  constant('aio-max-nr', 65536),
  constant('aio-nr', 0),
  file('dentry-state', (kernel) => `${kernel.cachedNames()}\t0\t45\t0\t0\t0\n`),
  dir('epoll', [constant('max_user_watches', 1048576)]),
  constant('file-max', FILE_MAX),
  file('file-nr', (kernel) => `${kernel.openFiles()}\t0\t${FILE_MAX}\n`),
  file('inode-nr', (kernel) => `${kernel.cachedNames()}\t0\n`, { note: 'names in the cache' }),
  file('inode-state', (kernel) => `${kernel.cachedNames()}\t0\t0\t0\t0\t0\t0\n`, {
    note: 'names in the cache',
  }),
  dir('inotify', [
    setting('max_queued_events', 'maxQueuedEvents', 0, INT_MAX),
    setting('max_user_instances', 'maxInotifyInstances', 0, INT_MAX),
    setting('max_user_watches', 'maxInotifyWatches', 0, INT_MAX),
  ]),
  setting('lease-break-time', 'leaseBreakTime', -INT_MAX - 1, INT_MAX),
  setting('leases-enable', 'leasesEnable', -INT_MAX - 1, INT_MAX),
  constant('mount-max', 100000),
  mqueueSysctls,
  setting('nr_open', 'nrOpen', 64, 2147483584),
  constant('overflowgid', 65534),
  constant('overflowuid', 65534),
  setting('pipe-max-size', 'pipeMaxSize', 4096, INT_MAX),
  constant('pipe-user-pages-hard', 0),
  constant('pipe-user-pages-soft', 0),
  setting('protected_fifos', 'protectedFifos', 0, 2),
  setting('protected_hardlinks', 'protectedHardlinks', 0, 1),
  setting('protected_regular', 'protectedRegular', 0, 2),
  setting('protected_symlinks', 'protectedSymlinks', 0, 1),
  constant('suid_dumpable', 0),
];
