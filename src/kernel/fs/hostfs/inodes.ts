import { kind } from '../../checkpoint/registry.js';
import { S_IFMT } from '../../abi/stat.js';
import type { Errno } from '../../errno.js';
import type { HostStat } from '../../host.js';
import { PlainInode, copyTime } from '../inode.js';
import type { FileSystem } from '../types.js';
import { HostNode, hostPages, sameTime } from './node.js';
import type { HostInode } from './node.js';

/** Whose files are shown as whose: the host's user and group as the guest's, and the other way round on chown. */
export interface OwnerMap {
  readonly hostUid: number;
  readonly hostGid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Numbers below it are the host's own; each further device's follow in a range of their own. */
const DEVICE_RANGE = 2 ** 44;
/** What an id becomes whose number the map gives to somebody else (overflowuid). */
const NOBODY = 65534;

/** Swaps `from` and `to`; what would then be mistaken for `to` is nobody's. */
function mapId(id: number, from: number, to: number): number {
  if (id === from) return to;
  return id === to ? NOBODY : id;
}

/** The inodes that are in use, one for each file of the host however many names it has. */
export class Inodes {
  private readonly known = new Map<number, HostInode>();
  private readonly devices: number[] = [];
  private readonly moved = new Map<string, number>();

  constructor(
    private readonly fs: FileSystem,
    private readonly owner: OwnerMap | null,
    private readonly now: () => number,
  ) {}

  /** The inode for what the host has told; made if there is none. */
  from(stat: HostStat): HostInode {
    const ino = this.number(stat);
    const known = this.known.get(ino);
    if (known !== undefined && (known.mode & S_IFMT) === (stat.mode & S_IFMT)) {
      this.apply(known, stat);
      return known;
    }
    const inode: HostInode = new PlainInode(this.fs, ino, stat.mode, new HostNode(stat));
    this.known.set(ino, inode);
    this.copy(inode, stat);
    return inode;
  }

  forget(inode: HostInode): void {
    if (this.known.get(inode.ino) === inode) this.known.delete(inode.ino);
  }

  all(): IterableIterator<HostInode> {
    return this.known.values();
  }

  /** Writes what mappings have changed. */
  sync(): 0 | Errno {
    for (const inode of this.known.values()) {
      const error = hostPages(inode)?.sync(0, Number.MAX_SAFE_INTEGER) ?? 0;
      if (error !== 0) return error;
    }
    return 0;
  }

  /** Gives up to `pages` pages of files back; how many. */
  shrink(pages: number): number {
    let given = 0;
    for (const inode of this.known.values()) {
      if (given >= pages) break;
      given += hostPages(inode)?.shrink(pages - given) ?? 0;
    }
    return given;
  }

  /** A number that is unique in this filesystem even where the folder spans several of the host's. */
  private number(stat: HostStat): number {
    let device = this.devices.indexOf(stat.dev);
    if (device < 0) device = this.devices.push(stat.dev) - 1;
    if (device === 0 && stat.ino < DEVICE_RANGE) return stat.ino;
    if (device > 0 && device < 256 && stat.ino < DEVICE_RANGE) return device * DEVICE_RANGE + stat.ino;
    const key = `${device}:${stat.ino}`;
    let moved = this.moved.get(key);
    if (moved === undefined) this.moved.set(key, (moved = 256 * DEVICE_RANGE + this.moved.size));
    return moved;
  }

  /**
   * The host may be another one: numbers and times are taken from it anew, folders before what is in them. What is no
   * longer there is returned.
   */
  rebind(find: (inode: HostInode) => HostStat | Errno): HostInode[] {
    const missing: HostInode[] = [];
    const old = [...this.known.values()];
    const done = new Set<HostInode>();
    this.known.clear();
    this.devices.length = 0;
    this.moved.clear();
    const bind = (inode: HostInode): void => {
      if (done.has(inode)) return;
      done.add(inode);
      for (const { dir } of inode.data.names) bind(dir);
      const stat = find(inode);
      const same = typeof stat !== 'number' && (stat.mode & S_IFMT) === (inode.mode & S_IFMT);
      if (same) inode.data.found(stat);
      else missing.push(inode);
      const number = same ? this.number(stat) : inode.ino;
      this.known.set(this.known.has(number) ? inode.ino : number, inode);
    };
    for (const inode of old) bind(inode);
    return missing;
  }

  numberOf(stat: HostStat): number {
    return this.number(stat);
  }

  /** Brings an inode up to date, and drops what was cached on the ground of the old state. */
  apply(inode: HostInode, stat: HostStat): void {
    const node = inode.data;
    const { seen } = node;
    const sameContent = sameTime(seen.mtime, stat.mtime) && seen.size === stat.size;
    if (!sameContent || !sameTime(seen.ctime, stat.ctime)) {
      node.target = null;
      node.absent.clear();
    }
    const pages = hostPages(inode);
    this.copy(inode, stat);
    if (!sameContent && !node.wroteItself && node.verified === null) pages?.reload();
    node.wroteItself = false;
  }

  private copy(inode: HostInode, stat: HostStat): void {
    const { owner } = this;
    inode.data.seen = stat;
    inode.data.checkedAt = this.now();
    inode.mode = stat.mode;
    inode.uid = owner === null ? stat.uid : mapId(stat.uid, owner.hostUid, owner.uid);
    inode.gid = owner === null ? stat.gid : mapId(stat.gid, owner.hostGid, owner.gid);
    inode.size = inode.data.verified?.size ?? stat.size;
    inode.nlink = stat.nlink;
    inode.rdev = stat.rdev;
    inode.blocks = stat.blocks;
    inode.btime = stat.btime;
    this.copyTimes(inode, stat);
  }

  private copyTimes(inode: HostInode, stat: HostStat): void {
    const { exact } = inode.data;
    const sameAtime = exact !== null && sameTime(exact.hostAtime, stat.atime);
    const sameMtime = exact !== null && sameTime(exact.hostMtime, stat.mtime);
    copyTime(sameAtime ? exact.atime : stat.atime, inode.atime);
    copyTime(sameMtime ? exact.mtime : stat.mtime, inode.mtime);
    copyTime(stat.ctime, inode.ctime);
  }

  hostUid(uid: number): number {
    return this.owner === null ? uid : mapId(uid, this.owner.uid, this.owner.hostUid);
  }

  hostGid(gid: number): number {
    return this.owner === null ? gid : mapId(gid, this.owner.gid, this.owner.hostGid);
  }
}

kind('Inodes', Inodes);
