import { kind } from '../../checkpoint/registry.js';
import { FIONREAD } from '../../abi/fcntl.js';
import { IPPROTO_TCP } from '../../abi/inet.js';
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRNORM,
} from '../../abi/poll.js';
import {
  AF_UNSPEC,
  MSG_ERRQUEUE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITALL,
  SIOCATMARK,
  SIOCOUTQ,
  SOCK_STREAM,
  SOL_TCP,
  SO_OOBINLINE,
} from '../../abi/socket.js';
import {
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAGAIN,
  EALREADY,
  ECONNABORTED,
  ECONNREFUSED,
  ECONNRESET,
  EFAULT,
  EINPROGRESS,
  EINVAL,
  EISCONN,
  ENOTCONN,
  EPIPE,
  type Errno,
} from '../../errno.js';
import type { Sink, Source, UserMemory, Waiter } from '../../fs/types.js';
import type { Caller } from '../../types.js';
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
  type Socket,
} from '../socket.js';
import {
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT2,
  TCP_LISTEN,
  TCP_SYN_SENT,
} from '../states.js';
import { familyOf, isV4 } from './address.js';
import { bestOf, conflictsTcp, fit, type PortOwner } from './ports.js';
import { InetSocket } from './socket.js';
import { getTcpOption, setTcpOption } from './tcp-options.js';
import { UrgentMark } from './urgent.js';

/** What the buffer for sending grows to over the loopback. */
const CONNECTED_SNDBUF = 2626560;

/** What connect has got to, besides the protocol's state (enum socket_state). */
const UNCONNECTED = 0;
const CONNECTING = 1;
const CONNECTED = 2;

/** Bytes that nobody gets. */
const $lost = new Uint8Array(16384);

/**
 * TCP over the loopback: two sockets that know each other. Nothing is lost or late, so that there are no segments: what
 * one sends lies in the other's `received`, and connections are made and ended at once. States are those that a program
 * can see with all acknowledgements there.
 */
export class TcpSocket extends InetSocket {
  peer: TcpSocket | null = null;
  /** Its program has closed it; the connection is not over. */
  orphan = false;
  readonly received = new ByteRing();
  /** Connections to be accepted, and sockets that wait to become such. */
  readonly children = new Fifo<TcpSocket>();
  private readonly pending = new Fifo<TcpSocket>();
  private progress = UNCONNECTED;
  /** The peer's end has been received (SOCK_DONE): there is nothing after it, whatever happens. */
  private ended = false;
  private readonly urgent = new UrgentMark();
  /** TCP_CONGESTION. */
  congestion = 'cubic';
  override readonly connectTimeout = EINPROGRESS;

  constructor(net: Net, family: number) {
    super(net, family, SOCK_STREAM, IPPROTO_TCP, net.tcp, conflictsTcp);
    this.sndbuf = net.settings.tcpSend[1];
    this.rcvbuf = net.settings.tcpReceive[1];
  }

  override connect(_caller: Caller, address: Uint8Array, nonblocking: boolean): 0 | Errno {
    if (address.length < 2) return EINVAL;
    if (familyOf(address) === AF_UNSPEC) return this.disconnect();
    if (this.progress === CONNECTED) return EISCONN;
    if (this.progress === UNCONNECTED) {
      if (this.state !== TCP_CLOSE) return EISCONN;
      const failed = this.begin(address);
      if (failed !== 0) return failed;
      this.progress = CONNECTING;
      if (nonblocking) return EINPROGRESS;
    }
    if (this.state === TCP_SYN_SENT) return nonblocking ? EALREADY : EAGAIN;
    if (this.state !== TCP_CLOSE) {
      this.progress = CONNECTED;
      return 0;
    }
    const failed = this.takeError() || ECONNABORTED;
    this.disconnect();
    return failed;
  }

  /** Sends the SYN, and gets the answer. */
  private begin(address: Uint8Array): 0 | Errno {
    const to = this.destination(address);
    if (typeof to === 'number') return to;
    const before = this.localIp;
    this.localIp = this.sourceFor(to.ip);
    if (!this.autobind() || !this.ports.connect(this, to.ip, to.port)) {
      this.localIp = before;
      return EADDRNOTAVAIL;
    }
    this.remoteIp = to.ip;
    this.remotePort = to.port;
    this.state = TCP_SYN_SENT;
    this.shut = 0;
    this.ended = false;
    const listener = this.listenerFor();
    if (listener === null) this.refused();
    else if (listener.children.length <= listener.maxBacklog) this.establish(listener);
    else listener.pending.push(this);
    return 0;
  }

