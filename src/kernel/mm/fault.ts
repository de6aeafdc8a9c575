import { PAGE_SIZE } from '../../machine/layout.js';
import {
  ACCESS_EXEC,
  ACCESS_READ,
  ACCESS_WRITE,
  PTE_FLEETING,
  PTE_WRITE,
  type Access,
} from '../../machine/types.js';
import { PROT_EXEC, PROT_WRITE } from '../abi/mman.js';
import { RLIMIT_AS, RLIMIT_STACK } from '../abi/resource.js';
import { ENOMEM } from '../errno.js';
import type { Mm } from './mm.js';
import { AnonymousPages } from './pages.js';
import { PTE_ANON, PTE_FILE, makePte, pageDown, pteBits } from './pte.js';
import { STACK_GUARD, type Vma } from './vma.js';

/** How an access that the page table did not allow ended. */
export const FAULT_OK = 0;
/** Nothing is mapped there: SIGSEGV, SEGV_MAPERR. */
export const FAULT_MAPERR = 1;
/** The mapping does not allow it: SIGSEGV, SEGV_ACCERR. */
export const FAULT_ACCERR = 2;
/** Past the file's end, or the file cannot be read: SIGBUS, BUS_ADRERR. */
export const FAULT_BUS = 3;
/** No memory is left. */
export const FAULT_OOM = 4;
export type Fault =
  typeof FAULT_OK | typeof FAULT_MAPERR | typeof FAULT_ACCERR | typeof FAULT_BUS | typeof FAULT_OOM;

/** Brings the page at `address` into the page table, so that `access` succeeds (handle_mm_fault). */
export function handleFault(mm: Mm, address: number, access: Access): Fault {
  const vma = mm.vmas.find(address) ?? growStack(mm, address);
  if (vma === null) return FAULT_MAPERR;
  if (!allows(vma, access)) return FAULT_ACCERR;
  const page = pageDown(address);
  const pte = mm.space.get(page);
  if (pte === 0) return fillPage(mm, vma, page, access);
  return access === ACCESS_WRITE && (pte & PTE_WRITE) === 0 ? makeWritable(mm, vma, page, pte) : FAULT_OK;
}

function allows(vma: Vma, access: Access): boolean {
  if (access === ACCESS_READ) return vma.prot !== 0;
  return (vma.prot & (access === ACCESS_EXEC ? PROT_EXEC : PROT_WRITE)) !== 0;
}

/** The stack below `address`, grown to hold it, if there is one and it may grow that far. */
export function growStack(mm: Mm, address: number): Vma | null {
  const index = mm.vmas.indexAbove(address);
  const vma = mm.vmas.at(index);
  if (vma === undefined || !vma.growsDown) return null;
  const start = pageDown(address);
  const below = mm.vmas.at(index - 1);
  if (below !== undefined && below.prot !== 0 && !below.growsDown && start - below.end < STACK_GUARD)
    return null;
  if (vma.end - start > mm.limits.limit(RLIMIT_STACK)) return null;
  if (mm.vmas.total + (vma.start - start) > mm.limits.limit(RLIMIT_AS)) return null;
  mm.vmas.grow(vma, start);
  return vma;
}

function fillPage(mm: Mm, vma: Vma, page: number, access: Access): Fault {
  if (vma.pages === null) return fillAnonymous(mm, vma, page, access);
  const index = vma.pageIndex(page);
  const frame = vma.pages.frame(index);
  if (frame < 0) return faultOf(frame);
  const bits = pteBits(vma.prot) | PTE_FILE;
  if (!vma.shared)
    return access === ACCESS_WRITE
      ? mapCopy(mm, vma, page, frame)
      : mapBorrowed(mm, page, frame, bits & ~PTE_WRITE);
  const writes = access === ACCESS_WRITE || vma.pages instanceof AnonymousPages;
  const dirtied = access === ACCESS_WRITE ? vma.pages.dirty(index) : 0;
  return dirtied < 0 ? faultOf(dirtied) : mapBorrowed(mm, page, frame, writes ? bits : bits & ~PTE_WRITE);
}

/** A read gets the page of zeros that all share: much of what is reserved is never written. */
function fillAnonymous(mm: Mm, vma: Vma, page: number, access: Access): Fault {
  if (access !== ACCESS_WRITE) {
    return mapBorrowed(mm, page, mm.pool.zeroFrame, (pteBits(vma.prot) & ~PTE_WRITE) | PTE_FLEETING);
  }
  const frame = mm.allocateFor(vma, page);
  return frame === 0 ? FAULT_OOM : mapOwned(mm, vma, page, frame);
}

function mapCopy(mm: Mm, vma: Vma, page: number, from: number): Fault {
  const frame = mm.allocateFor(vma, page);
  if (frame === 0) return FAULT_OOM;
  copyFrame(mm, from, frame);
  return mapOwned(mm, vma, page, frame);
}

/** Maps a frame whose only reference the caller hands over. */
function mapOwned(mm: Mm, vma: Vma, page: number, frame: number): Fault {
  const pte = makePte(frame, pteBits(vma.prot) | PTE_ANON);
  if (!mm.setPage(page, pte)) {
    mm.frames.release(frame);
    return FAULT_OOM;
  }
  mm.countPage(pte);
  return FAULT_OK;
}

/** Maps a frame that belongs to others, too. */
function mapBorrowed(mm: Mm, page: number, frame: number, bits: number): Fault {
  const pte = makePte(frame, bits);
  if (!mm.setPage(page, pte)) return FAULT_OOM;
  mm.frames.retain(frame);
  mm.countPage(pte);
  return FAULT_OK;
}

/** The first write to a page that is there: it is dirty from now on, or becomes a copy unless nobody shares it. */
function makeWritable(mm: Mm, vma: Vma, page: number, pte: number): Fault {
  const frame = pte >>> 12;
  if (vma.shared) {
    const dirtied = vma.pages?.dirty(vma.pageIndex(page)) ?? 0;
    if (dirtied < 0) return faultOf(dirtied);
  } else if ((pte & PTE_ANON) === 0 || mm.frames.references(frame) > 1) {
    return breakSharing(mm, vma, page, pte);
  }
  return mm.setPage(page, (pte | PTE_WRITE) >>> 0) ? FAULT_OK : FAULT_OOM;
}

function breakSharing(mm: Mm, vma: Vma, page: number, pte: number): Fault {
  const copy = mm.allocateFor(vma, page);
  if (copy === 0) return FAULT_OOM;
  const old = pte >>> 12;
  if (old !== mm.pool.zeroFrame) copyFrame(mm, old, copy);
  mm.forgetPage(pte);
  return mapOwned(mm, vma, page, copy);
}

function copyFrame(mm: Mm, from: number, to: number): void {
  mm.pool.machine.memory.u8.copyWithin(to * PAGE_SIZE, from * PAGE_SIZE, (from + 1) * PAGE_SIZE);
}

function faultOf(error: number): Fault {
  return error === ENOMEM ? FAULT_OOM : FAULT_BUS;
}
