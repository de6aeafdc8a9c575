import type { HostFile, HostStat, Timespec } from '../../host.js';
import { EACCES } from '../../errno.js';
import type { EncryptedFolder } from './folder.js';
import type { ProtectedFile } from './protected.js';
import type { RecoveryLog } from './recovery.js';

/** A protected file as hostfs sees files: with the bytes and the size that it has inside. */
export class EncryptedFile implements HostFile {
  readonly opened: HostStat;
  /** When the guest has last written what is not on the host yet. */
  private readonly written: Timespec = { sec: 0, nsec: 0 };

  constructor(
    private readonly base: HostFile,
    readonly content: ProtectedFile,
    private readonly owner: {
      readonly folder: EncryptedFolder;
      readonly log: RecoveryLog | null;
      readonly writable: boolean;
      readonly realtime: (out: Timespec) => void;
    },
  ) {
    this.opened = this.inside(base.opened);
  }

  private inside(stat: HostStat): HostStat {
    const mtime = this.content.dirty ? { ...this.written } : stat.mtime;
    return { ...stat, size: this.content.size, mtime };
  }

  stat(): HostStat | number {
    const stat = this.base.stat();
    return typeof stat === 'number' ? stat : this.inside(stat);
  }

  read(into: Uint8Array, start: number, length: number, position: number): number {
    return this.content.read(into, start, length, position);
  }

  write(from: Uint8Array, start: number, length: number, position: number): number {
    if (!this.owner.writable) return EACCES;
    this.owner.realtime(this.written);
    return this.content.write(from, start, length, position);
  }

  truncate(size: number): number {
    if (!this.owner.writable) return EACCES;
    this.owner.realtime(this.written);
    return this.content.truncate(size);
  }

  chmod(mode: number): number {
    return this.base.chmod(mode);
  }
  chown(uid: number, gid: number): number {
    return this.base.chown(uid, gid);
  }

  utimes(atime: Timespec, mtime: Timespec): number {
    // What is written later would give the file another time.
    return this.content.flush() || this.base.utimes(atime, mtime);
  }

  settle(): number {
    return this.content.flush();
  }

  sync(): number {
    return this.content.flush() || this.base.sync();
  }

  reopen(): HostFile | number {
    const error = this.content.flush();
    if (error !== 0) return error;
    const base = this.base.reopen();
    return typeof base === 'number'
      ? base
      : this.owner.folder.reopened(base, this.content.path, this.owner.log);
  }

  close(): void {
    this.content.flush();
    this.owner.log?.remove();
    this.owner.folder.closed(this);
    this.base.close();
  }
}