  /** Who gets a connection to the remote end; of a group that shares the port, any. */
  private listenerFor(): TcpSocket | null {
    const found = bestOf(this.ports.at(this.remotePort), isListener, (owner) =>
      fit(owner, owner.ofV6, this.remoteIp),
    );
    if (found.length === 0) return null;
    return found[found.length > 1 ? this.net.randomBelow(found.length) : 0];
  }

  private refused(): void {
    this.countsFor(this.remoteIp).failures++;
    this.error = ECONNREFUSED;
    this.over();
  }

  private establish(listener: TcpSocket): void {
    const child = new TcpSocket(this.net, listener.family);
    child.inherit(listener, this);
    const counts = this.countsFor(this.remoteIp);
    counts.activeOpens++;
    counts.passiveOpens++;
    this.peer = child;
    child.peer = this;
    this.grow();
    child.grow();
    this.state = child.state = TCP_ESTABLISHED;
    listener.children.push(child);
    listener.announceData();
    this.wakeAll();
  }

  private inherit(listener: TcpSocket, client: TcpSocket): void {
    this.localIp = client.remoteIp;
    this.localPort = listener.localPort;
    this.remoteIp = client.localIp;
    this.remotePort = client.localPort;
    this.progress = CONNECTED;
    this.v6only = listener.v6only;
    this.uid = listener.uid;
    this.linger = listener.linger;
    this.rcvlowat = listener.rcvlowat;
    this.rcvtimeo = listener.rcvtimeo;
    this.sndtimeo = listener.sndtimeo;
    this.sndbuf = listener.sndbuf;
    this.rcvbuf = listener.rcvbuf;
    this.sndbufLocked = listener.sndbufLocked;
    this.rcvbufLocked = listener.rcvbufLocked;
    for (const [name, value] of listener.values) this.values.set(name, value);
    for (const [name, value] of listener.kept) this.kept.set(name, value);
    this.joinPort();
    this.ports.connect(this, this.remoteIp, this.remotePort);
  }

  private grow(): void {
    if (!this.sndbufLocked) this.sndbuf = Math.min(CONNECTED_SNDBUF, this.net.settings.tcpSend[2]);
  }

  override listen(_caller: Caller, backlog: number): 0 | Errno {
    if (this.progress !== UNCONNECTED || (this.state !== TCP_CLOSE && this.state !== TCP_LISTEN))
      return EINVAL;
    this.setBacklog(backlog);
    if (this.state === TCP_LISTEN) {
      this.admit();
      return 0;
    }
    if (!this.autobind()) return EADDRINUSE;
    this.state = TCP_LISTEN;
    if (this.canKeepPort()) return 0;
    this.state = TCP_CLOSE;
    return EADDRINUSE;
  }

  override accept(): Socket | Errno {
    if (this.state !== TCP_LISTEN) return EINVAL;
    const child = this.children.shift();
    if (child === undefined) return EAGAIN;
    this.admit();
    return child;
  }

  /** Makes connections for which there was no room. */
  private admit(): void {
    while (this.children.length <= this.maxBacklog) {
      const client = this.pending.shift();
      if (client === undefined) return;
      if (client.state === TCP_SYN_SENT) client.establish(this);
    }
  }

  /** Bytes that the other side may take before its program reads (the receive window). */
  private get window(): number {
    return this.rcvbuf >> 1;
  }

  /** Bytes sent that the other side has no window for. */
  get unsent(): number {
    return this.peer === null ? 0 : Math.max(0, this.peer.received.length - this.peer.window);
  }

  send(source: Source, out: Outgoing): number | Errno {
    if (this.state === TCP_SYN_SENT) return this.waitForRoom();
    const { peer } = this;
    if (this.error !== 0) return this.takeError();
    if ((this.shut & SEND_SHUTDOWN) !== 0 || peer === null) return EPIPE;
    if (source.remaining === 0) return 0;
    if (peer.orphan) return this.sendToNobody(source);
    const room = this.sndbuf + peer.window - peer.received.length;
    if (room <= 0) return this.waitForRoom();
    const wanted = Math.min(source.remaining, room);
    const took = peer.received.fill(source, wanted);
    if (took === 0) return EFAULT;
    this.countsFor(this.remoteIp).sentStream(took, isV4(this.remoteIp));
    if ((out.flags & MSG_OOB) !== 0 && source.remaining === 0) {
      peer.urgent.set(peer.received.length - 1);
      peer.announceUrgent();
    }
    peer.announceData();
    return took;
  }

  private waitForRoom(): Errno {
    this.lacksRoom = true;
    return EAGAIN;
  }

