/** Calls on extended attributes (fs/xattr.c). */
import { AT_FDCWD } from '../abi/fcntl.js';
import { XATTR_CREATE, XATTR_NAME_MAX, XATTR_REPLACE, XATTR_SIZE_MAX } from '../abi/limits.js';
import { E2BIG, EFAULT, EINVAL, ENAMETOOLONG, ERANGE, type Errno } from '../errno.js';
import type { Location } from '../fs/types.js';
import { LOOKUP_FOLLOW } from '../fs/walk.js';
import { getXattr, listXattrs, removeXattr, setXattr } from '../fs/xattr.js';
import type { Args, ArgKind, Caller, SyscallRow } from '../types.js';
import { filePlace, resolveAt } from './file-args.js';

/** Which file a call is about, from its first argument. */
type Target = (thread: Caller, args: Args) => Location | Errno;

const followed: Target = (thread, args) => resolveAt(thread, AT_FDCWD, args.addr(0), LOOKUP_FOLLOW);
const itself: Target = (thread, args) => resolveAt(thread, AT_FDCWD, args.addr(0), 0);
const opened: Target = (thread, args) => filePlace(thread, args.int(0));

function nameIn(thread: Caller, addr: number): string | Errno {
  const name = thread.process.memory.stringIn(addr, XATTR_NAME_MAX + 1);
  if (name === ENAMETOOLONG || name === '') return ERANGE;
  return name;
}

function sysSetxattr(thread: Caller, args: Args, target: Target): number {
  const flags = args.int(4);
  const size = args.size(3);
  if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) !== 0) return EINVAL;
  const name = nameIn(thread, args.addr(1));
  if (typeof name === 'number') return name;
  if (size > XATTR_SIZE_MAX) return E2BIG;
  const value = new Uint8Array(size);
  const failed = thread.process.memory.copyIn(args.addr(2), value, 0, size);
  if (failed !== 0) return failed;
  const place = target(thread, args);
  return typeof place === 'number' ? place : setXattr(place, name, value, flags, thread.process.fs.cred);
}

function sysGetxattr(thread: Caller, args: Args, target: Target): number {
  const name = nameIn(thread, args.addr(1));
  if (typeof name === 'number') return name;
  const place = target(thread, args);
  if (typeof place === 'number') return place;
  const value = getXattr(place, name, thread.process.fs.cred);
  return typeof value === 'number' ? value : bytesOut(thread, value, args.addr(2), args.size(3));
}

function sysListxattr(thread: Caller, args: Args, target: Target): number {
  const place = target(thread, args);
  if (typeof place === 'number') return place;
  const names = listXattrs(place, thread.process.fs.cred);
  if (typeof names === 'number') return names;
  const bytes = Uint8Array.from(names, (char) => char.charCodeAt(0));
  return bytesOut(thread, bytes, args.addr(1), args.size(2));
}

/** Copies all of `bytes` to a buffer; a size of 0 only asks how long they are. */
function bytesOut(thread: Caller, bytes: Uint8Array, addr: number, size: number): number {
  if (size === 0) return bytes.length;
  if (bytes.length > size) return ERANGE;
  return thread.process.memory.copyOut(addr, bytes, 0, bytes.length) === 0 ? bytes.length : EFAULT;
}

function sysRemovexattr(thread: Caller, args: Args, target: Target): number {
  const name = nameIn(thread, args.addr(1));
  if (typeof name === 'number') return name;
  const place = target(thread, args);
  return typeof place === 'number' ? place : removeXattr(place, name, thread.process.fs.cred);
}

type Call = (thread: Caller, args: Args, target: Target) => number;

/** A call's three forms: by path, by path without following a link, by descriptor. */
function rowsOf(number: number, name: string, rest: readonly ArgKind[], call: Call): SyscallRow[] {
  const row = (offset: number, prefix: string, first: ArgKind, target: Target): SyscallRow => ({
    number: number + offset,
    name: prefix + name,
    args: [first, ...rest],
    run: (thread, args) => call(thread, args, target),
  });
  return [row(0, '', 'path', followed), row(1, 'l', 'path', itself), row(2, 'f', 'fd', opened)];
}

export const xattrRows: readonly SyscallRow[] = [
  ...rowsOf(188, 'setxattr', ['string', 'addr', 'size', 'hex'], sysSetxattr),
  ...rowsOf(191, 'getxattr', ['string', 'buffer-out', 'size'], sysGetxattr),
  ...rowsOf(194, 'listxattr', ['buffer-out', 'size'], sysListxattr),
  ...rowsOf(197, 'removexattr', ['string'], sysRemovexattr),
];
