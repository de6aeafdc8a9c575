import { kind } from '../../checkpoint/registry.js';
import type { HostFile, HostFolder, HostStat } from '../../host.js';
import type { PlainInode } from '../inode.js';
import type { Timespec } from '../types.js';
import type { VerifiedFile } from '../trusted/verified.js';
import type { FilePages } from './pages.js';

/** What hostfs keeps with an inode. */
export class HostNode {
  /** Where the file has been found, the latest last; none once it is unlinked. Several for hard links. */
  readonly names: HostName[] = [];
  /** A directory's, while open; see Folders. */
  folder: HostFolder | null = null;
  /** A regular file's, open for what `can` says. */
  file: HostFile | null = null;
  can = 0;
  /** Handles that need `file`. */
  opens = 0;
  /** When `seen` was read, in monotonic ms; -Infinity: look again before it is used. */
  checkedAt = -Infinity;
  /** The guest itself has written since `seen`: a new mtime means nothing. */
  wroteItself = false;
  /** A symbolic link's text. */
  target: string | null = null;
  /** Names that a directory was found not to have, while its times do not change. */
  readonly absent = new Set<string>();
  /** What listing a directory has found out of its entries, each good for one look-up soon. */
  listed: Map<string, HostStat> | null = null;
  listedAt = -Infinity;
  exact: ExactTimes | null = null;
  /** For a trusted file, once it has been opened: what its bytes have to be. */
  verified: VerifiedFile | null = null;

  /** Size and time of the content when this was written down; null: it is where it always was. */
  expected: { readonly size: number; readonly mtime: Timespec } | null = null;

  constructor(public seen: HostStat) {}

  /** After a restore: `stat` is what the host has now. */
  found(stat: HostStat): void {
    this.expected = { size: this.seen.size, mtime: { ...this.seen.mtime } };
    this.seen = stat;
  }

  addName(dir: HostInode, name: string): void {
    const last = this.names.at(-1);
    if (last !== undefined && last.dir === dir && last.name === name) return;
    this.dropName(dir, name);
    this.names.push({ dir, name });
  }

  dropName(dir: HostInode, name: string): void {
    const at = this.names.findIndex((known) => known.dir === dir && known.name === name);
    if (at >= 0) this.names.splice(at, 1);
  }
}

export type HostInode = PlainInode<HostNode>;

export interface HostName {
  readonly dir: HostInode;
  readonly name: string;
}

/** Times as the guest has set them: the host keeps them less exactly, so they are shown while it still has `host...`. */
export interface ExactTimes {
  readonly atime: Timespec;
  readonly mtime: Timespec;
  readonly hostAtime: Timespec;
  readonly hostMtime: Timespec;
}

/** Where the file has been found last, in the folder. */
export function pathOf(inode: HostInode): string {
  const name = inode.data.names.at(-1);
  return name === undefined ? '/' : `${pathOf(name.dir).replace(/\/$/, '')}/${name.name}`;
}

export const CAN_READ = 1;
export const CAN_WRITE = 2;

export function hostPages(inode: HostInode): FilePages | null {
  return inode.pages as FilePages | null;
}

export function sameTime(a: Timespec, b: Timespec): boolean {
  return a.sec === b.sec && a.nsec === b.nsec;
}

kind('HostNode', HostNode, {
  rebuilt: ['folder', 'file', 'checkedAt', 'listed', 'listedAt'],
  restored(node) {
    const known = node as Partial<HostNode>;
    known.folder ??= null;
    known.file = null;
    known.checkedAt = known.listedAt = -Infinity;
    known.listed = null;
  },
});
