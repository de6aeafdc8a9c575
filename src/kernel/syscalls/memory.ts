import { PAGE_SIZE } from '../../machine/layout.js';
import { CAP_IPC_LOCK } from '../abi/capability.js';
import {
  MCL_CURRENT,
  MCL_FUTURE,
  MCL_ONFAULT,
  MLOCK_ONFAULT,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
} from '../abi/mman.js';
import { RLIMIT_MEMLOCK } from '../abi/resource.js';
import { EBADF, EBUSY, EFAULT, EINVAL, ENOMEM, EPERM, type Errno } from '../errno.js';
import { isAdvice, madvise } from '../mm/advise.js';
import { setAllLocked, setLocked } from '../mm/lock.js';
import { isAnonymous, isPageAligned, mmap, pageRange } from '../mm/mmap.js';
import type { Mm } from '../mm/mm.js';
import { mprotect } from '../mm/protect.js';
import { pageDown } from '../mm/pte.js';
import { mremap } from '../mm/remap.js';
import { TASK_SIZE, VM_LOCKED, VM_LOCKONFAULT } from '../mm/vma.js';
import type { Process } from '../process/process.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';

const O_PATH = 0o10000000;

function sysMmap({ process }: Thread, args: Args): number {
  const flags = args.uint(3);
  const offset = args.addr(5);
  if (!isPageAligned(offset)) return EINVAL;
  const handle = isAnonymous(flags) ? null : process.files.get(args.int(4));
  if (typeof handle === 'number') return handle;
  if (handle !== null && (handle.access & O_PATH) !== 0) return EBADF;
  return mmap(process.mm, {
    address: args.addr(0),
    length: args.size(1),
    prot: args.uint(2),
    flags,
    handle,
    offset: handle === null ? 0 : offset,
  });
}

function sysMunmap({ process }: Thread, args: Args): number {
  const range = pageRange(args.addr(0), args.size(1));
  if (range === null || !isPageAligned(range.start) || range.start === range.end || range.end > TASK_SIZE)
    return EINVAL;
  return process.mm.unmap(range.start, range.end);
}

function sysMprotect({ process }: Thread, args: Args): number {
  const range = pageRange(args.addr(0), args.size(1));
  if (!isPageAligned(args.addr(0))) return EINVAL;
  if (range === null) return ENOMEM;
  return range.start === range.end ? 0 : mprotect(process.mm, range.start, range.end, args.uint(2));
}

function sysBrk({ process }: Thread, args: Args): number {
  return process.mm.setBrk(args.addr(0));
}

function sysMremap({ process }: Thread, args: Args): number {
  const [oldLength, newLength] = [args.size(1), args.size(2)];
  if (oldLength > TASK_SIZE || newLength > TASK_SIZE) return newLength > TASK_SIZE ? ENOMEM : EINVAL;
  return mremap(process.mm, {
    address: args.addr(0),
    oldLength,
    newLength,
    flags: args.uint(3),
    newAddress: args.addr(4),
  });
}

function sysMadvise({ process }: Thread, args: Args): number {
  const range = pageRange(args.addr(0), args.size(1));
  if (!isAdvice(args.int(2)) || range === null || !isPageAligned(range.start)) return EINVAL;
  return range.start === range.end ? 0 : madvise(process.mm, range.start, range.end, args.int(2));
}

function sysMsync({ process }: Thread, args: Args): number {
  const flags = args.uint(2);
  const range = pageRange(args.addr(0), args.size(1));
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) !== 0 || !isPageAligned(args.addr(0))) return EINVAL;
  if ((flags & MS_ASYNC) !== 0 && (flags & MS_SYNC) !== 0) return EINVAL;
  if (range === null) return ENOMEM;
  return syncRange(process.mm, range.start, range.end, flags);
}

function syncRange(mm: Mm, start: number, end: number, flags: number): 0 | Errno {
  let at = start;
  let result: 0 | Errno = 0;
  for (const vma of mm.vmas.overlapping(start, end)) {
    if (vma.start > at) result = ENOMEM;
    if ((flags & MS_INVALIDATE) !== 0 && (vma.flags & VM_LOCKED) !== 0) return EBUSY;
    const from = vma.offset + Math.max(0, start - vma.start);
    const failed = vma.shared
      ? (vma.pages?.sync(from, vma.offset + Math.min(end, vma.end) - vma.start) ?? 0)
      : 0;
    if (failed < 0) return failed;
    at = vma.end;
  }
  return at < end ? ENOMEM : result;
}

function sysMincore({ process }: Thread, args: Args): number {
  const range = pageRange(args.addr(0), args.size(1));
  if (!isPageAligned(args.addr(0))) return EINVAL;
  if (range === null || range.end > TASK_SIZE) return ENOMEM;
  const { mm } = process;
  const resident = new Uint8Array((range.end - range.start) / PAGE_SIZE);
  let at = range.start;
  for (const vma of mm.vmas.overlapping(range.start, range.end)) {
    if (vma.start > at) return ENOMEM;
    at = vma.end;
  }
  if (at < range.end) return ENOMEM;
  mm.space.update(range.start, range.end, (address, pte) => {
    resident[(pageDown(address) - range.start) / PAGE_SIZE] = 1;
    return pte;
  });
  return process.memory.copyOut(args.addr(2), resident, 0, resident.length);
}

