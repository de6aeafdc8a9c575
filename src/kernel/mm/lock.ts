import { ENOMEM, type Errno } from '../errno.js';
import type { Mm } from './mm.js';
import { populate } from './populate.js';
import { TASK_SIZE, VM_LOCKED, VM_LOCKONFAULT } from './vma.js';

/** Locks or unlocks the areas of [start, end): `flags` is 0, VM_LOCKED, or both VM_LOCK* bits. */
export function setLocked(mm: Mm, start: number, end: number, flags: number): 0 | Errno {
  let at = start;
  for (const vma of mm.vmas.carve(start, end)) {
    if (vma.start > at) break;
    vma.flags = (vma.flags & ~(VM_LOCKED | VM_LOCKONFAULT)) | flags;
    at = vma.end;
  }
  mm.vmas.join(start, end);
  if (at < end) return ENOMEM;
  if (flags === VM_LOCKED) populate(mm, start, end);
  return 0;
}

/** The same for all areas that there are. */
export function setAllLocked(mm: Mm, flags: number): void {
  for (const vma of mm.vmas) vma.flags = (vma.flags & ~(VM_LOCKED | VM_LOCKONFAULT)) | flags;
  if (flags === VM_LOCKED) populate(mm, 0, TASK_SIZE);
}
