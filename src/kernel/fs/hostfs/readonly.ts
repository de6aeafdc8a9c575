import { EROFS } from '../../errno.js';
import type { HostEntry, HostFile, HostFolder, HostStat, HostStatfs } from '../../host.js';

/**
 * A host folder in which nothing can be changed, whatever mounts and inodes say: they may come from a snapshot that
 * somebody else has made.
 */
export class ReadOnlyFolder implements HostFolder {
  constructor(private readonly folder: HostFolder) {}

  stat(): HostStat | number {
    return this.folder.stat();
  }

  lookup(name: string): HostStat | number {
    return this.folder.lookup(name);
  }

  list(): readonly HostEntry[] | number {
    return this.folder.list();
  }

  openFolder(name: string): HostFolder | number {
    const folder = this.folder.openFolder(name);
    return typeof folder === 'number' ? folder : new ReadOnlyFolder(folder);
  }

  openFile(name: string, write: boolean): HostFile | number {
    if (write) return EROFS;
    const file = this.folder.openFile(name, false);
    return typeof file === 'number' ? file : new ReadOnlyFile(file);
  }

  openWriteOnly(): number {
    return EROFS;
  }

  create(): number {
    return EROFS;
  }

  mkdir(): number {
    return EROFS;
  }

  symlink(): number {
    return EROFS;
  }

  readlink(name: string): string | number {
    return this.folder.readlink(name);
  }

  link(): number {
    return EROFS;
  }

  unlink(): number {
    return EROFS;
  }

  rmdir(): number {
    return EROFS;
  }

  rename(): number {
    return EROFS;
  }

  chmod(): number {
    return EROFS;
  }

  chown(): number {
    return EROFS;
  }

  utimes(): number {
    return EROFS;
  }

  statfs(): HostStatfs | number {
    return this.folder.statfs();
  }

  close(): void {
    this.folder.close();
  }
}

class ReadOnlyFile implements HostFile {
  readonly opened: HostStat;

  constructor(private readonly file: HostFile) {
    this.opened = file.opened;
  }

  stat(): HostStat | number {
    return this.file.stat();
  }

  read(into: Uint8Array, start: number, length: number, position: number): number {
    return this.file.read(into, start, length, position);
  }

  write(): number {
    return EROFS;
  }

  truncate(): number {
    return EROFS;
  }

  chmod(): number {
    return EROFS;
  }

  chown(): number {
    return EROFS;
  }

  utimes(): number {
    return EROFS;
  }

  sync(): number {
    return this.file.sync();
  }

  reopen(): number {
    return EROFS;
  }

  close(): void {
    this.file.close();
  }
}
