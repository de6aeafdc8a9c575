/** NETLINK_ROUTE's answers (rtnetlink(7)): one link, `lo`, with its two addresses; routes to nowhere else. */
import { AF_INET, AF_INET6, AF_UNSPEC } from '../../abi/socket.js';
import { EINVAL, ENETUNREACH, ENODEV, EOPNOTSUPP, EPERM, type Errno } from '../../errno.js';
import { putU64 } from '../../abi/struct.js';
import { LOOPBACK } from '../interface.js';
import {
  HEADER_SIZE,
  MessageWriter,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_MIN_TYPE,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  type Request,
} from './messages.js';

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_GETROUTE = 26;
const RTM_MAX = 123;

const IFLA_ADDRESS = 1;
const IFLA_BROADCAST = 2;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_QDISC = 6;
const IFLA_STATS = 7;
const IFLA_TXQLEN = 13;
const IFLA_OPERSTATE = 16;
const IFLA_LINKMODE = 17;
const IFLA_GROUP = 27;
const IFLA_STATS64 = 23;
const IFLA_NUM_TX_QUEUES = 31;
const IFLA_NUM_RX_QUEUES = 32;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;
const IFA_F_PERMANENT = 0x80;
const RT_SCOPE_HOST = 254;
const FOREVER = 0xffffffff;

/** What went over the interface, in either direction. */
export interface LinkTraffic {
  readonly packets: number;
  readonly bytes: number;
}

/** Fields of struct rtnl_link_stats and rtnl_link_stats64, of which the first four can be other than 0. */
const STATISTICS = 24;
const STATISTICS64 = 25;

function putStatistics(writer: MessageWriter, { packets, bytes }: LinkTraffic): void {
  const counts = [packets, packets, bytes, bytes];
  const short = new Uint32Array(STATISTICS);
  const long = new Uint8Array(8 * STATISTICS64);
  const view = new DataView(long.buffer);
  for (const [i, count] of counts.entries()) {
    short[i] = count % 2 ** 32;
    putU64(view, 8 * i, count);
  }
  writer.attribute(IFLA_STATS64, long).attribute(IFLA_STATS, new Uint8Array(short.buffer));
}

function putLink(writer: MessageWriter, flags: number, traffic: LinkTraffic): void {
  const hardware = new Uint8Array(6);
  writer
    .begin(RTM_NEWLINK, flags)
    .u8(AF_UNSPEC, 0)
    .u16(LOOPBACK.hardwareType)
    .u32(LOOPBACK.index, LOOPBACK.flags | LOOPBACK.lowerUp, 0)
    .text(IFLA_IFNAME, LOOPBACK.name)
    .number(IFLA_TXQLEN, LOOPBACK.queueLength)
    .attribute(IFLA_OPERSTATE, Uint8Array.of(0))
    .attribute(IFLA_LINKMODE, Uint8Array.of(0))
    .number(IFLA_MTU, LOOPBACK.mtu)
    .number(IFLA_GROUP, 0)
    .number(IFLA_NUM_TX_QUEUES, 1)
    .number(IFLA_NUM_RX_QUEUES, 1)
    .text(IFLA_QDISC, 'noqueue')
    .attribute(IFLA_ADDRESS, hardware)
    .attribute(IFLA_BROADCAST, hardware);
  putStatistics(writer, traffic);
}

function putAddresses(writer: MessageWriter, family: number, flags: number): void {
  const cache = new Uint8Array(Uint32Array.of(FOREVER, FOREVER, 0, 0).buffer);
  if (family === AF_INET || family === AF_UNSPEC) {
    const ip = Uint8Array.of(127, 0, 0, 1);
    writer
      .begin(RTM_NEWADDR, flags)
      .u8(AF_INET, 8, IFA_F_PERMANENT, RT_SCOPE_HOST)
      .u32(LOOPBACK.index)
      .attribute(IFA_ADDRESS, ip)
      .attribute(IFA_LOCAL, ip)
      .text(IFA_LABEL, LOOPBACK.name)
      .number(IFA_FLAGS, IFA_F_PERMANENT)
      .attribute(IFA_CACHEINFO, cache);
  }
  if (family === AF_INET6 || family === AF_UNSPEC) {
    const ip = new Uint8Array(16);
    ip[15] = 1;
    writer
      .begin(RTM_NEWADDR, flags)
      .u8(AF_INET6, 128, IFA_F_PERMANENT, RT_SCOPE_HOST)
      .u32(LOOPBACK.index)
      .attribute(IFA_ADDRESS, ip)
      .attribute(IFA_CACHEINFO, cache)
      .number(IFA_FLAGS, IFA_F_PERMANENT);
  }
}

