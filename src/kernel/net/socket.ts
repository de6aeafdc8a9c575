import { kind } from '../checkpoint/registry.js';
import { POLLIN, POLLOUT, POLLPRI, POLLRDBAND, POLLRDNORM, POLLWRBAND, POLLWRNORM } from '../abi/poll.js';
import { SO_REUSEADDR, SO_REUSEPORT, SOCK_STREAM } from '../abi/socket.js';
import { EAGAIN, EINVAL, ENOTTY, EOPNOTSUPP, type Errno } from '../errno.js';
import type { Handle, Sink, Source, UserMemory, Waiter } from '../fs/types.js';
import { WaitQueue } from '../process/waitqueue.js';
import type { Caller } from '../types.js';
import type { ControlItem } from './control.js';
import type { Net } from './net.js';
import { TCP_CLOSE } from './states.js';

/** Bits of `Socket.shut` (RCV_SHUTDOWN and SEND_SHUTDOWN). */
export const RCV_SHUTDOWN = 1;
export const SEND_SHUTDOWN = 2;
export const SHUTDOWN_MASK = 3;

/** What those who wait are told that it is about. */
const DATA = POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND;
const ROOM = POLLOUT | POLLWRNORM | POLLWRBAND;

/** Who made or connected a socket (struct ucred). */
export interface Ucred {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

export function ucredOf({ process: { pid, fs } }: Caller): Ucred {
  const { euid, egid, groups } = fs.cred;
  return { pid, uid: euid, gid: egid, groups };
}

/** What a message carries besides its bytes. */
export interface Outgoing {
  /** Null: the kernel itself. */
  readonly caller: Caller | null;
  readonly flags: number;
  /** Where to, as struct sockaddr; null: to the peer. */
  readonly name: Uint8Array | null;
  /** Control messages as the program gave them. */
  readonly control: readonly ControlItem[] | null;
  /** What they say, once the socket has looked; it is released when the message has not gone. */
  parcel: Parcel | null;
}

/** What travels with a message and has to be given back when it does not arrive. */
export interface Parcel {
  release(): void;
}

/** What a receive asks for, and what comes besides the bytes. */
export interface Incoming {
  readonly flags: number;
  readonly wantsName: boolean;
  readonly wantsControl: boolean;
  /** From where, as struct sockaddr. */
  name: Uint8Array | null;
  /** MSG_TRUNC, MSG_EOR, MSG_OOB. */
  outFlags: number;
  control: ControlItem[] | null;
  /** Descriptors (SCM_RIGHTS), with a reference each. */
  rights: Handle[] | null;
  /** The next bytes do not belong to the same message: more is not waited for. */
  ends: boolean;
  /** The call has received bytes before. */
  started?: boolean;
}

/** Where getsockopt's answer goes. */
export interface OptionAnswer {
  int(value: number): 0;
  bytes(value: Uint8Array): 0;
}

/**
 * One socket, whatever its family: what all have in common, and the operations, which a family overrides (struct sock
 * and proto_ops). None waits: EAGAIN says that it would have to, and transfer.ts waits.
 */
export abstract class Socket {
  state = TCP_CLOSE;
  shut = 0;
  /** The pending error, for SO_ERROR and the next call; 0 for none. */
  error: Errno | 0 = 0;
  sndbuf: number;
  rcvbuf: number;
  sndbufLocked = false;
  rcvbufLocked = false;
  rcvlowat = 1;
  /** SO_RCVTIMEO and SO_SNDTIMEO in milliseconds. */
  rcvtimeo = Infinity;
  sndtimeo = Infinity;
  /** SO_LINGER's time in seconds; -1 when it is off. */
  linger = -1;
  /** SO_PEEK_OFF; -1 when it is off. */
  peekOffset = -1;
  /** Further options of SOL_SOCKET that are kept as numbers. */
  readonly values = new Map<number, number>();
  /** How many connections may wait for accept; as SO_MAX_ACK_BACKLOG counts, datagrams for AF_UNIX. */
  maxBacklog = 0;
  readonly readable = new WaitQueue();
  readonly writable = new WaitQueue();
  /** Somebody was told that there is no room: who makes room wakes `writable`. */
  lacksRoom = false;
  peerCred: Ucred | null = null;
  /** The inode of its file; 0 while nobody has accepted it. */
  ino = 0;
  /** Its handle, which holds it. */
  file: Handle | null = null;
  uid = 0;
  gid = 0;
  readonly cookie: number;

