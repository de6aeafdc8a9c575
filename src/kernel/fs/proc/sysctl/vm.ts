/** /proc/sys/vm (proc_sys_vm(5)). */
import { EINVAL } from '../../../errno.js';
import { constant, file } from '../../pseudo/row.js';
import type { Row } from '../../pseudo/row.js';
import type { KernelView } from '../subject.js';
import { writtenNumber } from '../text.js';
import { setting } from './entry.js';

/** Pages of files, names, or both: all that is only kept to be fast goes. */
const dropCaches = file<KernelView>('drop_caches', '', {
  mode: 0o200,
  save(kernel, bytes) {
    if (writtenNumber(bytes, 1, 4) === null) return EINVAL;
    kernel.dropCaches();
    return 0;
  },
});

export const VM: readonly Row<KernelView>[] = [
  constant('admin_reserve_kbytes', 8192),
  constant('dirty_background_bytes', 0),
  constant('dirty_background_ratio', 10),
  constant('dirty_bytes', 0),
  constant('dirty_expire_centisecs', 3000),
  constant('dirty_ratio', 20),
  constant('dirty_writeback_centisecs', 500),
  dropCaches,
  constant('legacy_va_layout', 0),
  setting('max_map_count', 'maxMapCount', 0, 2147483647),
  constant('min_free_kbytes', 0),
  setting('mmap_min_addr', 'mmapMinAddr', 0, Number.MAX_SAFE_INTEGER),
  constant('nr_hugepages', 0),
  constant('nr_overcommit_hugepages', 0),
  constant('oom_kill_allocating_task', 0),
  setting('overcommit_kbytes', 'overcommitKbytes', 0, Number.MAX_SAFE_INTEGER),
  setting('overcommit_memory', 'overcommitMemory', 0, 2),
  setting('overcommit_ratio', 'overcommitRatio', 0, 2147483647),
  constant('page-cluster', 3),
  constant('panic_on_oom', 0),
  constant('swappiness', 60),
  constant('unprivileged_userfaultfd', 0),
  constant('user_reserve_kbytes', 0),
  constant('vfs_cache_pressure', 100),
  constant('zone_reclaim_mode', 0),
];