  /** Nobody is there to read: the bytes are lost, and a reset is the answer. */
  private sendToNobody(source: Source): number | Errno {
    let lost = 0;
    while (source.remaining > 0) {
      const took = source.take($lost, 0, Math.min(source.remaining, $lost.length));
      if (took === 0) break;
      lost += took;
    }
    if (lost === 0) return EFAULT;
    this.peer?.over();
    this.reset();
    return lost;
  }

  receive(sink: Sink, into: Incoming): number | Errno {
    if ((into.flags & MSG_ERRQUEUE) !== 0) return EAGAIN;
    if (this.state === TCP_LISTEN) return ENOTCONN;
    if ((into.flags & MSG_OOB) !== 0) return this.receiveUrgent(sink, into);
    if (this.received.length > this.hole) return this.take(sink, into);
    if (this.ended) return 0;
    if (this.error !== 0) return this.takeError();
    if ((this.shut & RCV_SHUTDOWN) !== 0) return 0;
    return this.state === TCP_CLOSE ? ENOTCONN : EAGAIN;
  }

  private get hole(): number {
    return this.urgent.hole(this.urgentInLine);
  }

  private get urgentInLine(): boolean {
    return this.values.get(SO_OOBINLINE) === 1;
  }

  /** Reads up to the urgent byte, or from behind it. */
  private take(sink: Sink, into: Incoming): number | Errno {
    const { received } = this;
    const peeks = (into.flags & MSG_PEEK) !== 0;
    const { hole } = this;
    const count = Math.min(sink.remaining, this.urgent.end(received.length) - hole);
    if (peeks && count < sink.remaining && this.isComing(into.flags)) return EAGAIN;
    const discards = (into.flags & MSG_TRUNC) !== 0;
    const put = discards ? count : received.copy(sink, hole, count);
    if (put === 0 && count > 0) return EFAULT;
    if (discards) into.ends = true;
    if (!peeks) this.consume(hole + put);
    return put;
  }

  /** MSG_PEEK with MSG_WAITALL: whether the rest may still come. */
  private isComing(flags: number): boolean {
    return (flags & MSG_WAITALL) !== 0 && !this.ended && this.state !== TCP_CLOSE && this.urgent.at < 0;
  }

  private consume(count: number): void {
    this.received.skip(count);
    this.urgent.consume(count);
    const { peer } = this;
    if (peer === null || !peer.lacksRoom || !peer.isWritable) return;
    peer.lacksRoom = false;
    peer.announceRoom();
  }

  private receiveUrgent(sink: Sink, into: Incoming): number | Errno {
    if (!this.urgent.isPending || this.urgentInLine) return EINVAL;
    if (this.state === TCP_CLOSE && !this.ended) return ENOTCONN;
    into.outFlags |= MSG_OOB;
    if (sink.remaining === 0) {
      into.outFlags |= MSG_TRUNC;
      return 0;
    }
    if (this.received.copy(sink, this.urgent.at, 1) === 0) return EFAULT;
    if ((into.flags & MSG_PEEK) === 0) this.urgent.read = true;
    into.ends = true;
    return 1;
  }

  /** sk_stream_is_writable: at least as much is free as half of what is queued. */
  private get isWritable(): boolean {
    const { unsent } = this;
    return this.sndbuf - unsent >= unsent >> 1;
  }

  poll(waiter: Waiter | null): number {
    this.watch(waiter);
    if (this.state === TCP_LISTEN) return this.children.length > 0 ? POLLIN | POLLRDNORM : 0;
    let mask = this.error === 0 ? 0 : POLLERR;
    if (this.shut === SHUTDOWN_MASK || this.state === TCP_CLOSE) mask |= POLLHUP;
    if ((this.shut & RCV_SHUTDOWN) !== 0) mask |= POLLIN | POLLRDNORM | POLLRDHUP;
    if (this.state === TCP_SYN_SENT) {
      this.lacksRoom = true;
      return mask;
    }
    if (this.received.length - this.hole >= this.rcvlowat) mask |= POLLIN | POLLRDNORM;
    if (this.urgent.isPending) mask |= POLLPRI;
    if ((this.shut & SEND_SHUTDOWN) !== 0 || this.isWritable) mask |= POLLOUT | POLLWRNORM;
    else this.lacksRoom = true;
    return mask;
  }

  override shutdown(how: number): 0 | Errno {
    const bits = shutdownBits(how);
    if (bits < 0) return bits as Errno;
    let result: 0 | Errno = 0;
    if (this.state === TCP_LISTEN || this.state === TCP_SYN_SENT) {
      if (this.state === TCP_SYN_SENT || (bits & RCV_SHUTDOWN) !== 0) result = this.disconnect();
    } else {
      if (this.state === TCP_CLOSE) result = ENOTCONN;
      this.shut |= bits;
      if ((bits & SEND_SHUTDOWN) !== 0) this.sendFin();
    }
    this.wakeAll();
    return result;
  }

