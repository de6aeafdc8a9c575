/** POSIX message queues (mq_overview(7), ipc/mqueue.c). */
import { kind } from '../checkpoint/registry.js';
import { O_ACCMODE, O_CREAT, O_EXCL, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } from '../abi/fcntl.js';
import { RLIMIT_MSGQUEUE } from '../abi/resource.js';
import { SIGRTMAX } from '../abi/signal.js';
import { CLOCK_REALTIME, SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD } from '../abi/time.js';
import {
  EACCES,
  EAGAIN,
  EBADF,
  EBUSY,
  EEXIST,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENAMETOOLONG,
  ENOENT,
  ENOSYS,
  ERESTARTSYS,
  ETIMEDOUT,
  WAIT,
  type Errno,
} from '../errno.js';
import { attachNew } from '../fs/create.js';
import { lookupDentry } from '../fs/dentry.js';
import { canRead, canWrite, newHandle, releaseHandle } from '../fs/handle.js';
import { MqueueFs, queueOf } from '../fs/mqueue/mqueuefs.js';
import {
  QueueWaiter,
  type Notification,
  type PosixQueue,
  type PriorityMessage,
  type QueueAttributes,
} from '../fs/mqueue/queue.js';
import { MAY_READ, MAY_WRITE, inodePermission, mayCreate } from '../fs/permission.js';
import { unlink } from '../fs/remove.js';
import type { Handle, Inode, Location } from '../fs/types.js';
import type { Timespec } from '../host.js';
import { NOTIFY_COOKIE_LEN, SignalNotification, Silent, SocketNotification } from '../ipc/mq-notification.js';
import { NetlinkSocket } from '../net/netlink/netlink.js';
import { socketOf } from '../net/sockfs.js';
import type { Process } from '../process/process.js';
import { getI64, getU64, setU64 } from '../process/registers.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import { fileOf } from './file-args.js';
import type { ThreadRow } from './row.js';
import { isValidTime, monotonicOf } from './time.js';
import { $view, clearBuffer, readPair, readStruct, writeStruct } from './user.js';

const PATH_MAX = 4096;
const NAME_MAX = 255;
const MQ_PRIO_MAX = 32768;
const ATTR_SIZE = 64;
/** Always, whatever O_CLOEXEC says. */
const CLOSE_ON_EXEC = true;

/** A queue's name: one component. */
function nameIn({ process }: Thread, addr: number): string | Errno {
  const name = process.memory.stringIn(addr, PATH_MAX);
  if (typeof name === 'number') return name;
  if (name === '') return ENOENT;
  if (name === '.' || name === '..' || name.includes('/')) return EACCES;
  return name.length > NAME_MAX ? ENAMETOOLONG : name;
}

function readAttributes({ process }: Thread, addr: number): QueueAttributes | null | Errno {
  if (addr === 0) return null;
  if (readStruct(process.memory, addr, ATTR_SIZE) < 0) return EFAULT;
  return { maxMessages: getI64($view, 8), messageSize: getI64($view, 16) };
}

/** The queue's file, made if it is not there and the flags say so. */
function findOrMake(
  { process }: Thread,
  root: Location,
  name: string,
  how: { flags: number; mode: number; attributes: QueueAttributes | null },
): { inode: Inode; place: Location } | Errno {
  const { mount, dentry: dir } = root;
  const { inode: dirInode } = dir;
  const { cred, umask } = process.fs;
  const dentry = lookupDentry(mount.vfs, dir, name);
  if (typeof dentry === 'number') return dentry;
  if (dentry.inode !== null) {
    const refused = checkExisting(dentry.inode, how.flags, process);
    return refused !== 0 ? refused : { inode: dentry.inode, place: { mount, dentry } };
  }
  if ((how.flags & O_CREAT) === 0 || dirInode === null || !(dirInode.fs instanceof MqueueFs)) return ENOENT;
  const refused = mayCreate(dir, cred);
  if (refused !== 0) return refused;
  const limit = process.limit(RLIMIT_MSGQUEUE);
  const mode = how.mode & 0o7777 & ~umask;
  const made = dirInode.fs.createQueue(dirInode, name, mode, cred, how.attributes, limit);
  if (typeof made === 'number') return made;
  return { inode: made, place: { mount, dentry: attachNew(mount, dir, dentry, made) } };
}

function checkExisting(inode: Inode, flags: number, process: Process): 0 | Errno {
  if ((flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)) return EEXIST;
  const access = flags & O_ACCMODE;
  if (access === O_ACCMODE) return EINVAL;
  const mask = access === O_RDONLY ? MAY_READ : access === O_WRONLY ? MAY_WRITE : MAY_READ | MAY_WRITE;
  return inodePermission(inode, mask, process.cred);
}

