/**
 * A host folder whose regular files are protected files (protected.ts), as a folder that hostfs can show: names, modes and
 * times are the host's, contents and sizes those inside. A file is bound to its path: renamed by the host, or put in
 * another's place, it is refused (EACCES), as is one that has been changed.
 *
 * What would take a file away from its path is refused, too: hard links, and moving whole directories (EXDEV, so that mv
 * copies). Symbolic links of the host are not followed: nobody vouches for them. Names that end in the recovery suffix
 * are not there.
 */
import { S_IFDIR, S_IFMT, S_IFREG } from '../../abi/stat.js';
import { EACCES, EINVAL, ENAMETOOLONG, ENOENT, EPERM, EXDEV } from '../../errno.js';
import type {
  HostCrypto,
  HostEntry,
  HostFile,
  HostFolder,
  HostStat,
  HostStatfs,
  Timespec,
} from '../../host.js';
import { EncryptedFile } from './file.js';
import { Refused } from './metadata.js';
import { ProtectedFile, fitsPath } from './protected.js';
import { RECOVERY_SUFFIX, RecoveryLog } from './recovery.js';

/** What all folders of an encrypted mount share. */
export interface EncryptedTree {
  readonly crypto: HostCrypto;
  readonly random: (into: Uint8Array) => void;
  readonly realtime: (out: Timespec) => void;
  /** Null while it is not known: nothing can be opened. */
  readonly key: () => Uint8Array | null;
  readonly recovery: boolean;
  readonly log: (line: string) => void;
  /** Files that are open, by inode number and device. */
  readonly open: Map<string, EncryptedFile>;
  /** Sizes inside of files that are not open, good while the host's file stays as it is. */
  readonly sizes: Map<string, { readonly state: string; readonly size: number }>;
}

const MOST_SIZES = 10_000;

function idOf({ ino, dev }: HostStat): string {
  return `${dev}:${ino}`;
}

function isFile(stat: HostStat): boolean {
  return (stat.mode & S_IFMT) === S_IFREG;
}

function isHidden(name: string): boolean {
  return name.endsWith(RECOVERY_SUFFIX);
}

export class EncryptedFolder implements HostFolder {
  /** Open files that need the folder for their recovery; it stays open for them. */
  private users = 0;
  private closed_ = false;

  constructor(
    private readonly base: HostFolder,
    /** What the paths of files in it begin with. A byte string. */
    private readonly path: string,
    private readonly tree: EncryptedTree,
  ) {}

  private pathOf(name: string): string {
    return this.path === '' || this.path === '.' ? name : `${this.path.replace(/\/$/, '')}/${name}`;
  }

  stat(): HostStat | number {
    return this.base.stat();
  }

  lookup(name: string): HostStat | number {
    if (isHidden(name)) return ENOENT;
    const stat = this.base.lookup(name);
    return typeof stat === 'number' || !isFile(stat) ? stat : this.inside(name, stat);
  }

  /** The attributes with the size inside; one that cannot be told is 0. */
  private inside(name: string, stat: HostStat): HostStat | number {
    const id = idOf(stat);
    const open = this.tree.open.get(id);
    if (open !== undefined) return open.stat();
    const { mtime, ctime } = stat;
    const state = [stat.size, mtime.sec, mtime.nsec, ctime.sec, ctime.nsec, this.tree.key() !== null].join();
    const known = this.tree.sizes.get(id);
    if (known?.state === state) return { ...stat, size: known.size };
    const size = this.measure(name);
    if (this.tree.sizes.size >= MOST_SIZES) this.tree.sizes.clear();
    this.tree.sizes.set(id, { state, size });
    return { ...stat, size };
  }

  private measure(name: string): number {
    if (this.tree.key() === null) return 0;
    const base = this.base.openFile(name, false);
    if (typeof base === 'number') return 0;
    const content = this.open_(base, this.pathOf(name), null);
    base.close();
    return typeof content === 'number' ? 0 : content.size;
  }

  private open_(storage: HostFile, path: string, recovery: RecoveryLog | null): ProtectedFile | number {
    const { crypto, random, log } = this.tree;
    const key = this.tree.key();
    if (key === null) return EACCES;
    const content = ProtectedFile.open({ storage, crypto, random, key, path, recovery });
    if (!(content instanceof Refused)) return content;
    log(`the encrypted file ${path} is refused: ${content.why}`);
    return EACCES;
  }

  list(): readonly HostEntry[] | number {
    const entries = this.base.list();
    return typeof entries === 'number' ? entries : entries.filter(({ name }) => !isHidden(name));
  }

  openFolder(name: string): HostFolder | number {
    const folder = this.base.openFolder(name);
    return typeof folder === 'number' ? folder : new EncryptedFolder(folder, this.pathOf(name), this.tree);
  }

