import { kind } from '../../checkpoint/registry.js';
import { FIONREAD } from '../../abi/fcntl.js';
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
  AF_UNIX,
  MSG_OOB,
  SCM_CREDENTIALS,
  SIOCATMARK,
  SIOCOUTQ,
  SOL_SOCKET,
  SO_PASSCRED,
  SOCK_DGRAM,
} from '../../abi/socket.js';
import {
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EINVAL,
  EISCONN,
  ENOTCONN,
  EOPNOTSUPP,
  EPIPE,
  EPROTOTYPE,
  type Errno,
} from '../../errno.js';
import type { Handle, Location, Sink, Source, UserMemory, Waiter } from '../../fs/types.js';
import { WaitQueue } from '../../process/waitqueue.js';
import type { Caller } from '../../types.js';
import { Fifo } from '../fifo.js';
import { interfaceIoctl } from '../interface.js';
import type { Net } from '../net.js';
import { ucredBytes } from '../options.js';
import {
  RCV_SHUTDOWN,
  SEND_SHUTDOWN,
  SHUTDOWN_MASK,
  Socket,
  shutdownBits,
  ucredOf,
  type Incoming,
  type Outgoing,
  type Ucred,
} from '../socket.js';
import { TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN } from '../states.js';
import type { Carrier, Rights } from './inflight.js';
import { MessageQueue, type Message } from './messages.js';
import { shareName, unixAddress, unixName } from './names.js';
import { makeParcel, UnixParcel } from './parcel.js';

/** Who sent a message before anybody wanted to know (the overflow ids). */
const UNKNOWN: Ucred = { pid: 0, uid: 65534, gid: 65534, groups: [] };

/** What AF_UNIX sockets of all types have in common (net/unix/af_unix.c). */
export abstract class UnixSocket extends Socket implements Carrier {
  /** Its name as unixName gives it; null while it has none. */
  address: string | null = null;
  /** Where its path lies. */
  place: Location | null = null;
  peer: UnixSocket | null = null;
  /** It has been closed; its peer may still look at it. */
  dead = false;
  handle: Handle | null = null;
  /** What its messages that nobody has read yet count. */
  charged = 0;
  readonly queue = new MessageQueue();
  /** Connections to be accepted. */
  readonly children = new Fifo<UnixSocket>();
  /** Who waits for room in the queue, of messages or of connections. */
  readonly peerWait = new WaitQueue();
  private connectingTo: UnixSocket | null = null;

  constructor(net: Net, type: number) {
    super(net, AF_UNIX, type, 0);
    this.maxBacklog = net.settings.maxDatagrams;
  }

  /** A socket of the same type: a listener's child. */
  protected abstract sibling(): UnixSocket;

  /** The mode that a name gets, before the umask. */
  get mode(): number {
    return this.handle?.inode.mode ?? 0o777;
  }

  get connectionBased(): boolean {
    return this.type !== SOCK_DGRAM;
  }

  override bind(caller: Caller, address: Uint8Array): 0 | Errno {
    const name = unixName(address);
    if (typeof name === 'number') return name;
    return name === '' ? this.net.unix.autobind(this) : this.net.unix.bind(caller, this, name);
  }

  override connect(caller: Caller, address: Uint8Array, _nonblocking: boolean): 0 | Errno {
    return this.connectToListener(caller, address);
  }

  protected connectToListener(caller: Caller, address: Uint8Array): 0 | Errno {
    const other = this.target(caller, address);
    if (typeof other === 'number') return other;
    if (other.state !== TCP_LISTEN || (other.shut & RCV_SHUTDOWN) !== 0) return ECONNREFUSED;
    if (other.children.length > other.maxBacklog) {
      this.connectingTo = other;
      return EAGAIN;
    }
    if (this.state !== TCP_CLOSE) return this.state === TCP_ESTABLISHED ? EISCONN : EINVAL;
    if (other.type !== this.type) return EPROTOTYPE;
    this.join(other, caller);
    return 0;
  }

  /** Where an address leads; a sender who wants to be known is given a name first. */
  protected target(caller: Caller | null, address: Uint8Array): UnixSocket | Errno {
    const name = unixName(address);
    if (typeof name === 'number') return name;
    if (name === '') return address.length > 2 ? ECONNREFUSED : EINVAL;
    this.becomeKnown();
    const other = this.net.unix.find(caller, this, name);
    return typeof other !== 'number' && other.type !== this.type ? EPROTOTYPE : other;
  }

  protected becomeKnown(): void {
    if (this.passesCredentials && this.address === null) this.net.unix.autobind(this);
  }

