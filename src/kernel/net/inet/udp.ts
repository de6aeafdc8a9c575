import { kind } from '../../checkpoint/registry.js';
import { FIONREAD } from '../../abi/fcntl.js';
import {
  IPPROTO_UDP,
  IPV6_HOPLIMIT,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVPKTINFO,
  IPV6_RECVTCLASS,
  IPV6_TCLASS,
  IP_PKTINFO,
  IP_RECVTOS,
  IP_RECVTTL,
  IP_TOS,
  IP_TTL,
} from '../../abi/inet.js';
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
} from '../../abi/poll.js';
import {
  AF_UNSPEC,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  SIOCOUTQ,
  SOCK_DGRAM,
  SOL_IP,
  SOL_IPV6,
  SOL_UDP,
  SO_TIMESTAMP,
  SO_TIMESTAMPNS,
} from '../../abi/socket.js';
import {
  EAFNOSUPPORT,
  EAGAIN,
  ECONNREFUSED,
  EDESTADDRREQ,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOTCONN,
  EOPNOTSUPP,
  EPIPE,
  type Errno,
} from '../../errno.js';
import type { Sink, Source, Timespec, UserMemory, Waiter } from '../../fs/types.js';
import type { Caller } from '../../types.js';
import { intItem, type ControlItem } from '../control.js';
import { Fifo } from '../fifo.js';
import type { Net } from '../net.js';
import { ByteRing } from '../ring.js';
import {
  RCV_SHUTDOWN,
  SEND_SHUTDOWN,
  SHUTDOWN_MASK,
  shutdownBits,
  type Incoming,
  type OptionAnswer,
  type Outgoing,
} from '../socket.js';
import { TCP_CLOSE, TCP_ESTABLISHED } from '../states.js';
import { familyOf, isV4, writeEndpoint, type Endpoint, type Ip } from './address.js';
import { hasIpFlag } from './options.js';
import { bestOf, conflictsUdp, fit, type PortOwner } from './ports.js';
import { InetSocket } from './socket.js';
import {
  getUdpOption,
  headerOf,
  packetInfo,
  packetInfo6,
  setUdpOption,
  timeItem,
  type Header,
} from './udp-options.js';

/** The longest datagram: 65535 bytes with the headers. */
const LONGEST_V4 = 65507;
const LONGEST_V6 = 65527;

/** A datagram in a queue; its bytes are in the queue's ring. */
interface Datagram {
  readonly length: number;
  readonly cost: number;
  readonly fromIp: Ip;
  readonly fromPort: number;
  readonly toIp: Ip;
  readonly ttl: number;
  readonly tos: number;
  readonly time: Timespec;
}

/** What a datagram counts against the receiver's SO_RCVBUF (skb->truesize, as measured). */
function costOf(length: number): number {
  if (length <= 150) return 832;
  if (length > 16_000) return 768 + ((length + 4095) & ~4095);
  let size = 512;
  while (size < length + 364) size *= 2;
  return 256 + size;
}

/** UDP over the loopback (udp(7)). What nobody has room for is lost; what nobody wants is refused. */
export class UdpSocket extends InetSocket {
  private readonly ring = new ByteRing();
  private readonly datagrams = new Fifo<Datagram>();
  /** What the datagrams in the queue count. */
  charged = 0;

  constructor(net: Net, family: number, protocol: number) {
    super(net, family, SOCK_DGRAM, protocol, protocol === IPPROTO_UDP ? net.udp : net.udplite, conflictsUdp);
  }

  get queuedBytes(): number {
    return this.ring.length;
  }

  override connect(_caller: Caller, address: Uint8Array, _nonblocking: boolean): 0 | Errno {
    if (address.length < 2) return EINVAL;
    if (familyOf(address) === AF_UNSPEC) return this.disconnect();
    const to = this.destination(address);
    if (typeof to === 'number') return to;
    if (!this.autobind()) return EAGAIN;
    if (!this.boundIp) this.localIp = this.sourceFor(to.ip);
    this.remoteIp = to.ip;
    this.remotePort = to.port;
    this.state = TCP_ESTABLISHED;
    return 0;
  }

