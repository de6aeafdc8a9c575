import { kind } from '../../checkpoint/registry.js';
import { POLLPRI } from '../../abi/poll.js';
import { MSG_OOB, MSG_PEEK, SIOCATMARK, SOCK_STREAM, SO_OOBINLINE } from '../../abi/socket.js';
import { EAGAIN, EFAULT, EINVAL, EISCONN, ENOTCONN, EOPNOTSUPP, EPIPE, type Errno } from '../../errno.js';
import type { Sink, Source, UserMemory, Waiter } from '../../fs/types.js';
import type { Net } from '../net.js';
import { RCV_SHUTDOWN, SEND_SHUTDOWN, type Incoming, type Outgoing, type Ucred } from '../socket.js';
import { TCP_ESTABLISHED } from '../states.js';
import { STREAM_MESSAGE_MAX, streamCost, type Message } from './messages.js';
import { unixAddress } from './names.js';
import { UnixSocket } from './socket.js';

function sameCred(a: Ucred | null, b: Ucred | null): boolean {
  return a === b || (a !== null && b !== null && a.pid === b.pid && a.uid === b.uid && a.gid === b.gid);
}

/** SOCK_STREAM of AF_UNIX: bytes, in which descriptors, credentials and urgent bytes mark places. */
export class UnixStream extends UnixSocket {
  constructor(net: Net) {
    super(net, SOCK_STREAM);
  }

  protected sibling(): UnixStream {
    return new UnixStream(this.net);
  }

  /** The urgent byte that came last is a message of its own; null once it has been read or passed (oob_skb). */
  private urgent: Message | null = null;

  /** Urgent bytes are read like others, where they stand. */
  private get urgentInLine(): boolean {
    return this.values.get(SO_OOBINLINE) === 1;
  }

  send(source: Source, out: Outgoing): number | Errno {
    const parcel = this.parcelOf(out);
    if (typeof parcel === 'number') return parcel;
    const urgent = (out.flags & MSG_OOB) !== 0;
    if (urgent && source.remaining === 0) return EOPNOTSUPP;
    if (out.name !== null) return this.state === TCP_ESTABLISHED ? EISCONN : EOPNOTSUPP;
    const { peer } = this;
    if (peer === null) return ENOTCONN;
    if ((this.shut & SEND_SHUTDOWN) !== 0) return EPIPE;
    let done = 0;
    let failed: Errno | 0 = 0;
    // The last byte of urgent data is the urgent one.
    while (source.remaining > Number(urgent) && failed === 0) {
      const size = Math.min(source.remaining - Number(urgent), (this.sndbuf >> 1) - 64, STREAM_MESSAGE_MAX);
      failed = this.sendPiece(source, size, out, peer);
      if (failed === 0) done += size;
    }
    if (done > 0) peer.announceData();
    if (urgent && failed === 0) {
      failed = this.sendUrgent(source, out, peer as UnixStream);
      if (failed === 0) done++;
    }
    return done === 0 ? failed : done;
  }

  private sendPiece(source: Source, size: number, out: Outgoing, peer: UnixSocket): 0 | Errno {
    const failed = this.roomToSend();
    if (failed !== 0) return failed;
    if (peer.dead || (peer.shut & RCV_SHUTDOWN) !== 0) return EPIPE;
    const message = peer.queue.add(source, size);
    if (message === null) return EFAULT;
    this.finish(message, streamCost(size), out, peer);
    return 0;
  }

  /** The byte before it, if it has not been read, is one like others from now on (queue_oob). */
  private sendUrgent(source: Source, out: Outgoing, peer: UnixStream): 0 | Errno {
    const failed = this.sendPiece(source, 1, out, peer);
    if (failed !== 0) return failed;
    peer.urgent = peer.queue.messages.at(peer.queue.messages.length - 1) ?? null;
    peer.announceUrgent();
    peer.announceData();
    return 0;
  }

  receive(sink: Sink, into: Incoming): number | Errno {
    if (this.state !== TCP_ESTABLISHED) return EINVAL;
    if ((into.flags & MSG_OOB) !== 0) return this.receiveUrgent(sink, into);
    const done = (into.flags & MSG_PEEK) !== 0 ? this.peek(sink, into) : this.take(sink, into);
    if (done !== EAGAIN) return done;
    if (this.error !== 0) return this.takeError();
    return (this.shut & RCV_SHUTDOWN) !== 0 ? 0 : EAGAIN;
  }

  /** Reads the urgent byte out of turn; its message stays as a mark (unix_stream_recv_urg). */
  private receiveUrgent(sink: Sink, into: Incoming): number | Errno {
    const { queue, urgent } = this;
    if (urgent === null || this.urgentInLine) return EINVAL;
    let index = 0;
    while (queue.messages.at(index) !== urgent) index++;
    const fits = Math.min(1, sink.remaining);
    const put = queue.copy(sink, queue.offsetOf(index), fits);
    if ((into.flags & MSG_PEEK) === 0) {
      this.urgent = null;
      queue.spend(urgent);
      const before = index === 0 ? undefined : queue.messages.at(index - 1);
      if (before?.length === 0) this.dropMark(before, urgent);
    }
    if (put < fits) return EFAULT;
    into.outFlags |= MSG_OOB;
    into.ends = true;
    return 1;
  }

