import { kind } from '../checkpoint/registry.js';
import { FIONREAD, O_NONBLOCK, O_RDONLY } from '../abi/fcntl.js';
import {
  ALL_INOTIFY_BITS,
  INOTIFY_EVENT_SIZE,
  IN_ALL_EVENTS,
  IN_EXCL_UNLINK,
  IN_IGNORED,
  IN_MASK_ADD,
  IN_MASK_CREATE,
  IN_ONESHOT,
  IN_Q_OVERFLOW,
} from '../abi/inotify.js';
import { POLLIN, POLLRDNORM } from '../abi/poll.js';
import { EAGAIN, EBADF, EEXIST, EFAULT, EINVAL, EMFILE, ENOSPC, ENOTTY, type Errno } from '../errno.js';
import { Watch, addWatch, findWatch, removeWatch, type WatchOwner } from '../fs/notify.js';
import type {
  Handle,
  HandleOperations,
  Inode,
  InotifyAccount,
  PollMask,
  Sink,
  UserMemory,
  VfsContext,
  Waiter,
} from '../fs/types.js';
import { WaitQueue } from '../process/waitqueue.js';
import type { FsSettings } from '../fs/settings.js';
import { openAnonymous } from './anonymous-inodes.js';

interface InotifyEvent {
  readonly wd: number;
  readonly mask: number;
  readonly cookie: number;
  /** Empty without one. */
  readonly name: string;
}

/** Bits of a watch's mask that last. */
const KEPT = IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT;

const $event = new Uint8Array(INOTIFY_EVENT_SIZE * 17);
const $view = new DataView($event.buffer);

/** A name takes its NUL and zeros up to a multiple of the event's own size. */
function sizeOf({ name }: InotifyEvent): number {
  if (name === '') return INOTIFY_EVENT_SIZE;
  return INOTIFY_EVENT_SIZE * (1 + Math.ceil((name.length + 1) / INOTIFY_EVENT_SIZE));
}

function isSame(a: InotifyEvent, b: InotifyEvent): boolean {
  return a.mask !== IN_IGNORED && a.mask === b.mask && a.wd === b.wd && a.name === b.name;
}

/** inotify(7): a queue of events from watches on inodes. */
export class Inotify implements HandleOperations, WatchOwner {
  /** Positions are taken and mean nothing (noop_llseek). */
  readonly seekable = true;
  private readonly watches = new Map<number, Watch>();
  private lastId = 0;
  private events: InotifyEvent[] = [];
  private overflowed = false;
  private readonly queue = new WaitQueue();

  constructor(
    /** What its user has; this one is counted. */
    private readonly account: InotifyAccount,
    private readonly settings: FsSettings,
  ) {
    account.instances++;
  }

  /** inotify_add_watch(2) for a place that has been found: the watch's number. */
  watch(inode: Inode, flags: number): number | Errno {
    const known = findWatch(this, inode);
    if (known === null) {
      if (this.account.watches >= this.settings.maxInotifyWatches) return ENOSPC;
      this.account.watches++;
      const watch = new Watch(this, inode, flags & KEPT, ++this.lastId);
      this.watches.set(watch.id, watch);
      addWatch(watch);
      return watch.id;
    }
    if ((flags & IN_MASK_CREATE) !== 0) return EEXIST;
    known.mask = (flags & KEPT) | ((flags & IN_MASK_ADD) !== 0 ? known.mask : 0);
    return known.id;
  }

  /** inotify_rm_watch(2). */
  unwatch(wd: number): 0 | Errno {
    const watch = this.watches.get(wd);
    if (watch === undefined) return EINVAL;
    removeWatch(watch);
    this.ended(watch);
    return 0;
  }

  happened(watch: Watch, mask: number, name: string | null, cookie: number): void {
    this.enqueue({ wd: watch.id, mask: mask & ALL_INOTIFY_BITS, cookie, name: name ?? '' });
  }

  ended(watch: Watch): void {
    this.watches.delete(watch.id);
    this.account.watches--;
    this.enqueue({ wd: watch.id, mask: IN_IGNORED, cookie: 0, name: '' });
  }

  /** An event like the last one is not added; with a full queue there is one that says so. */
  private enqueue(event: InotifyEvent): void {
    const { events } = this;
    if (events.length >= this.settings.maxQueuedEvents) {
      if (this.overflowed) return;
      this.overflowed = true;
      events.push({ wd: -1, mask: IN_Q_OVERFLOW, cookie: 0, name: '' });
    } else {
      const last = events.at(-1);
      if (last !== undefined && isSame(last, event)) return;
      events.push(event);
    }
    this.queue.wake(Infinity, POLLIN | POLLRDNORM);
  }

  seek(): number {
    return 0;
  }

  read(_handle: Handle, sink: Sink): number | Errno {
    let done = 0;
    let count = 0;
    let error: number = EAGAIN;
    for (const event of this.events) {
      const size = sizeOf(event);
      if (size > sink.remaining) {
        error = EINVAL;
        break;
      }
      putEvent(event, size);
      count++;
      if (event.wd === -1) this.overflowed = false;
      if (sink.put($event, 0, size) < size) {
        error = EFAULT;
        break;
      }
      done += size;
    }
    this.events.splice(0, count);
    return done > 0 && error !== EFAULT ? done : error;
  }

  write(): Errno {
    return EBADF;
  }

  poll(_handle: Handle, waiter: Waiter | null): PollMask {
    waiter?.waitOn(this.queue);
    return this.events.length > 0 ? POLLIN | POLLRDNORM : 0;
  }

  fasync(): null {
    return null;
  }

  ioctl(_handle: Handle, request: number, arg: number, user: UserMemory): number | Errno {
    if (request !== FIONREAD) return ENOTTY;
    return user.writeU32(
      arg,
      this.events.reduce((sum, event) => sum + sizeOf(event), 0),
    );
  }

  release(): void {
    for (const watch of this.watches.values()) removeWatch(watch);
    this.account.watches -= this.watches.size;
    this.watches.clear();
    this.events = [];
    this.account.instances--;
  }

  fdinfo(): string {
    return [...this.watches.values()].map(describe).join('');
  }
}

function putEvent({ wd, mask, cookie, name }: InotifyEvent, size: number): void {
  $event.fill(0, 0, size);
  $view.setInt32(0, wd, true);
  $view.setUint32(4, mask, true);
  $view.setUint32(8, cookie, true);
  $view.setUint32(12, size - INOTIFY_EVENT_SIZE, true);
  for (let i = 0; i < name.length; i++) $event[INOTIFY_EVENT_SIZE + i] = name.charCodeAt(i);
}

function describe({ id, inode, mask }: Watch): string {
  const events = (mask & IN_ALL_EVENTS).toString(16);
  const place = `ino:${inode.ino.toString(16)} sdev:${inode.fs.dev.toString(16)}`;
  return `inotify wd:${id.toString(16)} ${place} mask:${events} ignored_mask:0 \n`;
}

/** A new instance with one reference; `flags`: O_NONBLOCK. EMFILE when the user has too many. */
export function openInotify(vfs: VfsContext, uid: number, flags: number): Handle | Errno {
  const users = (vfs.inotifyAccounts ??= new Map<number, InotifyAccount>());
  const account = users.get(uid) ?? { instances: 0, watches: 0 };
  users.set(uid, account);
  if (account.instances >= vfs.settings.maxInotifyInstances) return EMFILE;
  return openAnonymous(vfs, 'inotify', O_RDONLY | (flags & O_NONBLOCK), new Inotify(account, vfs.settings));
}

kind('Inotify', Inotify);