  private disconnect(): 0 {
    this.state = TCP_CLOSE;
    this.remoteIp = this.anyIp;
    this.remotePort = 0;
    if (!this.boundIp) this.localIp = this.anyIp;
    if (this.boundPort) return 0;
    this.givePortBack();
    this.localPort = 0;
    return 0;
  }

  send(source: Source, out: Outgoing): number | Errno {
    if (!this.autobind()) return EAGAIN;
    const length = source.remaining;
    if (length > 0xffff) return EMSGSIZE;
    if ((out.flags & MSG_OOB) !== 0) return EOPNOTSUPP;
    const to = this.target(out.name);
    if (typeof to === 'number') return to;
    if (to.port === 0) return EINVAL;
    if (this.error !== 0) return this.takeError();
    if ((this.shut & SEND_SHUTDOWN) !== 0) return EPIPE;
    if (length > (isV4(to.ip) ? LONGEST_V4 : LONGEST_V6)) return EMSGSIZE;
    const header = headerOf(this, to.ip, out.control);
    if (typeof header === 'number') return header;
    const from = this.sourceFor(to.ip);
    const receiver = this.receiverAt(to, from);
    const counts = this.countsFor(to.ip);
    counts.sentDatagram(length, isV4(to.ip));
    if (receiver === null) counts.unwanted++;
    if (receiver !== null) return receiver.enqueue(source, length, header, this.localPort, from, to.ip);
    // The answer that nobody is there reaches only who has a peer.
    if (this.state === TCP_ESTABLISHED) {
      this.error = ECONNREFUSED;
      this.wakeAll();
    }
    return length;
  }

  private target(name: Uint8Array | null): Endpoint | Errno {
    const unspecified = name !== null && familyOf(name) === AF_UNSPEC && this.ofV6;
    if (name !== null && !unspecified) {
      const to = this.destination(name);
      return to === EAFNOSUPPORT && familyOf(name) === AF_UNSPEC ? this.destination(asInet(name)) : to;
    }
    if (this.state !== TCP_ESTABLISHED) return EDESTADDRREQ;
    return { ip: this.remoteIp, port: this.remotePort };
  }

  /** Who gets what is sent to an endpoint: a socket that is connected to the sender before others. */
  private receiverAt(to: Endpoint, from: Ip): UdpSocket | null {
    const best = bestOf(this.ports.at(to.port), isUdp, (owner) => {
      const fits = fit(owner, owner.ofV6, to.ip);
      if (fits < 0 || owner.state !== TCP_ESTABLISHED) return fits;
      return owner.remoteIp === from && owner.remotePort === this.localPort ? fits + 4 : -1;
    });
    if (best.length === 0) return null;
    // Of sockets that share a port for reuse, the last one gets everything; of a group, any.
    const last = best[best.length - 1];
    return last.reusePort ? best[this.net.randomBelow(best.length)] : last;
  }

  private enqueue(
    source: Source,
    length: number,
    { ttl, tos }: Header,
    fromPort: number,
    fromIp: Ip,
    toIp: Ip,
  ): number | Errno {
    const cost = costOf(length);
    if (this.charged + cost > this.rcvbuf && this.datagrams.length > 0) {
      this.countsFor(toIp).dropped++;
      return length;
    }
    if (length > 0) {
      const took = this.ring.fill(source, length);
      if (took < length) {
        this.ring.unfill(took);
        return EFAULT;
      }
    }
    const time: Timespec = { sec: 0, nsec: 0 };
    this.net.clock.realtime(time);
    this.datagrams.push({ length, cost, fromIp, fromPort, toIp, ttl, tos, time });
    this.charged += cost;
    this.announceData();
    return length;
  }

  receive(sink: Sink, into: Incoming): number | Errno {
    if ((into.flags & MSG_ERRQUEUE) !== 0) return EAGAIN;
    if (this.error !== 0) return this.takeError();
    const datagram = this.datagrams.at(0);
    if (datagram === undefined) {
      const ended = (this.shut & RCV_SHUTDOWN) !== 0 && (into.flags & MSG_DONTWAIT) === 0;
      return ended ? 0 : EAGAIN;
    }
    const { length } = datagram;
    const count = Math.min(length, sink.remaining);
    const put = this.ring.copy(sink, 0, count);
    if (into.wantsName) into.name = writeEndpoint(this.family, datagram.fromIp, datagram.fromPort);
    if (into.wantsControl) into.control = this.controlFor(datagram);
    if (count < length) into.outFlags |= MSG_TRUNC;
    if ((into.flags & MSG_PEEK) === 0) {
      this.datagrams.shift();
      if (length > 0) this.ring.skip(length);
      this.charged -= datagram.cost;
    }
    if (put < count) return EFAULT;
    return (into.flags & MSG_TRUNC) !== 0 ? length : count;
  }

