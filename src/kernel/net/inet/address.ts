/**
 * Internet addresses. The only interface is the loopback, so that an address is a number: of IPv4 the address itself, of
 * IPv6 one of three. An IPv4 address within IPv6 (::ffff:127.0.0.1) is the IPv4 address.
 */
import { AF_INET, AF_INET6 } from '../../abi/socket.js';
import { EAFNOSUPPORT, EINVAL, type Errno } from '../../errno.js';

export type Ip = number;
export const IP_ANY = 0;
export const IP_LOOPBACK = 0x7f000001;
export const IP6_ANY = -1;
export const IP6_LOOPBACK = -2;
/** An address of IPv6 that nobody here has. */
export const IP6_FOREIGN = -3;

export interface Endpoint {
  readonly ip: Ip;
  readonly port: number;
}

export function isV4(ip: Ip): boolean {
  return ip >= 0;
}

export function isAny(ip: Ip): boolean {
  return ip === IP_ANY || ip === IP6_ANY;
}

/** Whether it is one of the sandbox's own. */
export function isLoopback(ip: Ip): boolean {
  return ip === IP6_LOOPBACK || (ip >= 0x7f000000 && ip < 0x80000000);
}

export function isMulticast(ip: Ip): boolean {
  return ip >= 0xe0000000 && ip < 0xf0000000;
}

const SOCKADDR_IN = 16;
const SOCKADDR_IN6 = 28;
/** sockaddr_in6 as it was before scopes. */
const SHORT_SOCKADDR_IN6 = 24;

export function familyOf(address: Uint8Array): number {
  return address.length < 2 ? -1 : address[0] | (address[1] << 8);
}

/** A struct sockaddr_in or sockaddr_in6 of the given family: EINVAL when too short, EAFNOSUPPORT for another family. */
export function readEndpoint(address: Uint8Array, family: number): Endpoint | Errno {
  if (address.length < (family === AF_INET ? SOCKADDR_IN : SHORT_SOCKADDR_IN6)) return EINVAL;
  if (familyOf(address) !== family) return EAFNOSUPPORT;
  const view = new DataView(address.buffer, address.byteOffset, address.length);
  const port = view.getUint16(2, false);
  return { ip: family === AF_INET ? view.getUint32(4, false) : readIp6(view, 8), port };
}

/** The 16 bytes of an IPv6 address. */
export function readIp6(view: DataView, at: number): Ip {
  const words = [0, 4, 8, 12].map((offset) => view.getUint32(at + offset, false));
  const [a, b, c, d] = words;
  if (a !== 0 || b !== 0) return IP6_FOREIGN;
  if (c === 0xffff) return d;
  if (c !== 0 || d > 1) return IP6_FOREIGN;
  return d === 0 ? IP6_ANY : IP6_LOOPBACK;
}

export function writeIp6(view: DataView, at: number, ip: Ip): void {
  if (ip === IP6_LOOPBACK) view.setUint8(at + 15, 1);
  if (!isV4(ip)) return;
  view.setUint16(at + 10, 0xffff, false);
  view.setUint32(at + 12, ip, false);
}

/** The struct sockaddr of an endpoint, as a socket of `family` shows it. */
export function writeEndpoint(family: number, ip: Ip, port: number): Uint8Array {
  const bytes = new Uint8Array(family === AF_INET6 ? SOCKADDR_IN6 : SOCKADDR_IN);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, family, true);
  view.setUint16(2, port, false);
  if (family === AF_INET6) writeIp6(view, 8, ip);
  else view.setUint32(4, Math.max(0, ip), false);
  return bytes;
}
