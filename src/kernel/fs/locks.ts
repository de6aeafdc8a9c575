/**
 * Advisory locks on files: of processes (fcntl's F_SETLK; the owner is the descriptor table), of open files (F_OFD_SETLK
 * and flock(2); the owner is the handle). Record locks and flock locks do not see each other, as on Linux.
 */
import { kind } from '../checkpoint/registry.js';
import { F_UNLCK, F_WRLCK, LOCK_EX } from '../abi/fcntl.js';
import { EAGAIN, EDEADLOCK, type Errno } from '../errno.js';
import { WaitQueue } from '../process/waitqueue.js';
import type { Handle, Inode } from './types.js';

/** A lock on the bytes [start, end] of a file; end is Infinity for "to the end, wherever that will be". */
export interface RecordLock {
  readonly owner: object;
  /** The process that F_GETLK names; -1 for a lock of an open file. */
  readonly pid: number;
  /** F_RDLCK or F_WRLCK; F_UNLCK in a request. */
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

interface WholeLock {
  readonly owner: object;
  exclusive: boolean;
}

/** What inode.locks holds. */
class FileLocks {
  /** By start; one owner's do not overlap. */
  records: RecordLock[] = [];
  whole: WholeLock[] = [];
  /** Woken when a lock goes or becomes weaker. */
  readonly changed = new WaitQueue();
}

/** Whose lock an owner waits for. */
const $waitsFor = new Map<object, object>();

function locksOf(inode: Inode): FileLocks {
  if (!(inode.locks instanceof FileLocks)) inode.locks = new FileLocks();
  return inode.locks as FileLocks;
}

/** Woken when a lock on the file goes. */
export function lockQueue(inode: Inode): WaitQueue {
  return locksOf(inode).changed;
}

/** The locks on a file, for /proc/locks. */
export function recordLocks(inode: Inode): readonly RecordLock[] {
  return inode.locks instanceof FileLocks ? inode.locks.records : [];
}

/** Locks of whole files (flock(2)): whether each is exclusive, and the handle that owns it. */
export function wholeLocks(inode: Inode): readonly { readonly owner: object; readonly exclusive: boolean }[] {
  return inode.locks instanceof FileLocks ? inode.locks.whole : [];
}

/** The first lock that stands in the way of `request`, or null; for F_UNLCK, the first of its owner's own. */
export function conflictingLock(inode: Inode, request: RecordLock): RecordLock | null {
  for (const held of recordLocks(inode)) {
    if (held.end < request.start || held.start > request.end) continue;
    if (held.owner === request.owner) {
      if (request.type === F_UNLCK) return held;
      continue;
    }
    if (request.type === F_WRLCK || (held.type === F_WRLCK && request.type !== F_UNLCK)) return held;
  }
  return null;
}

/**
 * Sets, changes or (F_UNLCK) removes a record lock. EAGAIN when another's stands in the way; EDEADLK, when `waits`, if that
 * one waits for this one.
 */
export function setRecordLock(inode: Inode, request: RecordLock, waits: boolean): 0 | Errno {
  $waitsFor.delete(request.owner);
  if (request.type !== F_UNLCK) {
    const held = conflictingLock(inode, request);
    if (held !== null) {
      if (!waits) return EAGAIN;
      if (wouldDeadlock(request.owner, held.owner)) return EDEADLOCK;
      $waitsFor.set(request.owner, held.owner);
      return EAGAIN;
    }
  } else if (recordLocks(inode).length === 0) {
    return 0;
  }
  const locks = locksOf(inode);
  locks.records = placed(locks.records, request);
  locks.changed.wake();
  return 0;
}

/** An owner has stopped waiting for a record lock. */
export function stopWaitingForLock(owner: object): void {
  $waitsFor.delete(owner);
}

function wouldDeadlock(owner: object, holder: object): boolean {
  let at: object | undefined = holder;
  for (let steps = 0; at !== undefined && steps <= $waitsFor.size; steps++) {
    if (at === owner) return true;
    at = $waitsFor.get(at);
  }
  return false;
}

/** `locks` with `request` in place of what its owner has there; neighbours of one type become one. */
function placed(locks: readonly RecordLock[], request: RecordLock): RecordLock[] {
  const result: RecordLock[] = [];
  let { start, end } = request;
  for (const lock of locks) {
    const joins = lock.owner === request.owner && lock.end >= start - 1 && lock.start <= end + 1;
    if (!joins) result.push(lock);
    else if (lock.type === request.type) {
      start = Math.min(start, lock.start);
      end = Math.max(end, lock.end);
    } else {
      if (lock.start < request.start) result.push({ ...lock, end: Math.min(lock.end, request.start - 1) });
      if (lock.end > request.end) result.push({ ...lock, start: Math.max(lock.start, request.end + 1) });
    }
  }
  if (request.type !== F_UNLCK) result.push({ ...request, start, end });
  return result.sort((a, b) => a.start - b.start);
}

/** flock(2): LOCK_SH or LOCK_EX for the whole file. EAGAIN when another has it; then what this one had is gone. */
export function setFlock(handle: Handle, type: number): 0 | Errno {
  const locks = locksOf(handle.inode);
  const exclusive = type === LOCK_EX;
  const own = locks.whole.find((lock) => lock.owner === handle);
  if (own?.exclusive === exclusive) return 0;
  if (own !== undefined) removeFlock(handle);
  if (locks.whole.some((lock) => exclusive || lock.exclusive)) return EAGAIN;
  locks.whole.push({ owner: handle, exclusive });
  return 0;
}

export function removeFlock(handle: Handle): void {
  const { locks } = handle.inode;
  if (!(locks instanceof FileLocks)) return;
  const left = locks.whole.filter((lock) => lock.owner !== handle);
  if (left.length === locks.whole.length) return;
  locks.whole = left;
  locks.changed.wake();
}

/** A descriptor table has closed a descriptor of the file. */
export function releaseOwnerLocks(inode: Inode, owner: object): void {
  const { locks } = inode;
  if (!(locks instanceof FileLocks)) return;
  const left = locks.records.filter((lock) => lock.owner !== owner);
  if (left.length === locks.records.length) return;
  locks.records = left;
  locks.changed.wake();
}

/** The open file goes, and with it the locks that it owns. */
export function releaseHandleLocks(handle: Handle): void {
  releaseOwnerLocks(handle.inode, handle);
  removeFlock(handle);
}

kind('FileLocks', FileLocks);
