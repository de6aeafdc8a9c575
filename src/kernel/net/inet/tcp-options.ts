/** Options of SOL_TCP (tcp(7)). Over the loopback they change nothing that can be seen; they are checked, kept and told. */
import {
  TCP_CONGESTION,
  TCP_CORK,
  TCP_DEFER_ACCEPT,
  TCP_FASTOPEN,
  TCP_FASTOPEN_CONNECT,
  TCP_INFO,
  TCP_INQ,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_LINGER2,
  TCP_MAXSEG,
  TCP_NODELAY,
  TCP_NOTSENT_LOWAT,
  TCP_QUICKACK,
  TCP_SAVE_SYN,
  TCP_SYNCNT,
  TCP_THIN_LINEAR_TIMEOUTS,
  TCP_USER_TIMEOUT,
  TCP_WINDOW_CLAMP,
} from '../../abi/inet.js';
import { SOL_TCP } from '../../abi/socket.js';
import { EINVAL, ENOENT, ENOPROTOOPT, type Errno } from '../../errno.js';
import type { OptionAnswer } from '../socket.js';
import { TCP_CLOSE, TCP_LISTEN } from '../states.js';
import { optionKey } from './options.js';
import type { TcpSocket } from './tcp.js';

const INT_MAX = 0x7fffffff;
/** What a segment holds before there is a connection (TCP_MSS_DEFAULT), and over the loopback. */
const MSS_DEFAULT = 536;
const MSS_LOOPBACK = 65483;

interface TcpOption {
  readonly initial: number;
  readonly least: number;
  readonly most: number;
}
const FLAG: TcpOption = { initial: 0, least: 0, most: 1 };
const range = (initial: number, least: number, most: number): TcpOption => ({ initial, least, most });

const OPTIONS: ReadonlyMap<number, TcpOption> = new Map([
  [TCP_NODELAY, FLAG],
  [TCP_CORK, FLAG],
  [TCP_MAXSEG, range(MSS_DEFAULT, 88, 32767)],
  [TCP_KEEPIDLE, range(7200, 1, 32767)],
  [TCP_KEEPINTVL, range(75, 1, 32767)],
  [TCP_KEEPCNT, range(9, 1, 127)],
  [TCP_SYNCNT, range(6, 1, 127)],
  [TCP_LINGER2, range(60, -INT_MAX - 1, INT_MAX)],
  [TCP_DEFER_ACCEPT, range(0, -INT_MAX - 1, INT_MAX)],
  [TCP_WINDOW_CLAMP, range(0, 0, INT_MAX)],
  [TCP_QUICKACK, { ...FLAG, initial: 1 }],
  [TCP_THIN_LINEAR_TIMEOUTS, FLAG],
  [TCP_USER_TIMEOUT, range(0, 0, INT_MAX)],
  [TCP_FASTOPEN, range(0, 0, INT_MAX)],
  [TCP_FASTOPEN_CONNECT, FLAG],
  [TCP_NOTSENT_LOWAT, range(-1, -INT_MAX - 1, INT_MAX)],
  [TCP_SAVE_SYN, range(0, 0, 2)],
  [TCP_INQ, FLAG],
]);

const CONGESTION = ['cubic', 'reno'];
/** TCP_CA_NAME_MAX. */
const CONGESTION_LENGTH = 16;

function isFlag({ least, most }: TcpOption): boolean {
  return least === 0 && most === 1;
}

export function setTcpOption(socket: TcpSocket, name: number, value: Uint8Array): 0 | Errno {
  if (name === TCP_CONGESTION) return setCongestion(socket, value);
  if (value.length < 4) return EINVAL;
  const number = new DataView(value.buffer, value.byteOffset, 4).getInt32(0, true);
  const option = OPTIONS.get(name);
  if (option === undefined) return ENOPROTOOPT;
  // 0 gives the maximum segment size up to the kernel again.
  const outside = number < option.least || number > option.most;
  if (!isFlag(option) && outside && !(name === TCP_MAXSEG && number === 0)) return EINVAL;
  socket.kept.set(optionKey(SOL_TCP, name), isFlag(option) ? Number(number !== 0) : number);
  return 0;
}

function setCongestion(socket: TcpSocket, value: Uint8Array): 0 | Errno {
  if (value.length < 1) return EINVAL;
  const [name] = String.fromCharCode(...value.subarray(0, CONGESTION_LENGTH - 1)).split('\0');
  if (!CONGESTION.includes(name)) return ENOENT;
  socket.congestion = name;
  return 0;
}

export function getTcpOption(socket: TcpSocket, name: number, answer: OptionAnswer): 0 | Errno {
  if (name === TCP_INFO) return answer.bytes(tcpInfo(socket));
  if (name === TCP_CONGESTION) {
    const bytes = new Uint8Array(CONGESTION_LENGTH);
    [...socket.congestion].forEach((c, i) => (bytes[i] = c.charCodeAt(0)));
    return answer.bytes(bytes);
  }
  const option = OPTIONS.get(name);
  if (option === undefined) return ENOPROTOOPT;
  const kept = socket.kept.get(optionKey(SOL_TCP, name));
  if (name === TCP_MAXSEG && !isUnconnected(socket)) return answer.int(MSS_LOOPBACK);
  return answer.int(kept ?? option.initial);
}

function isUnconnected({ state }: TcpSocket): boolean {
  return state === TCP_CLOSE || state === TCP_LISTEN;
}

/** sizeof(struct tcp_info), and where its fields lie (linux/tcp.h). */
const TCP_INFO_SIZE = 240;
const INFO = {
  state: 0,
  options: 5,
  windowScale: 6,
  rto: 8,
  ato: 12,
  sndMss: 16,
  rcvMss: 20,
  unacked: 24,
  sacked: 28,
  pmtu: 60,
  rcvSsthresh: 64,
  rtt: 68,
  rttvar: 72,
  sndSsthresh: 76,
  sndCwnd: 80,
  advmss: 84,
  reordering: 88,
  rcvSpace: 96,
} as const;

function tcpInfo(socket: TcpSocket): Uint8Array {
  const bytes = new Uint8Array(TCP_INFO_SIZE);
  const view = new DataView(bytes.buffer);
  bytes[INFO.state] = socket.state;
  if (socket.state === TCP_LISTEN) {
    view.setUint32(INFO.unacked, socket.children.length, true);
    view.setUint32(INFO.sacked, socket.maxBacklog, true);
    return bytes;
  }
  const mss = isUnconnected(socket) ? MSS_DEFAULT : MSS_LOOPBACK;
  // Timestamps, selective acknowledgement and window scaling, by 7 both ways.
  if (!isUnconnected(socket)) bytes.set([7, 0x77], INFO.options);
  const fields: readonly (readonly [number, number])[] = [
    [INFO.rto, 201_000],
    [INFO.ato, 40_000],
    [INFO.sndMss, mss],
    [INFO.rcvMss, MSS_DEFAULT],
    [INFO.pmtu, 65_535],
    [INFO.rcvSsthresh, 65_483],
    [INFO.rtt, 20],
    [INFO.rttvar, 10],
    [INFO.sndSsthresh, INT_MAX],
    [INFO.sndCwnd, 10],
    [INFO.advmss, MSS_LOOPBACK],
    [INFO.reordering, 3],
    [INFO.rcvSpace, 65_495],
  ];
  for (const [at, value] of fields) view.setUint32(at, value, true);
  return bytes;
}
