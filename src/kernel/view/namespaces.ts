/** The sandbox's name spaces as files (namespaces(7)): one of each kind, with the numbers of Linux's first ones. */
import { constant, kind } from '../checkpoint/registry.js';
import { S_IFREG } from '../abi/stat.js';
import { EINVAL } from '../errno.js';
import { AnonymousFs } from '../fs/anonymous.js';
import { PlainInode } from '../fs/inode.js';
import type { HandleOperations, Location, VfsContext } from '../fs/types.js';

const NSFS_MAGIC = 0x6e736673;

/** include/linux/proc_ns.h: PROC_*_INIT_INO. */
const NUMBERS: Readonly<Record<string, number>> = {
  ipc: 0xefffffff,
  uts: 0xeffffffe,
  user: 0xeffffffd,
  pid: 0xeffffffc,
  cgroup: 0xeffffffb,
  time: 0xeffffffa,
  net: 0xf0000000,
  mnt: 0xf0000001,
};

const operations: HandleOperations = { seekable: true, read: () => EINVAL, write: () => EINVAL };

function open(): HandleOperations {
  return operations;
}

export class Namespaces {
  private readonly fs: AnonymousFs;
  private readonly places = new Map<string, Location>();

  constructor(vfs: VfsContext, dev: number) {
    this.fs = new AnonymousFs(vfs, 'nsfs', NSFS_MAGIC, dev, open);
  }

  place(kind: string): Location {
    const known = this.places.get(kind);
    if (known !== undefined) return known;
    const inode = new PlainInode(this.fs, NUMBERS[kind] ?? 0, S_IFREG | 0o444, null);
    const place = this.fs.place(inode, `${kind}:[${inode.ino}]`);
    this.places.set(kind, place);
    return place;
  }
}

kind('Namespaces', Namespaces);
constant('namespace', operations);
constant('namespace.open', open);