/** NLMSG_ERROR: a negative errno, or 0 as an acknowledgement, and the request it is about. */
function putError(writer: MessageWriter, request: Request, error: number): void {
  const about = error === 0 ? request.bytes.subarray(0, HEADER_SIZE) : request.bytes;
  writer
    .begin(NLMSG_ERROR, 0)
    .u32(error >>> 0)
    .raw(about);
}

/** What a request is answered with, one datagram each. `port`: the asking socket's. `root`: CAP_NET_ADMIN. */
export function answerRoute(
  request: Request,
  port: number,
  root: boolean,
  traffic: LinkTraffic,
): Uint8Array[] {
  if ((request.flags & NLM_F_REQUEST) === 0 || request.type < NLMSG_MIN_TYPE)
    return acknowledge(request, port);
  if (request.type > RTM_MAX) return failure(request, port, EOPNOTSUPP);
  // Every fourth type asks; the others change something.
  if (request.type % 4 !== 2) return failure(request, port, root ? EOPNOTSUPP : EPERM);
  return (request.flags & NLM_F_DUMP) !== 0 ? dump(request, port, traffic) : single(request, port, traffic);
}

function dump(request: Request, port: number, traffic: LinkTraffic): Uint8Array[] {
  const writer = new MessageWriter(request.seq, port);
  const family = request.bytes.length > HEADER_SIZE ? request.bytes[HEADER_SIZE] : AF_UNSPEC;
  if (request.type === RTM_GETLINK) putLink(writer, NLM_F_MULTI, traffic);
  if (request.type === RTM_GETADDR) putAddresses(writer, family, NLM_F_MULTI);
  const found = writer.finish();
  const end = new MessageWriter(request.seq, port).begin(NLMSG_DONE, NLM_F_MULTI).u32(0).finish();
  return found.length > 0 ? [found, end] : [end];
}

function single(request: Request, port: number, traffic: LinkTraffic): Uint8Array[] {
  if (request.type === RTM_GETROUTE) return failure(request, port, ENETUNREACH);
  if (request.type !== RTM_GETLINK) return failure(request, port, EOPNOTSUPP);
  const found = findLink(request.bytes);
  if (found !== 0) return failure(request, port, found);
  const writer = new MessageWriter(request.seq, port);
  putLink(writer, 0, traffic);
  return [writer.finish(), ...acknowledge(request, port)];
}

/** The interface by its number, or by its name in an attribute; EINVAL when neither is given. */
function findLink(bytes: Uint8Array): 0 | Errno {
  if (bytes.length < HEADER_SIZE + 16) return EINVAL;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const index = view.getInt32(HEADER_SIZE + 4, true);
  if (index !== 0) return index === LOOPBACK.index ? 0 : ENODEV;
  for (let at = HEADER_SIZE + 16; at + 4 <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < 4) return EINVAL;
    const [text] = String.fromCharCode(...bytes.subarray(at + 4, at + length)).split('\0');
    if (view.getUint16(at + 2, true) === IFLA_IFNAME) return text === LOOPBACK.name ? 0 : ENODEV;
    at += (length + 3) & ~3;
  }
  return EINVAL;
}

function failure(request: Request, port: number, error: number): Uint8Array[] {
  const writer = new MessageWriter(request.seq, port);
  putError(writer, request, error);
  return [writer.finish()];
}

function acknowledge(request: Request, port: number): Uint8Array[] {
  return (request.flags & NLM_F_ACK) === 0 ? [] : failure(request, port, 0);
}
