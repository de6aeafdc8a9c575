import { EAFNOSUPPORT, EBADF, ENOTSOCK } from '../errno.js';
import { isPathOnly } from '../fs/handle.js';
import type { Args, Caller, SyscallRow } from '../types.js';

/** Calls on a socket: no descriptor is one. */
const ON_SOCKETS: readonly (readonly [number, string])[] = [
  [42, 'connect'],
  [43, 'accept'],
  [44, 'sendto'],
  [45, 'recvfrom'],
  [46, 'sendmsg'],
  [47, 'recvmsg'],
  [48, 'shutdown'],
  [49, 'bind'],
  [50, 'listen'],
  [51, 'getsockname'],
  [52, 'getpeername'],
  [54, 'setsockopt'],
  [55, 'getsockopt'],
  [288, 'accept4'],
  [299, 'recvmmsg'],
  [307, 'sendmmsg'],
];

function noSocket(thread: Caller, args: Args): number {
  const handle = thread.process.files.get(args.int(0));
  return typeof handle === 'number' || isPathOnly(handle) ? EBADF : ENOTSOCK;
}

/** Sockets of no family can be made: programs see a Linux without network drivers and do without. */
export const socketRows: readonly SyscallRow[] = [
  {
    number: 41,
    name: 'socket',
    args: ['int', 'hex', 'int'],
    run: () => EAFNOSUPPORT,
    note: 'no address families',
  },
  {
    number: 53,
    name: 'socketpair',
    args: ['int', 'hex', 'int', 'addr'],
    run: () => EAFNOSUPPORT,
    note: 'no address families',
  },
  ...ON_SOCKETS.map(([number, name]): SyscallRow => ({
    number,
    name,
    args: ['fd', 'addr', 'addr'],
    run: noSocket,
    note: 'there are no sockets',
  })),
];