  /** What options ask to be told of each datagram. */
  private controlFor({ toIp, ttl, tos, time }: Datagram): ControlItem[] | null {
    const items: ControlItem[] = [];
    if (this.values.get(SO_TIMESTAMP) === 1) items.push(timeItem(SO_TIMESTAMP, time.sec, time.nsec / 1000));
    else if (this.values.get(SO_TIMESTAMPNS) === 1) items.push(timeItem(SO_TIMESTAMPNS, time.sec, time.nsec));
    if (isV4(toIp)) {
      if (hasIpFlag(this, SOL_IP, IP_PKTINFO)) items.push(packetInfo(toIp));
      if (hasIpFlag(this, SOL_IP, IP_RECVTTL)) items.push(intItem(SOL_IP, IP_TTL, ttl));
      if (hasIpFlag(this, SOL_IP, IP_RECVTOS))
        items.push({ level: SOL_IP, type: IP_TOS, data: Uint8Array.of(tos) });
    }
    if (this.ofV6) {
      if (hasIpFlag(this, SOL_IPV6, IPV6_RECVPKTINFO)) items.push(packetInfo6(toIp));
      if (hasIpFlag(this, SOL_IPV6, IPV6_RECVHOPLIMIT)) items.push(intItem(SOL_IPV6, IPV6_HOPLIMIT, ttl));
      if (hasIpFlag(this, SOL_IPV6, IPV6_RECVTCLASS)) items.push(intItem(SOL_IPV6, IPV6_TCLASS, tos));
    }
    return items.length === 0 ? null : items;
  }

  poll(waiter: Waiter | null): number {
    this.watch(waiter);
    let mask = POLLOUT | POLLWRNORM | POLLWRBAND;
    if (this.error !== 0) mask |= POLLERR;
    if ((this.shut & RCV_SHUTDOWN) !== 0) mask |= POLLIN | POLLRDNORM | POLLRDHUP;
    if (this.shut === SHUTDOWN_MASK) mask |= POLLHUP;
    if (this.datagrams.length > 0) mask |= POLLIN | POLLRDNORM;
    return mask;
  }

  override shutdown(how: number): 0 | Errno {
    const bits = shutdownBits(how);
    if (bits < 0) return bits as Errno;
    this.shut |= bits;
    this.wakeAll();
    return this.state === TCP_ESTABLISHED ? 0 : ENOTCONN;
  }

  override close(): void {
    super.close();
    this.givePortBack();
    this.state = TCP_CLOSE;
    this.ring.clear();
    this.wakeAll();
  }

  override ioctl(request: number, arg: number, user: UserMemory): number | Errno {
    if (request === FIONREAD) return user.writeU32(arg, this.datagrams.at(0)?.length ?? 0);
    return request === SIOCOUTQ ? user.writeU32(arg, 0) : super.ioctl(request, arg, user);
  }

  override setOption(level: number, name: number, value: Uint8Array, caller: Caller): 0 | Errno {
    if (level !== SOL_UDP && level !== this.protocol) return super.setOption(level, name, value, caller);
    return setUdpOption(this, name, value);
  }

  override getOption(level: number, name: number, answer: OptionAnswer): 0 | Errno {
    if (level !== SOL_UDP && level !== this.protocol) return super.getOption(level, name, answer);
    return getUdpOption(this, name, answer);
  }
}

/** An address without a family means IPv4 to a datagram. */
function asInet(name: Uint8Array): Uint8Array {
  const copy = new Uint8Array(name);
  copy[0] = 2;
  return copy;
}

function isUdp(owner: PortOwner): owner is UdpSocket {
  return owner instanceof UdpSocket;
}

kind('UdpSocket', UdpSocket);
