/** The sandbox's name spaces as files (namespaces(7)): one of each kind, with the numbers of Linux's first ones. */
import { constant, kind } from '../checkpoint/registry.js';
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
} from '../abi/sched.js';
import { S_IFREG } from '../abi/stat.js';
import { EINVAL } from '../errno.js';
import { AnonymousFs } from '../fs/anonymous.js';
import { pinDentry } from '../fs/dentry.js';
import { PlainInode } from '../fs/inode.js';
import type { Handle, HandleOperations, Location, VfsContext } from '../fs/types.js';

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

const KINDS: ReadonlyMap<number, number> = new Map([
  [0xefffffff, CLONE_NEWIPC],
  [0xeffffffe, CLONE_NEWUTS],
  [0xeffffffd, CLONE_NEWUSER],
  [0xeffffffc, CLONE_NEWPID],
  [0xeffffffb, CLONE_NEWCGROUP],
  [0xeffffffa, CLONE_NEWTIME],
  [0xf0000000, CLONE_NEWNET],
  [0xf0000001, CLONE_NEWNS],
]);

/** Which name space a handle stands for, as CLONE_NEW*; 0 for none. */
export function namespaceKind({ inode }: Handle): number {
  return inode.fs.type === 'nsfs' ? (KINDS.get(inode.ino) ?? 0) : 0;
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
    // It outlives those who open it.
    pinDentry(place.dentry);
    this.places.set(kind, place);
    return place;
  }
}

kind('Namespaces', Namespaces);
constant('namespace', operations);
constant('namespace.open', open);
