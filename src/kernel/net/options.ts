/** Options of SOL_SOCKET, which all families have (socket(7), net/core/sock.c). */
import { CAP_NET_ADMIN, CAP_NET_RAW } from '../abi/capability.js';
import {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_UNIX,
  RCVBUF_MIN,
  SNDBUF_MIN,
  SO_ACCEPTCONN,
  SO_BINDTODEVICE,
  SO_BROADCAST,
  SO_BUSY_POLL,
  SO_COOKIE,
  SO_DEBUG,
  SO_DOMAIN,
  SO_DONTROUTE,
  SO_ERROR,
  SO_INCOMING_CPU,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_LOCK_FILTER,
  SO_MARK,
  SO_MAX_PACING_RATE,
  SO_NOFCS,
  SO_NO_CHECK,
  SO_OOBINLINE,
  SO_PASSCRED,
  SO_PASSPIDFD,
  SO_PASSSEC,
  SO_PEEK_OFF,
  SO_PEERCRED,
  SO_PEERGROUPS,
  SO_PEERNAME,
  SO_PEERPIDFD,
  SO_PRIORITY,
  SO_PROTOCOL,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_RCVLOWAT,
  SO_RCVTIMEO,
  SO_RCVTIMEO_NEW,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_RXQ_OVFL,
  SO_SELECT_ERR_QUEUE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SO_SNDLOWAT,
  SO_SNDTIMEO,
  SO_SNDTIMEO_NEW,
  SO_TIMESTAMP,
  SO_TIMESTAMPING,
  SO_TIMESTAMPNS,
  SO_TYPE,
  SO_WIFI_STATUS,
  SO_ZEROCOPY,
} from '../abi/socket.js';
import { putU64 } from '../abi/struct.js';
import {
  EACCES,
  EDOM,
  EINVAL,
  ENODATA,
  ENODEV,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPERM,
  type Errno,
} from '../errno.js';
import { capable } from '../fs/permission.js';
import type { Caller } from '../types.js';
import type { OptionAnswer, Socket, Ucred } from './socket.js';
import { TCP_LISTEN } from './states.js';

const INT_MAX = 0x7fffffff;
const IFNAMSIZ = 16;
/** The highest SO_PRIORITY for everybody (TC_PRIO_INTERACTIVE). */
const PRIORITY_MAX = 6;

type Set = (socket: Socket, value: number, caller: Caller, bytes: Uint8Array) => 0 | Errno;
type Get = (socket: Socket, answer: OptionAnswer) => 0 | Errno;
interface Option {
  readonly get?: Get;
  readonly set?: Set;
}

function isInet({ family }: Socket): boolean {
  return family === AF_INET || family === AF_INET6;
}

function mayNet({ process: { fs } }: Caller): boolean {
  return capable(fs.cred, CAP_NET_ADMIN) || capable(fs.cred, CAP_NET_RAW);
}

/** A number that is kept; `refuses` may say no first. */
function kept(name: number, normal: (value: number) => number, refuses?: Set): Option {
  return {
    get: (socket, answer) => answer.int(socket.values.get(name) ?? 0),
    set: (socket, value, caller, bytes) => {
      const refused = refuses?.(socket, value, caller, bytes) ?? 0;
      if (refused === 0) socket.values.set(name, normal(value));
      return refused;
    },
  };
}
const bool = (value: number): number => Number(value !== 0);
const same = (value: number): number => value;

/** Only for families whose messages carry credentials. */
const forUnix: Set = ({ family }) => (family === AF_UNIX || family === AF_NETLINK ? 0 : EOPNOTSUPP);

function setSndbuf(socket: Socket, value: number): 0 {
  socket.sndbuf = Math.min(INT_MAX, Math.max(value * 2, SNDBUF_MIN));
  socket.sndbufLocked = true;
  socket.announceRoom();
  return 0;
}

function setRcvbuf(socket: Socket, value: number): 0 {
  socket.rcvbuf = Math.min(INT_MAX, Math.max(value * 2, RCVBUF_MIN));
  socket.rcvbufLocked = true;
  return 0;
}

/** A negative size is a huge one, as Linux compares without sign. */
function limited(value: number, largest: number): number {
  return Math.min(value >>> 0, largest);
}

