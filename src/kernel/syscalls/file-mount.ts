/** Calls that change the tree of mounts, which a container's root may not, and file handles, which nothing supports. */
import { EOPNOTSUPP, EPERM } from '../errno.js';
import type { ArgKind, SyscallRow } from '../types.js';

const NOTE = 'Mounts are what the sandbox was started with: CAP_SYS_ADMIN is not given.';

function refused(number: number, name: string, args: readonly ArgKind[]): SyscallRow {
  return { number, name, args, run: () => EPERM, note: NOTE };
}

export const mountRows: readonly SyscallRow[] = [
  refused(155, 'pivot_root', ['path', 'path']),
  refused(165, 'mount', ['path', 'path', 'string', 'hex', 'addr']),
  refused(166, 'umount2', ['path', 'hex']),
  {
    number: 303,
    name: 'name_to_handle_at',
    args: ['dirfd', 'path', 'addr', 'addr', 'hex'],
    run: () => EOPNOTSUPP,
    note: 'No filesystem has file handles.',
  },
  refused(304, 'open_by_handle_at', ['fd', 'addr', 'open-flags']),
  refused(428, 'open_tree', ['dirfd', 'path', 'hex']),
  refused(429, 'move_mount', ['dirfd', 'path', 'dirfd', 'path', 'hex']),
  refused(430, 'fsopen', ['string', 'hex']),
  refused(432, 'fsmount', ['fd', 'hex', 'hex']),
  refused(442, 'mount_setattr', ['dirfd', 'path', 'hex', 'addr', 'size']),
];
