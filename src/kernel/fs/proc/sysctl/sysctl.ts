/**
 * /proc/sys: what programs read of the kernel's settings, and what root may change with effect (proc(5), sysctl(8)).
 * Entries whose change would have none are for reading only (Linux: 0644), so that nobody believes otherwise.
 */
import { constant, dir } from '../../pseudo/row.js';
import type { Row } from '../../pseudo/row.js';
import type { KernelView } from '../subject.js';
import { FS } from './fs.js';
import { KERNEL } from './kernel.js';
import { setting } from './entry.js';
import { NET } from './net.js';
import { VM } from './vm.js';

/** There is one name space of each kind, and no more can be made. */
const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'];
const USER = [
  setting('max_inotify_instances', 'maxInotifyInstances', 0, 2147483647),
  setting('max_inotify_watches', 'maxInotifyWatches', 0, 2147483647),
  ...NAMESPACES.map((kind) => constant<KernelView>(`max_${kind}_namespaces`, 0)),
];

export const sysctlRow: Row<KernelView> = dir(
  'sys',
  [
    dir('dev', [dir('tty', [constant('ldisc_autoload', 0), constant('legacy_tiocsti', 0)])]),
    dir('fs', FS),
    dir('kernel', KERNEL),
    dir('net', NET),
    dir('user', USER),
    dir('vm', VM),
  ],
  { strict: true },
);
