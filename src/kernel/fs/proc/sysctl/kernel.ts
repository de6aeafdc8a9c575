/** /proc/sys/kernel (proc_sys_kernel(5)). */
import { CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN } from '../../../abi/capability.js';
import { EINVAL, EPERM } from '../../../errno.js';
import type { Errno } from '../../../errno.js';
import { RELEASE, VERSION } from '../../../version.js';
import { constant, dir, file, sorted } from '../../pseudo/row.js';
import type { Row } from '../../pseudo/row.js';
import type { KernelView } from '../subject.js';
import { IPC_SYSCTLS } from '../sysvipc.js';
import { written, writtenNumber } from '../text.js';
import { setting } from './entry.js';

/** __NEW_UTS_LEN. */
const NAME_LENGTH = 64;

function nameSetter(set: (kernel: KernelView, name: string) => void) {
  return (kernel: KernelView, bytes: Uint8Array): 0 | Errno => {
    const name = written(bytes);
    if (name.length > NAME_LENGTH) return EINVAL;
    set(kernel, name);
    return 0;
  };
}

/** The next process gets the pid behind it (pid_ns_ctl_handler). */
function saveLastPid(kernel: KernelView, bytes: Uint8Array): 0 | Errno {
  if (!kernel.capable(CAP_SYS_ADMIN) && !kernel.capable(CAP_CHECKPOINT_RESTORE)) return EPERM;
  const pid = writtenNumber(bytes, 0, kernel.limits.pidMax);
  if (pid === null) return EINVAL;
  kernel.setLastPid(pid);
  return 0;
}

const changes = (kernel: KernelView) => kernel.nameChanges();

export const KERNEL: readonly Row<KernelView>[] = sorted([
  ...IPC_SYSCTLS,
  constant('arch', 'x86_64'),
  constant('cap_last_cap', 40),
  constant('core_pattern', 'core'),
  constant('core_pipe_limit', 0),
  constant('core_uses_pid', 0),
  constant('dmesg_restrict', 1),
  file('domainname', ({ domainname }) => `${domainname}\n`, {
    save: nameSetter((kernel, name) => kernel.setDomainname(name)),
    changes,
  }),
  file('hostname', ({ hostname }) => `${hostname}\n`, {
    save: nameSetter((kernel, name) => kernel.setHostname(name)),
    changes,
  }),
  constant('io_uring_disabled', 2),
  constant('kptr_restrict', 1),
  constant('ngroups_max', 65536),
  file('ns_last_pid', (kernel) => `${kernel.lastPid()}\n`, { save: saveLastPid, mode: 0o666 }),
  constant('numa_balancing', 0),
  constant('osrelease', RELEASE),
  constant('ostype', 'Linux'),
  constant('overflowgid', 65534),
  constant('overflowuid', 65534),
  constant('panic', 0),
  constant('panic_on_oops', 0),
  constant('perf_event_paranoid', 4),
  setting('pid_max', 'pidMax', 301, 4194304),
  constant('print-fatal-signals', 0),
  constant('printk', '4\t4\t1\t7'),
  dir('pty', [
    setting('max', 'ptyMax', 0, 1048576),
    file('nr', (kernel) => `${kernel.pseudoTerminals()}\n`),
    constant('reserve', 0),
  ]),
  dir('random', [
    file('boot_id', ({ bootId }) => `${bootId}\n`),
    constant('entropy_avail', 256),
    constant('poolsize', 256),
    constant('urandom_min_reseed_secs', 60),
    file('uuid', (kernel) => `${kernel.uuid()}\n`),
    constant('write_wakeup_threshold', 256),
  ]),
  setting('randomize_va_space', 'randomizeVaSpace', 0, 2),
  constant('sched_rr_timeslice_ms', 100),
  constant('sched_rt_period_us', 1000000),
  constant('sched_rt_runtime_us', 950000),
  constant('sysctl_writes_strict', 1),
  constant('tainted', 0),
  setting('threads-max', 'threadsMax', 20, 1073741823),
  constant('unprivileged_bpf_disabled', 2),
  constant('version', VERSION),
]);
