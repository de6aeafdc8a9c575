import { kind } from '../checkpoint/registry.js';
import type { Dentry, FileSystem, Location, Mount, VfsContext } from './types.js';

export class MountPoint implements Mount {
  parent: Location | null = null;

  constructor(
    readonly vfs: VfsContext,
    readonly fs: FileSystem,
    /** The filesystem's root, or for a bind mount any place in it. */
    readonly root: Dentry,
    public flags: number,
    readonly id: number,
  ) {}
}

/** The mount that stands on a place, or null; mounts on mounts are found by asking again at its root. */
export function mountedOn(mount: Mount, dentry: Dentry): Mount | null {
  const { mounts } = dentry;
  for (let i = mounts.length - 1; i >= 0; i--) {
    const candidate = mounts[i];
    if (candidate?.parent?.mount === mount) return candidate;
  }
  return null;
}

export function isSamePlace(a: Location, b: Location): boolean {
  return a.dentry === b.dentry && a.mount === b.mount;
}

/** Whether anything is mounted on `dentry`, however it is seen: such a name cannot be removed or renamed. */
export function isMountPoint(dentry: Dentry): boolean {
  return dentry.mounts.length > 0;
}

kind('MountPoint', MountPoint);
