/** The network as /proc shows it. */
import { kind } from '../checkpoint/registry.js';
import { IPPROTO_UDP } from '../abi/inet.js';
import { AF_INET6, AF_NETLINK } from '../abi/socket.js';
import {
  loopback,
  type EndpointView,
  type InterfaceView,
  type NetView,
  type SocketView,
} from '../fs/proc/subject-net.js';
import { writeEndpoint, type Ip } from '../net/inet/address.js';
import type { TimeWait } from '../net/inet/ports.js';
import { InetSocket } from '../net/inet/socket.js';
import { TcpSocket } from '../net/inet/tcp.js';
import { UdpSocket } from '../net/inet/udp.js';
import type { Net } from '../net/net.js';
import type { Socket } from '../net/socket.js';
import { TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN } from '../net/states.js';
import { UnixSocket } from '../net/unix/socket.js';

/** States of AF_UNIX sockets (enum socket_state). */
const SS_UNCONNECTED = 1;
const SS_CONNECTING = 2;
const SS_CONNECTED = 3;

export class LiveNet implements NetView {
  constructor(private readonly net: Net) {}

  interfaces(): readonly InterfaceView[] {
    return [loopback(this.net.traffic)];
  }

  get counts(): NetView['counts'] {
    return this.net.counts;
  }

  sockets(): readonly SocketView[] {
    const views: SocketView[] = [];
    for (const socket of this.net.sockets) {
      const view = viewOf(socket);
      if (view !== null) views.push(view);
    }
    for (const entry of this.net.tcp.lingering) views.push(lingering(entry));
    return views;
  }
}

function viewOf(socket: Socket): SocketView | null {
  if (socket instanceof UnixSocket) return unixView(socket);
  if (socket instanceof TcpSocket) return socket.state === TCP_CLOSE ? null : tcpView(socket);
  if (socket instanceof UdpSocket && socket.protocol === IPPROTO_UDP)
    return socket.localPort === 0 ? null : udpView(socket);
  return socket.family === AF_NETLINK ? { ...common(socket), table: 'netlink' } : null;
}

function common(socket: Socket): Omit<SocketView, 'table'> {
  const { type, state, ino, uid } = socket;
  return {
    type,
    state,
    listening: state === TCP_LISTEN,
    ino,
    uid,
    references: 2,
    local: null,
    remote: null,
    sendQueue: 0,
    receiveQueue: 0,
    path: '',
  };
}

function unixView(socket: UnixSocket): SocketView {
  const established = socket.state === TCP_ESTABLISHED;
  const address = socket.address ?? '';
  return {
    ...common(socket),
    table: 'unix',
    state: !established ? SS_UNCONNECTED : socket.handle === null ? SS_CONNECTING : SS_CONNECTED,
    references: socket.peer === null ? 2 : 3,
    path: address.charCodeAt(0) === 0 ? address.replace(/\0/g, '@') : address,
  };
}

function endpoint(family: number, ip: Ip, port: number): EndpointView {
  const bytes = writeEndpoint(family, ip, port);
  return { address: family === AF_INET6 ? bytes.subarray(8, 24) : bytes.subarray(4, 8), port };
}

function inetView(socket: InetSocket): Omit<SocketView, 'table'> {
  const { family } = socket;
  return {
    ...common(socket),
    local: endpoint(family, socket.localIp, socket.localPort),
    remote: endpoint(family, socket.remoteIp, socket.remotePort),
  };
}

function tcpView(socket: TcpSocket): SocketView {
  const listening = socket.state === TCP_LISTEN;
  return {
    ...inetView(socket),
    table: socket.ofV6 ? 'tcp6' : 'tcp',
    sendQueue: socket.unsent,
    receiveQueue: listening ? socket.children.length : socket.received.length,
    references: 1,
  };
}

function udpView(socket: UdpSocket): SocketView {
  return { ...inetView(socket), table: socket.ofV6 ? 'udp6' : 'udp', receiveQueue: socket.charged };
}

/** A connection that is over has no socket. */
function lingering(entry: TimeWait): SocketView {
  const { family } = entry;
  return {
    table: family === AF_INET6 ? 'tcp6' : 'tcp',
    type: 1,
    state: entry.state,
    listening: false,
    ino: 0,
    uid: 0,
    references: 3,
    local: endpoint(family, entry.localIp, entry.localPort),
    remote: endpoint(family, entry.remoteIp, entry.remotePort),
    sendQueue: 0,
    receiveQueue: 0,
    path: '',
  };
}

kind('LiveNet', LiveNet);
