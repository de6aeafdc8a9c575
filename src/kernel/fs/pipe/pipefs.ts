import { constant, kind } from '../../checkpoint/registry.js';
import { O_DIRECT, O_NONBLOCK, O_RDONLY, O_WRONLY } from '../../abi/fcntl.js';
import { S_IFIFO } from '../../abi/stat.js';
import { ENXIO, type Errno } from '../../errno.js';
import { AnonymousFs } from '../anonymous.js';
import { newHandle } from '../handle.js';
import type { Credentials, Handle, HandleOperations, Inode, VfsContext } from '../types.js';
import { Pipe, PipeOperations } from './pipe.js';

const PIPEFS_MAGIC = 0x50495045;

/** The filesystem of pipes without a name. */
export class PipeFs {
  private readonly fs: AnonymousFs;

  constructor(vfs: VfsContext, dev: number) {
    this.fs = new AnonymousFs(vfs, 'pipefs', PIPEFS_MAGIC, dev, reopen);
  }

  /** A new pipe's two ends; `flags`: O_NONBLOCK, and O_DIRECT for packets. */
  create(cred: Credentials, flags: number): { reader: Handle; writer: Handle } {
    const inode = this.fs.make(S_IFIFO | 0o600, null);
    inode.uid = cred.fsuid;
    inode.gid = cred.fsgid;
    const pipe = new Pipe((flags & O_DIRECT) !== 0);
    inode.pipe = pipe;
    const place = this.fs.place(inode, `pipe:[${inode.ino}]`);
    const status = flags & (O_NONBLOCK | O_DIRECT);
    const reader = newHandle(inode, place, O_RDONLY | status, new PipeOperations(pipe));
    const writer = newHandle(inode, place, O_WRONLY | status, new PipeOperations(pipe));
    return { reader, writer };
  }
}

/** Through /proc/<pid>/fd: a further end, for which the other side is not waited for as it is at a FIFO. */
function reopen({ pipe }: Inode): HandleOperations | Errno {
  return pipe instanceof Pipe ? new PipeOperations(pipe) : ENXIO;
}

kind('PipeFs', PipeFs);
constant('pipe.open', reopen);
