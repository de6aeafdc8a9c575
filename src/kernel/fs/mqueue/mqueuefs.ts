/** The filesystem of POSIX message queues (mq_overview(7)): one directory of queues. */
import { kind } from '../../checkpoint/registry.js';
import { CAP_SYS_RESOURCE } from '../../abi/capability.js';
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../../abi/poll.js';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../abi/stat.js';
import { EINVAL, EMFILE, ENOENT, ENOSPC, EOVERFLOW, type Errno } from '../../errno.js';
import type { HostClock } from '../../host.js';
import { PlainInode, copyTime, initOwner, isDirectory, touchModified } from '../inode.js';
import { capable } from '../permission.js';
import { DIRECTORY_OPERATIONS, Directory } from '../tmpfs/directory.js';
import type {
  Attributes,
  Credentials,
  FileSystem,
  FsStatistics,
  Handle,
  HandleOperations,
  Inode,
  Sink,
  Waiter,
} from '../types.js';
import { PosixQueue, type QueueAttributes } from './queue.js';

const MQUEUE_MAGIC = 0x19800202;
const DIRENT_SIZE = 20;
/** st_size of a queue (FILENT_SIZE). */
const QUEUE_SIZE = 80;
/** What nobody may exceed (HARD_MSGMAX, HARD_MSGSIZEMAX). */
const HARD_MESSAGES = 65536;
const HARD_MESSAGE_SIZE = 16777216;
const MQ_PRIO_MAX = 32768;
/** What each message, and each priority in use, counts besides its bytes. */
const MESSAGE_OVERHEAD = 48;

/** /proc/sys/fs/mqueue. */
export interface QueueLimits {
  queues_max: number;
  msg_max: number;
  msgsize_max: number;
  msg_default: number;
  msgsize_default: number;
}

export interface MqueueFsOptions {
  readonly clock: HostClock;
  readonly dev: number;
  readonly limits: QueueLimits;
  /** The process that makes the running call. */
  readonly pid: () => number;
}

/** The queue behind an open file; null for any other file. */
export function queueOf(handle: Handle): PosixQueue | null {
  return handle.inode.data instanceof PosixQueue ? handle.inode.data : null;
}

function accountedBytes({ maxMessages, messageSize }: QueueAttributes): number {
  const overhead = MESSAGE_OVERHEAD * (maxMessages + Math.min(maxMessages, MQ_PRIO_MAX));
  return overhead + maxMessages * messageSize;
}

export class MqueueFs implements FileSystem {
  readonly type = 'mqueue';
  readonly magic = MQUEUE_MAGIC;
  readonly dev: number;
  readonly limits: QueueLimits;
  private readonly top: Inode;
  private readonly clock: HostClock;
  private queues = 0;
  private nextIno = 1;
  /** Bytes of queues by user (RLIMIT_MSGQUEUE). */
  private readonly accounts = new Map<number, number>();

  constructor(private readonly options: MqueueFsOptions) {
    this.dev = options.dev;
    this.clock = options.clock;
    this.limits = options.limits;
    this.top = this.make(S_IFDIR | 0o1777, new Directory());
    this.top.nlink = 2;
    this.top.size = 2 * DIRENT_SIZE;
  }

  private make(mode: number, data: unknown): Inode {
    const inode = new PlainInode(this, this.nextIno++, mode, data);
    touchModified(inode, this.clock);
    copyTime(inode.ctime, inode.atime);
    return inode;
  }

  root(): Inode {
    return this.top;
  }

  lookup(dir: Inode, name: string): Inode | Errno {
    return (dir.data as Directory).get(name) ?? ENOENT;
  }

  /** A queue as open(2) makes it: with the default attributes. */
  create(dir: Inode, name: string, mode: number, cred: Credentials): Inode | Errno {
    return this.createQueue(dir, name, mode, cred, null, Infinity);
  }

  /** `accountLimit`: how many bytes the user's queues may have (RLIMIT_MSGQUEUE). */
  createQueue(
    dir: Inode,
    name: string,
    mode: number,
    cred: Credentials,
    wanted: QueueAttributes | null,
    accountLimit: number,
  ): Inode | Errno {
    if (this.queues >= this.limits.queues_max && !capable(cred, CAP_SYS_RESOURCE)) return ENOSPC;
    const attributes = wanted ?? this.defaults();
    const refused = this.checkAttributes(attributes, cred);
    if (refused !== 0) return refused;
    const bytes = accountedBytes(attributes);
    const account = (this.accounts.get(cred.ruid) ?? 0) + bytes;
    if (account > accountLimit) return EMFILE;
    this.accounts.set(cred.ruid, account);
    const inode = this.make(S_IFREG | mode, new PosixQueue(attributes, cred.ruid, bytes));
    inode.size = QUEUE_SIZE;
    initOwner(inode, dir, cred);
    this.queues++;
    (dir.data as Directory).add(name, inode);
    this.changedDirectory(dir, DIRENT_SIZE);
    return inode;
  }

