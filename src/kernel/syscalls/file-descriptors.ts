/** Descriptors: dup, fcntl, ioctl, pipe, memfd_create (fs/file.c, fs/fcntl.c, fs/ioctl.c). */
import {
  FIGETBSZ,
  FIOASYNC,
  FIOCLEX,
  FIONBIO,
  FIONCLEX,
  FIONREAD,
  FIOQSIZE,
  O_CLOEXEC,
  O_DIRECT,
  O_NONBLOCK,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  MFD_EXEC,
  MFD_HUGETLB,
  MFD_NOEXEC_SEAL,
} from '../abi/fcntl.js';
import { FIOGETOWN, FIOSETOWN, SIOCGPGRP, SIOCSPGRP } from '../abi/socket.js';
import { EFAULT, EINVAL, ENAMETOOLONG, ENOSYS, ENOTTY, type Errno } from '../errno.js';
import { releaseHandle, retainHandle } from '../fs/handle.js';
import { isDirectory, isRegular, isSymlink } from '../fs/inode.js';
import type { Handle } from '../fs/types.js';
import type { Args, Caller, SyscallRow } from '../types.js';
import { socketOf } from '../net/sockfs.js';
import { $struct, $view, fileOf } from './file-args.js';
import { getOwnerNumber, setAsyncFlag, setOwnerNumber, sysFcntl } from './file-fcntl.js';
import { sysFlock } from './file-locks.js';
import { putU64 } from '../abi/struct.js';

/** Gives a new descriptor to a handle that the caller owns a reference of. */
export function installNew(
  thread: Caller,
  handle: Handle,
  closeOnExec: boolean,
  from?: number,
): number | Errno {
  const fd = thread.process.files.install(handle, closeOnExec, from);
  if (fd < 0) releaseHandle(handle);
  return fd;
}

function sysDup(thread: Caller, args: Args): number {
  const handle = thread.process.files.get(args.int(0));
  return typeof handle === 'number' ? handle : installNew(thread, retainHandle(handle), false);
}

function dupTo(thread: Caller, from: number, to: number, closeOnExec: boolean): number {
  const { files } = thread.process;
  const handle = files.get(from);
  if (typeof handle === 'number') return handle;
  const fd = files.replace(to, retainHandle(handle), closeOnExec);
  if (fd < 0) releaseHandle(handle);
  return fd;
}

function sysDup2(thread: Caller, args: Args): number {
  const from = args.int(0);
  const to = args.int(1);
  if (from !== to) return dupTo(thread, from, to, false);
  const handle = thread.process.files.get(from);
  return typeof handle === 'number' ? handle : to;
}

function sysDup3(thread: Caller, args: Args): number {
  const flags = args.int(2);
  if ((flags & ~O_CLOEXEC) !== 0 || args.int(0) === args.int(1)) return EINVAL;
  return dupTo(thread, args.int(0), args.int(1), flags !== 0);
}

type Ioctl = (thread: Caller, handle: Handle, arg: number, fd: number) => number;

/** Requests that mean the same for all files. */
const IOCTLS: ReadonlyMap<number, Ioctl> = new Map<number, Ioctl>([
  [FIOCLEX, (thread, _handle, _arg, fd) => setCloseOnExec(thread, fd, true)],
  [FIONCLEX, (thread, _handle, _arg, fd) => setCloseOnExec(thread, fd, false)],
  [FIONBIO, (thread, handle, arg) => setStatusFlag(thread, handle, arg, O_NONBLOCK)],
  [FIOASYNC, setAsynchronous],
  [FIOQSIZE, fileSize],
  [FIGETBSZ, (thread, _handle, arg) => thread.process.memory.writeU32(arg, 4096)],
  [FIONREAD, unread],
]);

function setCloseOnExec({ process }: Caller, fd: number, on: boolean): 0 {
  process.files.setCloseOnExec(fd, on);
  return 0;
}

function setStatusFlag(thread: Caller, handle: Handle, arg: number, flag: number): number {
  if (thread.process.memory.copyIn(arg, $struct, 0, 4) !== 0) return EFAULT;
  handle.flags = $view.getInt32(0, true) === 0 ? handle.flags & ~flag : handle.flags | flag;
  return 0;
}

function setAsynchronous(thread: Caller, handle: Handle, arg: number, fd: number): number {
  if (thread.process.memory.copyIn(arg, $struct, 0, 4) !== 0) return EFAULT;
  return setAsyncFlag(thread, handle, fd, $view.getInt32(0, true) !== 0);
}

/** Requests that all sockets know (sock_ioctl). */
const SOCKET_IOCTLS: ReadonlyMap<number, Ioctl> = new Map<number, Ioctl>([
  [FIOSETOWN, setOwnerAt],
  [SIOCSPGRP, setOwnerAt],
  [FIOGETOWN, getOwnerAt],
  [SIOCGPGRP, getOwnerAt],
]);

