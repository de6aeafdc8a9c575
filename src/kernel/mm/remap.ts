import { MAP_PRIVATE, MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from '../abi/mman.js';
import { RLIMIT_MEMLOCK } from '../abi/resource.js';
import { EAGAIN, EFAULT, EINVAL, ENOMEM, type Errno } from '../errno.js';
import { isPageAligned } from './mmap.js';
import type { Mm } from './mm.js';
import { populate } from './populate.js';
import { pageUp } from './pte.js';
import { TASK_SIZE, VM_LOCKED, type Vma } from './vma.js';

interface Remap {
  readonly address: number;
  readonly oldLength: number;
  readonly newLength: number;
  readonly flags: number;
  readonly newAddress: number;
}

/** mremap(2): the new address, or an error. */
export function mremap(mm: Mm, request: Remap): number | Errno {
  const { address, flags } = request;
  const fixed = (flags & MREMAP_FIXED) !== 0;
  const keeps = (flags & MREMAP_DONTUNMAP) !== 0;
  const oldLength = pageUp(request.oldLength);
  const newLength = pageUp(request.newLength);
  if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0) return EINVAL;
  if ((fixed || keeps) && (flags & MREMAP_MAYMOVE) === 0) return EINVAL;
  if (keeps && oldLength !== newLength) return EINVAL;
  if (!isPageAligned(address) || newLength === 0) return EINVAL;
  const vma = mm.vmas.find(address);
  if (vma === null) return EFAULT;
  const rounded = { ...request, oldLength, newLength };
  if (fixed || keeps) return moveTo(mm, vma, rounded, fixed);
  if (oldLength >= newLength && oldLength > 0) {
    const failed = oldLength > newLength ? mm.unmap(address + newLength, address + oldLength) : 0;
    return failed < 0 ? failed : address;
  }
  return growOrMove(mm, vma, rounded);
}

function moveTo(mm: Mm, vma: Vma, request: Remap, fixed: boolean): number | Errno {
  const { address, newAddress, newLength } = request;
  let { oldLength } = request;
  if (fixed) {
    if (!isPageAligned(newAddress) || newLength > TASK_SIZE || newAddress > TASK_SIZE - newLength)
      return EINVAL;
    if (address + oldLength > newAddress && newAddress + newLength > address) return EINVAL;
    mm.unmap(newAddress, newAddress + newLength);
  }
  if (oldLength > newLength) {
    mm.unmap(address + newLength, address + oldLength);
    oldLength = newLength;
  }
  const unfit = checkResize(mm, vma, address, oldLength, newLength);
  if (unfit < 0) return unfit;
  const target = fixed ? newAddress : mm.placeFor(newAddress, newLength, MAP_PRIVATE);
  return target < 0 ? target : move(mm, { ...request, oldLength, newAddress: target });
}

function growOrMove(mm: Mm, vma: Vma, request: Remap): number | Errno {
  const { address, oldLength, newLength, flags } = request;
  const unfit = checkResize(mm, vma, address, oldLength, newLength);
  if (unfit < 0) return unfit;
  if (oldLength === vma.end - address && oldLength > 0 && mm.vmas.isFree(vma.end, address + newLength)) {
    if (address + newLength <= TASK_SIZE) return growInPlace(mm, vma, address, newLength);
  }
  if ((flags & MREMAP_MAYMOVE) === 0) return ENOMEM;
  const target = mm.placeFor(0, newLength, MAP_PRIVATE);
  return target < 0 ? target : move(mm, { ...request, newAddress: target });
}

function growInPlace(mm: Mm, vma: Vma, address: number, newLength: number): number {
  const end = vma.end;
  mm.vmas.insert(vma.copy(end, address + newLength, vma.offset + (end - vma.start)));
  if ((vma.flags & VM_LOCKED) !== 0) populate(mm, end, address + newLength);
  return address;
}

/** Linux's vma_to_resize. */
function checkResize(mm: Mm, vma: Vma, address: number, oldLength: number, newLength: number): 0 | Errno {
  if (oldLength === 0 && !vma.shared) return EINVAL;
  if (oldLength > vma.end - address) return EFAULT;
  const more = newLength - oldLength;
  if (more === 0) return 0;
  if ((vma.flags & VM_LOCKED) !== 0 && mm.lockedBytes() + more > mm.limits.limit(RLIMIT_MEMLOCK))
    return EAGAIN;
  return mm.mayExpand(more, vma.prot, vma.flags) ? 0 : ENOMEM;
}

/** Maps the area's part at its new place, moves its pages there, and unmaps the old place unless it is to be kept. */
function move(mm: Mm, { address, oldLength, newLength, newAddress, flags }: Remap): number | Errno {
  const vma = mm.vmas.find(address);
  if (vma === null) return EFAULT;
  const copy = vma.copy(newAddress, newAddress + newLength, vma.offset + (address - vma.start));
  mm.vmas.insert(copy);
  if (oldLength === 0) return newAddress;
  movePages(mm, address, address + oldLength, newAddress);
  if ((flags & MREMAP_DONTUNMAP) === 0) mm.unmap(address, address + oldLength);
  return newAddress;
}

/** A page for which there is no table at the new place is dropped: it reads as zeros or comes back from its file. */
function movePages(mm: Mm, start: number, end: number, target: number): void {
  const moved: [number, number][] = [];
  mm.space.update(start, end, (address, pte) => {
    moved.push([address, pte]);
    return 0;
  });
  for (const [address, pte] of moved) {
    if (!mm.space.set(target + (address - start), pte >>> 0)) mm.forgetPage(pte);
  }
}
