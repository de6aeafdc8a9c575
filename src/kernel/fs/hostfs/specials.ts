/**
 * FIFOs, sockets and device nodes that programs make in a folder of the host. The host cannot make them and has no use for
 * them, so they are in the sandbox alone and end with it; a name that the host has given meanwhile is hidden by theirs.
 */
import { S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT, S_IFSOCK, S_ISGID } from '../../abi/stat.js';
import { kind } from '../../checkpoint/registry.js';
import type { HostClock, HostEntry, HostStat } from '../../host.js';
import { PlainInode, copyTime, releaseInode, retainInode } from '../inode.js';
import type { Attributes, Credentials, FileSystem } from '../types.js';
import { HostNode, type HostInode } from './node.js';

/** Behind all numbers that the host's files get. */
const FIRST_NUMBER = 300 * 2 ** 44;
const TYPES: readonly number[] = [S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK];

export function isSpecialType(mode: number): boolean {
  return TYPES.includes(mode & S_IFMT);
}

export class Specials {
  private made = 0;
  private readonly folders = new Map<HostInode, Map<string, HostInode>>();

  constructor(
    private readonly fs: FileSystem,
    private readonly clock: HostClock,
  ) {}

  has(inode: HostInode): boolean {
    return inode.ino > FIRST_NUMBER;
  }

  in(dir: HostInode, name: string): HostInode | undefined {
    return this.folders.get(dir)?.get(name);
  }

  /** Whether a directory that the host takes for empty is not. */
  fills(dir: HostInode): boolean {
    return this.folders.has(dir);
  }

  make(dir: HostInode, name: string, mode: number, rdev: number, cred: Credentials): HostInode {
    const inode: HostInode = new PlainInode(this.fs, FIRST_NUMBER + ++this.made, mode, new HostNode(NO_STAT));
    inode.data.checkedAt = Infinity;
    inode.uid = cred.fsuid;
    inode.gid = (dir.mode & S_ISGID) !== 0 ? dir.gid : cred.fsgid;
    inode.rdev = rdev;
    inode.nlink = 0;
    for (const time of [inode.atime, inode.mtime, inode.ctime]) this.clock.realtime(time);
    this.add(dir, name, inode);
    return inode;
  }

  /** A directory with such names is kept in mind until they are gone. */
  add(dir: HostInode, name: string, inode: HostInode): void {
    let names = this.folders.get(dir);
    if (names === undefined) {
      this.folders.set(dir, (names = new Map()));
      retainInode(dir);
    }
    names.set(name, inode);
    inode.nlink++;
    this.clock.realtime(inode.ctime);
  }

  remove(dir: HostInode, name: string): void {
    const names = this.folders.get(dir);
    const inode = names?.get(name);
    if (names === undefined || inode === undefined) return;
    names.delete(name);
    inode.nlink--;
    this.clock.realtime(inode.ctime);
    if (names.size > 0) return;
    this.folders.delete(dir);
    releaseInode(dir);
  }

  set(inode: HostInode, changes: Attributes): void {
    if (changes.mode !== undefined) inode.mode = (inode.mode & S_IFMT) | changes.mode;
    if (changes.uid !== undefined) inode.uid = changes.uid;
    if (changes.gid !== undefined) inode.gid = changes.gid;
    if (changes.atime !== undefined) copyTime(changes.atime, inode.atime);
    if (changes.mtime !== undefined) copyTime(changes.mtime, inode.mtime);
    this.clock.realtime(inode.ctime);
  }

  /** The host's list with their names. */
  mergeInto(dir: HostInode, entries: readonly HostEntry[]): readonly HostEntry[] {
    const names = this.folders.get(dir);
    if (names === undefined) return entries;
    const own = [...names].map(([name, { mode }]) => ({ name, type: (mode & S_IFMT) >> 12 }));
    return [...entries.filter(({ name }) => !names.has(name)), ...own];
  }
}

const NEVER = { sec: 0, nsec: 0 };
const NO_STAT: HostStat = {
  ino: 0,
  dev: 0,
  mode: 0,
  nlink: 0,
  uid: 0,
  gid: 0,
  rdev: 0,
  size: 0,
  blocks: 0,
  atime: NEVER,
  mtime: NEVER,
  ctime: NEVER,
  btime: NEVER,
};

kind('Specials', Specials);
