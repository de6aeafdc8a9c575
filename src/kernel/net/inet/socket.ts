import { kind } from '../../checkpoint/registry.js';
import { CAP_NET_BIND_SERVICE } from '../../abi/capability.js';
import { AF_INET, AF_INET6, AF_UNSPEC, SOL_IP, SOL_IPV6 } from '../../abi/socket.js';
import {
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EINVAL,
  ENETUNREACH,
  ENOPROTOOPT,
  ENOTCONN,
  type Errno,
} from '../../errno.js';
import { capable } from '../../fs/permission.js';
import type { UserMemory } from '../../fs/types.js';
import type { Caller } from '../../types.js';
import { interfaceIoctl } from '../interface.js';
import type { Net } from '../net.js';
import { Socket, type OptionAnswer } from '../socket.js';
import { TCP_CLOSE } from '../states.js';
import type { TrafficCounts } from '../traffic.js';
import {
  IP6_ANY,
  IP6_FOREIGN,
  IP6_LOOPBACK,
  IP_ANY,
  IP_LOOPBACK,
  familyOf,
  isAny,
  isLoopback,
  isMulticast,
  isV4,
  readEndpoint,
  writeEndpoint,
  type Endpoint,
  type Ip,
} from './address.js';
import { getIpOption, setIpOption } from './options.js';
import type { Conflict, PortOwner, PortTable } from './ports.js';

/** What TCP and UDP sockets have in common (net/ipv4/af_inet.c, net/ipv6/af_inet6.c). */
export abstract class InetSocket extends Socket implements PortOwner {
  localIp: Ip;
  localPort = 0;
  remoteIp: Ip;
  remotePort = 0;
  v6only: boolean;
  /** It has the port; one that it had is still shown. */
  private holdsPort = false;
  /** bind gave the address, or the port: disconnecting keeps them. */
  protected boundIp = false;
  protected boundPort = false;
  /** Options of SOL_IP, SOL_IPV6 and the protocol's own that are kept as numbers, by level and name. */
  readonly kept = new Map<number, number>();

  constructor(
    net: Net,
    family: number,
    type: number,
    protocol: number,
    protected readonly ports: PortTable,
    private readonly conflicts: Conflict,
  ) {
    super(net, family, type, protocol);
    this.localIp = this.remoteIp = this.anyIp;
    this.v6only = net.settings.bindV6only !== 0;
  }

  get ofV6(): boolean {
    return this.family === AF_INET6;
  }

  /** Where what goes to `ip` is counted. */
  protected countsFor(ip: Ip): TrafficCounts {
    return isV4(ip) ? this.net.counts.v4 : this.net.counts.v6;
  }

  override get hasErrorQueue(): boolean {
    return true;
  }

  protected get anyIp(): Ip {
    return this.family === AF_INET6 ? IP6_ANY : IP_ANY;
  }

  override bind(caller: Caller, address: Uint8Array): 0 | Errno {
    const to = this.bindEndpoint(address);
    if (typeof to === 'number') return to;
    const { ip, port } = to;
    if (!this.mayBind(ip)) return EADDRNOTAVAIL;
    const privileged = port > 0 && port < this.net.settings.unprivilegedPorts;
    if (privileged && !capable(caller.process.fs.cred, CAP_NET_BIND_SERVICE)) return EACCES;
    if (this.state !== TCP_CLOSE || this.holdsPort) return EINVAL;
    const before = this.localIp;
    this.localIp = ip;
    if (!this.takePort(port)) {
      this.localIp = before;
      return EADDRINUSE;
    }
    this.boundIp = !isAny(ip);
    this.boundPort = port !== 0;
    return 0;
  }