function sysMqOpen(thread: Thread, args: Args): number {
  const { process } = thread;
  const root = process.kernel.mqueues;
  const flags = args.int(1);
  const attributes = readAttributes(thread, args.addr(3));
  if (typeof attributes === 'number') return attributes;
  const name = nameIn(thread, args.addr(0));
  if (typeof name === 'number') return name;
  if (root === null) return ENOSYS;
  const room = process.files.hasRoom();
  if (room !== 0) return room;
  const found = findOrMake(thread, root, name, { flags, mode: args.uint(2), attributes });
  if (typeof found === 'number') return found;
  const { inode, place } = found;
  const ops = inode.fs.open(inode, flags);
  if (typeof ops === 'number') return ops;
  const kept = flags & (O_ACCMODE | O_NONBLOCK);
  const handle = newHandle(inode, place, kept === O_ACCMODE ? O_RDWR : kept, ops);
  const fd = process.files.install(handle, CLOSE_ON_EXEC);
  if (fd < 0) releaseHandle(handle);
  return fd;
}

function sysMqUnlink(thread: Thread, args: Args): number {
  const { process } = thread;
  const root = process.kernel.mqueues;
  const name = nameIn(thread, args.addr(0));
  if (typeof name === 'number') return name;
  return root === null ? ENOSYS : unlink(process.fs, root, name);
}

interface OpenQueue {
  readonly handle: Handle;
  readonly queue: PosixQueue;
}

function queueIn(thread: Thread, fd: number, may: (handle: Handle) => boolean): OpenQueue | Errno {
  const handle = fileOf(thread, fd);
  if (typeof handle === 'number') return handle;
  const queue = queueOf(handle);
  return queue === null || !may(handle) ? EBADF : { handle, queue };
}

/** A call that waits, and until when. */
class QueueWait {
  constructor(
    readonly queue: PosixQueue,
    readonly waiter: QueueWaiter,
    readonly until: number,
  ) {}

  abandon(): void {
    this.queue.cancel(this.waiter);
  }
}

const $time: Timespec = { sec: 0, nsec: 0 };

/** The absolute time at `addr` as monotonic milliseconds. */
function deadline({ process }: Thread, addr: number): number | Errno {
  if (addr === 0) return Infinity;
  if (readPair(process.memory, addr, $time) < 0) return EFAULT;
  return isValidTime($time) ? Math.max(0, monotonicOf(process, CLOCK_REALTIME, $time)) : EINVAL;
}

/** The message that ends the waiting, or why it goes on or ends without. */
function goOn(thread: Thread, waiting: QueueWait): PriorityMessage | Errno {
  const { waiter, until } = waiting;
  if (waiter.result !== null) return waiter.result;
  const late = thread.process.kernel.clock.nowMs() >= until;
  if (late || thread.signalled) {
    waiting.abandon();
    return thread.signalled ? ERESTARTSYS : ETIMEDOUT;
  }
  thread.callState = waiting;
  if (until !== Infinity) thread.waitUntil(until);
  return WAIT;
}

function sysMqTimedsend(thread: Thread, args: Args): number {
  const before = thread.callState as QueueWait | undefined;
  const result = before === undefined ? send(thread, args) : goOn(thread, before);
  return typeof result === 'number' ? result : 0;
}

function send(thread: Thread, args: Args): PriorityMessage | Errno | 0 {
  const until = deadline(thread, args.addr(4));
  if (until < 0) return until as Errno;
  const [size, priority] = [args.size(2), args.uint(3)];
  if (priority >= MQ_PRIO_MAX) return EINVAL;
  const open = queueIn(thread, args.int(0), canWrite);
  if (typeof open === 'number') return open;
  const { queue, handle } = open;
  if (size > queue.attributes.messageSize) return EMSGSIZE;
  const message = { priority, bytes: new Uint8Array(size) };
  if (thread.process.memory.copyIn(args.addr(1), message.bytes, 0, size) < 0) return EFAULT;
  if (!queue.full) {
    if (queue.send(message)) notify(thread, queue);
    thread.process.kernel.clock.realtime(handle.inode.mtime);
    Object.assign(handle.inode.ctime, handle.inode.mtime);
    return 0;
  }
  if ((handle.flags & O_NONBLOCK) !== 0) return EAGAIN;
  const waiter = new QueueWaiter(message, thread);
  queue.waitToSend(waiter);
  return goOn(thread, new QueueWait(queue, waiter, until));
}

/** A message has come into the empty queue: who wanted to know is told, once. */
function notify({ process }: Thread, queue: PosixQueue): void {
  const { notification } = queue;
  if (notification === null) return;
  queue.notification = null;
  notification.arrived({ pid: process.pid, uid: process.cred.ruid });
}

function sysMqTimedreceive(thread: Thread, args: Args): number {
  const before = thread.callState as QueueWait | undefined;
  const result = before === undefined ? receive(thread, args) : goOn(thread, before);
  return typeof result === 'number' ? result : deliver(thread, args, result);
}

