import { kind } from '../../checkpoint/registry.js';
import { ELOOP, ENOENT, ENOTDIR } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { HostFolder } from '../../host.js';
import type { HostInode } from './node.js';

/** Open folders that are kept; each is a descriptor of the host. */
const LIMIT = 256;

/** The open folders of a hostfs. Those used least recently are closed, and opened again through their parents. */
export class Folders {
  private readonly open = new Set<HostInode>();

  /** The folder of a directory; ENOENT if the host has moved or removed it meanwhile. */
  of(dir: HostInode): HostFolder | Errno {
    const { folder, names } = dir.data;
    if (folder !== null) {
      if (this.open.delete(dir)) this.open.add(dir);
      return folder;
    }
    const name = names.at(-1);
    if (name === undefined) return ENOENT;
    const parent = this.of(name.dir);
    return typeof parent === 'number' ? parent : this.openIn(parent, name.name, dir);
  }

  private openIn(parent: HostFolder, name: string, dir: HostInode): HostFolder | Errno {
    const folder = parent.openFolder(name);
    if (typeof folder === 'number')
      return folder === ENOTDIR || folder === ELOOP ? ENOENT : (folder as Errno);
    const stat = folder.stat();
    if (typeof stat === 'number' || stat.ino !== dir.data.seen.ino || stat.dev !== dir.data.seen.dev) {
      folder.close();
      return ENOENT;
    }
    dir.data.folder = folder;
    this.open.add(dir);
    this.shrink();
    return folder;
  }

  private shrink(): void {
    for (const dir of this.open) {
      if (this.open.size <= LIMIT) return;
      this.close(dir);
    }
  }

  closeAll(): void {
    for (const dir of [...this.open]) this.close(dir);
  }

  /** Closes a folder; not the root's, which is not opened here. */
  close(dir: HostInode): void {
    if (!this.open.delete(dir)) return;
    dir.data.folder?.close();
    dir.data.folder = null;
  }
}

kind('Folders', Folders, { rebuilt: ['open'] });
