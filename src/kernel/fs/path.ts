import { isSamePlace } from './mount.js';
import type { Dentry, Location, Mount } from './types.js';

/**
 * The absolute path of a place as seen from `root` (d_path): with " (deleted)" behind it when the name has gone, and
 * "(unreachable)" before it when it lies outside of `root`. What has no place in the tree, such as a pipe, is its name.
 */
export function absolutePath(place: Location, root: Location): string {
  const deleted = place.dentry.deleted ? ' (deleted)' : '';
  if (isNameless(place)) return place.dentry.name + deleted;
  const names: string[] = [];
  let mount: Mount = place.mount;
  let dentry: Dentry = place.dentry;
  while (!isSamePlace({ mount, dentry }, root)) {
    if (dentry === mount.root) {
      if (mount.parent === null) return `(unreachable)${join(names)}${deleted}`;
      ({ mount, dentry } = mount.parent);
    } else {
      names.push(dentry.name);
      if (dentry.parent === null) break;
      dentry = dentry.parent;
    }
  }
  return join(names) + deleted;
}

function isNameless({ mount, dentry }: Location): boolean {
  return dentry.parent === null && dentry !== mount.root;
}

function join(names: string[]): string {
  return `/${names.reverse().join('/')}`;
}
