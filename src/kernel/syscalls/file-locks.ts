/** Locks on files: flock(2) and fcntl's (fs/locks.c). */
import { kind } from '../checkpoint/registry.js';
import {
  FLOCK,
  F_GETLK,
  F_OFD_GETLK,
  F_OFD_SETLKW,
  F_RDLCK,
  F_SETLKW,
  F_UNLCK,
  F_WRLCK,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from '../abi/fcntl.js';
import { EAGAIN, EBADF, EINVAL, EOVERFLOW, ERESTARTSYS, WAIT, type Errno } from '../errno.js';
import { canRead, canWrite } from '../fs/handle.js';
import {
  conflictingLock,
  lockQueue,
  removeFlock,
  setFlock,
  setRecordLock,
  stopWaitingForLock,
  type RecordLock,
} from '../fs/locks.js';
import type { Handle, Inode } from '../fs/types.js';
import type { Args, Caller } from '../types.js';
import { $struct, $view, fileOf, structIn, structOut } from './file-args.js';

function waitForLock(thread: Caller, inode: Inode): Errno {
  if (thread.signalled) return ERESTARTSYS;
  thread.waitOn(lockQueue(inode));
  return WAIT;
}

export function sysFlock(thread: Caller, args: Args): number {
  const handle = fileOf(thread, args.int(0));
  if (typeof handle === 'number') return handle;
  const operation = args.int(1) & ~LOCK_NB;
  if (operation === LOCK_UN) {
    removeFlock(handle);
    return 0;
  }
  if (operation !== LOCK_SH && operation !== LOCK_EX) return EINVAL;
  if (!canRead(handle) && !canWrite(handle)) return EBADF;
  const result = setFlock(handle, operation);
  return result === EAGAIN && (args.int(1) & LOCK_NB) === 0 ? waitForLock(thread, handle.inode) : result;
}

/** A waiting F_SETLKW: it must not count as waiting any more when its thread ends. */
class PendingLock {
  constructor(private readonly owner: object) {}

  abandon(): void {
    stopWaitingForLock(this.owner);
  }
}

function isOfd(command: number): boolean {
  return command >= F_OFD_GETLK && command <= F_OFD_SETLKW;
}

/** fcntl's F_GETLK, F_SETLK, F_SETLKW and their F_OFD_ forms. */
export function recordLock(thread: Caller, handle: Handle, command: number, addr: number): number {
  const failed = structIn(thread, addr, FLOCK);
  if (failed !== 0) return failed;
  const request = requestIn(thread, handle, command);
  if (typeof request === 'number') return request;
  const isQuery = command === F_GETLK || command === F_OFD_GETLK;
  if (command === F_GETLK && request.type === F_UNLCK) return EINVAL;
  return isQuery ? query(thread, handle, request, addr) : set(thread, handle, request, command);
}

/** The lock that the struct flock in $struct asks for. */
function requestIn(thread: Caller, handle: Handle, command: number): RecordLock | Errno {
  const type = FLOCK.get($view, 0, 'l_type');
  const range = rangeOf(handle);
  if (typeof range === 'number') return range;
  if (type !== F_RDLCK && type !== F_WRLCK && type !== F_UNLCK) return EINVAL;
  if (!isOfd(command)) return { owner: thread.process.files, pid: thread.process.pid, type, ...range };
  if (FLOCK.get($view, 0, 'l_pid') !== 0) return EINVAL;
  return { owner: handle, pid: -1, type, ...range };
}

/** l_whence, l_start and l_len as the first and last byte (flock64_to_posix_lock). */
function rangeOf(handle: Handle): { start: number; end: number } | Errno {
  const whence = FLOCK.get($view, 0, 'l_whence');
  const length = FLOCK.get($view, 0, 'l_len');
  const offset = FLOCK.get($view, 0, 'l_start');
  if (whence !== SEEK_SET && whence !== SEEK_CUR && whence !== SEEK_END) return EINVAL;
  handle.inode.fs.refresh?.(handle.inode);
  const base = whence === SEEK_CUR ? handle.position : whence === SEEK_END ? handle.inode.size : 0;
  const start = base + offset;
  if (start > OFFSET_MAX) return EOVERFLOW;
  if (start < 0) return EINVAL;
  if (length === 0) return { start, end: Infinity };
  if (length > 0) return start + length - 1 > OFFSET_MAX ? EOVERFLOW : { start, end: start + length - 1 };
  return start + length < 0 ? EINVAL : { start: start + length, end: start - 1 };
}

const OFFSET_MAX = 2 ** 63;

function query(thread: Caller, handle: Handle, request: RecordLock, addr: number): number {
  const held = conflictingLock(handle.inode, request);
  if (held === null) FLOCK.put($view, 0, 'l_type', F_UNLCK);
  else {
    $struct.fill(0, 0, FLOCK.size);
    const l_len = held.end === Infinity ? 0 : held.end - held.start + 1;
    FLOCK.putAll($view, 0, {
      l_type: held.type,
      l_whence: SEEK_SET,
      l_start: held.start,
      l_len,
      l_pid: held.pid,
    });
  }
  return structOut(thread, addr, FLOCK);
}

function set(thread: Caller, handle: Handle, request: RecordLock, command: number): number {
  if (request.type === F_RDLCK && !canRead(handle)) return EBADF;
  if (request.type === F_WRLCK && !canWrite(handle)) return EBADF;
  const waits = command === F_SETLKW || command === F_OFD_SETLKW;
  // Only processes can wait for one another: an open file may have many users.
  const result = setRecordLock(handle.inode, request, waits && !isOfd(command));
  if (result !== EAGAIN || !waits) return result;
  const waiting = waitForLock(thread, handle.inode);
  if (waiting === WAIT) thread.callState = new PendingLock(request.owner);
  else stopWaitingForLock(request.owner);
  return waiting;
}

kind('PendingLock', PendingLock);
