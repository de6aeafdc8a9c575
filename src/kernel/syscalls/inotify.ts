import { AT_FDCWD } from '../abi/fcntl.js';
import {
  ALL_INOTIFY_BITS,
  IN_CLOEXEC,
  IN_DONT_FOLLOW,
  IN_MASK_ADD,
  IN_MASK_CREATE,
  IN_NONBLOCK,
  IN_ONLYDIR,
} from '../abi/inotify.js';
import { EBADF, EINVAL, ENOENT, type Errno } from '../errno.js';
import { isPathOnly } from '../fs/handle.js';
import { MAY_READ, inodePermission } from '../fs/permission.js';
import { LOOKUP_DIRECTORY, LOOKUP_FOLLOW } from '../fs/walk.js';
import { Inotify, openInotify } from '../ipc/inotify.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import { resolveAt } from './file-args.js';
import { installHandle } from './install.js';
import type { ThreadRow } from './row.js';

function makeInotify({ process }: Thread, flags: number): number {
  if ((flags & ~(IN_CLOEXEC | IN_NONBLOCK)) !== 0) return EINVAL;
  const handle = openInotify(process.fs.root.mount.vfs, process.cred.euid, flags);
  return typeof handle === 'number' ? handle : installHandle(process, handle, (flags & IN_CLOEXEC) !== 0);
}

function inotifyOf({ process }: Thread, fd: number): Inotify | Errno {
  const handle = process.files.get(fd);
  if (typeof handle === 'number' || isPathOnly(handle)) return EBADF;
  return handle.ops instanceof Inotify ? handle.ops : EINVAL;
}

function sysInotifyAddWatch(thread: Thread, args: Args): number {
  const flags = args.uint(2);
  if ((flags & ~ALL_INOTIFY_BITS) !== 0 || flags === 0) return EINVAL;
  const inotify = inotifyOf(thread, args.int(0));
  if (inotify === EBADF) return EBADF;
  if ((flags & IN_MASK_ADD) !== 0 && (flags & IN_MASK_CREATE) !== 0) return EINVAL;
  if (typeof inotify === 'number') return inotify;
  const follow = (flags & IN_DONT_FOLLOW) === 0 ? LOOKUP_FOLLOW : 0;
  const directory = (flags & IN_ONLYDIR) !== 0 ? LOOKUP_DIRECTORY : 0;
  const place = resolveAt(thread, AT_FDCWD, args.addr(1), follow | directory);
  if (typeof place === 'number') return place;
  const { inode } = place.dentry;
  if (inode === null) return ENOENT;
  const denied = inodePermission(inode, MAY_READ, thread.process.cred);
  return denied !== 0 ? denied : inotify.watch(inode, flags);
}

function sysInotifyRmWatch(thread: Thread, args: Args): number {
  const inotify = inotifyOf(thread, args.int(0));
  return typeof inotify === 'number' ? inotify : inotify.unwatch(args.int(1));
}

export const inotifyRows: readonly ThreadRow[] = [
  { number: 253, name: 'inotify_init', args: [], run: (thread) => makeInotify(thread, 0) },
  { number: 254, name: 'inotify_add_watch', args: ['fd', 'path', 'hex'], run: sysInotifyAddWatch },
  { number: 255, name: 'inotify_rm_watch', args: ['fd', 'int'], run: sysInotifyRmWatch },
  {
    number: 294,
    name: 'inotify_init1',
    args: ['hex'],
    run: (thread, args) => makeInotify(thread, args.uint(0)),
  },
];
