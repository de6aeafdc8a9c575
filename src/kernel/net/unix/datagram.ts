import { kind } from '../../checkpoint/registry.js';
import {
  AF_UNSPEC,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
} from '../../abi/socket.js';
import {
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EFAULT,
  EMSGSIZE,
  ENOTCONN,
  EOPNOTSUPP,
  EPERM,
  EPIPE,
  type Errno,
} from '../../errno.js';
import type { Sink, Source, Waiter } from '../../fs/types.js';
import type { Caller } from '../../types.js';
import type { Net } from '../net.js';
import { RCV_SHUTDOWN, SEND_SHUTDOWN, type Incoming, type Outgoing } from '../socket.js';
import { TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN } from '../states.js';
import { datagramCost, type Message } from './messages.js';
import { unixAddress } from './names.js';
import { UnixSocket, refusesOob } from './socket.js';

/** What of SO_SNDBUF a datagram cannot have. */
const OVERHEAD = 32;

/** Sockets of AF_UNIX that keep messages apart: SOCK_DGRAM, and the base of SOCK_SEQPACKET. */
export class UnixDatagram extends UnixSocket {
  constructor(net: Net, type = SOCK_DGRAM) {
    super(net, type);
  }

  protected sibling(): UnixDatagram {
    return new UnixDatagram(this.net, this.type);
  }

  override connect(caller: Caller, address: Uint8Array, _nonblocking: boolean): 0 | Errno {
    const disconnects = address.length >= 2 && address[0] === AF_UNSPEC && address[1] === 0;
    if (disconnects) {
      this.become(null);
      return 0;
    }
    const other = this.target(caller, address);
    if (typeof other === 'number') return other;
    if (other.peer !== null && other.peer !== this) return EPERM;
    this.become(other as UnixDatagram);
    return 0;
  }

  /** Has another peer, or none; who was the old one's peer learns it. */
  private become(peer: UnixDatagram | null): void {
    const old = this.peer;
    this.peer = peer;
    this.state = peer === null ? TCP_CLOSE : TCP_ESTABLISHED;
    if (peer?.peer === this) peer.state = TCP_ESTABLISHED;
    if (old !== null && old !== peer) this.disconnected(old);
    this.announceRoom();
  }

  /** Datagrams of a peer that is none any more are forgotten. */
  private disconnected(old: UnixSocket): void {
    if (this.queue.messages.length > 0) {
      this.purge();
      this.peerWait.wake();
      if (!old.dead && old.peer === this) {
        old.error = ECONNRESET;
        old.wakeAll();
      }
    }
  }

  send(source: Source, out: Outgoing): number | Errno {
    const parcel = this.parcelOf(out);
    if (typeof parcel === 'number') return parcel;
    if (refusesOob(out.flags)) return EOPNOTSUPP;
    if (out.name === null && this.peer === null) return ENOTCONN;
    this.becomeKnown();
    const length = source.remaining;
    if (length > this.sndbuf - OVERHEAD) return EMSGSIZE;
    const failed = this.roomToSend();
    if (failed !== 0) return failed;
    const to = this.receiver(out);
    if (typeof to === 'number') return to;
    return this.deliver(source, length, out, to);
  }

  private receiver(out: Outgoing): UnixSocket | Errno {
    const named = out.name === null ? null : this.target(out.caller, out.name);
    if (typeof named === 'number') return named;
    const to = named ?? this.peer;
    if (to === null) return ENOTCONN;
    if (to.peer !== null && to.peer !== this) return EPERM;
    if (to.dead) {
      if (this.connectionBased) return EPIPE;
      if (this.peer !== to) return ECONNRESET;
      this.become(null);
      return ECONNREFUSED;
    }
    if ((to.shut & RCV_SHUTDOWN) !== 0) return EPIPE;
    if (!isFullFor(to, this)) return to;
    this.blockedOn = to.peerWait;
    return EAGAIN;
  }