function timeout(which: 'rcvtimeo' | 'sndtimeo'): Option {
  return {
    get: (socket, answer) => {
      const ms = socket[which] === Infinity ? 0 : socket[which];
      const bytes = new Uint8Array(16);
      const view = new DataView(bytes.buffer);
      putU64(view, 0, Math.floor(ms / 1000));
      putU64(view, 8, Math.round((ms % 1000) * 1000));
      return answer.bytes(bytes);
    },
    set: (socket, _value, _caller, bytes) => {
      if (bytes.length < 16) return EINVAL;
      const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
      const seconds = view.getUint32(0, true) + view.getInt32(4, true) * 0x100000000;
      const micros = view.getUint32(8, true) + view.getInt32(12, true) * 0x100000000;
      if (micros < 0 || micros >= 1e6) return EDOM;
      if (seconds < 0) socket[which] = 0;
      else socket[which] = seconds === 0 && micros === 0 ? Infinity : seconds * 1e3 + micros / 1e3;
      return 0;
    },
  };
}

function setLinger(socket: Socket, on: number, _caller: Caller, bytes: Uint8Array): 0 | Errno {
  if (bytes.length < 8) return EINVAL;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  socket.linger = on === 0 ? -1 : view.getInt32(4, true) >>> 0;
  return 0;
}

function getLinger({ linger }: Socket, answer: OptionAnswer): 0 {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, Number(linger >= 0), true);
  view.setInt32(4, Math.max(0, linger) | 0, true);
  return answer.bytes(bytes);
}

/** struct ucred: pid, uid, gid. */
export function ucredBytes(cred: Ucred | null): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, cred?.pid ?? 0, true);
  view.setInt32(4, cred?.uid ?? -1, true);
  view.setInt32(8, cred?.gid ?? -1, true);
  return bytes;
}

function peerGroups({ peerCred }: Socket, answer: OptionAnswer): 0 | Errno {
  return peerCred === null ? ENODATA : answer.bytes(new Uint8Array(Int32Array.from(peerCred.groups).buffer));
}

function peerName(socket: Socket, answer: OptionAnswer): 0 | Errno {
  const name = socket.name(true);
  return typeof name === 'number' ? name : answer.bytes(name);
}

function cookie(socket: Socket, answer: OptionAnswer): 0 {
  const bytes = new Uint8Array(8);
  putU64(new DataView(bytes.buffer), 0, socket.cookie);
  return answer.bytes(bytes);
}

/** The name of an interface, of which there is one, or none. */
function bindToDevice(_socket: Socket, bytes: Uint8Array): 0 | Errno {
  const text = String.fromCharCode(...bytes.subarray(0, IFNAMSIZ - 1)).split('\0')[0];
  return text === '' || text === 'lo' ? 0 : ENODEV;
}

