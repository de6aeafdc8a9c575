/** dnotify (fcntl(2), F_NOTIFY; Linux's fs/notify/dnotify): a signal for what happens in a directory that is open. */
import {
  DN_ACCESS,
  DN_ATTRIB,
  DN_CREATE,
  DN_DELETE,
  DN_MODIFY,
  DN_MULTISHOT,
  DN_RENAME,
  F_OWNER_PID,
} from '../abi/fcntl.js';
import {
  IN_ACCESS,
  IN_ATTRIB,
  IN_CREATE,
  IN_DELETE,
  IN_MODIFY,
  IN_MOVED_FROM,
  IN_MOVED_TO,
} from '../abi/inotify.js';
import { POLL_MSG } from '../abi/signal.js';
import { kind } from '../checkpoint/registry.js';
import { ENOTDIR, type Errno } from '../errno.js';
import { isDirectory } from '../fs/inode.js';
import { Watch, addWatch, removeWatch, type WatchOwner } from '../fs/notify.js';
import type { Handle, HandleWatch } from '../fs/types.js';
import type { Caller } from '../types.js';

const MEANINGS: readonly (readonly [number, number])[] = [
  [DN_ACCESS, IN_ACCESS],
  [DN_MODIFY, IN_MODIFY],
  [DN_CREATE, IN_CREATE | IN_MOVED_TO],
  [DN_DELETE, IN_DELETE | IN_MOVED_FROM],
  [DN_RENAME, IN_MOVED_FROM],
  [DN_ATTRIB, IN_ATTRIB],
];

/** What one table of descriptors wants to know of a directory by one of its files. */
class DirectoryNotice implements WatchOwner, HandleWatch {
  private readonly watch: Watch;
  private repeats = false;

  constructor(
    private readonly handle: Handle,
    private readonly table: object,
    private fd: number,
  ) {
    this.watch = new Watch(this, handle.inode, 0, 0);
    addWatch(this.watch);
    handle.watches ??= new Set();
    handle.watches.add(this);
  }

  isOf(table: object): boolean {
    return this.table === table;
  }

  /** Wants more, under the descriptor that was named last. */
  add(fd: number, what: number): void {
    this.fd = fd;
    this.repeats ||= (what & DN_MULTISHOT) !== 0;
    for (const [asked, mask] of MEANINGS) if ((what & asked) !== 0) this.watch.mask |= mask;
  }

  happened(): void {
    this.handle.owner?.ready(POLL_MSG, this.fd);
    if (!this.repeats) this.stop();
  }

  ended(): void {
    this.handle.watches?.delete(this);
  }

  closed(table: object): void {
    if (this.isOf(table)) this.stop();
  }

  handleReleased(): void {
    this.stop();
  }

  stop(): void {
    removeWatch(this.watch);
    this.ended();
  }
}

/** F_NOTIFY; nothing but DN_MULTISHOT ends it. */
export function notifyOfDirectory(thread: Caller, handle: Handle, fd: number, what: number): 0 | Errno {
  const table = thread.process.files;
  let notice: DirectoryNotice | null = null;
  for (const watch of handle.watches ?? [])
    if (watch instanceof DirectoryNotice && watch.isOf(table)) notice = watch;
  if ((what & ~DN_MULTISHOT) === 0) {
    notice?.stop();
    return 0;
  }
  if (!isDirectory(handle.inode)) return ENOTDIR;
  if ((handle.owner?.id ?? 0) === 0) {
    const owner = thread.fileOwner(F_OWNER_PID, thread.process.pid);
    if (owner !== null) {
      owner.signal = handle.owner?.signal ?? 0;
      handle.owner = owner;
    }
  }
  notice ??= new DirectoryNotice(handle, table, fd);
  notice.add(fd, what);
  return 0;
}

kind('DirectoryNotice', DirectoryNotice);
