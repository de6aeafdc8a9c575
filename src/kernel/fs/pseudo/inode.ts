import { kind } from '../../checkpoint/registry.js';
import { S_IFDIR, S_IFLNK, S_IFREG } from '../../abi/stat.js';
import { PlainInode } from '../inode.js';
import type { FileSystem } from '../types.js';
import type { Node } from './nodes.js';
import type { NamedRow } from './row.js';

/** A row's file type, as in st_mode. */
export function typeOf(row: NamedRow<unknown>): number {
  if (row.kind === 'dir') return S_IFDIR;
  if (row.kind === 'link') return S_IFLNK;
  return row.kind === 'device' ? row.type : S_IFREG;
}

function valueOf(value: number | ((subject: unknown) => number), subject: unknown): number {
  return typeof value === 'number' ? value : value(subject);
}

/** Linux's dev_t for a device number, as st_rdev shows it (makedev(3)). */
export function makedev(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

/** Node numbers are below; what stands in a family has a number made of its names. */
const FIRST_HASHED = 2 ** 32;

/** 52 bits of the parent's number and the name; two of a few thousand names meet with a chance of one in a billion. */
function hashedNumber(parent: number, node: number, name: string): number {
  let a = Math.imul(parent >>> 0, 0x9e3779b1) ^ node;
  let b = Math.imul(Math.floor(parent / FIRST_HASHED), 0x85ebca6b) ^ 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    a = Math.imul(a ^ name.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ name.charCodeAt(i) ^ (a >>> 15), 0x85ebca6b);
  }
  a = Math.imul(a ^ (b >>> 13), 0xc2b2ae35);
  return FIRST_HASHED * (1 + ((b >>> 0) % 0xfffff)) + (a >>> 0);
}

/** The number of `node` in a directory: its own if it is the only one of its kind, else made of the names above it. */
export function inoOf(node: Node, parent: PseudoInode | null, name: string): number {
  const single = node.family === null && (parent === null || parent.ino < FIRST_HASHED);
  return single || parent === null ? node.number + 1 : hashedNumber(parent.ino, node.number, name);
}

/** An inode of a pseudo-filesystem: `data` is its node, the rest follows from its name and its parent. */
export class PseudoInode extends PlainInode<Node> {
  constructor(
    fs: FileSystem,
    node: Node,
    readonly parent: PseudoInode | null,
    readonly name: string,
    /** What the content functions get. */
    readonly subject: unknown,
  ) {
    super(fs, inoOf(node, parent, name), typeOf(node.row), node);
    if (node.row.kind === 'device') this.rdev = makedev(node.row.major, valueOf(node.row.minor, subject));
    this.blocks = 0;
  }

  /** Whether the name still means what it meant when it was looked up, with all above it. */
  get alive(): boolean {
    const node = this.data;
    if (node.permanent) return true;
    if (this.parent === null || !this.parent.alive) return false;
    if (node.family !== null) {
      const now = node.family.find(this.parent.subject, this.name);
      if (now === null || !node.family.same(this.subject, now)) return false;
    }
    return node.row.exists?.(this.subject) ?? true;
  }

  /** Brings permissions, owner and size up to date; `size` is for files that say nothing themselves. */
  update(size: number): void {
    const { row, owner } = this.data;
    this.mode = typeOf(row) | valueOf(row.mode, this.subject);
    const { uid, gid } = owner?.(this.subject) ?? { uid: 0, gid: 0 };
    this.uid = uid;
    this.gid = gid;
    this.size = valueOf(row.size ?? (row.kind === 'file' || row.kind === 'data' ? size : 0), this.subject);
  }
}

kind('PseudoInode', PseudoInode);
