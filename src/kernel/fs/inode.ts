import type { FileSystem, Inode, PageCache, Timespec } from './types.js';

/** What every filesystem's inodes are made of; `data` is typed by whoever made it. */
export class PlainInode<Data = unknown> implements Inode {
  uid = 0;
  gid = 0;
  size = 0;
  nlink = 1;
  rdev = 0;
  /** 512-byte blocks that the file takes. */
  blocks = 0;
  readonly atime: Timespec = { sec: 0, nsec: 0 };
  readonly mtime: Timespec = { sec: 0, nsec: 0 };
  readonly ctime: Timespec = { sec: 0, nsec: 0 };
  references = 0;
  pages: PageCache | null = null;
  locks: unknown = null;
  xattrs: Map<string, Uint8Array> | null = null;
  writers = 0;
  pipe: unknown = null;
  btime?: Timespec;

  constructor(
    readonly fs: FileSystem,
    readonly ino: number,
    public mode: number,
    public data: Data,
  ) {}
}

export function copyTime(from: Timespec, to: Timespec): void {
  to.sec = from.sec;
  to.nsec = from.nsec;
}