  /** Opened for writing where the host lets it be, since a write that did not end may have to be undone first. */
  openFile(name: string, write: boolean): HostFile | number {
    if (isHidden(name)) return ENOENT;
    if (this.tree.key() === null) return EACCES;
    let base = this.base.openFile(name, true);
    const writable = typeof base !== 'number';
    if (typeof base === 'number' && !write) base = this.base.openFile(name, false);
    if (typeof base === 'number') return base;
    const log = this.log(name, writable);
    const content = this.open_(base, this.pathOf(name), log);
    if (typeof content === 'number') {
      base.close();
      return content;
    }
    return this.opened(base, content, log, writable);
  }

  private log(name: string, writable: boolean): RecoveryLog | null {
    return this.tree.recovery && writable ? new RecoveryLog(this.base, name) : null;
  }

  private opened(
    base: HostFile,
    content: ProtectedFile,
    log: RecoveryLog | null,
    writable: boolean,
  ): EncryptedFile {
    const { realtime } = this.tree;
    const file = new EncryptedFile(base, content, { folder: this, log, writable, realtime });
    this.tree.open.set(idOf(base.opened), file);
    this.users++;
    return file;
  }

  /** The same file again, from the host's file opened again. */
  reopened(base: HostFile, path: string, log: RecoveryLog | null): HostFile | number {
    const content = this.open_(base, path, log);
    if (typeof content !== 'number') return this.opened(base, content, log, true);
    base.close();
    return content;
  }

  closed(file: EncryptedFile): void {
    const id = idOf(file.opened);
    if (this.tree.open.get(id) === file) this.tree.open.delete(id);
    this.users--;
    this.closeBase();
  }

  openWriteOnly(name: string): HostFile | number {
    return this.openFile(name, true);
  }

  create(name: string, mode: number): HostFile | number {
    const { crypto, random } = this.tree;
    const key = this.tree.key();
    const path = this.pathOf(name);
    if (isHidden(name)) return EINVAL;
    if (key === null) return EACCES;
    if (!fitsPath(path)) return ENAMETOOLONG;
    const base = this.base.create(name, mode);
    if (typeof base === 'number') return base;
    const log = this.log(name, true);
    const content = ProtectedFile.create({ storage: base, crypto, random, key, path, recovery: log });
    if (typeof content !== 'number') return this.opened(base, content, log, true);
    base.close();
    this.base.unlink(name);
    return content;
  }

  mkdir(name: string, mode: number): number {
    return isHidden(name) ? EINVAL : this.base.mkdir(name, mode);
  }

  symlink(): number {
    return EPERM;
  }
  readlink(): string | number {
    return EACCES;
  }
  link(): number {
    return EPERM;
  }

  unlink(name: string): number {
    if (isHidden(name)) return ENOENT;
    const error = this.base.unlink(name);
    if (error === 0 && this.tree.recovery) this.base.unlink(name + RECOVERY_SUFFIX);
    return error;
  }

  rmdir(name: string): number {
    return this.base.rmdir(name);
  }

  /** The file is bound to its new path first: should the host's process end in between, it is refused, not misplaced. */
  rename(name: string, to: HostFolder, toName: string): number {
    if (!(to instanceof EncryptedFolder) || isHidden(toName)) return EINVAL;
    if (isHidden(name)) return ENOENT;
    const stat = this.base.lookup(name);
    if (typeof stat === 'number') return stat;
    if ((stat.mode & S_IFMT) === S_IFDIR) return EXDEV;
    if (!isFile(stat)) return this.base.rename(name, to.base, toName);
    const path = to.pathOf(toName);
    if (!fitsPath(path)) return ENAMETOOLONG;
    return this.rebound(name, stat, path, () => this.base.rename(name, to.base, toName));
  }

  private rebound(name: string, stat: HostStat, path: string, rename: () => number): number {
    const open = this.tree.open.get(idOf(stat));
    const file = open ?? this.openFile(name, true);
    if (typeof file === 'number') return file;
    if (!(file instanceof EncryptedFile)) return EINVAL;
    const before = file.content.path;
    let error: number = file.content.rebind(path);
    if (error === 0) {
      error = rename();
      if (error !== 0) file.content.rebind(before);
    }
    if (open === undefined) file.close();
    return error;
  }

  chmod(name: string, mode: number): number {
    return this.base.chmod(name, mode);
  }
  chown(name: string, uid: number, gid: number): number {
    return this.base.chown(name, uid, gid);
  }
  utimes(name: string, atime: Timespec, mtime: Timespec): number {
    return this.base.utimes(name, atime, mtime);
  }
  statfs(): HostStatfs | number {
    return this.base.statfs();
  }

  close(): void {
    this.closed_ = true;
    this.closeBase();
  }

  private closeBase(): void {
    if (this.closed_ && this.users === 0) this.base.close();
  }
}
