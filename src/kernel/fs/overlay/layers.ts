/** The layers' inodes seen as the overlay's: which overlay inode stands for which, and what it shows. */
import { kind } from '../../checkpoint/registry.js';
import { S_IFDIR, S_IFMT } from '../../abi/stat.js';
import { copyTime, PlainInode, releaseInode, retainInode } from '../inode.js';
import type { FileSystem, Inode, Timespec } from '../types.js';
import { contentOf, metadataOf } from './node.js';
import type { OverlayInode, Shadow } from './node.js';

/** Inode numbers of the first lower layer are shown as they are; the other layers' lie behind. */
const LOWER_RANGE = 2 ** 44;
const FIRST_LOWER_RANGE = 200;
const UPPER_RANGE = 2 ** 52;

function isLater(a: Timespec, b: Timespec): boolean {
  return a.sec > b.sec || (a.sec === b.sec && a.nsec > b.nsec);
}

export class Layers {
  private readonly byUpper = new Map<Inode, OverlayInode>();
  private readonly byLower = new Map<Inode, OverlayInode>();
  private readonly shadows = new Map<Inode, Shadow>();

  constructor(
    private readonly fs: FileSystem,
    private readonly lowers: readonly FileSystem[],
  ) {}

  lowerNumber(fs: FileSystem, ino: number): number {
    const layer = this.lowers.indexOf(fs);
    return layer <= 0 ? ino : (FIRST_LOWER_RANGE + layer) * LOWER_RANGE + ino;
  }

  shadowOf(upper: Inode): Shadow | undefined {
    return this.shadows.get(upper);
  }

  upperNumber(upper: Inode): number {
    return this.shadows.get(upper)?.ino ?? UPPER_RANGE + upper.ino;
  }

  /** The inode for something found in the upper layer. */
  fromUpper(upper: Inode, parent: OverlayInode | null, name: string): OverlayInode {
    const known = this.byUpper.get(upper);
    if (known !== undefined) return this.found(known, parent, name);
    const shadow = this.shadows.get(upper) ?? null;
    const node = { upper, lowers: shadow?.lowers ?? [], shadow, parent, name, links: shadow?.links ?? null };
    const inode = new PlainInode(this.fs, this.upperNumber(upper), upper.mode, node);
    retainInode(upper);
    this.byUpper.set(upper, inode);
    inode.xattrs = upper.xattrs;
    this.pull(inode, true);
    return inode;
  }

  /** The inode for what is only in lower layers; all names of a lower file have the same one. */
  fromLower(lowers: readonly [Inode, ...Inode[]], parent: OverlayInode | null, name: string): OverlayInode {
    const [first] = lowers;
    const known = this.byLower.get(first);
    if (known !== undefined) return this.found(known, parent, name);
    const node = { upper: null, lowers, shadow: null, parent, name, links: null };
    const inode: OverlayInode = new PlainInode(
      this.fs,
      this.lowerNumber(first.fs, first.ino),
      first.mode,
      node,
    );
    lowers.forEach(retainInode);
    this.byLower.set(first, inode);
    this.pull(inode, true);
    return inode;
  }

  private found(inode: OverlayInode, parent: OverlayInode | null, name: string): OverlayInode {
    inode.data.parent = parent;
    inode.data.name = name;
    return inode;
  }

  /** `upper` has been made for an inode that was only below: it takes over the hold on the lower ones. */
  addUpper(inode: OverlayInode, upper: Inode): Shadow {
    const { data } = inode;
    const isFile = (inode.mode & S_IFMT) !== S_IFDIR;
    data.links = isFile ? inode.nlink : null;
    const { lowers, links } = data;
    const shadow = { ino: inode.ino, lowers, hidden: new Set<string>(), lowerData: lowers.length > 0, links };
    data.upper = upper;
    data.shadow = shadow;
    retainInode(upper);
    this.shadows.set(upper, shadow);
    this.byUpper.set(upper, inode);
    // Its other lower names must lead here from now on.
    if (isFile && inode.nlink > 1) retainInode(inode);
    return shadow;
  }

  /** Brings what an inode shows up to date. `all`: also an access time that lies before the one shown. */
  pull(inode: OverlayInode, all = false): void {
    const from = metadataOf(inode.data);
    const content = contentOf(inode.data);
    inode.mode = from.mode;
    inode.uid = from.uid;
    inode.gid = from.gid;
    inode.rdev = from.rdev;
    inode.size = content.size;
    inode.blocks = content.blocks ?? Math.ceil(content.size / 512);
    if (all || isLater(from.atime, inode.atime)) copyTime(from.atime, inode.atime);
    copyTime(from.mtime, inode.mtime);
    copyTime(from.ctime, inode.ctime);
    if (from.btime !== undefined) inode.btime = from.btime;
    inode.nlink = this.links(inode, from);
  }

  /** As in Linux a merged directory has one link, which tells programs not to count on it. */
  private links(inode: OverlayInode, from: Inode): number {
    const { upper, lowers, links } = inode.data;
    if (links !== null) return links;
    if ((from.mode & S_IFMT) !== S_IFDIR) return from.nlink;
    const merged = lowers.length + (upper === null ? 0 : 1) > 1;
    return merged && from.nlink > 0 ? 1 : from.nlink;
  }

  /** A file with something below has got or lost a name; what is only in the upper layer counts there. */
  countLinks(inode: OverlayInode, change: number): void {
    const { data } = inode;
    if (data.lowers.length === 0) return this.pull(inode);
    const isFile = (inode.mode & S_IFMT) !== S_IFDIR;
    data.links = isFile ? Math.max(0, inode.nlink + change) : change < 0 ? 0 : null;
    inode.nlink = data.links ?? inode.nlink;
    if (data.shadow !== null) data.shadow.links = data.links;
    // A lower file that keeps another name must not forget the count.
    else if (inode.nlink > 0) retainInode(inode);
  }

  /** Nobody refers to the inode any more. */
  forget(inode: OverlayInode): void {
    const { upper, lowers } = inode.data;
    if (lowers[0] !== undefined && this.byLower.get(lowers[0]) === inode) this.byLower.delete(lowers[0]);
    if (upper === null) {
      lowers.forEach(releaseInode);
      return;
    }
    this.byUpper.delete(upper);
    upper.xattrs = inode.xattrs;
    if (inode.nlink === 0 && this.shadows.delete(upper)) lowers.forEach(releaseInode);
    releaseInode(upper);
  }
}

kind('Layers', Layers);
