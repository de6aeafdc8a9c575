/** Options of SOL_IP and SOL_IPV6 (ip(7), ipv6(7)). Most have no effect over the loopback; they are kept and told. */
import {
  IPV6_ADDR_PREFERENCES,
  IPV6_ADD_MEMBERSHIP,
  IPV6_AUTOFLOWLABEL,
  IPV6_DONTFRAG,
  IPV6_DROP_MEMBERSHIP,
  IPV6_MTU,
  IPV6_MTU_DISCOVER,
  IPV6_MULTICAST_HOPS,
  IPV6_MULTICAST_IF,
  IPV6_MULTICAST_LOOP,
  IPV6_RECVERR,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVPKTINFO,
  IPV6_RECVRTHDR,
  IPV6_RECVTCLASS,
  IPV6_TCLASS,
  IPV6_UNICAST_HOPS,
  IPV6_V6ONLY,
  IP_ADD_MEMBERSHIP,
  IP_BIND_ADDRESS_NO_PORT,
  IP_DROP_MEMBERSHIP,
  IP_FREEBIND,
  IP_HDRINCL,
  IP_MINTTL,
  IP_MTU,
  IP_MTU_DISCOVER,
  IP_MULTICAST_ALL,
  IP_MULTICAST_IF,
  IP_MULTICAST_LOOP,
  IP_MULTICAST_TTL,
  IP_OPTIONS,
  IP_PKTINFO,
  IP_RECVERR,
  IP_RECVOPTS,
  IP_RECVORIGDSTADDR,
  IP_RECVTOS,
  IP_RECVTTL,
  IP_RETOPTS,
  IP_TOS,
  IP_TTL,
} from '../../abi/inet.js';
import { SOL_IP, SOL_IPV6 } from '../../abi/socket.js';
import { EINVAL, ENODEV, ENOPROTOOPT, ENOTCONN, type Errno } from '../../errno.js';
import type { OptionAnswer } from '../socket.js';
import type { InetSocket } from './socket.js';

const LOOPBACK_MTU = 65536;

interface IpOption {
  /** What it is before it has been set. */
  readonly initial: number;
  readonly least: number;
  readonly most: number;
}
const FLAG: IpOption = { initial: 0, least: 0, most: 1 };
const range = (initial: number, least: number, most: number): IpOption => ({ initial, least, most });

const IP_OPTIONS_KEPT: ReadonlyMap<number, IpOption> = new Map([
  [IP_TOS, range(0, 0, 255)],
  [IP_TTL, range(64, -1, 255)],
  [IP_RECVOPTS, FLAG],
  [IP_RETOPTS, FLAG],
  [IP_PKTINFO, FLAG],
  [IP_MTU_DISCOVER, range(1, 0, 5)],
  [IP_RECVERR, FLAG],
  [IP_RECVTTL, FLAG],
  [IP_RECVTOS, FLAG],
  [IP_FREEBIND, FLAG],
  [IP_RECVORIGDSTADDR, FLAG],
  [IP_MINTTL, range(0, 0, 255)],
  [IP_BIND_ADDRESS_NO_PORT, FLAG],
  [IP_MULTICAST_IF, range(0, -0x80000000, 0x7fffffff)],
  [IP_MULTICAST_TTL, range(1, -1, 255)],
  [IP_MULTICAST_LOOP, { ...FLAG, initial: 1 }],
  [IP_MULTICAST_ALL, { ...FLAG, initial: 1 }],
]);

const IPV6_OPTIONS_KEPT: ReadonlyMap<number, IpOption> = new Map([
  [IPV6_UNICAST_HOPS, range(64, -1, 255)],
  [IPV6_MULTICAST_IF, range(0, 0, 0x7fffffff)],
  [IPV6_MULTICAST_HOPS, range(1, -1, 255)],
  [IPV6_MULTICAST_LOOP, { ...FLAG, initial: 1 }],
  [IPV6_MTU_DISCOVER, range(1, 0, 5)],
  [IPV6_RECVERR, FLAG],
  [IPV6_V6ONLY, FLAG],
  [IPV6_RECVPKTINFO, FLAG],
  [IPV6_RECVHOPLIMIT, FLAG],
  [IPV6_RECVRTHDR, FLAG],
  [IPV6_DONTFRAG, FLAG],
  [IPV6_RECVTCLASS, FLAG],
  [IPV6_TCLASS, range(0, -1, 255)],
  [IPV6_AUTOFLOWLABEL, { ...FLAG, initial: 1 }],
  [IPV6_ADDR_PREFERENCES, range(2, 0, 0x7fff)],
]);

const MEMBERSHIPS = new Set([IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP]);
const MEMBERSHIPS6 = new Set([IPV6_ADD_MEMBERSHIP, IPV6_DROP_MEMBERSHIP]);

/** A level's option as one number, for `kept`. */
export function optionKey(level: number, name: number): number {
  return level * 0x10000 + name;
}

/** An option's value: an int, or, where Linux takes that, one byte. */
function numberIn(value: Uint8Array, least: number): number | undefined {
  if (value.length >= 4) return new DataView(value.buffer, value.byteOffset, 4).getInt32(0, true);
  return value.length >= least && value.length > 0 ? value[0] : undefined;
}

export function setIpOption(socket: InetSocket, level: number, name: number, value: Uint8Array): 0 | Errno {
  const v4 = level === SOL_IP;
  if ((v4 ? MEMBERSHIPS : MEMBERSHIPS6).has(name)) return socket.isStream ? EINVAL : ENODEV;
  if (v4 && name === IP_OPTIONS) return value.length > 40 ? EINVAL : 0;
  if (v4 && name === IP_HDRINCL) return ENOPROTOOPT;
  const option = (v4 ? IP_OPTIONS_KEPT : IPV6_OPTIONS_KEPT).get(name);
  if (option === undefined) return ENOPROTOOPT;
  const number = numberIn(value, v4 ? 1 : 4);
  if (number === undefined) return EINVAL;
  if (level === SOL_IPV6 && name === IPV6_V6ONLY) {
    if (socket.localPort !== 0) return EINVAL;
    socket.v6only = number !== 0;
  }
  const flag = option.least === 0 && option.most === 1;
  if (!flag && (number < option.least || number > option.most)) return EINVAL;
  const kept = flag ? Number(number !== 0) : number === -1 && option.least === -1 ? option.initial : number;
  if (name === IP_TTL && v4 && number === 0) return EINVAL;
  socket.kept.set(optionKey(level, name), kept);
  return 0;
}

export function getIpOption(
  socket: InetSocket,
  level: number,
  name: number,
  answer: OptionAnswer,
): 0 | Errno {
  const v4 = level === SOL_IP;
  if (v4 && name === IP_OPTIONS) return answer.bytes(new Uint8Array(0));
  if ((v4 && name === IP_MTU) || (!v4 && name === IPV6_MTU))
    return socket.remotePort === 0 ? ENOTCONN : answer.int(LOOPBACK_MTU);
  const option = (v4 ? IP_OPTIONS_KEPT : IPV6_OPTIONS_KEPT).get(name);
  if (option === undefined) return ENOPROTOOPT;
  if (!v4 && name === IPV6_V6ONLY) return answer.int(Number(socket.v6only));
  return answer.int(socket.kept.get(optionKey(level, name)) ?? option.initial);
}

/** Whether a flag of SOL_IP or SOL_IPV6 has been set. */
export function hasIpFlag(socket: InetSocket, level: number, name: number): boolean {
  return socket.kept.get(optionKey(level, name)) === 1;
}
