/** Sockets: making, naming and connecting them (net/socket.c). */
import { O_CLOEXEC, O_NONBLOCK } from '../abi/fcntl.js';
import { AF_MAX, SOCK_CLOEXEC, SOCK_MAX, SOCK_NONBLOCK, SOCK_TYPE_MASK } from '../abi/socket.js';
import { EAFNOSUPPORT, EINVAL, type Errno } from '../errno.js';
import { releaseHandle } from '../fs/handle.js';
import type { Handle } from '../fs/types.js';
import { createSocket } from '../net/families.js';
import type { Net } from '../net/net.js';
import type { Socket } from '../net/socket.js';
import { acceptOn, connectOn } from '../net/transfer.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import { addressIn, addressOut, socketAt, waits } from './socket-args.js';
import { messageRows } from './socket-message.js';
import { optionRows } from './socket-option.js';

/** A new descriptor for a socket without a handle, which is closed if there is no room. */
function install(thread: Thread, net: Net, socket: Socket, flags: number): number {
  const { process } = thread;
  const handle = openSocket(thread, net, socket, flags);
  const fd = process.files.install(handle, (flags & O_CLOEXEC) !== 0);
  if (fd < 0) releaseHandle(handle);
  return fd;
}

function openSocket({ process }: Thread, net: Net, socket: Socket, flags: number): Handle {
  const { fs } = process;
  return net.sockfs(fs.root.mount.vfs).open(socket, fs.cred, (flags & SOCK_NONBLOCK) !== 0 ? O_NONBLOCK : 0);
}

/** A new socket from socket's arguments. */
function make(thread: Thread, family: number, typeAndFlags: number, protocol: number): Socket | Errno {
  const type = typeAndFlags & SOCK_TYPE_MASK;
  if ((typeAndFlags & ~SOCK_TYPE_MASK & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) return EINVAL;
  if (family < 0 || family >= AF_MAX) return EAFNOSUPPORT;
  if (type >= SOCK_MAX) return EINVAL;
  return createSocket(thread.process.kernel.net, thread, family, type, protocol);
}

function sysSocket(thread: Thread, args: Args): number {
  const socket = make(thread, args.int(0), args.int(1), args.int(2));
  return typeof socket === 'number' ? socket : install(thread, socket.net, socket, args.int(1));
}

function sysSocketpair(thread: Thread, args: Args): number {
  const { memory, files, kernel } = thread.process;
  const [family, type, protocol, addr] = [args.int(0), args.int(1), args.int(2), args.addr(3)];
  const first = make(thread, family, type, protocol);
  if (typeof first === 'number') return first;
  const second = make(thread, family, type, protocol);
  const failed = typeof second === 'number' ? second : first.pair(second, thread);
  if (typeof second === 'number' || failed !== 0) {
    first.close();
    if (typeof second !== 'number') second.close();
    return failed;
  }
  const one = install(thread, kernel.net, first, type);
  if (one < 0) {
    second.close();
    return one;
  }
  const two = install(thread, kernel.net, second, type);
  const pair = Int32Array.of(one, two);
  const result = two < 0 ? two : memory.copyOut(addr, new Uint8Array(pair.buffer), 0, 8);
  if (result === 0) return 0;
  files.close(one);
  if (two >= 0) files.close(two);
  return result;
}

function sysBind(thread: Thread, args: Args): number {
  const socket = socketAt(thread, args.int(0));
  if (typeof socket === 'number') return socket;
  const address = addressIn(thread, args.addr(1), args.int(2));
  return typeof address === 'number' ? address : socket.bind(thread, address);
}

function sysListen(thread: Thread, args: Args): number {
  const socket = socketAt(thread, args.int(0));
  return typeof socket === 'number' ? socket : socket.listen(thread, args.int(1));
}

function mayWait(thread: Thread, fd: number): boolean {
  const handle = thread.process.files.get(fd);
  return typeof handle !== 'number' && waits(handle, 0);
}

function sysConnect(thread: Thread, args: Args): number {
  const socket = socketAt(thread, args.int(0));
  if (typeof socket === 'number') return socket;
  const address = addressIn(thread, args.addr(1), args.int(2));
  if (typeof address === 'number') return address;
  return connectOn(thread, socket, address, mayWait(thread, args.int(0)));
}

function accept(thread: Thread, args: Args, flags: number): number {
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) return EINVAL;
  const socket = socketAt(thread, args.int(0));
  if (typeof socket === 'number') return socket;
  const { files } = thread.process;
  const full = files.hasRoom();
  if (full !== 0) return full;
  const child = acceptOn(thread, socket, mayWait(thread, args.int(0)));
  if (typeof child === 'number') return child;
  const name = args.addr(1) === 0 ? null : child.acceptedFrom();
  const fd = install(thread, socket.net, child, flags);
  if (fd < 0 || name === null) return fd;
  const failed = addressOut(thread, name, args.addr(1), args.addr(2));
  if (failed === 0) return fd;
  files.close(fd);
  return failed;
}

function getName(thread: Thread, args: Args, peer: boolean): number {
  const socket = socketAt(thread, args.int(0));
  if (typeof socket === 'number') return socket;
  const name = socket.name(peer);
  return typeof name === 'number' ? name : addressOut(thread, name, args.addr(1), args.addr(2));
}

function sysShutdown(thread: Thread, args: Args): number {
  const socket = socketAt(thread, args.int(0));
  return typeof socket === 'number' ? socket : socket.shutdown(args.int(1));
}

export const socketRows: readonly ThreadRow[] = [
  {
    number: 41,
    name: 'socket',
    args: ['socket-family', 'socket-type', 'int'],
    run: sysSocket,
    note: 'AF_UNIX, AF_INET and AF_INET6 (TCP and UDP on the loopback), AF_NETLINK (NETLINK_ROUTE)',
  },
  { number: 42, name: 'connect', args: ['fd', 'sockaddr', 'int'], run: sysConnect },
  {
    number: 43,
    name: 'accept',
    args: ['fd', 'sockaddr-out', 'addr'],
    run: (thread, args) => accept(thread, args, 0),
  },
  { number: 48, name: 'shutdown', args: ['fd', 'int'], run: sysShutdown },
  { number: 49, name: 'bind', args: ['fd', 'sockaddr', 'int'], run: sysBind },
  { number: 50, name: 'listen', args: ['fd', 'int'], run: sysListen },
  {
    number: 51,
    name: 'getsockname',
    args: ['fd', 'sockaddr-out', 'addr'],
    run: (thread, args) => getName(thread, args, false),
  },
  {
    number: 52,
    name: 'getpeername',
    args: ['fd', 'sockaddr-out', 'addr'],
    run: (thread, args) => getName(thread, args, true),
  },
  {
    number: 53,
    name: 'socketpair',
    args: ['socket-family', 'socket-type', 'int', 'addr'],
    run: sysSocketpair,
  },
  {
    number: 288,
    name: 'accept4',
    args: ['fd', 'sockaddr-out', 'addr', 'hex'],
    run: (thread, args) => accept(thread, args, args.int(3)),
  },
  ...messageRows,
  ...optionRows,
];
