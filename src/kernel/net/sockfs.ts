import { kind } from '../checkpoint/registry.js';
import { O_NONBLOCK, O_RDWR } from '../abi/fcntl.js';
import { S_IFSOCK } from '../abi/stat.js';
import { ENOTSOCK, type Errno } from '../errno.js';
import { AnonymousFs } from '../fs/anonymous.js';
import { newHandle } from '../fs/handle.js';
import type {
  Credentials,
  Handle,
  HandleOperations,
  PollMask,
  Sink,
  Source,
  UserMemory,
  VfsContext,
  Waiter,
} from '../fs/types.js';
import type { Caller } from '../types.js';
import type { Socket } from './socket.js';
import { plainReceive, plainSend, receiveOn, sendOn } from './transfer.js';

const SOCKFS_MAGIC = 0x534f434b;
/** st_dev of sockets; below the numbers that the VFS gives out. */
const SOCKFS_DEV = 8;

/** What a handle on a socket does: read and write are receive and send without flags. */
export class SocketOperations implements HandleOperations {
  readonly seekable = false;

  constructor(readonly socket: Socket) {}

  opened(handle: Handle): void {
    this.socket.opened(handle);
  }

  read(_handle: Handle, sink: Sink): number | Errno {
    return plainReceive(this.socket, sink);
  }

  write(_handle: Handle, source: Source): number | Errno {
    return plainSend(this.socket, source);
  }

  readFor(thread: Caller, _handle: Handle, sink: Sink, waits: boolean): number | Errno {
    return sink.remaining === 0 ? 0 : receiveOn(thread, this.socket, sink, null, waits);
  }

  writeFor(thread: Caller, _handle: Handle, source: Source, waits: boolean): number | Errno {
    return sendOn(thread, this.socket, source, null, waits);
  }

  poll(_handle: Handle, waiter: Waiter | null): PollMask {
    return this.socket.poll(waiter);
  }

  fasync(): null {
    return null;
  }

  ioctl(_handle: Handle, request: number, arg: number, user: UserMemory): number | Errno {
    return this.socket.ioctl(request, arg, user);
  }

  flush(handle: Handle): 0 {
    this.socket.flush(handle);
    return 0;
  }

  release(): void {
    this.socket.close();
  }
}

/** The filesystem of sockets; /proc shows them as `socket:[7]`. */
export class SockFs {
  readonly fs: AnonymousFs;

  constructor(vfs: VfsContext) {
    this.fs = new AnonymousFs(vfs, 'sockfs', SOCKFS_MAGIC, SOCKFS_DEV);
  }

  /** A handle with one reference for a socket that has none; `flags`: O_NONBLOCK. */
  open(socket: Socket, cred: Credentials, flags: number): Handle {
    const inode = this.fs.make(S_IFSOCK | 0o777, null);
    inode.uid = socket.uid = cred.fsuid;
    inode.gid = socket.gid = cred.fsgid;
    const place = this.fs.place(inode, `socket:[${inode.ino}]`);
    return newHandle(inode, place, O_RDWR | (flags & O_NONBLOCK), new SocketOperations(socket));
  }
}

/** The socket of a handle; ENOTSOCK when it is none. */
export function socketOf(handle: Handle): Socket | Errno {
  return handle.ops instanceof SocketOperations ? handle.ops.socket : ENOTSOCK;
}

kind('SocketOperations', SocketOperations);
kind('SockFs', SockFs);
