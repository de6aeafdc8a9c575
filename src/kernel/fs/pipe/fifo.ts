import { kind } from '../../checkpoint/registry.js';
import { O_ACCMODE, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } from '../../abi/fcntl.js';
import { EINVAL, ENXIO, type Errno } from '../../errno.js';
import { canRead, canWrite } from '../handle.js';
import type { Handle, Inode } from '../types.js';
import { Pipe, PipeOperations, type PipeEnd } from './pipe.js';

/** One open of a FIFO (fifo(7)): it is over when the other side has been opened too. */
class FifoOperations extends PipeOperations {
  private done = false;

  constructor(
    pipe: Pipe,
    private readonly inode: Inode,
  ) {
    super(pipe);
  }

  protected override unused(): void {
    this.inode.pipe = null;
  }

  openDone(handle: Handle): boolean {
    if (this.done || (handle.flags & O_NONBLOCK) !== 0) return true;
    const { pipe } = this;
    const { otherOpens } = handle.data as PipeEnd;
    if (canRead(handle) && canWrite(handle)) this.done = true;
    else if (canRead(handle)) this.done = pipe.writers > 0 || pipe.writerOpens !== otherOpens;
    else this.done = pipe.readers > 0 || pipe.readerOpens !== otherOpens;
    return this.done;
  }
}

/** Operations for an open of a FIFO, whatever filesystem its name is in. ENXIO: nobody reads, and the writer won't wait. */
export function openFifo(inode: Inode, flags: number): PipeOperations | Errno {
  const mode = flags & O_ACCMODE;
  if (mode !== O_RDONLY && mode !== O_WRONLY && mode !== O_RDWR) return EINVAL;
  const known = inode.pipe instanceof Pipe ? inode.pipe : null;
  if (mode === O_WRONLY && (flags & O_NONBLOCK) !== 0 && (known === null || known.readers === 0))
    return ENXIO;
  const pipe = known ?? new Pipe();
  inode.pipe = pipe;
  return new FifoOperations(pipe, inode);
}

/** Whether a handle can still be given to the program that opened it. */
export function isOpenDone(handle: Handle): boolean {
  return handle.ops.openDone?.(handle) ?? true;
}

kind('FifoOperations', FifoOperations);