function receive(thread: Thread, args: Args): PriorityMessage | Errno {
  const until = deadline(thread, args.addr(4));
  if (until < 0) return until as Errno;
  const open = queueIn(thread, args.int(0), canRead);
  if (typeof open === 'number') return open;
  const { queue, handle } = open;
  if (args.size(2) < queue.attributes.messageSize) return EMSGSIZE;
  const message = queue.receive();
  if (message !== undefined) return message;
  if ((handle.flags & O_NONBLOCK) !== 0) return EAGAIN;
  const waiter = new QueueWaiter(null, thread);
  queue.waitToReceive(waiter);
  return goOn(thread, new QueueWait(queue, waiter, until));
}

function deliver({ process }: Thread, args: Args, { priority, bytes }: PriorityMessage): number {
  if (args.addr(3) !== 0 && process.memory.writeU32(args.addr(3), priority) < 0) return EFAULT;
  return process.memory.copyOut(args.addr(1), bytes, 0, bytes.length) < 0 ? EFAULT : bytes.length;
}

/** struct sigevent, the part that is looked at. */
const SIGEVENT_SIZE = 64;

function sysMqNotify(thread: Thread, args: Args): number {
  const { process } = thread;
  const addr = args.addr(1);
  if (addr !== 0 && readStruct(process.memory, addr, SIGEVENT_SIZE) < 0) return EFAULT;
  const notification = addr === 0 ? null : readNotification(process);
  if (typeof notification === 'number') return notification;
  const open = queueIn(thread, args.int(0), () => true);
  if (typeof open === 'number') return open;
  const { queue } = open;
  if (notification === null) {
    queue.forget(process.pid);
    return 0;
  }
  if (queue.notification !== null) return EBUSY;
  notification.begins?.();
  queue.notification = notification;
  return 0;
}

/** What struct sigevent in the buffer asks for. */
function readNotification(process: Process): Notification | Errno {
  const [signal, how] = [$view.getInt32(8, true), $view.getInt32(12, true)];
  const [lo, hi] = [$view.getUint32(0, true), $view.getUint32(4, true)];
  if (how === SIGEV_NONE) return new Silent(process.pid);
  if (how === SIGEV_THREAD) return readSocketNotification(process, getU64($view, 0), signal);
  if (how !== SIGEV_SIGNAL || signal < 0 || signal > SIGRTMAX) return EINVAL;
  return new SignalNotification(process, signal, { lo, hi });
}

/** As the C library asks for its threads: a cookie's address, and a netlink socket in place of the signal. */
function readSocketNotification(process: Process, addr: number, fd: number): Notification | Errno {
  const cookie = new Uint8Array(NOTIFY_COOKIE_LEN);
  if (process.memory.copyIn(addr, cookie, 0, cookie.length) < 0) return EFAULT;
  const handle = process.files.get(fd);
  if (typeof handle === 'number') return handle;
  const socket = socketOf(handle);
  if (typeof socket === 'number') return socket;
  return socket instanceof NetlinkSocket
    ? new SocketNotification(process.pid, handle, socket, cookie)
    : EINVAL;
}

function sysMqGetsetattr(thread: Thread, args: Args): number {
  const { memory } = thread.process;
  const [newAddr, oldAddr] = [args.addr(1), args.addr(2)];
  if (newAddr !== 0 && readStruct(memory, newAddr, ATTR_SIZE) < 0) return EFAULT;
  const wanted = getI64($view, 0);
  if (newAddr !== 0 && (wanted & ~O_NONBLOCK) !== 0) return EINVAL;
  const open = queueIn(thread, args.int(0), () => true);
  if (typeof open === 'number') return open;
  const { handle, queue } = open;
  const before = handle.flags & O_NONBLOCK;
  if (newAddr !== 0) handle.flags = (handle.flags & ~O_NONBLOCK) | wanted;
  if (oldAddr === 0) return 0;
  clearBuffer(ATTR_SIZE);
  const { maxMessages, messageSize } = queue.attributes;
  [before, maxMessages, messageSize, queue.messages.length].forEach((value, i) =>
    setU64($view, 8 * i, value),
  );
  return writeStruct(memory, oldAddr, ATTR_SIZE);
}

export const mqueueRows: readonly ThreadRow[] = [
  { number: 240, name: 'mq_open', args: ['string', 'open-flags', 'mode', 'addr'], run: sysMqOpen },
  { number: 241, name: 'mq_unlink', args: ['string'], run: sysMqUnlink },
  {
    number: 242,
    name: 'mq_timedsend',
    args: ['fd', 'addr', 'size', 'uint', 'timespec'],
    run: sysMqTimedsend,
  },
  {
    number: 243,
    name: 'mq_timedreceive',
    args: ['fd', 'addr', 'size', 'addr', 'timespec'],
    run: sysMqTimedreceive,
  },
  { number: 244, name: 'mq_notify', args: ['fd', 'addr'], run: sysMqNotify },
  { number: 245, name: 'mq_getsetattr', args: ['fd', 'addr', 'addr'], run: sysMqGetsetattr },
];

kind('QueueWait', QueueWait);
