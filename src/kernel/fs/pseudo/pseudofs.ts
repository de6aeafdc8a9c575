/**
 * Filesystems made of nodes: /proc, /dev, /sys and what an application adds.
 *
 * A tree of nodes is declared once (row.ts) and numbered (nodes.ts). Looking up a name makes an inode whose `data` is the
 * node; its subject (a process, say) comes from the parent's subject and the name. Nothing is kept but by dentries and
 * handles: an inode is a view of its subject. The content of a string file is loaded when it is opened and belongs to the
 * handle (content.ts). A name whose subject has gone, or has been replaced by another of the same name, no longer
 * revalidates.
 */
import { kind } from '../../checkpoint/registry.js';
import { O_ACCMODE, O_RDONLY } from '../../abi/fcntl.js';
import { EACCES, ELOOP, ENOENT, EPERM, ESRCH } from '../../errno.js';
import type { Errno } from '../../errno.js';
import { copyTime } from '../inode.js';
import { permissionByMode } from '../permission.js';
import type {
  Attributes,
  Credentials,
  Dentry,
  FileSystem,
  FsStatistics,
  HandleOperations,
  Inode,
  Location,
  Timespec,
} from '../types.js';
import { StringFile, loadForOpen } from './content.js';
import { directoryOperations } from './directory.js';
import { PseudoInode } from './inode.js';
import type { Node, Nodes } from './nodes.js';
import type { NamedRow } from './row.js';

export interface PseudoFsOptions<S> {
  /** As in /proc/filesystems. */
  readonly type: string;
  readonly magic: number;
  readonly dev: number;
  readonly nodes: Nodes;
  readonly root: NamedRow<S>;
  /** The root's subject. */
  readonly subject: S;
  /** What an inode's times are when it is made. */
  readonly realtime: (out: Timespec) => void;
  /** st_size of string files: 0 in /proc, 4096 in /sys. */
  readonly fileSize?: number;
  /** Opening a read-only file for writing fails (EACCES, as in sysfs); else writing does (EIO, as in /proc). */
  readonly strict?: boolean;
  /** /proc's ways: files have no end to seek to (seq_lseek), and no place is free for a new name (proc_lookup). */
  readonly proc?: boolean;
}

export class PseudoFs<S = unknown> implements FileSystem {
  readonly type: string;
  readonly dev: number;
  readonly magic: number;
  readonly closed: boolean;
  private readonly options: PseudoFsOptions<S>;
  private readonly root_: PseudoInode;

  constructor(options: PseudoFsOptions<S>) {
    this.type = options.type;
    this.dev = options.dev;
    this.magic = options.magic;
    this.closed = options.proc === true;
    this.options = options;
    this.root_ = this.inode(options.nodes.tree(options.root), null, '', options.subject);
  }

  root(): Inode {
    return this.root_;
  }

  /** The node of a path of fixed names, for adding rows to it. */
  node(path: string): Node | undefined {
    let node: Node | undefined = this.root_.data;
    for (const name of path.split('/')) if (name !== '') node = node?.named.get(name);
    return node;
  }

  private inode(node: Node, parent: PseudoInode | null, name: string, subject: unknown): PseudoInode {
    const inode = new PseudoInode(this, node, parent, name, subject);
    this.options.realtime(inode.mtime);
    copyTime(inode.mtime, inode.atime);
    copyTime(inode.mtime, inode.ctime);
    this.refresh(inode);
    return inode;
  }

  lookup(dir: Inode, name: string): Inode | Errno {
    const parent = dir as PseudoInode;
    const fixed = parent.data.named.get(name);
    if (fixed !== undefined) {
      if (fixed.row.exists?.(parent.subject) === false || !parent.alive) return ENOENT;
      return this.inode(fixed, parent, name, parent.subject);
    }
    if (!parent.data.changing || !parent.alive) return ENOENT;
    for (const node of parent.data.families) {
      const subject = node.family?.find(parent.subject, name) ?? null;
      if (subject !== null) return this.inode(node, parent, name, subject);
    }
    return ENOENT;
  }

  /** An inode again from its node's number and its place, as after a checkpoint. */
  restore(number: number, parent: Inode | null, name: string): Inode | Errno {
    const node = this.options.nodes.byNumber(number);
    if (parent === null) return node === this.root_.data ? this.root_ : ENOENT;
    const found = this.lookup(parent, name);
    return typeof found !== 'number' && found.data === node ? found : ENOENT;
  }

  revalidate(dentry: Dentry): boolean {
    const { inode } = dentry;
    if (inode !== null) return (inode as PseudoInode).alive;
    const dir = dentry.parent?.inode;
    return dir instanceof PseudoInode && !dir.data.changing && dir.data.permanent;
  }

  refresh(inode: Inode): 0 {
    const known = inode as PseudoInode;
    known.update(this.options.fileSize ?? 0);
    if (known.data.row.kind === 'dir') known.nlink = 2 + this.countDirectories(known);
    return 0;
  }

  private countDirectories(dir: PseudoInode): number {
    let count = 0;
    const { named, families } = dir.data;
    for (const { row } of named.values()) {
      if (row.kind === 'dir' && row.exists?.(dir.subject) !== false) count++;
    }
    for (const { row, family } of families) {
      if (row.kind === 'dir') count += family?.list?.(dir.subject).length ?? 0;
    }
    return count;
  }

  /** Truncation is what opening for writing does, and means nothing; the rest is not for anybody to change. */
  setattr(inode: Inode, changes: Attributes): 0 | Errno {
    const { mode, uid, gid } = changes;
    if (mode === undefined && uid === undefined && gid === undefined) return 0;
    const known = inode as PseudoInode;
    const done = known.data.row.change?.(known.subject, changes) ?? EPERM;
    if (done === 0) this.options.realtime(inode.ctime);
    return done === 0 ? this.refresh(inode) : done;
  }

  unlink(): Errno {
    return EPERM;
  }

  permission(inode: Inode, mask: number, cred: Credentials): 0 | Errno {
    const known = inode as PseudoInode;
    const { data: node, subject } = known;
    // A process or thread that has gone, whose directory somebody still has (proc_pid_permission).
    if (node.family !== null && node.row.kind === 'dir' && !known.alive) return ESRCH;
    return node.permission?.(subject, mask, cred) ?? permissionByMode(inode, mask, cred);
  }

  readlink(inode: Inode): string | Location | Errno {
    const known = inode as PseudoInode;
    const { row } = known.data;
    if (row.kind !== 'link' || !known.alive) return ENOENT;
    const denied = row.access?.(known.subject) ?? 0;
    return denied !== 0 ? denied : row.target(known.subject);
  }

  open(inode: Inode, flags: number): HandleOperations | Errno {
    const known = inode as PseudoInode;
    const { row } = known.data;
    if (row.kind === 'link') return ELOOP;
    if (row.kind !== 'dir' && !known.alive) return ESRCH;
    const denied = row.access?.(known.subject) ?? 0;
    if (denied !== 0) return denied;
    if (row.kind === 'dir') return directoryOperations;
    if (row.kind !== 'file') return row.open(known.subject, flags);
    const writes = (flags & O_ACCMODE) !== O_RDONLY;
    if (writes && (this.options.strict === true || known.data.strict) && row.save === undefined)
      return EACCES;
    const held = loadForOpen(known, flags);
    return typeof held === 'number' ? held : new StringFile(held, this.options.proc === true);
  }

  statfs(): FsStatistics {
    return { bsize: 4096, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0 };
  }
}

kind('PseudoFs', PseudoFs);
