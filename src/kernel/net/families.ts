import { CAP_NET_RAW } from '../abi/capability.js';
import { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '../abi/inet.js';
import {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_PACKET,
  AF_UNIX,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from '../abi/socket.js';
import { EAFNOSUPPORT, EINVAL, EPERM, EPROTONOSUPPORT, ESOCKTNOSUPPORT, type Errno } from '../errno.js';
import { capable } from '../fs/permission.js';
import type { Caller } from '../types.js';
import { TcpSocket } from './inet/tcp.js';
import { UdpSocket } from './inet/udp.js';
import type { Net } from './net.js';
import { NETLINK_ROUTE, NetlinkSocket } from './netlink/netlink.js';
import type { Socket } from './socket.js';
import { UnixDatagram, UnixSeqpacket } from './unix/datagram.js';
import { UnixStream } from './unix/stream.js';

type Create = (net: Net, type: number, protocol: number, caller: Caller) => Socket | Errno;

function createUnix(net: Net, type: number, protocol: number): Socket | Errno {
  if (protocol !== 0 && protocol !== AF_UNIX) return EPROTONOSUPPORT;
  if (type === SOCK_STREAM) return new UnixStream(net);
  // BSD's raw sockets were datagrams.
  if (type === SOCK_DGRAM || type === SOCK_RAW) return new UnixDatagram(net);
  return type === SOCK_SEQPACKET ? new UnixSeqpacket(net) : ESOCKTNOSUPPORT;
}

function createUdp(net: Net, family: number, protocol: number): Socket | Errno {
  if (protocol !== 0 && protocol !== IPPROTO_UDP && protocol !== IPPROTO_UDPLITE) return EPROTONOSUPPORT;
  return new UdpSocket(net, family, protocol || IPPROTO_UDP);
}

const createInet =
  (family: number): Create =>
  (net, type, protocol, caller) => {
    if (protocol < 0 || protocol >= 256) return EINVAL;
    if (type === SOCK_STREAM)
      return protocol === 0 || protocol === IPPROTO_TCP ? new TcpSocket(net, family) : EPROTONOSUPPORT;
    if (type === SOCK_DGRAM) return createUdp(net, family, protocol);
    if (type !== SOCK_RAW) return ESOCKTNOSUPPORT;
    return capable(caller.process.fs.cred, CAP_NET_RAW) ? EPROTONOSUPPORT : EPERM;
  };

function createNetlink(net: Net, type: number, protocol: number): Socket | Errno {
  if (type !== SOCK_RAW && type !== SOCK_DGRAM) return ESOCKTNOSUPPORT;
  return protocol === NETLINK_ROUTE ? new NetlinkSocket(net, type) : EPROTONOSUPPORT;
}

const FAMILIES: ReadonlyMap<number, Create> = new Map<number, Create>([
  [AF_UNIX, createUnix],
  [AF_INET, createInet(AF_INET)],
  [AF_INET6, createInet(AF_INET6)],
  [AF_NETLINK, createNetlink],
  [
    AF_PACKET,
    (_net, _type, _protocol, caller) => (capable(caller.process.fs.cred, CAP_NET_RAW) ? EAFNOSUPPORT : EPERM),
  ],
]);

/** A socket without a handle; family and type are within their ranges. */
export function createSocket(
  net: Net,
  caller: Caller,
  family: number,
  type: number,
  protocol: number,
): Socket | Errno {
  return FAMILIES.get(family)?.(net, type, protocol, caller) ?? EAFNOSUPPORT;
}
