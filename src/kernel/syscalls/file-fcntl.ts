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
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_OWNER_EX,
  F_OWNER_PGRP,
  F_OWNER_PID,
  F_OWNER_TID,
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
  O_APPEND,
  O_ASYNC,
  O_DIRECT,
  O_NOATIME,
  O_NONBLOCK,
} from '../abi/fcntl.js';
import { CAP_SYS_RESOURCE } from '../abi/capability.js';
import { RLIMIT_NOFILE } from '../abi/resource.js';
import { SIGRTMAX } from '../abi/signal.js';
import { EAGAIN, EBADF, EINVAL, EPERM } from '../errno.js';
import { canWrite, isPathOnly, releaseHandle, retainHandle } from '../fs/handle.js';
import { capable, isOwnerOrCapable } from '../fs/permission.js';
import { pipeOf } from '../fs/pipe/pipe.js';
import { sealable } from '../fs/tmpfs/memfd.js';
import type { Handle, HandleOwner } from '../fs/types.js';
import type { Args, Caller } from '../types.js';
import { $view, structIn, structOut } from './file-args.js';
import { recordLock } from './file-locks.js';

/** One command: `arg` is the low half of the argument, signed; where it is an address, `args` has it. */
type Command = (thread: Caller, handle: Handle, arg: number, args: Args) => number;

/** What F_SETFL can change. */
const CHANGEABLE = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME;

function duplicate(thread: Caller, handle: Handle, from: number, closeOnExec: boolean): number {
  if (from < 0 || from >= thread.process.limit(RLIMIT_NOFILE)) return EINVAL;
  const fd = thread.process.files.install(retainHandle(handle), closeOnExec, from);
  if (fd < 0) releaseHandle(handle);
  return fd;
}

function setFlags(thread: Caller, handle: Handle, arg: number): number {
  const { cred } = thread.process.fs;
  const adds = arg & ~handle.flags;
  if ((adds & O_NOATIME) !== 0 && !isOwnerOrCapable(handle.inode, cred)) return EPERM;
  // What cannot be waited for sends no SIGIO.
  const changeable = handle.ops.poll === undefined ? CHANGEABLE & ~O_ASYNC : CHANGEABLE;
  handle.flags = (handle.flags & ~changeable) | (arg & changeable);
  return 0;
}

const NOBODY: HandleOwner = { type: F_OWNER_PID, id: 0, signal: 0 };

function setOwner(handle: Handle, type: number, id: number): 0 {
  handle.owner = { type, id, signal: handle.owner?.signal ?? 0 };
  return 0;
}

function setOwnerEx(thread: Caller, handle: Handle, addr: number): number {
  const failed = structIn(thread, addr, F_OWNER_EX);
  if (failed !== 0) return failed;
  const type = F_OWNER_EX.get($view, 0, 'type');
  const known = type === F_OWNER_TID || type === F_OWNER_PID || type === F_OWNER_PGRP;
  return known ? setOwner(handle, type, F_OWNER_EX.get($view, 0, 'pid')) : EINVAL;
}

function getOwnerEx(thread: Caller, handle: Handle, addr: number): number {
  const { type, id } = handle.owner ?? NOBODY;
  F_OWNER_EX.putAll($view, 0, { type, pid: id });
  return structOut(thread, addr, F_OWNER_EX);
}

/** A group is a negative number. */
function getOwner(handle: Handle): number {
  const { type, id } = handle.owner ?? NOBODY;
  return type === F_OWNER_PGRP ? -id : id;
}

function setSignal(handle: Handle, signal: number): number {
  if (signal < 0 || signal > SIGRTMAX) return EINVAL;
  handle.owner = { ...(handle.owner ?? NOBODY), signal };
  return 0;
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
  [
    F_SETOWN,
    (_thread, handle, arg) =>
      arg < 0 ? setOwner(handle, F_OWNER_PGRP, -arg) : setOwner(handle, F_OWNER_PID, arg),
  ],
  [F_GETOWN, (_thread, handle) => getOwner(handle)],
  [F_SETOWN_EX, (thread, handle, _arg, args) => setOwnerEx(thread, handle, args.addr(2))],
  [F_GETOWN_EX, (thread, handle, _arg, args) => getOwnerEx(thread, handle, args.addr(2))],
  [F_SETSIG, (_thread, handle, arg) => setSignal(handle, arg)],
  [F_GETSIG, (_thread, handle) => handle.owner?.signal ?? 0],
  [F_GETLEASE, () => F_UNLCK],
  [F_SETLEASE, (_thread, _handle, arg) => (arg === F_UNLCK ? EAGAIN : EINVAL)],
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
