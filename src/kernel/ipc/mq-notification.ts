/** Who is told when a message comes into an empty POSIX queue (mq_notify(3)). */
import { SI_MESGQ } from '../abi/signal.js';
import { SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD } from '../abi/time.js';
import { kind } from '../checkpoint/registry.js';
import { releaseHandle, retainHandle } from '../fs/handle.js';
import type { Notification, Sender } from '../fs/mqueue/queue.js';
import type { Handle } from '../fs/types.js';
import type { NetlinkSocket } from '../net/netlink/netlink.js';
import type { Process } from '../process/process.js';
import { messageInfo } from '../signal/info.js';
import { sendSignal } from '../signal/send.js';

/** SIGEV_NONE: it only keeps others from being told. */
export class Silent implements Notification {
  readonly kind = SIGEV_NONE;
  readonly signal = 0;
  constructor(readonly pid: number) {}

  arrived(): void {
    return;
  }

  removed(): void {
    return;
  }
}

export class SignalNotification implements Notification {
  readonly kind = SIGEV_SIGNAL;
  readonly pid: number;

  constructor(
    private readonly process: Process,
    readonly signal: number,
    private readonly value: { readonly lo: number; readonly hi: number },
  ) {
    this.pid = process.pid;
  }

  arrived({ pid, uid }: Sender): void {
    const { lo, hi } = this.value;
    if (this.signal !== 0)
      sendSignal(this.process, messageInfo(this.signal, SI_MESGQ, { pid, uid, valueLo: lo, valueHi: hi }));
  }

  removed(): void {
    return;
  }
}

/** The last byte of a cookie says what has happened. */
const NOTIFY_WOKENUP = 1;
const NOTIFY_REMOVED = 2;
export const NOTIFY_COOKIE_LEN = 32;

/** SIGEV_THREAD: the C library's thread gets its cookie back through a netlink socket, which is kept open so long. */
export class SocketNotification implements Notification {
  readonly kind = SIGEV_THREAD;
  readonly signal = 0;

  constructor(
    readonly pid: number,
    private readonly handle: Handle,
    private readonly socket: NetlinkSocket,
    private readonly cookie: Uint8Array,
  ) {}

  begins(): void {
    retainHandle(this.handle);
  }

  arrived(): void {
    this.tell(NOTIFY_WOKENUP);
  }

  removed(): void {
    this.tell(NOTIFY_REMOVED);
  }

  private tell(what: number): void {
    const message = this.cookie.slice();
    message[NOTIFY_COOKIE_LEN - 1] = what;
    this.socket.announce(message);
    releaseHandle(this.handle);
  }
}

kind('Silent', Silent);
kind('SignalNotification', SignalNotification);
kind('SocketNotification', SocketNotification);