  private defaults(): QueueAttributes {
    const { limits } = this;
    return {
      maxMessages: Math.min(limits.msg_max, limits.msg_default),
      messageSize: Math.min(limits.msgsize_max, limits.msgsize_default),
    };
  }

  private checkAttributes({ maxMessages, messageSize }: QueueAttributes, cred: Credentials): 0 | Errno {
    if (maxMessages <= 0 || messageSize <= 0) return EINVAL;
    const hard = capable(cred, CAP_SYS_RESOURCE);
    if (maxMessages > (hard ? HARD_MESSAGES : this.limits.msg_max)) return EINVAL;
    if (messageSize > (hard ? HARD_MESSAGE_SIZE : this.limits.msgsize_max)) return EINVAL;
    return maxMessages * messageSize > Number.MAX_SAFE_INTEGER ? EOVERFLOW : 0;
  }

  private changedDirectory(dir: Inode, size: number): void {
    dir.size += size;
    touchModified(dir, this.clock);
    copyTime(dir.ctime, dir.atime);
  }

  unlink(dir: Inode, name: string, inode: Inode): 0 {
    (dir.data as Directory).delete(name);
    this.changedDirectory(dir, -DIRENT_SIZE);
    inode.nlink--;
    if (inode.references === 0) this.evict(inode);
    return 0;
  }

  evict(inode: Inode): void {
    const { data } = inode;
    if (inode.nlink > 0 || !(data instanceof PosixQueue)) return;
    const left = (this.accounts.get(data.owner) ?? 0) - data.accounted;
    if (left > 0) this.accounts.set(data.owner, left);
    else this.accounts.delete(data.owner);
    this.queues--;
  }

  /** Its size is not to be changed, and that it is asked for is no error. */
  setattr(inode: Inode, changes: Attributes): 0 {
    if (changes.mode !== undefined) inode.mode = (inode.mode & S_IFMT) | changes.mode;
    if (changes.uid !== undefined) inode.uid = changes.uid;
    if (changes.gid !== undefined) inode.gid = changes.gid;
    if (changes.atime !== undefined) copyTime(changes.atime, inode.atime);
    if (changes.mtime !== undefined) copyTime(changes.mtime, inode.mtime);
    this.clock.realtime(inode.ctime);
    return 0;
  }

  open(inode: Inode): HandleOperations {
    return isDirectory(inode) ? DIRECTORY_OPERATIONS : this.operations;
  }

  statfs(): FsStatistics {
    return { bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0 };
  }

  private readonly operations: HandleOperations = {
    seekable: true,
    read: (handle, sink, position) => this.read(handle, sink, position),
    write: () => EINVAL,
    poll: (handle, waiter) => poll(handle, waiter),
    flush: (handle) => this.flush(handle),
  };

  /** A queue's state as text. */
  private read(handle: Handle, sink: Sink, position: number): number {
    const queue = queueOf(handle);
    if (queue === null) return 0;
    const { notification, bytes } = queue;
    const notify = notification?.kind ?? 0;
    const signal = notification?.signal ?? 0;
    const text =
      `QSIZE:${`${bytes}`.padEnd(10)} NOTIFY:${`${notify}`.padEnd(5)} ` +
      `SIGNO:${`${signal}`.padEnd(5)} NOTIFY_PID:${`${notification?.pid ?? 0}`.padEnd(6)}\n`;
    const content = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    if (position >= content.length) return 0;
    return sink.put(content, position, Math.min(content.length, position + sink.remaining));
  }

  /** A process that is to be told of messages closes the queue. */
  private flush(handle: Handle): 0 {
    const queue = queueOf(handle);
    queue?.forget(this.options.pid());
    return 0;
  }
}

function poll(handle: Handle, waiter: Waiter | null): number {
  const queue = queueOf(handle);
  if (queue === null) return 0;
  waiter?.waitOn(queue.changed);
  const readable = queue.messages.length > 0 ? POLLIN | POLLRDNORM : 0;
  return readable | (queue.full ? 0 : POLLOUT | POLLWRNORM);
}

kind('MqueueFs', MqueueFs);