  constructor(
    readonly net: Net,
    readonly family: number,
    readonly type: number,
    readonly protocol: number,
  ) {
    this.sndbuf = net.settings.wmemDefault;
    this.rcvbuf = net.settings.rmemDefault;
    this.cookie = net.register(this);
  }

  get isStream(): boolean {
    return this.type === SOCK_STREAM;
  }
  get reuseAddress(): boolean {
    return this.values.get(SO_REUSEADDR) === 1;
  }
  get reusePort(): boolean {
    return this.values.get(SO_REUSEPORT) === 1;
  }

  /** The pending error, which is then over. */
  takeError(): Errno | 0 {
    const { error } = this;
    this.error = 0;
    return error;
  }

  /** Data or a connection has come. */
  announceData(): void {
    this.readable.wake(Infinity, DATA);
  }

  /** Urgent data has come: its owner is told by a signal, whether it wants SIGIO or not (sk_send_sigurg). */
  announceUrgent(): void {
    this.file?.owner?.urgent();
  }

  /** There is room for data again. */
  announceRoom(): void {
    this.writable.wake(Infinity, ROOM);
  }

  /** The state has changed: everybody looks again. */
  wakeAll(): void {
    this.readable.wake();
    this.writable.wake();
  }

  bind(_caller: Caller, _name: Uint8Array): 0 | Errno {
    return EOPNOTSUPP;
  }
  /** EAGAIN: to be tried again when `connectQueue` wakes. */
  connect(_caller: Caller, _name: Uint8Array, _nonblocking: boolean): 0 | Errno {
    return EOPNOTSUPP;
  }
  /** Whom a connect that got EAGAIN waits for. */
  connectQueue(): WaitQueue {
    return this.writable;
  }
  /** What a connect returns whose time is over. */
  readonly connectTimeout: Errno = EAGAIN;
  listen(_caller: Caller, _backlog: number): 0 | Errno {
    return EOPNOTSUPP;
  }
  accept(): Socket | Errno {
    return EOPNOTSUPP;
  }
  pair(_other: Socket, _caller: Caller): 0 | Errno {
    return EOPNOTSUPP;
  }
  /** The own or the peer's address as struct sockaddr. */
  abstract name(peer: boolean): Uint8Array | Errno;
  /** Whom accept says that it has come from. */
  acceptedFrom(): Uint8Array | null {
    const name = this.name(true);
    return typeof name === 'number' ? null : name;
  }
  abstract send(source: Source, out: Outgoing): number | Errno;
  abstract receive(sink: Sink, into: Incoming): number | Errno;
  abstract poll(waiter: Waiter | null): number;
  /** `how` as shutdown(2) has it. */
  shutdown(_how: number): 0 | Errno {
    return EOPNOTSUPP;
  }
  ioctl(_request: number, _arg: number, _user: UserMemory): number | Errno {
    return ENOTTY;
  }
  setOption(_level: number, _name: number, _value: Uint8Array, _caller: Caller): 0 | Errno {
    return EOPNOTSUPP;
  }
  getOption(_level: number, _name: number, _answer: OptionAnswer): 0 | Errno {
    return EOPNOTSUPP;
  }
  /** It has got a handle, whose reference this is not. */
  opened(handle: Handle): void {
    this.ino = handle.inode.ino;
    this.file = handle;
  }
  /** A descriptor for it is being closed. */
  flush(_handle: Handle): void {
    return;
  }
  /** What a send that got EAGAIN waits for. */
  blockedOn: WaitQueue = this.writable;
  /** Its handle has been closed, or it never got one. */
  close(): void {
    this.net.unregister(this);
  }

  /** Whether MSG_ERRQUEUE asks for something else than data, which is never waited for. */
  get hasErrorQueue(): boolean {
    return false;
  }

  /** Whether a send that fails with EPIPE raises SIGPIPE. */
  get signalsPipe(): boolean {
    return this.isStream;
  }

  /** Puts a waiter on both queues. */
  protected watch(waiter: Waiter | null): void {
    waiter?.waitOn(this.readable);
    waiter?.waitOn(this.writable);
  }

  protected setBacklog(backlog: number): void {
    const limit = this.net.settings.somaxconn;
    this.maxBacklog = backlog < 0 || backlog > limit ? limit : backlog;
  }
}

/** shutdown(2)'s argument as bits of `shut`. */
export function shutdownBits(how: number): number | Errno {
  return how < 0 || how > 2 ? EINVAL : how + 1;
}

kind('Socket', Socket);
