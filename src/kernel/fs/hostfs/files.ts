import { kind } from '../../checkpoint/registry.js';
import { O_ACCMODE, O_APPEND, O_RDONLY, O_WRONLY } from '../../abi/fcntl.js';
import { EACCES, ENOENT, EOPNOTSUPP } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { HostFile, HostFolder, HostStat } from '../../host.js';
import type { FrameMemory, Handle, HandleOperations, PageCache, Sink, Source } from '../types.js';
import { PAGE_SIZE } from '../../../machine/layout.js';
import { CAN_READ, CAN_WRITE, hostPages, sameTime } from './node.js';
import type { HostInode } from './node.js';
import { FilePages, type PageSource } from './pages.js';

/** Files kept open though no handle needs them. */
const IDLE_LIMIT = 32;

/** All transfers go through it: calls do not nest, and a piece larger than this gains nothing. */
const $buffer = new Uint8Array(256 * 1024);

/** What a handle's access mode needs of the host's file. */
function needOf(flags: number): number {
  const mode = flags & O_ACCMODE;
  if (mode === O_RDONLY) return CAN_READ;
  return mode === O_WRONLY ? CAN_WRITE : CAN_READ | CAN_WRITE;
}

type Opened = { readonly file: HostFile; readonly can: number };

/** Opens for `need`, for both if that can be had, since the pages of a mapping are read and written through one file. */
function openIn(folder: HostFolder, name: string, need: number): Opened | Errno {
  const write = (need & CAN_WRITE) !== 0;
  let file = folder.openFile(name, write);
  if (typeof file !== 'number') return { file, can: write ? CAN_READ | CAN_WRITE : CAN_READ };
  if (need !== CAN_WRITE || file !== EACCES) return file as Errno;
  file = folder.openWriteOnly(name);
  return typeof file === 'number' ? (file as Errno) : { file, can: CAN_WRITE };
}

/** The host's bytes; of a trusted file only those that are what they should be. */
function readFile(
  { data: { file, verified } }: HostInode,
  into: Uint8Array,
  start: number,
  length: number,
  position: number,
): number {
  if (file === null) return ENOENT;
  if (verified !== null) return verified.read(file, into, start, length, position);
  return file.read(into, start, length, position);
}

/** A file's bytes for its pages. */
class FileSource implements PageSource {
  constructor(
    private readonly files: Files,
    private readonly inode: HostInode,
  ) {}

  get size(): number {
    return this.inode.size;
  }

  read(into: Uint8Array, start: number, length: number, position: number): number {
    return this.files.need(this.inode, CAN_READ) || readFile(this.inode, into, start, length, position);
  }

  write(from: Uint8Array, start: number, length: number, position: number): number {
    const { data } = this.inode;
    data.wroteItself = true;
    data.checkedAt = -Infinity;
    return (
      this.files.need(this.inode, CAN_WRITE) || (data.file?.write(from, start, length, position) ?? ENOENT)
    );
  }
}

/** Regular files: one open file of the host for each inode, shared by all handles. */
export class Files implements HandleOperations {
  readonly seekable = true;
  private readonly idle = new Set<HostInode>();

  constructor(
    private readonly memory: FrameMemory,
    private readonly locate: (inode: HostInode) => { folder: HostFolder; name: string } | Errno,
    private readonly apply: (inode: HostInode, stat: HostStat) => void,
    private readonly reclaim: () => boolean,
  ) {}

  /** Makes `inode` ready for a handle with these flags; the handle's `release` ends that. */
  open(inode: HostInode, flags: number): 0 | Errno {
    const error = this.need(inode, needOf(flags));
    if (error < 0) return error;
    this.idle.delete(inode);
    inode.data.opens++;
    return 0;
  }

  /** Opens the host's file for at least `need`, and leaves it to be closed later if no handle has it. */
  need(inode: HostInode, need: number): 0 | Errno {
    const node = inode.data;
    if (node.file !== null && (node.can & need) === need) return 0;
    const opened = this.openFor(inode, need | node.can);
    if (typeof opened === 'number') return opened;
    this.adopt(inode, opened.file, opened.can);
    return 0;
  }

  private openFor(inode: HostInode, need: number): Opened | Errno {
    const { file } = inode.data;
    if (file !== null) {
      const again = file.reopen();
      if (typeof again !== 'number') return { file: again, can: CAN_READ | CAN_WRITE };
      if (again !== EOPNOTSUPP) return again as Errno;
    }
    const place = this.locate(inode);
    if (typeof place === 'number') return place;
    const opened = openIn(place.folder, place.name, need);
    return typeof opened === 'number' ? opened : this.checked(inode, opened);
  }

  /** The name may be another file's by now. */
  private checked(inode: HostInode, opened: Opened): Opened | Errno {
    const stat = opened.file.opened;
    const { seen } = inode.data;
    if (stat.ino !== seen.ino || stat.dev !== seen.dev) {
      opened.file.close();
      return ENOENT;
    }
    this.apply(inode, stat);
    return opened;
  }

