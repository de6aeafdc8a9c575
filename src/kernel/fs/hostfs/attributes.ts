import { kind } from '../../checkpoint/registry.js';
import { EIO } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { HostFile, HostFolder, HostStat } from '../../host.js';
import type { Attributes } from '../types.js';
import type { Files } from './files.js';
import type { Inodes } from './inodes.js';
import { CAN_WRITE, hostPages } from './node.js';
import type { HostInode } from './node.js';

/** Ways to what the host has of an inode. */
export interface HostAccess {
  locate(inode: HostInode): { folder: HostFolder; name: string } | Errno;
  stat(inode: HostInode): HostStat | number;
}

/** Changes attributes on the host; whoever calls it brings the inode up to date afterwards. */
export class AttributeSetter {
  constructor(
    private readonly inodes: Inodes,
    private readonly files: Files,
    private readonly hostFiles: HostAccess,
  ) {}

  /** Sets what is given, in the order in which Linux does; ends at the first that fails. */
  set(inode: HostInode, changes: Attributes): 0 | Errno {
    const error =
      this.setSize(inode, changes) ||
      this.setOwner(inode, changes) ||
      this.setMode(inode, changes) ||
      this.setTimes(inode, changes);
    return error as 0 | Errno;
  }

  private setSize(inode: HostInode, { size }: Attributes): number {
    if (size === undefined) return 0;
    const opened = this.files.need(inode, CAN_WRITE);
    if (opened < 0) return opened;
    const error = inode.data.file?.truncate(size) ?? EIO;
    if (error !== 0) return error;
    inode.data.wroteItself = true;
    inode.size = size;
    hostPages(inode)?.truncate(size);
    return 0;
  }

  setOwner(inode: HostInode, { uid, gid }: Attributes): number {
    if (uid === undefined && gid === undefined) return 0;
    const newUid = this.inodes.hostUid(uid ?? inode.uid);
    const newGid = this.inodes.hostGid(gid ?? inode.gid);
    const { seen } = inode.data;
    if (newUid === seen.uid && newGid === seen.gid) return 0;
    return this.onEntry(
      inode,
      (file) => file.chown(newUid, newGid),
      (folder, name) => folder.chown(name, newUid, newGid),
    );
  }

  private setMode(inode: HostInode, { mode }: Attributes): number {
    if (mode === undefined) return 0;
    return this.onEntry(
      inode,
      (file) => file.chmod(mode),
      (folder, name) => folder.chmod(name, mode),
    );
  }

  private setTimes(inode: HostInode, changes: Attributes): number {
    if (changes.atime === undefined && changes.mtime === undefined) return 0;
    const atime = { ...(changes.atime ?? inode.atime) };
    const mtime = { ...(changes.mtime ?? inode.mtime) };
    const error = this.onEntry(
      inode,
      (file) => file.utimes(atime, mtime),
      (folder, name) => folder.utimes(name, atime, mtime),
    );
    const stat = error < 0 ? error : this.hostFiles.stat(inode);
    if (typeof stat === 'number') return stat;
    inode.data.exact = { atime, mtime, hostAtime: stat.atime, hostMtime: stat.mtime };
    inode.data.wroteItself = true;
    return 0;
  }

  /** Changes a file through what is open of it, or else by its name. */
  private onEntry(
    inode: HostInode,
    onFile: (file: HostFile) => number,
    onName: (folder: HostFolder, name: string) => number,
  ): number {
    if (inode.data.file !== null) return onFile(inode.data.file);
    const place = this.hostFiles.locate(inode);
    if (typeof place === 'number') return place;
    return onName(place.folder, place.name);
  }
}

kind('AttributeSetter', AttributeSetter);
