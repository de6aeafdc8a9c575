/** What UDP sockets are told beside their datagrams, and what they tell; options of SOL_UDP (ip(7), ipv6(7), udp(7)). */
import {
  IPPROTO_UDPLITE,
  IPV6_HOPLIMIT,
  IPV6_PKTINFO,
  IPV6_TCLASS,
  IPV6_UNICAST_HOPS,
  IP_PKTINFO,
  IP_RETOPTS,
  IP_TOS,
  IP_TTL,
  UDPLITE_RECV_CSCOV,
  UDPLITE_SEND_CSCOV,
  UDP_CORK,
  UDP_GRO,
  UDP_SEGMENT,
} from '../../abi/inet.js';
import { SCM_CREDENTIALS, SCM_RIGHTS, SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_UDP } from '../../abi/socket.js';
import { putU64 } from '../../abi/struct.js';
import { EINVAL, ENOPROTOOPT, type Errno } from '../../errno.js';
import type { ControlItem } from '../control.js';
import { LOOPBACK } from '../interface.js';
import type { OptionAnswer } from '../socket.js';
import { isV4, writeIp6, type Ip } from './address.js';
import { optionKey } from './options.js';
import type { InetSocket } from './socket.js';

const DEFAULT_TTL = 64;
/** Checksums cover at least the header. */
const LEAST_COVERAGE = 8;

/** What of a datagram's header a receiver may ask for. */
export interface Header {
  ttl: number;
  tos: number;
}

function kept(socket: InetSocket, level: number, name: number): number | undefined {
  return socket.kept.get(optionKey(level, name));
}

/** The header of a datagram to `ip`: by the socket's options, and by control messages for this one. */
export function headerOf(socket: InetSocket, ip: Ip, control: readonly ControlItem[] | null): Header | Errno {
  const v4 = isV4(ip);
  const header: Header = {
    ttl: (v4 ? kept(socket, SOL_IP, IP_TTL) : kept(socket, SOL_IPV6, IPV6_UNICAST_HOPS)) ?? DEFAULT_TTL,
    tos: (v4 ? kept(socket, SOL_IP, IP_TOS) : kept(socket, SOL_IPV6, IPV6_TCLASS)) ?? 0,
  };
  for (const item of control ?? []) {
    if (item.level === SOL_SOCKET && item.type !== SCM_RIGHTS && item.type !== SCM_CREDENTIALS) return EINVAL;
    if (item.level !== (v4 ? SOL_IP : SOL_IPV6)) continue;
    const failed = v4 ? apply4(header, item) : apply6(header, item);
    if (failed !== 0) return failed;
  }
  return header;
}

function intOf({ data }: ControlItem): number {
  return new DataView(data.buffer, data.byteOffset, 4).getInt32(0, true);
}

function apply4(header: Header, item: ControlItem): 0 | Errno {
  const { type, data } = item;
  if (type === IP_RETOPTS) return 0;
  if (type === IP_PKTINFO) return data.length === 12 ? 0 : EINVAL;
  if (type !== IP_TTL && type !== IP_TOS) return EINVAL;
  if (data.length !== 4 && !(type === IP_TOS && data.length === 1)) return EINVAL;
  const value = data.length === 1 ? data[0] : intOf(item);
  if (value < Number(type === IP_TTL) || value > 255) return EINVAL;
  header[type === IP_TTL ? 'ttl' : 'tos'] = value;
  return 0;
}

function apply6(header: Header, item: ControlItem): 0 | Errno {
  const { type, data } = item;
  if (type === IPV6_PKTINFO) return data.length < 20 ? EINVAL : 0;
  if (type !== IPV6_HOPLIMIT && type !== IPV6_TCLASS) return EINVAL;
  if (data.length !== 4) return EINVAL;
  const value = intOf(item);
  if (value < -1 || value > 255) return EINVAL;
  // -1: as without it.
  if (value >= 0) header[type === IPV6_HOPLIMIT ? 'ttl' : 'tos'] = value;
  return 0;
}

const FLAGS = [UDP_CORK, UDP_GRO];
const COVERAGES = [UDPLITE_SEND_CSCOV, UDPLITE_RECV_CSCOV];

export function setUdpOption(socket: InetSocket, name: number, value: Uint8Array): 0 | Errno {
  if (value.length < 4) return EINVAL;
  const number = new DataView(value.buffer, value.byteOffset, 4).getInt32(0, true);
  if (FLAGS.includes(name)) socket.kept.set(optionKey(SOL_UDP, name), Number(number !== 0));
  else if (COVERAGES.includes(name) && socket.protocol === IPPROTO_UDPLITE) {
    const coverage = number !== 0 && number < LEAST_COVERAGE ? LEAST_COVERAGE : Math.min(number, 0xffff);
    socket.kept.set(optionKey(SOL_UDP, name), coverage);
  } else return ENOPROTOOPT;
  return 0;
}

export function getUdpOption(socket: InetSocket, name: number, answer: OptionAnswer): 0 | Errno {
  const known = FLAGS.includes(name) || name === UDP_SEGMENT;
  if (!known && !(COVERAGES.includes(name) && socket.protocol === IPPROTO_UDPLITE)) return ENOPROTOOPT;
  return answer.int(kept(socket, SOL_UDP, name) ?? 0);
}

export function timeItem(type: number, sec: number, fraction: number): ControlItem {
  const data = new Uint8Array(16);
  const view = new DataView(data.buffer);
  putU64(view, 0, sec);
  putU64(view, 8, Math.floor(fraction));
  return { level: SOL_SOCKET, type, data };
}

/** struct in_pktinfo: interface, local address, destination. */
export function packetInfo(to: Ip): ControlItem {
  const data = new Uint8Array(12);
  const view = new DataView(data.buffer);
  view.setInt32(0, LOOPBACK.index, true);
  view.setUint32(4, to, false);
  view.setUint32(8, to, false);
  return { level: SOL_IP, type: IP_PKTINFO, data };
}

/** struct in6_pktinfo: destination, interface. */
export function packetInfo6(to: Ip): ControlItem {
  const data = new Uint8Array(20);
  const view = new DataView(data.buffer);
  writeIp6(view, 0, to);
  view.setInt32(16, LOOPBACK.index, true);
  return { level: SOL_IPV6, type: IPV6_PKTINFO, data };
}
