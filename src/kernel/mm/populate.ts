import { PAGE_SIZE } from '../../machine/layout.js';
import { ACCESS_EXEC, ACCESS_READ, ACCESS_WRITE, type Access } from '../../machine/types.js';
import { PROT_READ, PROT_WRITE } from '../abi/mman.js';
import { FAULT_OK, handleFault, type Fault } from './fault.js';
import type { Mm } from './mm.js';
import type { Vma } from './vma.js';

/** Brings the pages of [start, end) in, as far as they can be, ready to be used as their areas allow (mm_populate). */
export function populate(mm: Mm, start: number, end: number): void {
  for (const vma of mm.vmas.overlapping(start, end)) {
    if (vma.prot === 0) continue;
    const fault = populateArea(mm, vma, start, end, accessFor(vma));
    if (fault !== FAULT_OK) return;
  }
}

/** Brings in the part of an area in [start, end); the first fault that fails ends it. */
export function populateArea(mm: Mm, vma: Vma, start: number, end: number, access: Access): Fault {
  const to = Math.min(vma.end, end);
  for (let page = Math.max(vma.start, start); page < to; page += PAGE_SIZE) {
    const fault = handleFault(mm, page, access);
    if (fault !== FAULT_OK) return fault;
  }
  return FAULT_OK;
}

/** Private writable pages get their own copy at once. */
function accessFor(vma: Vma): Access {
  if ((vma.prot & PROT_WRITE) !== 0 && !vma.shared) return ACCESS_WRITE;
  return (vma.prot & (PROT_READ | PROT_WRITE)) !== 0 ? ACCESS_READ : ACCESS_EXEC;
}
