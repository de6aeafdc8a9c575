import { kind } from '../../checkpoint/registry.js';
import { O_CREAT, O_EXCL, O_RDONLY, O_TRUNC } from '../../abi/fcntl.js';
import { ENODEV } from '../../errno.js';
import type { Errno } from '../../errno.js';
import { newHandle, releaseHandle } from '../handle.js';
import type { Listed } from '../listing.js';
import type { Handle, HandleOperations, Inode, PageCache, Sink, Source } from '../types.js';
import type { Layers } from './layers.js';
import { contentOf } from './node.js';
import type { OverlayInode } from './node.js';

/** Flags that have had their effect once the overlay opens the real file. */
const ONCE = O_CREAT | O_EXCL | O_TRUNC;

/** Opens the file of a layer, for the overlay's own use. */
export function openReal(inode: Inode, flags: number): Handle | Errno {
  const ops = inode.fs.open(inode, flags & ~ONCE);
  return typeof ops === 'number' ? ops : newHandle(inode, null, flags & ~ONCE, ops);
}

/** What there is in a directory of one layer, without '.' and '..'. */
export function listReal(dir: Inode): (Listed & { readonly ino: number })[] | Errno {
  const handle = openReal(dir, O_RDONLY);
  if (typeof handle === 'number') return handle;
  const entries: (Listed & { readonly ino: number })[] = [];
  const error = handle.ops.readdir?.(handle, ({ name, type, ino }) => {
    if (name !== '.' && name !== '..') entries.push({ name, type, ino });
    return true;
  });
  releaseHandle(handle);
  return error === undefined || error === 0 ? entries : error;
}

/**
 * An open regular file: an open file of the layer that has its content. One that was opened for reading goes on with the
 * upper file once the content has been copied up; mappings stay with the pages that they got.
 */
export class OverlayFile implements HandleOperations {
  readonly seekable = true;

  constructor(
    private real: Handle,
    private readonly layers: Layers,
  ) {}

  /** The real file as it is now, with the flags as they are now; the old one when that cannot be had. */
  private current(handle: Handle): Handle {
    const content = contentOf((handle.inode as OverlayInode).data);
    if (content !== this.real.inode) {
      const opened = openReal(content, handle.flags);
      if (typeof opened !== 'number') {
        releaseHandle(this.real);
        this.real = opened;
      }
    }
    this.real.flags = handle.flags & ~ONCE;
    return this.real;
  }

  read(handle: Handle, sink: Sink, position: number): number | Errno {
    const real = this.current(handle);
    return real.ops.read(real, sink, position);
  }

  write(handle: Handle, source: Source, position: number): number | Errno {
    const real = this.current(handle);
    const count = real.ops.write(real, source, position);
    this.layers.pull(handle.inode as OverlayInode);
    return count;
  }

  mmap(handle: Handle, sharedWritable?: boolean): PageCache | Errno {
    const real = this.current(handle);
    return real.ops.mmap?.(real, sharedWritable) ?? ENODEV;
  }

  fsync(handle: Handle): 0 | Errno {
    const real = this.current(handle);
    return real.ops.fsync?.(real) ?? 0;
  }

  flush(handle: Handle): 0 | Errno {
    const real = this.current(handle);
    return real.ops.flush?.(real) ?? 0;
  }

  release(): void {
    releaseHandle(this.real);
  }
}

kind('OverlayFile', OverlayFile);
