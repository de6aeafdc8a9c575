import { kind } from '../../checkpoint/registry.js';
import {
  F_SEAL_EXEC,
  F_SEAL_SEAL,
  MFD_ALLOW_SEALING,
  MFD_NOEXEC_SEAL,
  O_LARGEFILE,
  O_RDWR,
} from '../../abi/fcntl.js';
import { EINVAL, isErrno, type Errno } from '../../errno.js';
import { unattachedDentry } from '../dentry.js';
import { newHandle } from '../handle.js';
import { MountPoint } from '../mount.js';
import type { Credentials, Handle, Mount, SharedFile, VfsContext } from '../types.js';
import { FileContent } from './content.js';
import { TmpFs, type TmpFsOptions } from './tmpfs.js';

/** The filesystem of memfd_create(2): a tmpfs in which nothing has a name. */
export class MemfdFs {
  private readonly fs: TmpFs;
  private readonly mount: Mount;

  constructor(vfs: VfsContext, options: TmpFsOptions) {
    this.fs = new TmpFs(options);
    this.mount = new MountPoint(vfs, this.fs, unattachedDentry('', this.fs.root()), 0, 0);
  }

  /** `flags` of MFD_*, checked. */
  create(name: string, flags: number, cred: Credentials): Handle | Errno {
    const noexec = (flags & MFD_NOEXEC_SEAL) !== 0;
    const sealable = noexec || (flags & MFD_ALLOW_SEALING) !== 0;
    const seals = (sealable ? 0 : F_SEAL_SEAL) | (noexec ? F_SEAL_EXEC : 0);
    const inode = this.fs.makeUnnamed(noexec ? 0o666 : 0o777, cred, seals);
    if (typeof inode === 'number') return inode;
    const dentry = unattachedDentry(`/memfd:${name}`, inode);
    dentry.deleted = true;
    const ops = this.fs.open(inode);
    return isErrno(ops) ? ops : newHandle(inode, { mount: this.mount, dentry }, O_RDWR | O_LARGEFILE, ops);
  }

  /** A file of `size` bytes that is only mapped, for shared memory. */
  createShared(name: string, size: number, cred: Credentials): SharedFile | Errno {
    const inode = this.fs.makeUnnamed(0o777, cred, F_SEAL_SEAL);
    if (typeof inode === 'number') return inode;
    inode.size = size;
    const dentry = unattachedDentry(`/${name}`, inode);
    dentry.deleted = true;
    const pages = inode.data as FileContent;
    return { inode, location: { mount: this.mount, dentry }, pages };
  }
}

/** The file whose seals F_ADD_SEALS and F_GET_SEALS are about; EINVAL for what cannot be sealed. */
export function sealable(handle: Handle): FileContent | Errno {
  return handle.inode.data instanceof FileContent ? handle.inode.data : EINVAL;
}

kind('MemfdFs', MemfdFs);
