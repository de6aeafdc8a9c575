/** /proc/<pid>/ns and the files about name spaces and control groups: each sandbox has one of each kind (namespaces(7)). */
import { EPERM } from '../../errno.js';
import { constant, dir, file, link } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import { mayRead } from './task.js';
import type { TaskSubject } from './task.js';

/** Names under ns/ and the kind of name space that they lead to. */
const NAMES: readonly (readonly [name: string, kind: string])[] = [
  ['cgroup', 'cgroup'],
  ['ipc', 'ipc'],
  ['mnt', 'mnt'],
  ['net', 'net'],
  ['pid', 'pid'],
  ['pid_for_children', 'pid'],
  ['time', 'time'],
  ['time_for_children', 'time'],
  ['user', 'user'],
  ['uts', 'uts'],
];

/** The whole range, as in the first user name space, where it cannot be changed. */
const ID_MAP = '         0          0 4294967295';
const fixed = { save: () => EPERM };

export const namespaceRows: readonly Row<TaskSubject>[] = [
  constant('cgroup', '0::/'),
  constant('cpuset', '/'),
  constant('gid_map', ID_MAP, fixed),
  constant('loginuid', 4294967295, { ...fixed, note: 'never set' }),
  dir(
    'ns',
    NAMES.map(([name, kind]) =>
      link<TaskSubject>(name, ({ kernel }) => kernel.namespace(kind), { access: mayRead }),
    ),
    { mode: 0o511 },
  ),
  constant('projid_map', ID_MAP, fixed),
  constant('sessionid', 4294967295, { note: 'never set' }),
  constant('setgroups', 'allow', fixed),
  file('timens_offsets', 'monotonic           0         0\nboottime            0         0\n', fixed),
  constant('uid_map', ID_MAP, fixed),
];
