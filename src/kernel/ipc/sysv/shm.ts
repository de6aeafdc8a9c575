import { kind } from '../../checkpoint/registry.js';
import { PAGE_SIZE } from '../../../machine/layout.js';
import { O_RDONLY, O_RDWR } from '../../abi/fcntl.js';
import { IPC_PRIVATE, SHM_DEST, SHM_NORESERVE } from '../../abi/ipc.js';
import { EINVAL, ENOMEM, ENOSPC, type Errno } from '../../errno.js';
import { pinDentry, unpinDentry } from '../../fs/dentry.js';
import { newHandle } from '../../fs/handle.js';
import type {
  Credentials,
  Handle,
  HandleOperations,
  Inode,
  Location,
  PageCache,
  PageMapping,
  VfsContext,
} from '../../fs/types.js';
import { IpcObject, mayUse } from './object.js';
import { IpcTable } from './table.js';

const SHMMIN = 1;
/** ULONG_MAX - 2^24, rounded: */
const SHMMAX = 2 ** 64 - 2 ** 24;
/** It is the default of two limits: as good as none, and no number can hold it. */
export const SHM_UNLIMITED = Infinity;

export interface ShmLimits {
  shmmax: number;
  shmall: number;
  shmmni: number;
}

/** Who does something to a segment, and when. */
export interface Doer {
  /** Seconds since the epoch. */
  now(): number;
  /** The process that makes the running call; 0 for none. */
  pid(): number;
}

/** A segment's pages: an unnamed file's in memory. Areas that map them count as attachments. */
class SegmentPages implements PageCache {
  readonly mappings: Set<PageMapping>;

  constructor(
    private readonly segment: Segment,
    private readonly content: PageCache,
  ) {
    this.mappings = content.mappings ?? new Set();
  }

  frame(index: number): number | Errno {
    return this.content.frame(index);
  }

  dirty(index: number): 0 | Errno {
    return this.content.dirty(index);
  }

  sync(): 0 {
    return 0;
  }

  opened(): void {
    this.segment.attached();
  }

  closed(): void {
    this.segment.detached();
  }
}

/** What a handle of a segment does: it can be mapped. */
class SegmentOperations implements HandleOperations {
  readonly seekable = false;

  constructor(private readonly pages: SegmentPages) {}

  read(): Errno {
    return EINVAL;
  }

  write(): Errno {
    return EINVAL;
  }

  mmap(): PageCache {
    return this.pages;
  }
}

/** A segment of shared memory (shmid_kernel). */
export class Segment extends IpcObject {
  attachments = 0;
  atime = 0;
  dtime = 0;
  lpid = 0;
  readonly cpid: number;
  private readonly pages: SegmentPages;
  private readonly operations: HandleOperations;

  constructor(
    private readonly shm: SharedMemory,
    making: { key: number; flags: number; cred: Credentials },
    readonly size: number,
    readonly inode: Inode,
    readonly location: Location,
    content: PageCache,
  ) {
    super(making.key, making.flags, making.cred, shm.doer.now());
    this.cpid = shm.doer.pid();
    this.pages = new SegmentPages(this, content);
    this.operations = new SegmentOperations(this.pages);
    pinDentry(location.dentry);
  }

  get residentBytes(): number {
    return (this.inode.blocks ?? 0) * 512;
  }

  get pageCount(): number {
    return Math.ceil(this.size / PAGE_SIZE);
  }

  /** An open file for one attachment; the caller holds a reference. */
  open(readOnly: boolean): Handle {
    return newHandle(this.inode, this.location, readOnly ? O_RDONLY : O_RDWR, this.operations);
  }

  /** Whether areas of `handle` are attachments of a segment, and of which. */
  static of(handle: Handle | null): PageCache | null {
    const pages = handle?.ops.mmap?.(handle);
    return pages instanceof SegmentPages ? pages : null;
  }

  attached(): void {
    this.attachments++;
    this.atime = this.shm.doer.now();
    this.lpid = this.shm.doer.pid();
  }

  detached(): void {
    this.attachments--;
    this.dtime = this.shm.doer.now();
    this.lpid = this.shm.doer.pid();
    if (this.attachments === 0 && (this.mode & SHM_DEST) !== 0) this.shm.destroy(this);
  }
}

/** All segments of shared memory (shmget(2), shmctl(2)). */
export class SharedMemory {
  readonly limits: ShmLimits = { shmmax: SHM_UNLIMITED, shmall: SHM_UNLIMITED, shmmni: 4096 };
  readonly segments = new IpcTable<Segment>(() => this.limits.shmmni);
  /** Pages of all segments, by their sizes. */
  totalPages = 0;

  constructor(readonly doer: Doer) {}

  /** shmget(2). `most`: bytes that memory could hold at all. */
  get(
    vfs: VfsContext,
    key: number,
    size: number,
    flags: number,
    cred: Credentials,
    most: number,
  ): number | Errno {
    return this.segments.get(key, flags, cred, {
      make: () => this.make(vfs, { key, flags, cred }, size, most),
      fits: (segment) => (segment.size < size ? EINVAL : 0),
    });
  }

  private make(
    vfs: VfsContext,
    making: { key: number; flags: number; cred: Credentials },
    size: number,
    most: number,
  ): Segment | Errno {
    const pages = Math.ceil(size / PAGE_SIZE);
    if (size < SHMMIN || size > Math.min(SHMMAX, this.limits.shmmax)) return EINVAL;
    if (this.totalPages + pages > this.limits.shmall) return ENOSPC;
    if (size > most && (making.flags & SHM_NORESERVE) === 0) return ENOMEM;
    const full = this.segments.hasRoom();
    if (full !== 0) return full;
    const name = `SYSV${(making.key >>> 0).toString(16).padStart(8, '0')}`;
    const file = vfs.createShared(name, size, making.cred);
    if (typeof file === 'number') return file;
    const { inode, location, pages: content } = file;
    const segment = new Segment(this, making, size, inode, location, content);
    segment.maker = this.doer.pid();
    this.segments.add(segment);
    this.totalPages += pages;
    return segment;
  }

  /** IPC_RMID: it goes at once, or with its last attachment. */
  remove(segment: Segment): void {
    if (segment.attachments === 0) return this.destroy(segment);
    segment.mode |= SHM_DEST;
    segment.key = IPC_PRIVATE;
  }

  destroy(segment: Segment): void {
    this.segments.remove(segment);
    this.totalPages -= segment.pageCount;
    unpinDentry(segment.location.dentry);
  }

  /** Whether `cred` may attach a segment with the rights of `flags`. */
  find(id: number, flags: number, cred: Credentials): Segment | Errno {
    const segment = this.segments.byId(id);
    if (typeof segment === 'number') return segment;
    const refused = mayUse(segment, flags, cred);
    return refused !== 0 ? refused : segment;
  }
}

kind('SegmentPages', SegmentPages);
kind('SegmentOperations', SegmentOperations);
kind('Segment', Segment);
kind('SharedMemory', SharedMemory);
