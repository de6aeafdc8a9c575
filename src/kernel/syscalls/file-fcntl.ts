/** fcntl(2) (fs/fcntl.c). */
import {
  FD_CLOEXEC,
  F_ADD_SEALS,
  F_CREATED_QUERY,
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_DUPFD_QUERY,
  F_GETFD,
  F_GETFL,
  F_GETLEASE,
  F_GETLK,
  F_GETOWN,
  F_GETOWN_EX,
  F_GETPIPE_SZ,
  F_GETSIG,
  F_GET_SEALS,
  F_NOTIFY,
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_OWNER_EX,
  F_OWNER_PGRP,
  F_OWNER_PID,
  F_OWNER_TID,
  F_RDLCK,
  F_SETFD,
  F_SETFL,
  F_SETLEASE,
  F_SETLK,
  F_SETLKW,
  F_SETOWN,
  F_SETOWN_EX,
  F_SETPIPE_SZ,
  F_SETSIG,
  F_UNLCK,
  F_WRLCK,
  O_APPEND,
  O_ASYNC,
  O_DIRECT,
  O_NOATIME,
  O_NONBLOCK,
} from '../abi/fcntl.js';
import { CAP_LEASE, CAP_SYS_RESOURCE } from '../abi/capability.js';
import { RLIMIT_NOFILE } from '../abi/resource.js';
import { SIGRTMAX } from '../abi/signal.js';
import { EACCES, EBADF, EINVAL, ENOTTY, EPERM, ESRCH, type Errno } from '../errno.js';
import { canWrite, isPathOnly, releaseHandle, retainHandle } from '../fs/handle.js';
import { isDirectory, isRegular } from '../fs/inode.js';
import { giveUpLease, leaseType, takeLease } from '../fs/leases.js';
import { capable, isOwnerOrCapable } from '../fs/permission.js';
import { pipeOf } from '../fs/pipe/pipe.js';
import { sealable } from '../fs/tmpfs/memfd.js';
import type { Handle } from '../fs/types.js';
import { notifyOfDirectory } from '../ipc/dnotify.js';
import { setAsync } from '../signal/sigio.js';
import type { Args, Caller } from '../types.js';
import { $view, structIn, structOut } from './file-args.js';
import { recordLock } from './file-locks.js';

/** One command: `arg` is the low half of the argument, signed; where it is an address, `args` has it. */
type Command = (thread: Caller, handle: Handle, arg: number, args: Args) => number;

/** What F_SETFL can change. */
const CHANGEABLE = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;

function duplicate(thread: Caller, handle: Handle, from: number, closeOnExec: boolean): number {
  if (from < 0 || from >= thread.process.limit(RLIMIT_NOFILE)) return EINVAL;
  const fd = thread.process.files.install(retainHandle(handle), closeOnExec, from);
  if (fd < 0) releaseHandle(handle);
  return fd;
}

function setFlags(thread: Caller, handle: Handle, arg: number, args: Args): number {
  const { cred } = thread.process.fs;
  const adds = arg & ~handle.flags;
  if ((adds & O_NOATIME) !== 0 && !isOwnerOrCapable(handle.inode, cred)) return EPERM;
  setAsyncFlag(thread, handle, args.int(0), (arg & O_ASYNC) !== 0);
  handle.flags = (handle.flags & ~CHANGEABLE) | (arg & CHANGEABLE);
  return 0;
}

/** Switches O_ASYNC on or off; ENOTTY where there is no such thing. */
export function setAsyncFlag(thread: Caller, handle: Handle, fd: number, on: boolean): 0 | Errno {
  if (((handle.flags & O_ASYNC) !== 0) === on) return 0;
  const group = handle.ops.fasync?.();
  if (group === undefined) return ENOTTY;
  setAsync(handle, fd, on);
  handle.flags = on ? handle.flags | O_ASYNC : handle.flags & ~O_ASYNC;
  if (on && group !== null && (handle.owner?.id ?? 0) === 0) {
    const type = group === 0 ? F_OWNER_PID : F_OWNER_PGRP;
    setOwner(thread, handle, type, group === 0 ? thread.process.pid : group);
  }
  return 0;
}

export function setOwner(thread: Caller, handle: Handle, type: number, id: number): 0 | Errno {
  const owner = thread.fileOwner(type, id);
  if (owner === null) return ESRCH;
  owner.signal = handle.owner?.signal ?? 0;
  handle.owner = owner;
  return 0;
}

/** F_SETOWN, FIOSETOWN: a negative number is a group. */
export function setOwnerNumber(thread: Caller, handle: Handle, number: number): 0 | Errno {
  if (number === -0x80000000) return EINVAL;
  return number < 0
    ? setOwner(thread, handle, F_OWNER_PGRP, -number)
    : setOwner(thread, handle, F_OWNER_PID, number);
}

function setOwnerEx(thread: Caller, handle: Handle, addr: number): number {
  const failed = structIn(thread, addr, F_OWNER_EX);
  if (failed !== 0) return failed;
  const type = F_OWNER_EX.get($view, 0, 'type');
  const known = type === F_OWNER_TID || type === F_OWNER_PID || type === F_OWNER_PGRP;
  return known ? setOwner(thread, handle, type, F_OWNER_EX.get($view, 0, 'pid')) : EINVAL;
}

function getOwnerEx(thread: Caller, handle: Handle, addr: number): number {
  const { type, id } = handle.owner ?? { type: F_OWNER_PID, id: 0 };
  F_OWNER_EX.putAll($view, 0, { type, pid: id });
  return structOut(thread, addr, F_OWNER_EX);
}

/** A group is a negative number. */
export function getOwnerNumber({ owner }: Handle): number {
  if (owner === undefined || owner.id === 0) return 0;
  return owner.type === F_OWNER_PGRP ? -owner.id : owner.id;
}

