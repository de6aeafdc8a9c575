import { kind } from '../../checkpoint/registry.js';
import { MSG_PEEK, SOCK_STREAM } from '../../abi/socket.js';
import { EAGAIN, EFAULT, EINVAL, EISCONN, ENOTCONN, EOPNOTSUPP, EPIPE, type Errno } from '../../errno.js';
import type { Sink, Source } from '../../fs/types.js';
import type { Net } from '../net.js';
import { RCV_SHUTDOWN, SEND_SHUTDOWN, type Incoming, type Outgoing, type Ucred } from '../socket.js';
import { TCP_ESTABLISHED } from '../states.js';
import { STREAM_MESSAGE_MAX, streamCost } from './messages.js';
import { unixAddress } from './names.js';
import { UnixSocket, refusesOob } from './socket.js';

function sameCred(a: Ucred | null, b: Ucred | null): boolean {
  return a === b || (a !== null && b !== null && a.pid === b.pid && a.uid === b.uid && a.gid === b.gid);
}

/** SOCK_STREAM of AF_UNIX: bytes, in which descriptors and credentials mark places. */
export class UnixStream extends UnixSocket {
  constructor(net: Net) {
    super(net, SOCK_STREAM);
  }

  protected sibling(): UnixStream {
    return new UnixStream(this.net);
  }

  send(source: Source, out: Outgoing): number | Errno {
    const parcel = this.parcelOf(out);
    if (typeof parcel === 'number') return parcel;
    if (refusesOob(out.flags)) return EOPNOTSUPP;
    if (out.name !== null) return this.state === TCP_ESTABLISHED ? EISCONN : EOPNOTSUPP;
    const { peer } = this;
    if (peer === null) return ENOTCONN;
    if ((this.shut & SEND_SHUTDOWN) !== 0) return EPIPE;
    let done = 0;
    let failed: Errno | 0 = 0;
    while (source.remaining > 0 && failed === 0) {
      failed = this.roomToSend();
      if (failed === 0 && (peer.dead || (peer.shut & RCV_SHUTDOWN) !== 0)) failed = EPIPE;
      if (failed !== 0) break;
      const size = Math.min(source.remaining, (this.sndbuf >> 1) - 64, STREAM_MESSAGE_MAX);
      const message = peer.queue.add(source, size);
      if (message === null) failed = EFAULT;
      else {
        this.finish(message, streamCost(size), out, peer);
        done += size;
      }
    }
    if (done === 0) return failed;
    peer.announceData();
    return done;
  }

  receive(sink: Sink, into: Incoming): number | Errno {
    if (refusesOob(into.flags)) return EINVAL;
    if (this.state !== TCP_ESTABLISHED) return EINVAL;
    const done = (into.flags & MSG_PEEK) !== 0 ? this.peek(sink, into) : this.take(sink, into);
    if (done !== EAGAIN) return done;
    if (this.error !== 0) return this.takeError();
    return (this.shut & RCV_SHUTDOWN) !== 0 ? 0 : EAGAIN;
  }

  private take(sink: Sink, into: Incoming): number | Errno {
    const { queue } = this;
    let done = 0;
    let message = queue.messages.at(0);
    if (message === undefined) return EAGAIN;
    if (into.wantsName) this.giveName(into);
    const { cred } = message;
    if (this.passesCredentials) this.giveCredentials(cred, into);
    while (message !== undefined) {
      if (this.passesCredentials && !sameCred(cred, message.cred)) {
        into.ends = true;
        break;
      }
      const count = Math.min(message.length, sink.remaining);
      const put = queue.copy(sink, 0, count);
      if (put < count && put === 0) return done > 0 ? done : EFAULT;
      done += put;
      queue.consume(message, put);
      if (this.peekOffset > 0) this.peekOffset = Math.max(0, this.peekOffset - put);
      const carried = message.rights !== null;
      this.giveRights(message, into, false);
      if (message.length > 0) break;
      this.dropFirst(message);
      if (carried) into.ends = true;
      if (carried || sink.remaining === 0) break;
      message = queue.messages.at(0);
    }
    return done;
  }

  /** The same without taking anything, from SO_PEEK_OFF on. */
  private peek(sink: Sink, into: Incoming): number | Errno {
    const { queue } = this;
    let skip = Math.max(0, this.peekOffset);
    let offset = skip;
    let index = 0;
    let message = queue.messages.at(0);
    while (message !== undefined && skip >= message.length) {
      skip -= message.length;
      message = queue.messages.at(++index);
    }
    if (message === undefined) return EAGAIN;
    if (into.wantsName) this.giveName(into);
    const { cred } = message;
    if (this.passesCredentials) this.giveCredentials(cred, into);
    let done = 0;
    while (message !== undefined && sink.remaining > 0) {
      if (this.passesCredentials && !sameCred(cred, message.cred)) break;
      const count = Math.min(message.length - skip, sink.remaining);
      const put = queue.copy(sink, offset, count);
      offset += put;
      done += put;
      skip = 0;
      this.giveRights(message, into, true);
      if (put < count || message.rights !== null) break;
      message = queue.messages.at(++index);
    }
    if (this.peekOffset >= 0) this.peekOffset += done;
    return done === 0 && sink.remaining > 0 ? EFAULT : done;
  }

  private giveName(into: Incoming): void {
    const address = this.peer?.address ?? null;
    into.name = address === null ? null : unixAddress(address);
  }
}

kind('UnixStream', UnixStream);
