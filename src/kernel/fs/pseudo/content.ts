import { kind } from '../../checkpoint/registry.js';
import { MAX_FILE_SIZE } from '../../abi/limits.js';
import { O_ACCMODE, O_WRONLY, SEEK_CUR, SEEK_END, SEEK_SET } from '../../abi/fcntl.js';
import { POLLERR, POLLIN, POLLOUT, POLLPRI, POLLRDNORM, POLLWRNORM } from '../../abi/poll.js';
import { EFBIG, EINVAL, EIO, ESRCH } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { Handle, HandleOperations, PollMask, Sink, Source, Waiter } from '../types.js';
import type { PseudoInode } from './inode.js';
import type { FileRow } from './row.js';

/** The longest value that can be saved. */
const LONGEST_WRITE = 128 * 1024;

/** What an open string file holds: it stays readable when its subject has gone, and goes along with the handle. */
export interface Held {
  bytes: Uint8Array;
  /** It has been read, so that reading from 0 means to load afresh. */
  read: boolean;
  /** How often the content had changed by then, for files that count it. */
  readonly changes: number;
}

function rowOf(inode: PseudoInode): FileRow<unknown> {
  return inode.data.row as FileRow<unknown>;
}

export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** A file's content as of now. */
export function load(inode: PseudoInode): Uint8Array | Errno {
  const content = rowOf(inode).content(inode.subject);
  return typeof content === 'string' ? bytesOf(content) : content;
}

function held(inode: PseudoInode): Held | Errno {
  const changes = rowOf(inode).changes?.(inode.subject).count ?? 0;
  const bytes = load(inode);
  return typeof bytes === 'number' ? bytes : { bytes, read: false, changes };
}

/** The content of a handle that has none yet (it was just opened), or null when it is only written. */
export function loadForOpen(inode: PseudoInode, flags: number): Held | null | Errno {
  if ((flags & O_ACCMODE) === O_WRONLY) return null;
  const first = held(inode);
  return typeof first !== 'number' && rowOf(inode).secret === true ? null : first;
}

/** The handle's content, loaded anew when it is read from the start again. */
function heldFor(handle: Handle, position: number): Held | Errno {
  const inode = handle.inode as PseudoInode;
  const known = (handle.data ?? null) as Held | null;
  // What can be written may have changed since the file was opened.
  const old = known !== null && (known.read || rowOf(inode).save !== undefined);
  if (known !== null && !(old && position === 0 && inode.alive)) return known;
  const fresh = held(inode);
  if (typeof fresh !== 'number' && rowOf(inode).secret !== true) handle.data = fresh;
  return fresh;
}

/**
 * Operations of string files. They differ between opens only in `first`, what `open` has loaded and `opened` moves into
 * the handle.
 */
export class StringFile implements HandleOperations {
  readonly seekable = true;
  private first: Held | null;

  constructor(
    first: Held | null,
    private readonly endless: boolean,
  ) {
    this.first = first;
  }

  /** Where content is made up there is no end to seek to (seq_lseek). */
  seek(handle: Handle, offset: number, whence: number): number | Errno {
    const { size } = handle.inode;
    if (whence > SEEK_CUR && (this.endless || whence > SEEK_END)) return EINVAL;
    const position = offset + (whence === SEEK_SET ? 0 : whence === SEEK_CUR ? handle.position : size);
    return position < 0 || position > MAX_FILE_SIZE ? EINVAL : position;
  }

  /** Ready always; with POLLPRI and POLLERR once the content is no longer what was read (kernfs, /proc/self/mounts). */
  poll(handle: Handle, waiter: Waiter | null): PollMask {
    const inode = handle.inode as PseudoInode;
    const changes = rowOf(inode).changes?.(inode.subject);
    const ready = POLLIN | POLLRDNORM;
    if (changes === undefined) return ready | POLLOUT | POLLWRNORM;
    waiter?.waitOn(changes.queue);
    const seen = (handle.data as Held | null)?.changes ?? 0;
    return seen === changes.count ? ready : ready | POLLPRI | POLLERR;
  }

  opened(handle: Handle): void {
    if (this.first === null) return;
    handle.data = this.first;
    this.first = null;
  }

  read(handle: Handle, sink: Sink, position: number): number | Errno {
    this.opened(handle);
    const held = heldFor(handle, position);
    if (typeof held === 'number') return held;
    held.read = true;
    if (position >= held.bytes.length) return 0;
    return sink.put(held.bytes, position, Math.min(held.bytes.length, position + sink.remaining));
  }

  write(handle: Handle, source: Source, _position: number): number | Errno {
    this.opened(handle);
    const inode = handle.inode as PseudoInode;
    const { save } = rowOf(inode);
    if (save === undefined) return EIO;
    if (source.remaining > LONGEST_WRITE) return EFBIG;
    if (!inode.alive) return ESRCH;
    const bytes = new Uint8Array(source.remaining);
    const count = source.take(bytes, 0, bytes.length);
    const error = save(inode.subject, bytes.subarray(0, count));
    if (error !== 0) return error;
    handle.data = null;
    return count;
  }

  fsync(): Errno {
    return EINVAL;
  }
}

kind('StringFile', StringFile);
