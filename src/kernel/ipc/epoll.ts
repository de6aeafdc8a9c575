/**
 * epoll(7). An item watches one handle under one descriptor. It stands on the handle's wait queues for as long as it
 * exists; a wake-up puts it on its set's ready list, and only what is there is ever looked at again. A handle knows the
 * items that watch it (`Handle.watches`), so that they go with it.
 */
import { kind } from '../checkpoint/registry.js';
import { EPOLLET, EPOLLEXCLUSIVE, EPOLLONESHOT, EP_PRIVATE_BITS, EPOLL_EVENT_SIZE } from '../abi/epoll.js';
import { O_RDWR } from '../abi/fcntl.js';
import { POLLIN, POLLOUT, POLLRDNORM } from '../abi/poll.js';
import { EFAULT, EINVAL, ENOENT, type Errno } from '../errno.js';
import type {
  Handle,
  HandleOperations,
  HandleWatch,
  PollMask,
  Sink,
  VfsContext,
  WaitQueue as Queue,
  Waiter,
  Wakeable,
} from '../fs/types.js';
import { WaitQueue } from '../process/waitqueue.js';
import { openAnonymous } from './anonymous-inodes.js';

/** What epoll_ctl brings: events, and 64 bits that epoll_wait gives back. */
export interface EpollInterest {
  events: number;
  dataLo: number;
  dataHi: number;
}

const $event = new Uint8Array(EPOLL_EVENT_SIZE);
const $eventView = new DataView($event.buffer);

/** Reads struct epoll_event at the start of `view`. */
export function readInterest(view: DataView): EpollInterest {
  return {
    events: view.getUint32(0, true),
    dataLo: view.getUint32(4, true),
    dataHi: view.getUint32(8, true),
  };
}

/** One watched handle (struct epitem). */
export class EpollItem implements Waiter, Wakeable, HandleWatch {
  private readonly queues: Queue[] = [];
  readonly exclusive: boolean;

  constructor(
    readonly epoll: Epoll,
    readonly handle: Handle,
    readonly fd: number,
    readonly interest: EpollInterest,
  ) {
    this.exclusive = (interest.events & EPOLLEXCLUSIVE) !== 0;
  }

  waitOn(queue: Queue): void {
    queue.add(this);
    this.queues.push(queue);
  }

  /** ep_poll_callback. */
  wake(_queue: Queue, events: PollMask): boolean {
    const { events: wanted } = this.interest;
    if ((wanted & ~EP_PRIVATE_BITS) === 0) return !this.exclusive;
    if (events !== 0 && (events & wanted) === 0) return !this.exclusive;
    const waited = this.epoll.becomesReady(this);
    return !this.exclusive || (waited && isOneWay(events, wanted));
  }

  /** The events wanted that are the case now. */
  poll(waiter: Waiter | null): PollMask {
    const events = this.handle.ops.poll?.(this.handle, waiter) ?? 0;
    return events & this.interest.events;
  }

  handleReleased(): void {
    this.epoll.remove(this);
  }

  leaveQueues(): void {
    for (const queue of this.queues) queue.remove(this);
    this.queues.length = 0;
  }
}

/** Whether an exclusive item has used a wake-up up: not when both directions may have been meant. */
function isOneWay(events: PollMask, wanted: number): boolean {
  const ways = events & (POLLIN | POLLOUT);
  return ways === 0 || (ways !== (POLLIN | POLLOUT) && (ways & wanted) !== 0);
}

/** An epoll set (struct eventpoll), and the operations of its handle. */
export class Epoll implements HandleOperations {
  /** Positions are taken and mean nothing (noop_llseek). */
  readonly seekable = true;
  /** Items by descriptor: more than one where a number has come to mean another handle. */
  private readonly items = new Map<number, EpollItem[]>();
  /** Items for which something may be the case, in the order in which it came. */
  private readonly ready = new Set<EpollItem>();
  /** Threads in epoll_wait, and those that poll the set itself. */
  readonly waiters = new WaitQueue();
  private readonly pollers = new WaitQueue();
  /** The set's own handle. */
  self: Handle | null = null;

  opened(handle: Handle): void {
    this.self = handle;
  }

  /** All items. */
  *watched(): IterableIterator<EpollItem> {
    for (const items of this.items.values()) yield* items;
  }

  seek(): number {
    return 0;
  }

  read(): Errno {
    return EINVAL;
  }

  write(): Errno {
    return EINVAL;
  }

  has(handle: Handle, fd: number): boolean {
    return this.find(handle, fd) !== undefined;
  }