function setOwnerAt(thread: Caller, handle: Handle, arg: number): number {
  if (thread.process.memory.copyIn(arg, $struct, 0, 4) !== 0) return EFAULT;
  return setOwnerNumber(thread, handle, $view.getInt32(0, true));
}

function getOwnerAt(thread: Caller, handle: Handle, arg: number): number {
  return thread.process.memory.writeU32(arg, getOwnerNumber(handle) >>> 0);
}

function fileSize(thread: Caller, { inode }: Handle, arg: number): number {
  if (!isRegular(inode) && !isDirectory(inode) && !isSymlink(inode)) return ENOTTY;
  inode.fs.refresh?.(inode);
  putU64($view, 0, (inode.blocks ?? 0) * 512);
  return thread.process.memory.copyOut(arg, $struct, 0, 8);
}

function unread(thread: Caller, handle: Handle, arg: number): number {
  const { inode, ops } = handle;
  const { memory } = thread.process;
  if (!isRegular(inode)) return ops.ioctl?.(handle, FIONREAD, arg, memory) ?? ENOTTY;
  inode.fs.refresh?.(inode);
  return memory.writeU32(arg, inode.size - handle.position);
}

function sysIoctl(thread: Caller, args: Args): number {
  const handle = fileOf(thread, args.int(0));
  if (typeof handle === 'number') return handle;
  const request = args.uint(1);
  const generic = IOCTLS.get(request);
  const forSocket = typeof socketOf(handle) !== 'number' ? SOCKET_IOCTLS.get(request) : undefined;
  const action = generic ?? forSocket;
  if (action !== undefined) return action(thread, handle, args.addr(2), args.int(0));
  return handle.ops.ioctl?.(handle, request, args.addr(2), thread.process.memory) ?? ENOTTY;
}

/** Makes a pipe; writes its two descriptors to `addr`. */
function makePipe(thread: Caller, addr: number, flags: number): number {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) !== 0) return EINVAL;
  const { files, fs, memory } = thread.process;
  const closeOnExec = (flags & O_CLOEXEC) !== 0;
  const { reader, writer } = fs.root.mount.vfs.createPipe(fs.cred, flags);
  const read = installNew(thread, reader, closeOnExec);
  if (read < 0) {
    releaseHandle(writer);
    return read;
  }
  const write = installNew(thread, writer, closeOnExec);
  const failed = write < 0 ? write : writePair(memory, addr, read, write);
  if (failed === 0) return 0;
  files.close(read);
  if (write >= 0) files.close(write);
  return failed;
}

function writePair(
  memory: Caller['process']['memory'],
  addr: number,
  first: number,
  second: number,
): 0 | Errno {
  $view.setInt32(0, first, true);
  $view.setInt32(4, second, true);
  return memory.copyOut(addr, $struct, 0, 8);
}

const MEMFD_FLAGS = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC;
/** The name may have so many bytes, to fit into NAME_MAX with its prefix. */
const MEMFD_NAME_MAX = 249;

function sysMemfdCreate(thread: Caller, args: Args): number {
  const flags = args.uint(1);
  if ((flags & MFD_HUGETLB) !== 0) return ENOSYS;
  if ((flags & ~MEMFD_FLAGS) !== 0) return EINVAL;
  if ((flags & MFD_EXEC) !== 0 && (flags & MFD_NOEXEC_SEAL) !== 0) return EINVAL;
  const name = thread.process.memory.stringIn(args.addr(0), MEMFD_NAME_MAX + 1);
  if (typeof name === 'number') return name === ENAMETOOLONG ? EINVAL : name;
  const { fs } = thread.process;
  const handle = fs.root.mount.vfs.createMemfd(name, flags, fs.cred);
  return typeof handle === 'number' ? handle : installNew(thread, handle, (flags & MFD_CLOEXEC) !== 0);
}

export const descriptorRows: readonly SyscallRow[] = [
  { number: 16, name: 'ioctl', args: ['fd', 'hex', 'addr'], run: sysIoctl },
  { number: 22, name: 'pipe', args: ['addr'], run: (thread, args) => makePipe(thread, args.addr(0), 0) },
  { number: 32, name: 'dup', args: ['fd'], run: sysDup },
  { number: 33, name: 'dup2', args: ['fd', 'fd'], run: sysDup2 },
  { number: 72, name: 'fcntl', args: ['fd', 'int', 'hex'], run: sysFcntl },
  { number: 73, name: 'flock', args: ['fd', 'int'], run: sysFlock },
  { number: 292, name: 'dup3', args: ['fd', 'fd', 'hex'], run: sysDup3 },
  {
    number: 293,
    name: 'pipe2',
    args: ['addr', 'hex'],
    run: (thread, args) => makePipe(thread, args.addr(0), args.int(1)),
  },
  {
    number: 319,
    name: 'memfd_create',
    args: ['string', 'hex'],
    run: sysMemfdCreate,
    note: 'MFD_HUGETLB is ENOSYS: there are no huge pages.',
  },
];
