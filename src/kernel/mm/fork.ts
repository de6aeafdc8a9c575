import type { Mm } from './mm.js';
import { VM_DONTFORK, VM_LOCKED, VM_LOCKONFAULT, VM_WIPEONFORK, type Vma } from './vma.js';

/** Gives `child` a copy of an area and its pages; private ones are write-protected in both. False: no memory. */
export function copyArea(parent: Mm, child: Mm, vma: Vma): boolean {
  if ((vma.flags & VM_DONTFORK) !== 0) return true;
  const copy = vma.copy(vma.start, vma.end, vma.offset, child);
  copy.flags &= ~(VM_LOCKED | VM_LOCKONFAULT);
  child.vmas.insert(copy);
  if ((vma.flags & VM_WIPEONFORK) !== 0 || isRefilled(vma)) return true;
  return parent.sharePages(child, vma.start, vma.end, !vma.shared);
}

/** Pages that faults bring back from the file are not copied, as in Linux: a child often needs few of them. */
function isRefilled(vma: Vma): boolean {
  return vma.pages !== null && vma.shared;
}
