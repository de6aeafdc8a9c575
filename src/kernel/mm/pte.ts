import { PAGE_MASK } from '../../machine/layout.js';
import { PTE_EXEC, PTE_KERNEL_1, PTE_KERNEL_2, PTE_READ, PTE_WRITE } from '../../machine/types.js';

/** The page belongs to this address space alone or to it and forked ones: not the page cache's, not the zero page. */
export const PTE_ANON = PTE_KERNEL_1;
/** The page is the page cache's, or shared memory. The zero page is neither. */
export const PTE_FILE = PTE_KERNEL_2;

/** The bits of a page's entry for PROT_*: on x86-64 whatever can be accessed can be read. */
export function pteBits(prot: number): number {
  const bits = prot & (PTE_READ | PTE_WRITE | PTE_EXEC);
  return bits === 0 ? 0 : bits | PTE_READ;
}

export function makePte(frame: number, bits: number): number {
  return ((frame << 12) | bits) >>> 0;
}

export function pageDown(address: number): number {
  return address - (address & PAGE_MASK);
}
export function pageUp(address: number): number {
  return pageDown(address + PAGE_MASK);
}
