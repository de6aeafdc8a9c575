import { kind } from '../../checkpoint/registry.js';
import { CAP_NET_ADMIN } from '../../abi/capability.js';
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRBAND, POLLWRNORM } from '../../abi/poll.js';
import {
  AF_NETLINK,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  SCM_CREDENTIALS,
  SOL_NETLINK,
  SOL_SOCKET,
  SO_PASSCRED,
} from '../../abi/socket.js';
import {
  EADDRINUSE,
  EAGAIN,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOPROTOOPT,
  EOPNOTSUPP,
  type Errno,
} from '../../errno.js';
import { capable } from '../../fs/permission.js';
import type { Sink, Source, UserMemory, Waiter } from '../../fs/types.js';
import type { Caller } from '../../types.js';
import { Fifo } from '../fifo.js';
import { interfaceIoctl } from '../interface.js';
import type { Net } from '../net.js';
import { ucredBytes } from '../options.js';
import { Socket, type Incoming, type OptionAnswer, type Outgoing } from '../socket.js';
import { readRequests } from './messages.js';
import { answerRoute } from './route.js';

export const NETLINK_ROUTE = 0;
/** sizeof(struct sockaddr_nl). */
const SOCKADDR_NL = 12;
const LONGEST_REQUEST = 65536;
const MEMBERSHIPS = 2;
const LAST_FLAG = 12;
const KERNEL = { pid: 0, uid: 0, gid: 0, groups: [] };

function addressOf(port: number, groups: number): Uint8Array {
  const bytes = new Uint8Array(SOCKADDR_NL);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(4, port, true);
  view.setUint32(8, groups, true);
  return bytes;
}

/** A socket to ask the kernel about its network (netlink(7)): NETLINK_ROUTE. Nothing ever changes, so nothing is announced. */
export class NetlinkSocket extends Socket {
  port = 0;
  private groups = 0;
  private readonly answers = new Fifo<Uint8Array>();
  private readonly flags = new Map<number, number>();

  constructor(net: Net, type: number) {
    super(net, AF_NETLINK, type, NETLINK_ROUTE);
  }

  override bind(caller: Caller, address: Uint8Array): 0 | Errno {
    if (address.length < SOCKADDR_NL) return EINVAL;
    const view = new DataView(address.buffer, address.byteOffset, SOCKADDR_NL);
    if (view.getUint16(0, true) !== AF_NETLINK) return EINVAL;
    const port = view.getUint32(4, true);
    if (this.port !== 0 && this.port !== port) return EINVAL;
    if (port !== 0 && this.port === 0 && this.isTaken(port)) return EADDRINUSE;
    this.port ||= port;
    this.groups = view.getUint32(8, true);
    this.autobind(caller);
    return 0;
  }

  private isTaken(port: number): boolean {
    for (const other of this.net.sockets)
      if (other !== this && other instanceof NetlinkSocket && other.port === port) return true;
    return false;
  }

  /** The process's number, or one of those that Linux takes when that is taken. */
  private autobind(caller: Caller | null): void {
    if (this.port !== 0) return;
    let port = caller?.process.pid ?? 0;
    for (let next = 0xffffefff; port === 0 || this.isTaken(port); next--) port = next;
    this.port = port;
  }

  override connect(caller: Caller, address: Uint8Array, _nonblocking: boolean): 0 | Errno {
    if (address.length < 2) return EINVAL;
    if (address[0] === AF_NETLINK && address.length < SOCKADDR_NL) return EINVAL;
    this.autobind(caller);
    return 0;
  }

  name(peer: boolean): Uint8Array {
    return peer ? addressOf(0, 0) : addressOf(this.port, this.groups);
  }

  send(source: Source, out: Outgoing): number | Errno {
    if ((out.flags & MSG_OOB) !== 0) return EOPNOTSUPP;
    if (out.name !== null && (out.name.length < SOCKADDR_NL || out.name[0] !== AF_NETLINK)) return EINVAL;
    this.autobind(out.caller);
    const length = source.remaining;
    if (length > LONGEST_REQUEST) return EMSGSIZE;
    const bytes = new Uint8Array(length);
    if (source.take(bytes, 0, length) < length) return EFAULT;
    const root = out.caller !== null && capable(out.caller.process.fs.cred, CAP_NET_ADMIN);
    for (const request of readRequests(bytes))
      for (const answer of answerRoute(request, this.port, root, this.net.traffic)) this.answers.push(answer);
    if (this.answers.length > 0) this.announceData();
    return length;
  }

  /** The kernel has something to say. */
  announce(message: Uint8Array): void {
    this.answers.push(message);
    this.announceData();
  }

  receive(sink: Sink, into: Incoming): number | Errno {
    if ((into.flags & MSG_OOB) !== 0) return EOPNOTSUPP;
    const answer = this.answers.at(0);
    if (answer === undefined) return EAGAIN;
    const count = Math.min(sink.remaining, answer.length);
    const put = sink.put(answer, 0, count);
    if (count < answer.length) into.outFlags |= MSG_TRUNC;
    if (into.wantsName) into.name = addressOf(0, 0);
    if (this.values.get(SO_PASSCRED) === 1)
      into.control = [{ level: SOL_SOCKET, type: SCM_CREDENTIALS, data: ucredBytes(KERNEL) }];
    if ((into.flags & MSG_PEEK) === 0) this.answers.shift();
    if (put < count) return EFAULT;
    return (into.flags & MSG_TRUNC) !== 0 ? answer.length : count;
  }

  poll(waiter: Waiter | null): number {
    this.watch(waiter);
    return POLLOUT | POLLWRNORM | POLLWRBAND | (this.answers.length > 0 ? POLLIN | POLLRDNORM : 0);
  }

  override ioctl(request: number, arg: number, user: UserMemory): number | Errno {
    return interfaceIoctl(request, arg, user);
  }

  override setOption(level: number, name: number, value: Uint8Array, _caller: Caller): 0 | Errno {
    if (level !== SOL_NETLINK) return ENOPROTOOPT;
    if (value.length < 4) return EINVAL;
    if (name < 1 || name > LAST_FLAG) return ENOPROTOOPT;
    const number = new DataView(value.buffer, value.byteOffset, 4).getInt32(0, true);
    if (name > MEMBERSHIPS) this.flags.set(name, Number(number !== 0));
    else if (number < 1 || number > 32) return EINVAL;
    else if (name === 1) this.groups |= 1 << (number - 1);
    else this.groups &= ~(1 << (number - 1));
    return 0;
  }

  override getOption(level: number, name: number, answer: OptionAnswer): 0 | Errno {
    if (level !== SOL_NETLINK || name <= MEMBERSHIPS || name > LAST_FLAG) return ENOPROTOOPT;
    return answer.int(this.flags.get(name) ?? 0);
  }
}

kind('NetlinkSocket', NetlinkSocket);
