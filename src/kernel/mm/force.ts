import { PAGE_MASK, PAGE_SIZE } from '../../machine/layout.js';
import { ACCESS_READ, ACCESS_WRITE, PTE_WRITE } from '../../machine/types.js';
import { PROT_READ, PROT_WRITE } from '../abi/mman.js';
import { FAULT_OK, handleFault } from './fault.js';
import type { Mm } from './mm.js';
import { pageDown, pteBits } from './pte.js';
import { TASK_SIZE, type Vma } from './vma.js';

/**
 * Where in the machine's memory the byte at `address` lies, to be read or written whatever the mapping allows the program
 * (FOLL_FORCE): a private page becomes the process's own before it is written. 0 where nothing is mapped, and for writing
 * to what is shared and may not be.
 */
export function forcePage(mm: Mm, address: number, write: boolean): number {
  if (address < 0 || address >= TASK_SIZE) return 0;
  const vma = mm.vmas.find(address);
  if (vma === null || (write && vma.shared && (vma.prot & PROT_WRITE) === 0)) return 0;
  const needed = write ? PROT_READ | PROT_WRITE : PROT_READ;
  if ((vma.prot & needed) === needed) return locate(mm, address, write);
  const { prot } = vma;
  vma.prot |= needed;
  const at = locate(mm, address, write);
  vma.prot = prot;
  restrict(mm, vma, address);
  return at;
}

function locate(mm: Mm, address: number, write: boolean): number {
  const page = pageDown(address);
  let pte = mm.space.get(page);
  if (pte === 0 || (write && (pte & PTE_WRITE) === 0)) {
    if (handleFault(mm, address, write ? ACCESS_WRITE : ACCESS_READ) !== FAULT_OK) return 0;
    pte = mm.space.get(page);
  }
  return (pte >>> 12) * PAGE_SIZE + (address & PAGE_MASK);
}

/** The entry allows again no more than the area. */
function restrict(mm: Mm, vma: Vma, address: number): void {
  const page = pageDown(address);
  const pte = mm.space.get(page);
  const allowed = pteBits(vma.prot);
  if (pte !== 0) mm.space.set(page, (pte & ~(ALL_BITS & ~allowed)) >>> 0);
}

const ALL_BITS = pteBits(7);