const OPTIONS: ReadonlyMap<number, Option> = new Map<number, Option>([
  [SO_DEBUG, kept(SO_DEBUG, bool, (_s, value, caller) => (value === 0 || mayNet(caller) ? 0 : EACCES))],
  [SO_REUSEADDR, kept(SO_REUSEADDR, bool)],
  [
    SO_REUSEPORT,
    kept(SO_REUSEPORT, bool, (socket, value) => (value === 0 || isInet(socket) ? 0 : EOPNOTSUPP)),
  ],
  [SO_TYPE, { get: (socket, answer) => answer.int(socket.type) }],
  [SO_PROTOCOL, { get: (socket, answer) => answer.int(socket.protocol) }],
  [SO_DOMAIN, { get: (socket, answer) => answer.int(socket.family) }],
  [SO_ERROR, { get: (socket, answer) => answer.int(-socket.takeError()) }],
  [SO_ACCEPTCONN, { get: (socket, answer) => answer.int(Number(socket.state === TCP_LISTEN)) }],
  [SO_DONTROUTE, kept(SO_DONTROUTE, bool)],
  [SO_BROADCAST, kept(SO_BROADCAST, bool)],
  [SO_KEEPALIVE, kept(SO_KEEPALIVE, bool)],
  [SO_OOBINLINE, kept(SO_OOBINLINE, bool)],
  [SO_NO_CHECK, kept(SO_NO_CHECK, bool)],
  [SO_NOFCS, kept(SO_NOFCS, bool)],
  [SO_RXQ_OVFL, kept(SO_RXQ_OVFL, bool)],
  [SO_WIFI_STATUS, kept(SO_WIFI_STATUS, bool)],
  [SO_TIMESTAMP, kept(SO_TIMESTAMP, bool)],
  [SO_TIMESTAMPNS, kept(SO_TIMESTAMPNS, bool)],
  [SO_TIMESTAMPING, kept(SO_TIMESTAMPING, same)],
  [SO_SELECT_ERR_QUEUE, kept(SO_SELECT_ERR_QUEUE, bool)],
  [SO_BUSY_POLL, kept(SO_BUSY_POLL, same, (_s, value) => (value < 0 ? EINVAL : 0))],
  [SO_MAX_PACING_RATE, kept(SO_MAX_PACING_RATE, same)],
  [SO_LOCK_FILTER, kept(SO_LOCK_FILTER, bool)],
  [SO_INCOMING_CPU, kept(SO_INCOMING_CPU, same)],
  [
    SO_ZEROCOPY,
    kept(SO_ZEROCOPY, same, (s, value) => (!isInet(s) ? EOPNOTSUPP : value >>> 0 > 1 ? EINVAL : 0)),
  ],
  [SO_PASSCRED, kept(SO_PASSCRED, bool, forUnix)],
  [SO_PASSSEC, kept(SO_PASSSEC, bool, forUnix)],
  [SO_PASSPIDFD, { get: (_socket, answer) => answer.int(0) }],
  [SO_PEERPIDFD, { get: () => ENODATA }],
  [
    SO_PRIORITY,
    kept(SO_PRIORITY, same, (_s, value, caller) =>
      (value >= 0 && value <= PRIORITY_MAX) || mayNet(caller) ? 0 : EPERM,
    ),
  ],
  [SO_MARK, kept(SO_MARK, same, (_s, _value, caller) => (mayNet(caller) ? 0 : EPERM))],
  [
    SO_SNDBUF,
    {
      get: (socket, answer) => answer.int(socket.sndbuf),
      set: (socket, value) => setSndbuf(socket, limited(value, socket.net.settings.wmemMax)),
    },
  ],
  [
    SO_RCVBUF,
    {
      get: (socket, answer) => answer.int(socket.rcvbuf),
      set: (socket, value) => setRcvbuf(socket, limited(value, socket.net.settings.rmemMax)),
    },
  ],
  [
    SO_SNDBUFFORCE,
    { set: (s, value, caller) => (mayAdmin(caller) ? setSndbuf(s, Math.max(0, value)) : EPERM) },
  ],
  [
    SO_RCVBUFFORCE,
    { set: (s, value, caller) => (mayAdmin(caller) ? setRcvbuf(s, Math.max(0, value)) : EPERM) },
  ],
  [SO_SNDLOWAT, { get: (_socket, answer) => answer.int(1) }],
  [
    SO_RCVLOWAT,
    {
      get: (socket, answer) => answer.int(socket.rcvlowat),
      set: (socket, value) => {
        socket.rcvlowat = value < 0 ? INT_MAX : value || 1;
        return 0;
      },
    },
  ],
  [SO_RCVTIMEO, timeout('rcvtimeo')],
  [SO_SNDTIMEO, timeout('sndtimeo')],
  [SO_RCVTIMEO_NEW, timeout('rcvtimeo')],
  [SO_SNDTIMEO_NEW, timeout('sndtimeo')],
  [SO_LINGER, { get: getLinger, set: setLinger }],
  [
    SO_PEEK_OFF,
    {
      get: (socket, answer) => (socket.family === AF_UNIX ? answer.int(socket.peekOffset) : EOPNOTSUPP),
      set: (socket, value) => {
        if (socket.family !== AF_UNIX) return EOPNOTSUPP;
        socket.peekOffset = Math.max(-1, value);
        return 0;
      },
    },
  ],
  [SO_PEERCRED, { get: ({ peerCred }, answer) => answer.bytes(ucredBytes(peerCred)) }],
  [SO_PEERGROUPS, { get: peerGroups }],
  [SO_PEERNAME, { get: peerName }],
  [SO_COOKIE, { get: cookie }],
  [SO_BINDTODEVICE, { get: (_socket, answer) => answer.bytes(new Uint8Array(0)) }],
]);

function mayAdmin({ process: { fs } }: Caller): boolean {
  return capable(fs.cred, CAP_NET_ADMIN);
}

/** setsockopt(2) with SOL_SOCKET. */
export function setSocketOption(socket: Socket, name: number, value: Uint8Array, caller: Caller): 0 | Errno {
  if (name === SO_BINDTODEVICE) return bindToDevice(socket, value);
  if (value.length < 4) return EINVAL;
  const number = new DataView(value.buffer, value.byteOffset, 4).getInt32(0, true);
  return OPTIONS.get(name)?.set?.(socket, number, caller, value) ?? ENOPROTOOPT;
}

/** getsockopt(2) with SOL_SOCKET. */
export function getSocketOption(socket: Socket, name: number, answer: OptionAnswer): 0 | Errno {
  return OPTIONS.get(name)?.get?.(socket, answer) ?? ENOPROTOOPT;
}