  /** EPOLL_CTL_ADD of what the set does not have yet. */
  add(handle: Handle, fd: number, interest: EpollInterest): void {
    const item = new EpollItem(this, handle, fd, interest);
    const items = this.items.get(fd);
    if (items === undefined) this.items.set(fd, [item]);
    else items.push(item);
    handle.watches ??= new Set();
    handle.watches.add(item);
    if (item.poll(item) !== 0) this.becomesReady(item);
  }

  /** EPOLL_CTL_MOD. */
  modify(handle: Handle, fd: number, interest: EpollInterest): 0 | Errno {
    const item = this.find(handle, fd);
    if (item === undefined) return ENOENT;
    if (item.exclusive) return EINVAL;
    Object.assign(item.interest, interest);
    if (item.poll(null) !== 0) this.becomesReady(item);
    return 0;
  }

  /** EPOLL_CTL_DEL. */
  delete(handle: Handle, fd: number): 0 | Errno {
    const item = this.find(handle, fd);
    if (item === undefined) return ENOENT;
    this.remove(item);
    return 0;
  }

  remove(item: EpollItem): void {
    item.leaveQueues();
    this.ready.delete(item);
    item.handle.watches?.delete(item);
    const left = (this.items.get(item.fd) ?? []).filter((other) => other !== item);
    if (left.length === 0) this.items.delete(item.fd);
    else this.items.set(item.fd, left);
  }

  private find(handle: Handle, fd: number): EpollItem | undefined {
    return this.items.get(fd)?.find((item) => item.handle === handle);
  }

  /** Something may be the case for `item`: one waiting thread is woken. Whether there was one. */
  becomesReady(item: EpollItem): boolean {
    this.ready.add(item);
    const woken = this.waiters.wake(1);
    this.pollers.wake(Infinity, POLLIN | POLLRDNORM);
    return woken > 0;
  }

  /** Gives a wake-up that has not been used to the next one who waits. */
  passOn(): void {
    if (this.ready.size > 0) this.waiters.wake(1);
  }

  /**
   * Writes struct epoll_event for up to `most` items that are ready; how many, or EFAULT. An item that is level triggered
   * goes to the end of the list, where the next call looks whether it still is the case.
   */
  send(sink: Sink, most: number): number | Errno {
    let sent = 0;
    let left = this.ready.size;
    for (const item of this.ready) {
      if (left-- === 0 || sent === most) break;
      const events = item.poll(null);
      if (events !== 0) {
        if (!putEvent(sink, item, events)) return sent > 0 ? sent : EFAULT;
        sent++;
      }
      this.ready.delete(item);
      if (events !== 0) this.reported(item);
    }
    this.passOn();
    return sent;
  }

  private reported(item: EpollItem): void {
    const { interest } = item;
    if ((interest.events & EPOLLONESHOT) !== 0) interest.events &= EP_PRIVATE_BITS;
    else if ((interest.events & EPOLLET) === 0) this.ready.add(item);
  }

  /** Readable when epoll_wait would find something. */
  poll(_handle: Handle, waiter: Waiter | null): PollMask {
    waiter?.waitOn(this.pollers);
    for (const item of this.ready) {
      if (item.poll(null) !== 0) return POLLIN | POLLRDNORM;
      this.ready.delete(item);
    }
    return 0;
  }

  release(): void {
    for (const item of this.watched()) {
      item.leaveQueues();
      item.handle.watches?.delete(item);
    }
    this.items.clear();
    this.ready.clear();
  }

  fdinfo(): string {
    return [...this.watched()].map(describe).join('');
  }
}

function putEvent(sink: Sink, item: EpollItem, events: number): boolean {
  $eventView.setUint32(0, events, true);
  $eventView.setUint32(4, item.interest.dataLo, true);
  $eventView.setUint32(8, item.interest.dataHi, true);
  return sink.put($event, 0, EPOLL_EVENT_SIZE) === EPOLL_EVENT_SIZE;
}

function describe({ fd, interest, handle }: EpollItem): string {
  const events = (interest.events >>> 0).toString(16);
  const data = ((BigInt(interest.dataHi) << 32n) | BigInt(interest.dataLo)).toString(16);
  const { inode } = handle;
  return (
    `tfd: ${String(fd).padStart(8)} events: ${events.padStart(8)} data: ${data.padStart(16)} ` +
    ` pos:${handle.position} ino:${inode.ino.toString(16)} sdev:${inode.fs.dev.toString(16)}\n`
  );
}

/** A new set with one reference. */
export function openEpoll(vfs: VfsContext): Handle {
  return openAnonymous(vfs, '[eventpoll]', O_RDWR, new Epoll());
}

/** The set of an epoll handle. */
export function epollOf(handle: Handle): Epoll | Errno {
  return handle.ops instanceof Epoll ? handle.ops : EINVAL;
}

kind('EpollItem', EpollItem);
kind('Epoll', Epoll);
