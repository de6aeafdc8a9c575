/**
 * Who wants to know what happens to files (Linux's fsnotify). A watch is on an inode; what happens to a file is told to
 * those who watch it, and, with its name, to those who watch the directory in which it stands. The VFS calls `notify...`
 * wherever Linux's does, after the fact and in Linux's order; where nobody watches that is two looks at a field.
 *
 * An inode's watches hold one reference to it, all together, and end when a dentry lets go of it and it has no names left
 * (dentry.ts).
 */
import { kind } from '../checkpoint/registry.js';
import { O_PATH } from '../abi/fcntl.js';
import {
  IN_ATTRIB,
  IN_CLOSE_NOWRITE,
  IN_CLOSE_WRITE,
  IN_DELETE_SELF,
  IN_EXCL_UNLINK,
  IN_ISDIR,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_MOVE_SELF,
  IN_ONESHOT,
} from '../abi/inotify.js';
import { isDirectory, releaseInode, retainInode } from './inode.js';
import type { Dentry, Handle, Inode, InodeWatches } from './types.js';

/** Who gets a watch's events. */
export interface WatchOwner {
  /** `mask`: IN_*, with IN_ISDIR; `name`: which file of the watched directory, null for the watched file itself. */
  happened(watch: Watch, mask: number, name: string | null, cookie: number): void;
  /** The watch is no more: its file has gone, or it was for one event. */
  ended(watch: Watch): void;
}

/** A watch on an inode (struct fsnotify_mark). */
export class Watch {
  constructor(
    readonly owner: WatchOwner,
    readonly inode: Inode,
    /** IN_* events that are wanted, IN_EXCL_UNLINK and IN_ONESHOT. */
    public mask: number,
    /** The owner's number for it. */
    readonly id: number,
  ) {}
}

class Watches implements InodeWatches {
  readonly all = new Set<Watch>();

  constructor(private readonly inode: Inode) {
    retainInode(inode);
  }

  tell(mask: number, name: string | null, cookie: number, unlinked: boolean): void {
    for (const watch of [...this.all]) {
      if ((watch.mask & mask & ~IN_ISDIR) === 0) continue;
      if (unlinked && (watch.mask & IN_EXCL_UNLINK) !== 0) continue;
      watch.owner.happened(watch, mask, name, cookie);
      if ((watch.mask & IN_ONESHOT) !== 0) end(watch);
    }
  }

  gone(): void {
    this.tell(IN_DELETE_SELF, null, 0, false);
    for (const watch of [...this.all]) end(watch);
  }

  remove(watch: Watch): void {
    if (!this.all.delete(watch) || this.all.size > 0) return;
    this.inode.watches = null;
    releaseInode(this.inode);
  }
}

function watchesOf(inode: Inode): Watches | null {
  return inode.watches instanceof Watches ? inode.watches : null;
}

function end(watch: Watch): void {
  removeWatch(watch);
  watch.owner.ended(watch);
}

export function addWatch(watch: Watch): void {
  const watches = watchesOf(watch.inode) ?? new Watches(watch.inode);
  watch.inode.watches = watches;
  watches.all.add(watch);
}

/** Takes a watch away without telling its owner. */
export function removeWatch(watch: Watch): void {
  watchesOf(watch.inode)?.remove(watch);
}

/** The owner's watch on an inode. */
export function findWatch(owner: WatchOwner, inode: Inode): Watch | null {
  for (const watch of watchesOf(inode)?.all ?? []) if (watch.owner === owner) return watch;
  return null;
}

function directoryBit(inode: Inode): number {
  return isDirectory(inode) ? IN_ISDIR : 0;
}

/** Something that concerns the file and not its name. */
export function notifyInode(inode: Inode, mask: number): void {
  inode.watches?.tell(mask | directoryBit(inode), null, 0, false);
}

/** A name in a directory has come, gone or moved; it means `inode`. */
export function notifyName(dir: Inode | null, name: string, inode: Inode, mask: number, cookie = 0): void {
  dir?.watches?.tell(mask | directoryBit(inode), name, cookie, false);
}

/** Something was done to a file by this name: its directory's watches hear of it, and then its own. */
export function notifyDentry({ inode, parent, name, deleted }: Dentry, mask: number, byHandle = false): void {
  if (inode === null) return;
  const above = parent?.inode?.watches ?? null;
  if (above === null && inode.watches === null) return;
  const whole = mask | directoryBit(inode);
  const unlinked = byHandle && deleted;
  above?.tell(whole, name, 0, unlinked);
  inode.watches?.tell(whole, null, 0, unlinked);
}

/** The same by an open file. */
export function notifyHandle({ location, access }: Handle, mask: number): void {
  if (location === null || (access & O_PATH) !== 0) return;
  notifyDentry(location.dentry, mask, true);
}

export function notifyClose(handle: Handle, writes: boolean): void {
  notifyHandle(handle, writes ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
}

let cookie = 0;

/** `moved` has come from a name in `from` to where it is now; `replaced` stood there before. */
export function notifyMove(from: Inode, oldName: string, moved: Dentry, replaced: Inode | null): void {
  const { inode } = moved;
  const to = moved.parent?.inode ?? null;
  if (inode === null) return;
  cookie = (cookie + 1) >>> 0;
  notifyName(from, oldName, inode, IN_MOVED_FROM, cookie);
  notifyName(to, moved.name, inode, IN_MOVED_TO, cookie);
  if (replaced !== null) notifyInode(replaced, IN_ATTRIB);
  inode.watches?.tell(IN_MOVE_SELF, null, 0, false);
}

kind('Watch', Watch);
kind('Watches', Watches);
