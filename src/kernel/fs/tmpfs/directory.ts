import { constant, kind } from '../../checkpoint/registry.js';
import { SEEK_CUR } from '../../abi/fcntl.js';
import { DT_DIR, direntType } from '../../abi/stat.js';
import { EINVAL, EISDIR, type Errno } from '../../errno.js';
import { touchAccessed } from '../inode.js';
import type { DirEntry, Handle, HandleOperations, Inode } from '../types.js';

/** An entry and its place in listings, which it keeps while others come and go. */
interface Entry {
  readonly inode: Inode;
  readonly offset: number;
}

/** Positions 0 and 1 are '.' and '..'. */
const FIRST_OFFSET = 2;

/** A directory's names, in the order in which they were made. */
export class Directory {
  private readonly entries = new Map<string, Entry>();
  /** The offset of the next entry that is made. */
  next = FIRST_OFFSET;

  get size(): number {
    return this.entries.size;
  }

  get(name: string): Inode | undefined {
    return this.entries.get(name)?.inode;
  }

  add(name: string, inode: Inode): void {
    this.entries.delete(name);
    this.entries.set(name, { inode, offset: this.next++ });
  }

  /** Puts another inode under a name, which keeps its place. */
  exchange(name: string, inode: Inode): void {
    const old = this.entries.get(name);
    if (old !== undefined) this.entries.set(name, { inode, offset: old.offset });
  }

  delete(name: string): void {
    this.entries.delete(name);
  }

  iterate(): IterableIterator<[string, Entry]> {
    return this.entries.entries();
  }
}

/** Where a listing has got to: the next call goes on from here if the position is still what it left. */
class Cursor {
  /** An entry taken from the iterator that did not fit. */
  waiting: [string, Entry] | null = null;

  constructor(
    /** Null after a restore: it begins anew, and what was listed is passed over. */
    public iterator: IterableIterator<[string, Entry]> | null,
    public position: number,
    /** Entries made after the listing began are left out, so that it ends. */
    readonly end: number,
  ) {}
}

const $entry: DirEntry = { ino: 0, offset: 0, type: 0, name: '' };

type Emit = (entry: DirEntry) => boolean;

function emitEntry(
  handle: Handle,
  emit: Emit,
  name: string,
  inode: Inode,
  type: number,
  offset: number,
): boolean {
  $entry.name = name;
  $entry.ino = inode.ino;
  $entry.type = type;
  $entry.offset = offset + 1;
  if (!emit($entry)) return false;
  handle.position = offset + 1;
  return true;
}

function emitDots(handle: Handle, emit: Emit): boolean {
  const { inode } = handle;
  const parent = handle.location?.dentry.parent?.inode ?? inode;
  if (handle.position === 0 && !emitEntry(handle, emit, '.', inode, DT_DIR, 0)) return false;
  return handle.position !== 1 || emitEntry(handle, emit, '..', parent, DT_DIR, 1);
}

function cursorOf(handle: Handle, directory: Directory): Cursor {
  const known = handle.data as Cursor | null;
  if (known !== null && known.position === handle.position) return known;
  const restarts = known === null || handle.position <= FIRST_OFFSET;
  const end = restarts ? directory.next : Math.max(known.end, handle.position);
  const cursor = new Cursor(directory.iterate(), handle.position, end);
  handle.data = cursor;
  return cursor;
}

function nextEntry(cursor: Cursor, directory: Directory): [string, Entry] | undefined {
  const { waiting } = cursor;
  cursor.waiting = null;
  cursor.iterator ??= directory.iterate();
  return waiting ?? cursor.iterator.next().value;
}

export function readTmpfsDirectory(handle: Handle, emit: Emit): 0 {
  if (handle.position === 0) handle.data = null;
  if (!emitDots(handle, emit)) return 0;
  const directory = handle.inode.data as Directory;
  const cursor = cursorOf(handle, directory);
  for (let next = nextEntry(cursor, directory); next !== undefined; next = nextEntry(cursor, directory)) {
    const [name, entry] = next;
    if (entry.offset < handle.position || directory.get(name) !== entry.inode) continue;
    if (entry.offset >= cursor.end) break;
    if (!emitEntry(handle, emit, name, entry.inode, direntType(entry.inode.mode), entry.offset)) {
      cursor.waiting = next;
      break;
    }
  }
  cursor.position = handle.position;
  const vfs = handle.location?.mount.vfs;
  if (vfs !== undefined) touchAccessed(handle.inode, vfs.clock);
  return 0;
}

function seekDirectory(handle: Handle, offset: number, whence: number): number | Errno {
  const position = whence === SEEK_CUR ? handle.position + offset : offset;
  return whence > SEEK_CUR || position < 0 ? EINVAL : position;
}

export const DIRECTORY_OPERATIONS: HandleOperations = {
  seekable: true,
  read: () => EISDIR,
  write: () => EISDIR,
  readdir: readTmpfsDirectory,
  seek: seekDirectory,
  fsync: () => 0,
};

kind('Directory', Directory);
kind('DirectoryCursor', Cursor, {
  rebuilt: ['iterator', 'waiting'],
  restored(cursor) {
    cursor.iterator = cursor.waiting = null;
  },
});
constant('tmpfs.directory', DIRECTORY_OPERATIONS);