  /** After a restore: opens again what handles have open; what is wrong, or null. */
  reopen(inode: HostInode): string | null {
    const { data, pages } = inode;
    const { expected, can } = data;
    data.expected = null;
    data.can = 0;
    if (data.opens === 0 && pages === null) return null;
    if (expected === null) return 'is open, and is not in its folder any more';
    if (expected.size !== data.seen.size || !sameTime(expected.mtime, data.seen.mtime))
      return 'is open, and has been changed';
    const failed = data.opens === 0 ? 0 : this.need(inode, can);
    return failed === 0 ? null : 'is open, and cannot be opened again';
  }

  adopt(inode: HostInode, file: HostFile, can: number): void {
    inode.data.file?.close();
    inode.data.file = file;
    inode.data.can = can;
    if (inode.data.opens === 0) this.keepIdle(inode);
  }

  private keepIdle(inode: HostInode): void {
    if (inode.data.names.length === 0 && inode.nlink === 0) {
      this.close(inode);
      return;
    }
    this.idle.delete(inode);
    this.idle.add(inode);
    for (const oldest of this.idle) {
      if (this.idle.size <= IDLE_LIMIT) return;
      this.close(oldest);
    }
  }

  close(inode: HostInode): void {
    this.idle.delete(inode);
    inode.data.file?.close();
    inode.data.file = null;
    inode.data.can = 0;
  }

  /** Closes a file that no handle needs, so that nothing of a removed file stays. */
  closeIfIdle(inode: HostInode): void {
    if (inode.data.opens === 0) this.close(inode);
  }

  release(handle: Handle): void {
    this.closed(handle.inode as HostInode);
  }

  /** Ends what a successful `open` began. */
  closed(inode: HostInode): void {
    if (--inode.data.opens > 0) return;
    inode.data.file?.settle?.();
    this.keepIdle(inode);
  }

  flush(handle: Handle): 0 | Errno {
    return ((handle.inode as HostInode).data.file?.settle?.() ?? 0) as 0 | Errno;
  }

  read(handle: Handle, sink: Sink, position: number): number | Errno {
    const inode = handle.inode as HostInode;
    const pages = hostPages(inode);
    let done = 0;
    while (sink.remaining > 0) {
      const length = Math.min(sink.remaining, $buffer.length);
      const count = this.readPiece(inode, pages, length, position + done);
      if (count < 0) return done > 0 ? done : (count as Errno);
      const put = sink.put($buffer, 0, count);
      done += put;
      if (count < length || put < count) break;
    }
    return done;
  }

  /** Fills $buffer from the host, and where a mapping may have changed a page, from that page. */
  private readPiece(inode: HostInode, pages: FilePages | null, length: number, position: number): number {
    const count = readFile(inode, $buffer, 0, length, position);
    if (count > 0 && pages !== null && pages.hasWritten) this.overlay(pages, count, position);
    return count;
  }

  private overlay(pages: FilePages, count: number, position: number): void {
    const { u8 } = this.memory;
    let at = 0;
    while (at < count) {
      const offset = (position + at) % PAGE_SIZE;
      const length = Math.min(PAGE_SIZE - offset, count - at);
      const frame = pages.writtenFrame((position + at - offset) / PAGE_SIZE);
      if (frame !== 0) {
        const base = frame * PAGE_SIZE + offset;
        $buffer.set(u8.subarray(base, base + length), at);
      }
      at += length;
    }
  }

  write(handle: Handle, source: Source, position: number): number | Errno {
    const inode = handle.inode as HostInode;
    let done = 0;
    let at = (handle.flags & O_APPEND) !== 0 ? this.end(inode, position) : position;
    while (source.remaining > 0) {
      const length = source.take($buffer, 0, Math.min(source.remaining, $buffer.length));
      const count = this.writePiece(inode, length, at);
      if (count < 0) return done > 0 ? done : (count as Errno);
      done += count;
      at += count;
      if (count < length || length === 0) break;
    }
    return done;
  }

  /** The host's own idea of the end, since others may append too. */
  private end(inode: HostInode, position: number): number {
    const stat = inode.data.file?.stat();
    return stat === undefined || typeof stat === 'number' ? position : stat.size;
  }

  private writePiece(inode: HostInode, length: number, position: number): number {
    const node = inode.data;
    if (node.file === null) return ENOENT;
    const count = node.file.write($buffer, 0, length, position);
    if (count <= 0) return count;
    node.wroteItself = true;
    node.checkedAt = -Infinity;
    inode.size = Math.max(inode.size, position + count);
    hostPages(inode)?.update($buffer, 0, count, position);
    return count;
  }

  mmap(handle: Handle): PageCache {
    const inode = handle.inode as HostInode;
    inode.pages ??= new FilePages(this.memory, new FileSource(this, inode), this.reclaim);
    return inode.pages;
  }

  fsync(handle: Handle): 0 | Errno {
    const inode = handle.inode as HostInode;
    const error = hostPages(inode)?.sync(0, Number.MAX_SAFE_INTEGER) ?? 0;
    return error < 0 ? error : ((inode.data.file?.sync() ?? 0) as 0 | Errno);
  }
}

kind('FileSource', FileSource);
kind('Files', Files, { rebuilt: ['idle'] });