  /** Tells the peer that nothing more comes. */
  private sendFin(): void {
    const { peer, state } = this;
    if (state === TCP_ESTABLISHED) this.state = TCP_FIN_WAIT2;
    else if (state === TCP_CLOSE_WAIT) this.over();
    else return;
    peer?.receiveFin();
  }

  private receiveFin(): void {
    this.ended = true;
    this.shut |= RCV_SHUTDOWN;
    if (this.state === TCP_FIN_WAIT2) {
      this.ports.disconnect(this, this.remoteIp, this.remotePort);
      this.ports.linger({
        localIp: this.localIp,
        localPort: this.localPort,
        remoteIp: this.remoteIp,
        remotePort: this.remotePort,
        family: this.family,
        reuseAddress: this.reuseAddress,
        reusePort: this.reusePort,
        v6only: this.v6only,
        uid: this.uid,
      });
      this.over();
    } else {
      this.state = TCP_CLOSE_WAIT;
      this.wakeAll();
    }
  }

  /** The peer has broken the connection off (tcp_reset). */
  private reset(): void {
    if (this.state === TCP_CLOSE) return;
    this.countsFor(this.remoteIp).resets++;
    this.error = this.state === TCP_CLOSE_WAIT ? EPIPE : ECONNRESET;
    this.over();
  }

  /** Breaks the connection off. */
  private abort(): void {
    const { peer } = this;
    this.over();
    peer?.reset();
  }

  /** The connection is over (tcp_done). */
  private over(): void {
    this.ports.disconnect(this, this.remoteIp, this.remotePort);
    this.state = TCP_CLOSE;
    this.shut = SHUTDOWN_MASK;
    this.peer = null;
    if (!this.boundPort || this.orphan) this.givePortBack();
    if (this.orphan) this.net.unregister(this);
    this.wakeAll();
  }

  /** connect with AF_UNSPEC, and shutdown of a listener. */
  private disconnect(): 0 {
    if (this.state === TCP_LISTEN) this.stopListening();
    else if (this.state !== TCP_CLOSE) this.abort();
    this.error = 0;
    this.state = TCP_CLOSE;
    this.shut = 0;
    this.ended = false;
    this.progress = UNCONNECTED;
    this.received.clear();
    this.urgent.clear();
    this.remoteIp = this.anyIp;
    this.remotePort = 0;
    if (!this.boundPort) {
      this.givePortBack();
      this.localPort = 0;
    }
    if (!this.boundIp) this.localIp = this.anyIp;
    this.wakeAll();
    return 0;
  }

  private stopListening(): void {
    this.state = TCP_CLOSE;
    for (let child = this.children.shift(); child !== undefined; child = this.children.shift()) {
      child.orphan = true;
      child.abort();
      this.net.unregister(child);
    }
    for (let client = this.pending.shift(); client !== undefined; client = this.pending.shift())
      if (client.state === TCP_SYN_SENT) client.refused();
  }

  override close(): void {
    this.orphan = true;
    const unread = this.received.length > 0;
    this.received.clear();
    if (this.state === TCP_LISTEN) this.stopListening();
    if (this.state === TCP_CLOSE || this.state === TCP_SYN_SENT) return this.over();
    if (unread || this.linger === 0) return this.abort();
    this.shut = SHUTDOWN_MASK;
    this.sendFin();
  }

  protected override get isConnected(): boolean {
    return super.isConnected && this.state !== TCP_SYN_SENT;
  }

  override ioctl(request: number, arg: number, user: UserMemory): number | Errno {
    if (request === SIOCATMARK) return user.writeU32(arg, Number(this.urgent.at === 0));
    if (request !== FIONREAD && request !== SIOCOUTQ) return super.ioctl(request, arg, user);
    if (this.state === TCP_LISTEN) return EINVAL;
    if (request === SIOCOUTQ) return user.writeU32(arg, this.unsent);
    return user.writeU32(arg, this.urgent.end(this.received.length) - this.hole);
  }

  override setOption(level: number, name: number, value: Uint8Array, caller: Caller): 0 | Errno {
    return level === SOL_TCP ? setTcpOption(this, name, value) : super.setOption(level, name, value, caller);
  }

  override getOption(level: number, name: number, answer: OptionAnswer): 0 | Errno {
    return level === SOL_TCP ? getTcpOption(this, name, answer) : super.getOption(level, name, answer);
  }
}

function isListener(owner: PortOwner): owner is TcpSocket {
  return owner instanceof TcpSocket && owner.state === TCP_LISTEN;
}

kind('TcpSocket', TcpSocket);
