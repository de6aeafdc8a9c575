import { PTE_EXEC, PTE_READ, PTE_WRITE } from '../../machine/types.js';
import { PROT_GROWSDOWN, PROT_GROWSUP } from '../abi/mman.js';
import { EACCES, EINVAL, ENOMEM, type Errno } from '../errno.js';
import { PROT_ALL, type Mm } from './mm.js';
import { pteBits } from './pte.js';
import type { Vma } from './vma.js';

const PROT_SEM = 8;
const KNOWN = PROT_ALL | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP;

/** mprotect(2) on whole pages [start, end): changes areas in order until one cannot be. */
export function mprotect(mm: Mm, start: number, end: number, prot: number): 0 | Errno {
  if ((prot & ~KNOWN) !== 0) return EINVAL;
  const first = mm.vmas.at(mm.vmas.indexAbove(start));
  if (first === undefined) return ENOMEM;
  let from = start;
  if ((prot & PROT_GROWSDOWN) !== 0) {
    if (first.start >= end) return ENOMEM;
    if (!first.growsDown) return EINVAL;
    from = first.start;
  } else if ((prot & PROT_GROWSUP) !== 0) return EINVAL;
  else if (first.start > start) return ENOMEM;
  const failed = protectAreas(mm, from, end, prot & PROT_ALL);
  mm.vmas.join(from, end);
  return failed;
}

function protectAreas(mm: Mm, start: number, end: number, prot: number): 0 | Errno {
  let at = start;
  for (const vma of mm.vmas.carve(start, end)) {
    if (vma.start !== at) return ENOMEM;
    if ((prot & ~vma.maxProt) !== 0) return EACCES;
    if (vma.prot !== prot) setProtection(mm, vma, prot);
    at = vma.end;
  }
  return at < end ? ENOMEM : 0;
}

/** Pages that were not writable stay so until a fault has made sure that they may be. */
function setProtection(mm: Mm, vma: Vma, prot: number): void {
  vma.prot = prot;
  const bits = pteBits(prot);
  mm.space.update(vma.start, vma.end, (_address, pte) => {
    const kept = pte & ~(PTE_READ | PTE_WRITE | PTE_EXEC);
    return (kept | (bits & ~PTE_WRITE) | (bits & pte & PTE_WRITE)) >>> 0;
  });
}