  override connectQueue(): WaitQueue {
    return this.connectingTo?.peerWait ?? this.writable;
  }

  private join(listener: UnixSocket, caller: Caller): void {
    const child = listener.sibling();
    shareName(listener, child);
    child.sndbuf = listener.sndbuf;
    child.peer = this;
    child.state = this.state = TCP_ESTABLISHED;
    child.peerCred = ucredOf(caller);
    child.uid = listener.uid;
    for (const [name, value] of listener.values) child.values.set(name, value);
    this.peer = child;
    this.peerCred = listener.peerCred;
    listener.children.push(child);
    listener.announceData();
  }

  override listen(caller: Caller, backlog: number): 0 | Errno {
    if (!this.connectionBased) return EOPNOTSUPP;
    if (this.address === null) return EINVAL;
    if (this.state !== TCP_CLOSE && this.state !== TCP_LISTEN) return EINVAL;
    this.setBacklog(backlog);
    this.state = TCP_LISTEN;
    this.peerCred = ucredOf(caller);
    this.peerWait.wake();
    return 0;
  }

  override accept(): Socket | Errno {
    if (!this.connectionBased) return EOPNOTSUPP;
    if (this.state !== TCP_LISTEN) return EINVAL;
    const child = this.children.shift();
    if (child === undefined) return (this.shut & RCV_SHUTDOWN) !== 0 ? EINVAL : EAGAIN;
    this.peerWait.wake();
    return child;
  }

  override pair(other: UnixSocket, caller: Caller): 0 {
    this.peer = other;
    other.peer = this;
    this.peerCred = other.peerCred = ucredOf(caller);
    this.state = other.state = TCP_ESTABLISHED;
    return 0;
  }

  name(peer: boolean): Uint8Array | Errno {
    if (!peer) return unixAddress(this.address);
    return this.peer === null ? ENOTCONN : unixAddress(this.peer.address);
  }

  override shutdown(how: number): 0 | Errno {
    const bits = shutdownBits(how);
    if (bits < 0) return bits as Errno;
    this.shut |= bits;
    const { peer } = this;
    if (peer !== null && this.connectionBased) {
      peer.shut |= ((bits & RCV_SHUTDOWN) << 1) | ((bits & SEND_SHUTDOWN) >> 1);
      peer.wakeAll();
    }
    this.wakeAll();
    this.peerWait.wake();
    return 0;
  }

  override ioctl(request: number, arg: number, user: UserMemory): number | Errno {
    if (request === SIOCOUTQ) return user.writeU32(arg, this.charged);
    if (request === SIOCATMARK) return EOPNOTSUPP;
    if (request !== FIONREAD) return interfaceIoctl(request, arg, user);
    if (this.state === TCP_LISTEN) return EINVAL;
    const length = this.connectionBased ? this.queue.bytes : (this.queue.messages.at(0)?.length ?? 0);
    return user.writeU32(arg, length);
  }

  poll(waiter: Waiter | null): number {
    this.watch(waiter);
    let mask = this.error === 0 ? 0 : POLLERR;
    if (this.shut === SHUTDOWN_MASK) mask |= POLLHUP;
    if ((this.shut & RCV_SHUTDOWN) !== 0) mask |= POLLRDHUP | POLLIN | POLLRDNORM;
    if (this.queue.messages.length > 0 || this.children.length > 0) mask |= POLLIN | POLLRDNORM;
    if (this.connectionBased && this.state === TCP_CLOSE) mask |= POLLHUP;
    if (this.canSend(waiter)) mask |= POLLOUT | POLLWRNORM | POLLWRBAND;
    else this.lacksRoom = true;
    return mask;
  }

  /** Whether a sender is told that there is room: as long as a quarter of the buffer is used (unix_writable). */
  protected canSend(_waiter: Waiter | null): boolean {
    return this.state !== TCP_LISTEN && this.charged * 4 <= this.sndbuf;
  }

  get passesCredentials(): boolean {
    return this.values.get(SO_PASSCRED) === 1;
  }

  /** Reads what a message carries, once. */
  protected parcelOf(out: Outgoing): UnixParcel | null | Errno {
    if (out.parcel !== null) return out.parcel as UnixParcel;
    if (out.control === null || out.caller === null) return null;
    const parcel = makeParcel(out.caller, out.control);
    if (typeof parcel === 'number') return parcel;
    out.parcel = parcel;
    if (parcel.handles.length === 0) return parcel;
    const refused = this.net.inFlight.mayAdd(out.caller);
    return refused === 0 ? parcel : refused;
  }