  private dropMark(mark: Message, next: Message): void {
    const { sender, cost } = mark;
    this.queue.remove(mark, next);
    (sender as UnixStream | null)?.discharge(cost);
  }

  private take(sink: Sink, into: Incoming): number | Errno {
    const { queue } = this;
    let done = 0;
    let cred: Ucred | null | undefined;
    while (queue.messages.length > 0) {
      const message = this.next(done > 0 || into.started === true);
      if (message === null) {
        if (done > 0 || into.started === true) into.ends = true;
        else return EAGAIN;
        return done;
      }
      if (cred === undefined) {
        cred = message.cred;
        if (into.wantsName) this.giveName(into);
        if (this.passesCredentials) this.giveCredentials(cred, into);
      } else if (this.passesCredentials && !sameCred(cred, message.cred)) {
        into.ends = true;
        return done;
      }
      const count = Math.min(message.length, sink.remaining);
      const put = queue.copy(sink, message.spent, count);
      if (put < count && put === 0) return done > 0 ? done : EFAULT;
      done += put;
      queue.consume(message, put);
      if (this.peekOffset > 0) this.peekOffset = Math.max(0, this.peekOffset - put);
      const carried = message.rights !== null;
      this.giveRights(message, into, false);
      if (message.length > 0) return done;
      this.dropFirst(message);
      if (carried) into.ends = true;
      if (carried || sink.remaining === 0) return done;
    }
    return done > 0 ? done : EAGAIN;
  }

  /**
   * The message that is read next; null when reading ends at a mark, or nothing is left (manage_oob). `started`: bytes
   * have been read before. An urgent byte at which reading begins is passed over unless it is in line.
   */
  private next(started: boolean): Message | null {
    const { messages } = this.queue;
    let message = messages.at(0);
    if (message?.length === 0) {
      if (started && this.urgent === null) return null;
      this.dropFirst(message);
      message = messages.at(0);
    }
    if (message === undefined || message !== this.urgent) return message ?? null;
    if (started) return null;
    this.urgent = null;
    if (this.urgentInLine) return message;
    this.discardFirst(message);
    return messages.at(0) ?? null;
  }

  /** The same for a look at the queue from `index` on: the index, or -1. */
  private nextToPeek(from: number, started: boolean): number {
    const { messages } = this.queue;
    let index = from;
    if (messages.at(index)?.length === 0) {
      if (started && this.urgent === null) return -1;
      index++;
    }
    if (index < messages.length && messages.at(index) === this.urgent) {
      if (started) return -1;
      if (!this.urgentInLine) index++;
    }
    return index < messages.length ? index : -1;
  }

  /** The same without taking anything, from SO_PEEK_OFF on. */
  private peek(sink: Sink, into: Incoming): number | Errno {
    const { queue } = this;
    let skip = Math.max(0, this.peekOffset);
    let done = 0;
    let cred: Ucred | null | undefined;
    for (let index = this.nextToPeek(0, false); index >= 0; index = this.nextToPeek(index + 1, done > 0)) {
      const message = queue.messages.at(index);
      if (message === undefined) break;
      if (skip >= message.length) {
        skip -= message.length;
        continue;
      }
      if (cred === undefined) {
        cred = message.cred;
        if (into.wantsName) this.giveName(into);
        if (this.passesCredentials) this.giveCredentials(cred, into);
      } else if (this.passesCredentials && !sameCred(cred, message.cred)) break;
      const count = Math.min(message.length - skip, sink.remaining);
      const put = queue.copy(sink, queue.offsetOf(index) + skip, count);
      done += put;
      skip = 0;
      this.giveRights(message, into, true);
      if (put < count || message.rights !== null || sink.remaining === 0) break;
    }
    if (cred === undefined) return EAGAIN;
    if (this.peekOffset >= 0) this.peekOffset += done;
    return done === 0 && sink.remaining > 0 ? EFAULT : done;
  }

  protected override hasUnread(): boolean {
    const { messages } = this.queue;
    return messages.length > 1 || (messages.at(0)?.length ?? 0) > 0;
  }

  protected override purge(): void {
    this.urgent = null;
    super.purge();
  }

  override poll(waiter: Waiter | null): number {
    return super.poll(waiter) | (this.urgent === null ? 0 : POLLPRI);
  }

  override ioctl(request: number, arg: number, user: UserMemory): number | Errno {
    return request === SIOCATMARK
      ? user.writeU32(arg, Number(this.isAtMark()))
      : super.ioctl(request, arg, user);
  }

  private isAtMark(): boolean {
    const { messages } = this.queue;
    const first = messages.at(0);
    if (first === undefined) return false;
    if (first === this.urgent) return true;
    return first.length === 0 && (this.urgent === null || messages.at(1) === this.urgent);
  }

  private giveName(into: Incoming): void {
    const address = this.peer?.address ?? null;
    into.name = address === null ? null : unixAddress(address);
  }
}

kind('UnixStream', UnixStream);