/** Whether so many bytes more may be locked. */
function mayLock(process: Process, more: number): 0 | Errno {
  if (process.cred.capable(CAP_IPC_LOCK)) return 0;
  const limit = process.limit(RLIMIT_MEMLOCK);
  if (limit === 0) return EPERM;
  return process.mm.lockedBytes() + more > limit ? ENOMEM : 0;
}

function lock(process: Process, addr: number, length: number, flags: number): number {
  const range = pageRange(pageDown(addr), length + (addr - pageDown(addr)));
  if (range === null) return EINVAL;
  const refused = mayLock(process, range.end - range.start);
  if (refused < 0) return refused;
  return range.start === range.end ? 0 : setLocked(process.mm, range.start, range.end, flags);
}

function sysMlock({ process }: Thread, args: Args): number {
  return lock(process, args.addr(0), args.size(1), VM_LOCKED);
}

function sysMlock2({ process }: Thread, args: Args): number {
  const flags = args.uint(2);
  if ((flags & ~MLOCK_ONFAULT) !== 0) return EINVAL;
  const onFault = flags === MLOCK_ONFAULT ? VM_LOCKONFAULT : 0;
  return lock(process, args.addr(0), args.size(1), VM_LOCKED | onFault);
}

function sysMunlock({ process }: Thread, args: Args): number {
  const addr = args.addr(0);
  const range = pageRange(pageDown(addr), args.size(1) + (addr - pageDown(addr)));
  if (range === null) return EINVAL;
  return range.start === range.end ? 0 : setLocked(process.mm, range.start, range.end, 0);
}

function sysMlockall({ process }: Thread, args: Args): number {
  const flags = args.uint(0);
  if (flags === 0 || flags === MCL_ONFAULT || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) !== 0)
    return EINVAL;
  const current = (flags & MCL_CURRENT) !== 0;
  const refused = mayLock(process, current ? process.mm.vmas.total : 0);
  if (refused < 0) return refused;
  const vmFlags = VM_LOCKED | ((flags & MCL_ONFAULT) !== 0 ? VM_LOCKONFAULT : 0);
  process.mm.futureFlags = (flags & MCL_FUTURE) !== 0 ? vmFlags : 0;
  if (current) setAllLocked(process.mm, vmFlags);
  return 0;
}

function sysMunlockall({ process }: Thread): number {
  process.mm.futureFlags = 0;
  setAllLocked(process.mm, 0);
  return 0;
}

/** One node, on which all memory lies: policies are taken and change nothing. */
function sysGetMempolicy({ process }: Thread, args: Args): number {
  const [mode, mask, maxNode] = [args.addr(0), args.addr(1), args.size(2)];
  if (mode !== 0 && process.memory.writeU32(mode, 0) < 0) return EFAULT;
  if (mask === 0) return 0;
  const bytes = new Uint8Array(8 * Math.ceil(Math.min(maxNode, 1024) / 64));
  return process.memory.copyOut(mask, bytes, 0, bytes.length);
}

export const memoryRows: readonly ThreadRow[] = [
  { number: 9, name: 'mmap', args: ['addr', 'size', 'prot', 'map-flags', 'fd', 'hex'], run: sysMmap },
  { number: 10, name: 'mprotect', args: ['addr', 'size', 'prot'], run: sysMprotect },
  { number: 11, name: 'munmap', args: ['addr', 'size'], run: sysMunmap },
  { number: 12, name: 'brk', args: ['addr'], run: sysBrk },
  { number: 25, name: 'mremap', args: ['addr', 'size', 'size', 'hex', 'addr'], run: sysMremap },
  { number: 26, name: 'msync', args: ['addr', 'size', 'hex'], run: sysMsync },
  { number: 27, name: 'mincore', args: ['addr', 'size', 'addr'], run: sysMincore },
  { number: 28, name: 'madvise', args: ['addr', 'size', 'int'], run: sysMadvise },
  { number: 149, name: 'mlock', args: ['addr', 'size'], run: sysMlock },
  { number: 150, name: 'munlock', args: ['addr', 'size'], run: sysMunlock },
  { number: 151, name: 'mlockall', args: ['hex'], run: sysMlockall },
  { number: 152, name: 'munlockall', args: [], run: sysMunlockall },
  { number: 237, name: 'mbind', args: ['addr', 'size', 'int', 'addr', 'size', 'hex'], run: () => 0 },
  { number: 238, name: 'set_mempolicy', args: ['int', 'addr', 'size'], run: () => 0 },
  { number: 239, name: 'get_mempolicy', args: ['addr', 'addr', 'size', 'addr', 'hex'], run: sysGetMempolicy },
  { number: 325, name: 'mlock2', args: ['addr', 'size', 'hex'], run: sysMlock2 },
];