  /** What every send asks first: whether there is an error, and room. */
  protected roomToSend(): 0 | Errno {
    if (this.error !== 0) return this.takeError();
    if ((this.shut & SEND_SHUTDOWN) !== 0) return EPIPE;
    if (this.charged < this.sndbuf) return 0;
    this.lacksRoom = true;
    this.blockedOn = this.writable;
    return EAGAIN;
  }

  /** Gives a message that has been queued at `to` its sender and what it carries. */
  protected finish(message: Message, cost: number, out: Outgoing, to: UnixSocket): void {
    message.cost = cost;
    message.sender = this;
    this.charged += cost;
    const parcel = out.parcel as UnixParcel | null;
    if (parcel !== null && parcel.handles.length > 0) {
      message.rights = { handles: parcel.handles.splice(0), uid: out.caller?.process.fs.cred.ruid ?? 0 };
      this.net.inFlight.add(message.rights);
    }
    if (parcel !== null && parcel.cred !== null) message.cred = parcel.cred;
    else if (out.caller !== null && (this.passesCredentials || to.passesCredentials || to.handle === null))
      message.cred = ucredOf(out.caller);
  }

  /** Forgets the first message of the queue; its rights are the caller's. */
  protected dropFirst(message: Message): void {
    const { sender, cost } = message;
    this.queue.shift();
    sender?.discharge(cost);
  }

  protected discharge(cost: number): void {
    this.charged -= cost;
    this.madeRoom();
  }

  private madeRoom(): void {
    if (!this.lacksRoom || this.charged * 4 > this.sndbuf) return;
    this.lacksRoom = false;
    this.announceRoom();
  }

  /** Hands over what a message carries; with `keep` it stays with the message, too. */
  protected giveRights(message: Message, into: Incoming, keep: boolean): void {
    const { rights } = message;
    if (rights === null) return;
    into.rights ??= [];
    into.rights.push(...rights.handles);
    if (keep) for (const handle of rights.handles) handle.references++;
    else {
      this.net.inFlight.remove(rights);
      message.rights = null;
    }
  }

  protected giveCredentials(cred: Ucred | null, into: Incoming): void {
    into.control ??= [];
    into.control.push({ level: SOL_SOCKET, type: SCM_CREDENTIALS, data: ucredBytes(cred ?? UNKNOWN) });
  }

  *queuedRights(): Iterable<Rights> {
    for (const { rights } of this.queue.messages) if (rights !== null) yield rights;
    for (const child of this.children) yield* child.queuedRights();
  }

  takeRights(): Rights[] {
    const taken: Rights[] = [];
    for (const message of this.queue.messages) {
      if (message.rights !== null) taken.push(message.rights);
      message.rights = null;
    }
    for (const child of this.children) taken.push(...child.takeRights());
    return taken;
  }

  override opened(handle: Handle): void {
    super.opened(handle);
    this.handle = handle;
    this.net.inFlight.opened(handle, this);
  }

  override flush(handle: Handle): void {
    if (this.net.inFlight.has(handle)) this.net.inFlight.collect(handle);
  }

  override close(): void {
    super.close();
    this.net.unix.forget(this);
    if (this.handle !== null) this.net.inFlight.closed(this.handle);
    this.leavePeer();
    this.dead = true;
    this.shut = SHUTDOWN_MASK;
    this.state = TCP_CLOSE;
    this.purge();
    for (let child = this.children.shift(); child !== undefined; child = this.children.shift()) child.close();
    this.wakeAll();
    this.peerWait.wake();
    this.net.inFlight.collect(null);
  }

  private leavePeer(): void {
    const { peer } = this;
    if (peer === null || !this.connectionBased || peer.dead) return;
    peer.shut = SHUTDOWN_MASK;
    if (this.hasUnread() || this.handle === null) peer.error = ECONNRESET;
    peer.wakeAll();
  }

  protected hasUnread(): boolean {
    return this.queue.messages.length > 0;
  }

  /** Forgets all messages. */
  protected purge(): void {
    for (let message = this.queue.messages.at(0); message !== undefined; message = this.queue.messages.at(0))
      this.discardFirst(message);
  }

  /** Forgets the first message, with what it carries. */
  protected discardFirst(message: Message): void {
    const { rights } = message;
    this.dropFirst(message);
    if (rights === null) return;
    this.net.inFlight.remove(rights);
    this.net.inFlight.drop(rights.handles);
  }

  abstract override send(source: Source, out: Outgoing): number | Errno;
  abstract override receive(sink: Sink, into: Incoming): number | Errno;
}

/** Datagrams know no out-of-band data. */
export function refusesOob(flags: number): boolean {
  return (flags & MSG_OOB) !== 0;
}

kind('UnixSocket', UnixSocket);
