/** /proc/tty: the kinds of terminals (proc_tty(5)); ps(1) finds their names by it. */
import { dir, file } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import type { KernelView } from './subject.js';

const DRIVERS = `/dev/tty             /dev/tty        5       0 system:/dev/tty
/dev/console         /dev/console    5       1 system:console
/dev/ptmx            /dev/ptmx       5       2 system
pty_slave            /dev/pts      136 0-1048575 pty:slave
pty_master           /dev/ptm      128 0-1048575 pty:master
`;

export const ttyDirectory: Row<KernelView> = dir('tty', [
  dir('driver', [], { mode: 0o500 }),
  file('drivers', DRIVERS),
  dir('ldisc', []),
  file('ldiscs', 'n_tty       0\n'),
]);
