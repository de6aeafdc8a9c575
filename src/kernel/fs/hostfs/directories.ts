import { kind } from '../../checkpoint/registry.js';
import { EISDIR } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { HostClock, HostEntry, HostFolder, Timespec } from '../../host.js';
import { emitListing } from '../listing.js';
import type { DirEntry, Handle, HandleOperations } from '../types.js';
import type { Folders } from './folders.js';
import type { Inodes } from './inodes.js';
import type { HostInode } from './node.js';
import type { Specials } from './specials.js';

const $time: Timespec = { sec: 0, nsec: 0 };

/** Operations of an open directory: its list is the host's with the names that only the sandbox has. */
export class Directories implements HandleOperations {
  readonly seekable = true;

  constructor(
    private readonly folders: Folders,
    private readonly inodes: Inodes,
    private readonly specials: Specials,
    private readonly clock: HostClock,
  ) {}

  read(): Errno {
    return EISDIR;
  }

  write(): Errno {
    return EISDIR;
  }

  fsync(): 0 {
    return 0;
  }

  readdir(handle: Handle, emit: (entry: DirEntry) => boolean): 0 | Errno {
    const dir = handle.inode as HostInode;
    const folder = this.folders.of(dir);
    if (typeof folder === 'number') return folder;
    if (handle.position === 0 || handle.data === null || handle.data === undefined) {
      const entries = folder.list();
      if (typeof entries === 'number') return entries as Errno;
      handle.data = this.specials.mergeInto(dir, entries);
    }
    dir.data.listed = new Map();
    this.clock.monotonic($time);
    dir.data.listedAt = $time.sec * 1000 + $time.nsec / 1e6;
    return emitListing(handle, handle.data as readonly HostEntry[], emit, (entry) =>
      this.entryNumber(dir, folder, entry.name),
    );
  }

  /** Asks for the entry's number, and keeps the rest of the answer for the look-up that often follows. */
  private entryNumber(dir: HostInode, folder: HostFolder, name: string): number | null {
    const special = this.specials.in(dir, name);
    if (special !== undefined) return special.ino;
    const stat = folder.lookup(name);
    if (typeof stat === 'number') return null;
    dir.data.listed?.set(name, stat);
    return this.inodes.numberOf(stat);
  }
}

kind('Directories', Directories);
