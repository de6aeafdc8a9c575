import { PAGE_MASK, PAGE_SIZE } from '../../machine/layout.js';
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_TYPE,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../abi/mman.js';
import { RLIMIT_MEMLOCK } from '../abi/resource.js';
import {
  EACCES,
  EAGAIN,
  EEXIST,
  EINVAL,
  ENODEV,
  ENOMEM,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
  type Errno,
} from '../errno.js';
import type { Handle, PageCache } from '../fs/types.js';
import { PROT_ALL, type Mm } from './mm.js';
import { AnonymousPages } from './pages.js';
import { populate } from './populate.js';
import { pageUp } from './pte.js';
import { TASK_SIZE, VM_GROWSDOWN, VM_LOCKED, VM_NORESERVE, VM_SHARED } from './vma.js';

export interface MapRequest {
  readonly address: number;
  readonly length: number;
  readonly prot: number;
  /** MAP_*. */
  readonly flags: number;
  /** Null with MAP_ANONYMOUS. */
  readonly handle: Handle | null;
  readonly offset: number;
}

const O_ACCMODE = 3;
const O_WRONLY = 1;
const O_RDWR = 2;
const MS_NOEXEC = 8;
/** Flags that MAP_SHARED_VALIDATE lets through. */
const KNOWN_FLAGS = 0x7c17f97f;

/** mmap(2) once the descriptor has become a handle: the address, or an error. */
export function mmap(mm: Mm, request: MapRequest): number | Errno {
  const { flags } = request;
  if (request.length === 0) return EINVAL;
  const length = pageUp(request.length);
  if (length === 0 || length > TASK_SIZE) return ENOMEM;
  if (request.offset + length > Number.MAX_SAFE_INTEGER) return EOVERFLOW;
  const start = choosePlace(mm, request.address, length, flags);
  if (start < 0) return start;
  const vmFlags = areaFlags(mm, flags);
  if ((vmFlags & VM_LOCKED) !== 0 && mm.lockedBytes() + length > mm.limits.limit(RLIMIT_MEMLOCK))
    return EAGAIN;
  const backing =
    request.handle === null ? anonymousBacking(mm, flags) : fileBacking(request, request.handle);
  if (typeof backing === 'number') return backing;
  const failed = mm.map(start, length, request.offset, {
    // Spread out by hand: `...backing` took six times as long as all the rest (8.8 us to 1.6).
    pages: backing.pages,
    maxProt: backing.maxProt,
    prot: request.prot & PROT_ALL,
    flags: vmFlags,
    handle: request.handle,
    name: '',
  });
  if (failed < 0) return failed;
  const wanted = (flags & (MAP_POPULATE | MAP_NONBLOCK)) === MAP_POPULATE || (vmFlags & VM_LOCKED) !== 0;
  if (wanted) populate(mm, start, start + length);
  return start;
}

function choosePlace(mm: Mm, address: number, length: number, flags: number): number | Errno {
  if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) === 0) return mm.placeFor(address, length, flags);
  const failed = mm.checkFixed(address, length);
  if (failed < 0) return failed;
  const exclusive = (flags & MAP_FIXED_NOREPLACE) !== 0;
  return exclusive && mm.vmas.overlapping(address, address + length).length > 0 ? EEXIST : address;
}

function areaFlags(mm: Mm, flags: number): number {
  const type = flags & MAP_TYPE;
  return (
    mm.futureFlags |
    (type === MAP_SHARED || type === MAP_SHARED_VALIDATE ? VM_SHARED : 0) |
    ((flags & MAP_GROWSDOWN) !== 0 ? VM_GROWSDOWN : 0) |
    ((flags & MAP_LOCKED) !== 0 ? VM_LOCKED : 0) |
    ((flags & MAP_NORESERVE) !== 0 ? VM_NORESERVE : 0)
  );
}

interface Backing {
  readonly pages: PageCache | null;
  readonly maxProt: number;
}

function anonymousBacking(mm: Mm, flags: number): Backing | Errno {
  const type = flags & MAP_TYPE;
  // Huge pages are reserved ahead on Linux, and none are here.
  if ((flags & MAP_HUGETLB) !== 0) return ENOMEM;
  if (type === MAP_PRIVATE) return { pages: null, maxProt: PROT_ALL };
  if (type !== MAP_SHARED || (flags & MAP_GROWSDOWN) !== 0) return EINVAL;
  return { pages: new AnonymousPages(mm.frames, mm), maxProt: PROT_ALL };
}

function fileBacking({ flags, prot }: MapRequest, handle: Handle): Backing | Errno {
  const type = flags & MAP_TYPE;
  if (type === MAP_SHARED_VALIDATE && (flags & ~KNOWN_FLAGS) !== 0) return EOPNOTSUPP;
  if (type !== MAP_SHARED && type !== MAP_SHARED_VALIDATE && type !== MAP_PRIVATE) return EINVAL;
  const shared = type !== MAP_PRIVATE;
  const access = handle.access & O_ACCMODE;
  if (access === O_WRONLY) return EACCES;
  if (shared && (prot & PROT_WRITE) !== 0 && access !== O_RDWR) return EACCES;
  const noExec = ((handle.location?.mount.flags ?? 0) & MS_NOEXEC) !== 0;
  if (noExec && (prot & PROT_EXEC) !== 0) return EPERM;
  if (handle.ops.mmap === undefined) return ENODEV;
  if ((flags & MAP_GROWSDOWN) !== 0) return EINVAL;
  const pages = handle.ops.mmap(handle, shared && (prot & PROT_WRITE) !== 0);
  if (typeof pages === 'number') return pages;
  const writable = !shared || access === O_RDWR ? PROT_WRITE : PROT_NONE;
  return { pages, maxProt: PROT_READ | writable | (noExec ? PROT_NONE : PROT_EXEC) };
}

/** Whether `address` begins a page. */
export function isPageAligned(address: number): boolean {
  return (address & PAGE_MASK) === 0;
}

/** [address, address + length) in whole pages; null when it goes past the end of addresses. */
export function pageRange(address: number, length: number): { start: number; end: number } | null {
  const end = address + pageUp(length);
  return end > TASK_SIZE + PAGE_SIZE || length > TASK_SIZE ? null : { start: address, end };
}

/** MAP_ANONYMOUS makes the descriptor of no account. */
export function isAnonymous(flags: number): boolean {
  return (flags & MAP_ANONYMOUS) !== 0;
}