function setSignal(thread: Caller, handle: Handle, signal: number): number {
  if (signal < 0 || signal > SIGRTMAX) return EINVAL;
  const owner = handle.owner ?? thread.fileOwner(F_OWNER_PID, 0);
  if (owner === null) return EINVAL;
  owner.signal = signal;
  handle.owner = owner;
  return 0;
}

function setLease(thread: Caller, handle: Handle, fd: number, type: number): 0 | Errno {
  const { inode } = handle;
  const { cred, root } = thread.process.fs;
  if (isDirectory(inode) || (type !== F_RDLCK && type !== F_WRLCK && type !== F_UNLCK)) return EINVAL;
  if (cred.fsuid !== inode.uid && !capable(cred, CAP_LEASE)) return EACCES;
  if (!isRegular(inode)) return EINVAL;
  if (type === F_UNLCK) return giveUpLease(handle);
  const taken = takeLease(handle, type, { pid: thread.process.pid, fd }, root.mount.vfs);
  if (taken === 0 && (handle.owner?.id ?? 0) === 0) setOwner(thread, handle, F_OWNER_PID, thread.process.pid);
  return taken;
}

function setPipeSize(thread: Caller, handle: Handle, size: number): number {
  const pipe = pipeOf(handle);
  if (typeof pipe === 'number') return pipe;
  const { cred, root } = thread.process.fs;
  const { pipeMaxSize } = root.mount.vfs.settings;
  return pipe.resize(size >>> 0, capable(cred, CAP_SYS_RESOURCE) ? Infinity : pipeMaxSize);
}

function getPipeSize(handle: Handle): number {
  const pipe = pipeOf(handle);
  return typeof pipe === 'number' ? pipe : pipe.capacity;
}

function addSeals(handle: Handle, seals: number): number {
  const content = sealable(handle);
  if (typeof content === 'number') return content;
  return canWrite(handle) ? content.addSeals(seals) : EPERM;
}

function getSeals(handle: Handle): number {
  const content = sealable(handle);
  return typeof content === 'number' ? content : content.seals;
}

const lock =
  (command: number): Command =>
  (thread, handle, _arg, args) =>
    recordLock(thread, handle, command, args.addr(2));

/** Commands for any descriptor, O_PATH included. */
const PLACE_COMMANDS: ReadonlyMap<number, Command> = new Map<number, Command>([
  [F_DUPFD, (thread, handle, arg) => duplicate(thread, handle, arg, false)],
  [F_DUPFD_CLOEXEC, (thread, handle, arg) => duplicate(thread, handle, arg, true)],
  [
    F_DUPFD_QUERY,
    (thread, handle, arg) => {
      const other = thread.process.files.get(arg);
      return typeof other === 'number' ? EBADF : Number(other === handle);
    },
  ],
  [
    F_GETFD,
    (thread, _handle, _arg, args) => (thread.process.files.closeOnExec(args.int(0)) ? FD_CLOEXEC : 0),
  ],
  [
    F_SETFD,
    (thread, _handle, arg, args) => {
      thread.process.files.setCloseOnExec(args.int(0), (arg & FD_CLOEXEC) !== 0);
      return 0;
    },
  ],
  [F_GETFL, (_thread, handle) => handle.flags],
]);

const COMMANDS: ReadonlyMap<number, Command> = new Map<number, Command>([
  [F_SETFL, setFlags],
  [F_GETLK, lock(F_GETLK)],
  [F_SETLK, lock(F_SETLK)],
  [F_SETLKW, lock(F_SETLKW)],
  [F_OFD_GETLK, lock(F_OFD_GETLK)],
  [F_OFD_SETLK, lock(F_OFD_SETLK)],
  [F_OFD_SETLKW, lock(F_OFD_SETLKW)],
  [F_SETOWN, (thread, handle, arg) => setOwnerNumber(thread, handle, arg)],
  [F_GETOWN, (_thread, handle) => getOwnerNumber(handle)],
  [F_SETOWN_EX, (thread, handle, _arg, args) => setOwnerEx(thread, handle, args.addr(2))],
  [F_GETOWN_EX, (thread, handle, _arg, args) => getOwnerEx(thread, handle, args.addr(2))],
  [F_SETSIG, (thread, handle, arg) => setSignal(thread, handle, arg)],
  [F_GETSIG, (_thread, handle) => handle.owner?.signal ?? 0],
  [F_NOTIFY, (thread, handle, arg, args) => notifyOfDirectory(thread, handle, args.int(0), arg >>> 0)],
  [F_GETLEASE, (thread, handle) => leaseType(handle, thread.process.fs.root.mount.vfs)],
  [F_SETLEASE, (thread, handle, arg, args) => setLease(thread, handle, args.int(0), arg)],
  [F_SETPIPE_SZ, setPipeSize],
  [F_GETPIPE_SZ, (_thread, handle) => getPipeSize(handle)],
  [F_ADD_SEALS, (_thread, handle, arg) => addSeals(handle, arg >>> 0)],
  [F_GET_SEALS, (_thread, handle) => getSeals(handle)],
  [F_CREATED_QUERY, () => 0],
]);

export function sysFcntl(thread: Caller, args: Args): number {
  const handle = thread.process.files.get(args.int(0));
  if (typeof handle === 'number') return handle;
  const command = args.int(1);
  const forPlaces = PLACE_COMMANDS.get(command);
  if (forPlaces !== undefined) return forPlaces(thread, handle, args.int(2), args);
  if (isPathOnly(handle)) return EBADF;
  return COMMANDS.get(command)?.(thread, handle, args.int(2), args) ?? EINVAL;
}