  private bindEndpoint(address: Uint8Array): Endpoint | Errno {
    if (this.family === AF_INET && address.length >= 16 && familyOf(address) === AF_UNSPEC) {
      const copy = new Uint8Array(address);
      copy[0] = AF_INET;
      const to = readEndpoint(copy, AF_INET);
      return typeof to !== 'number' && to.ip !== IP_ANY ? EAFNOSUPPORT : to;
    }
    const to = readEndpoint(address, this.family);
    if (typeof to !== 'number' && this.ofV6 && isV4(to.ip) && this.v6only) return EINVAL;
    return to;
  }

  private mayBind(ip: Ip): boolean {
    return isAny(ip) || isLoopback(ip) || isMulticast(ip);
  }

  /** Takes a port, any for 0; false when it is taken. */
  protected takePort(port: number): boolean {
    const taken =
      port === 0
        ? this.ports.choose(this, this.conflicts)
        : this.ports.isFree(this, port, this.conflicts)
          ? port
          : 0;
    if (taken === 0) return false;
    this.localPort = taken;
    this.joinPort();
    return true;
  }

  /** Is one of those who have its port. */
  protected joinPort(): void {
    this.ports.add(this);
    this.holdsPort = true;
  }

  /** A port, if it has none. */
  protected autobind(): boolean {
    return this.holdsPort || this.takePort(0);
  }

  protected givePortBack(): void {
    if (!this.holdsPort) return;
    this.ports.remove(this);
    this.holdsPort = false;
  }

  /** Whether the port can still be had: its owners may have changed since. */
  protected canKeepPort(): boolean {
    return this.ports.isFree(this, this.localPort, this.conflicts);
  }

  /** Where a connect or a datagram goes; an address that means any host means this one. */
  protected destination(address: Uint8Array): Endpoint | Errno {
    const v4 = this.ofV6 && familyOf(address) === AF_INET;
    const to = readEndpoint(address, v4 ? AF_INET : this.family);
    if (typeof to === 'number') return to;
    if (this.ofV6 && isV4(to.ip) && this.v6only) return ENETUNREACH;
    if (to.ip === IP_ANY) return { ip: IP_LOOPBACK, port: to.port };
    if (to.ip === IP6_ANY) return { ip: isV4(this.localIp) ? IP_LOOPBACK : IP6_LOOPBACK, port: to.port };
    if (to.ip === IP6_FOREIGN || !isLoopback(to.ip)) return ENETUNREACH;
    // What is bound to an address of one family cannot reach the other.
    if (!isAny(this.localIp) && isV4(this.localIp) !== isV4(to.ip)) return isV4(to.ip) ? EINVAL : ENETUNREACH;
    return to;
  }

  /** The address from which what goes to `ip` comes. */
  protected sourceFor(ip: Ip): Ip {
    if (!isAny(this.localIp)) return this.localIp;
    return isV4(ip) ? IP_LOOPBACK : IP6_LOOPBACK;
  }

  name(peer: boolean): Uint8Array | Errno {
    if (!peer) return writeEndpoint(this.family, this.localIp, this.localPort);
    return this.isConnected ? writeEndpoint(this.family, this.remoteIp, this.remotePort) : ENOTCONN;
  }

  override acceptedFrom(): Uint8Array {
    return writeEndpoint(this.family, this.remoteIp, this.remotePort);
  }

  protected get isConnected(): boolean {
    return this.remotePort !== 0 && this.state !== TCP_CLOSE;
  }

  override ioctl(request: number, arg: number, user: UserMemory): number | Errno {
    return interfaceIoctl(request, arg, user);
  }

  override setOption(level: number, name: number, value: Uint8Array, _caller: Caller): 0 | Errno {
    if (level === SOL_IP || (level === SOL_IPV6 && this.ofV6)) return setIpOption(this, level, name, value);
    return ENOPROTOOPT;
  }

  override getOption(level: number, name: number, answer: OptionAnswer): 0 | Errno {
    if (level === SOL_IP || (level === SOL_IPV6 && this.ofV6)) return getIpOption(this, level, name, answer);
    return ENOPROTOOPT;
  }
}

kind('InetSocket', InetSocket);