  private deliver(source: Source, length: number, out: Outgoing, to: UnixSocket): number | Errno {
    const message = to.queue.add(source, length);
    if (message === null) return EFAULT;
    this.finish(message, datagramCost(length), out, to);
    to.announceData();
    return length;
  }

  receive(sink: Sink, into: Incoming): number | Errno {
    if (refusesOob(into.flags)) return EOPNOTSUPP;
    if (this.error !== 0) return this.takeError();
    const peeks = (into.flags & MSG_PEEK) !== 0;
    let skip = peeks ? Math.max(0, this.peekOffset) : 0;
    let offset = 0;
    let index = 0;
    let message = this.queue.messages.at(0);
    while (message !== undefined && skip > 0 && skip >= message.length) {
      skip -= message.length;
      offset += message.length;
      message = this.queue.messages.at(++index);
    }
    if (message === undefined) return this.nothing(into.flags);
    if (into.wantsName) into.name = senderName(message);
    if (this.passesCredentials) this.giveCredentials(message.cred, into);
    return this.read(message, sink, into, offset, skip, peeks);
  }

  private nothing(flags: number): 0 | Errno {
    const ended = (this.shut & RCV_SHUTDOWN) !== 0;
    if (ended && (this.connectionBased || (flags & MSG_DONTWAIT) === 0)) return 0;
    return this.connectionBased && this.state !== TCP_ESTABLISHED && this.state !== TCP_LISTEN
      ? ENOTCONN
      : EAGAIN;
  }

  private read(
    message: Message,
    sink: Sink,
    into: Incoming,
    offset: number,
    skip: number,
    peeks: boolean,
  ): number | Errno {
    const whole = message.length - skip;
    const count = Math.min(whole, sink.remaining);
    const put = this.queue.copy(sink, offset + skip, count);
    if (count < whole) into.outFlags |= MSG_TRUNC;
    this.giveRights(message, into, peeks);
    if (peeks) {
      if (this.peekOffset >= 0) this.peekOffset += whole;
    } else {
      if (this.peekOffset > 0) this.peekOffset = Math.max(0, this.peekOffset - message.length);
      this.dropFirst(message);
      if (this.queue.messages.length <= this.maxBacklog) this.peerWait.wake();
    }
    if (put < count) return EFAULT;
    return (into.flags & MSG_TRUNC) !== 0 ? whole : count;
  }

  protected override canSend(waiter: Waiter | null): boolean {
    if (!super.canSend(waiter)) return false;
    const { peer } = this;
    if (peer === null || !isFullFor(peer, this)) return true;
    waiter?.waitOn(peer.peerWait);
    return false;
  }
}

function isFullFor(to: UnixSocket, from: UnixSocket): boolean {
  return to !== from && to.peer !== from && to.queue.messages.length > to.maxBacklog;
}

function senderName({ sender }: Message): Uint8Array | null {
  return sender === null || sender.address === null ? null : unixAddress(sender.address);
}

/** SOCK_SEQPACKET: datagrams over a connection. */
export class UnixSeqpacket extends UnixDatagram {
  constructor(net: Net) {
    super(net, SOCK_SEQPACKET);
  }

  protected override sibling(): UnixSeqpacket {
    return new UnixSeqpacket(this.net);
  }

  override connect(caller: Caller, address: Uint8Array, _nonblocking: boolean): 0 | Errno {
    return this.connectToListener(caller, address);
  }

  override send(source: Source, out: Outgoing): number | Errno {
    if (this.error !== 0) return this.takeError();
    if (this.state !== TCP_ESTABLISHED) return ENOTCONN;
    if ((this.shut & SEND_SHUTDOWN) !== 0) return EPIPE;
    return super.send(source, out);
  }

  override receive(sink: Sink, into: Incoming): number | Errno {
    return this.state === TCP_ESTABLISHED ? super.receive(sink, into) : ENOTCONN;
  }
}

kind('UnixDatagram', UnixDatagram);
kind('UnixSeqpacket', UnixSeqpacket);
