/**
 * Waiting for sockets. A call that waits is run again from the start; what it has done and until when it waits is in
 * thread.callState.
 */
import { kind } from '../checkpoint/registry.js';
import { SIGPIPE } from '../abi/signal.js';
import { MSG_DONTWAIT, MSG_ERRQUEUE, MSG_NOSIGNAL, MSG_PEEK, MSG_WAITALL } from '../abi/socket.js';
import { EAGAIN, EINTR, EPIPE, ERESTARTSYS, WAIT, type Errno } from '../errno.js';
import type { Sink, Source, WaitQueue } from '../fs/types.js';
import type { Caller } from '../types.js';
import type { Incoming, Outgoing, Parcel, Socket } from './socket.js';

/** What a waiting call keeps. */
export class Waiting {
  /** Bytes that earlier tries have moved. */
  done = 0;
  /** Messages that earlier tries have moved (sendmmsg, recvmmsg). */
  messages = 0;
  /** When recvmmsg asks for no further message. */
  deadline = Infinity;
  parcel: Parcel | null = null;
  into: Incoming | null = null;

  constructor(
    /** Monotonic milliseconds. */
    readonly until: number,
  ) {}

  /** The thread has ended. */
  abandon(): void {
    this.parcel?.release();
  }
}

export function waitingOf(thread: Caller): Waiting | null {
  return thread.callState instanceof Waiting ? thread.callState : null;
}

/** Waits for `queue` as long as `timeout` (ms since the first try) allows: WAIT, or what ends the call. */
function waitFor(thread: Caller, socket: Socket, queue: WaitQueue, timeout: number): Waiting | Errno {
  const state = waitingOf(thread) ?? new Waiting(socket.net.nowMs() + timeout);
  const forever = state.until === Infinity;
  if (!forever && socket.net.nowMs() >= state.until) return EAGAIN;
  if (thread.signalled) return forever ? ERESTARTSYS : EINTR;
  thread.waitOn(queue);
  if (!forever) thread.waitUntil(state.until);
  thread.callState = state;
  return state;
}

/** What read and write mean by themselves. */
class PlainOutgoing implements Outgoing {
  flags = 0;
  readonly name = null;
  readonly control = null;
  parcel: Parcel | null = null;
  constructor(readonly caller: Caller | null) {}
}

class PlainIncoming implements Incoming {
  readonly wantsName = false;
  readonly wantsControl = false;
  name: Uint8Array | null = null;
  outFlags = 0;
  control = null;
  rights = null;
  ends = false;
  started = false;
  constructor(readonly flags: number) {}
}

/** Sends without waiting and without a message's extras; the caller raises SIGPIPE. */
export function plainSend(socket: Socket, source: Source): number | Errno {
  return socket.send(source, new PlainOutgoing(socket.net.current));
}

/** Receives without waiting; what comes besides bytes is given back. */
export function plainReceive(socket: Socket, sink: Sink): number | Errno {
  const into = new PlainIncoming(MSG_DONTWAIT);
  const done = socket.receive(sink, into);
  dropRights(socket, into);
  return done;
}

/** Closes descriptors that came and that nobody takes. */
export function dropRights(socket: Socket, into: Incoming): void {
  if (into.rights === null) return;
  socket.net.inFlight.drop(into.rights);
  into.rights = null;
}

/** Sends all of `source`, from which what earlier tries have sent is gone already; the result counts that too. */
export function sendOn(
  thread: Caller,
  socket: Socket,
  source: Source,
  message: Outgoing | null,
  waits: boolean,
): number {
  const out = message ?? new PlainOutgoing(thread);
  const before = waitingOf(thread);
  let done = before?.done ?? 0;
  out.parcel ??= before?.parcel ?? null;
  for (;;) {
    const count = socket.send(source, out);
    if (count === EAGAIN && waits) {
      const waiting = waitFor(thread, socket, socket.blockedOn, socket.sndtimeo);
      if (typeof waiting !== 'number') {
        waiting.done = done;
        waiting.parcel = out.parcel;
        return WAIT;
      }
      return endSend(out, done > 0 ? done : waiting);
    }
    if (count < 0) {
      const unseen = done === 0 && count === EPIPE && (out.flags & MSG_NOSIGNAL) === 0;
      if (unseen && socket.signalsPipe) thread.raise(SIGPIPE);
      return endSend(out, done > 0 ? done : count);
    }
    done += count;
    if (!socket.isStream || source.remaining === 0 || count === 0) return endSend(out, done);
  }
}

function endSend(out: Outgoing, result: number): number {
  out.parcel?.release();
  return result;
}

/**
 * Receives into `sink`, in which what earlier tries have received is skipped already; the result counts that too. Without
 * `into`, what comes besides bytes is given back.
 */
export function receiveOn(
  thread: Caller,
  socket: Socket,
  sink: Sink,
  message: Incoming | null,
  waits: boolean,
): number {
  const into = message ?? new PlainIncoming(waits ? 0 : MSG_DONTWAIT);
  let done = waitingOf(thread)?.done ?? 0;
  const target = leastOf(socket, into.flags, done + sink.remaining);
  for (;;) {
    into.started = done > 0;
    const count = socket.receive(sink, into);
    if (!into.wantsControl) dropRights(socket, into);
    if (count === EAGAIN) {
      const ofErrors = socket.hasErrorQueue && (into.flags & MSG_ERRQUEUE) !== 0;
      if (!waits || ofErrors) return done > 0 ? done : EAGAIN;
      const waiting = waitFor(thread, socket, socket.readable, socket.rcvtimeo);
      if (typeof waiting === 'number') return done > 0 ? done : waiting;
      waiting.done = done;
      waiting.into = into;
      return WAIT;
    }
    if (count < 0) return done > 0 ? done : count;
    done += count;
    const ended = count === 0 || into.ends || (into.flags & MSG_PEEK) !== 0;
    if (!socket.isStream || ended || done >= target) return done;
  }
}

/** How many bytes a stream's receive waits for (sock_rcvlowat). */
function leastOf({ isStream, rcvlowat }: Socket, flags: number, size: number): number {
  if (!isStream) return 1;
  return (flags & MSG_WAITALL) !== 0 ? size : Math.min(rcvlowat, size);
}

/** The next connection. */
export function acceptOn(thread: Caller, socket: Socket, waits: boolean): Socket | Errno {
  const child = socket.accept();
  if (child !== EAGAIN || !waits) return child;
  const waiting = waitFor(thread, socket, socket.readable, socket.rcvtimeo);
  return typeof waiting === 'number' ? waiting : WAIT;
}

export function connectOn(thread: Caller, socket: Socket, name: Uint8Array, waits: boolean): 0 | Errno {
  const result = socket.connect(thread, name, !waits);
  if (result !== EAGAIN || !waits) return result;
  const waiting = waitFor(thread, socket, socket.connectQueue(), socket.sndtimeo);
  if (typeof waiting !== 'number') return WAIT;
  return waiting === EAGAIN ? socket.connectTimeout : waiting;
}

kind('Waiting', Waiting);
