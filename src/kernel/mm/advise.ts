import { ACCESS_READ, ACCESS_WRITE } from '../../machine/types.js';
import {
  MADV_COLD,
  MADV_COLLAPSE,
  MADV_DODUMP,
  MADV_DOFORK,
  MADV_DONTDUMP,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_HUGEPAGE,
  MADV_KEEPONFORK,
  MADV_MERGEABLE,
  MADV_NOHUGEPAGE,
  MADV_NORMAL,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_RANDOM,
  MADV_REMOVE,
  MADV_SEQUENTIAL,
  MADV_UNMERGEABLE,
  MADV_WILLNEED,
  MADV_WIPEONFORK,
  PROT_WRITE,
} from '../abi/mman.js';
import { EACCES, EFAULT, EINVAL, ENOMEM, EOPNOTSUPP, type Errno } from '../errno.js';
import { FAULT_ACCERR, FAULT_OK, FAULT_OOM } from './fault.js';
import type { Mm } from './mm.js';
import { AnonymousPages } from './pages.js';
import { populateArea } from './populate.js';
import {
  VM_DONTDUMP,
  VM_DONTFORK,
  VM_HUGEPAGE,
  VM_LOCKED,
  VM_MERGEABLE,
  VM_NOHUGEPAGE,
  VM_WIPEONFORK,
  type Vma,
} from './vma.js';

/** Acts on the part [start, end) of an area that has been cut there. */
type Advice = (mm: Mm, vma: Vma, start: number, end: number) => 0 | Errno;

const nothing: Advice = () => 0;

function setsFlag(flag: number, clears = 0): Advice {
  return (_mm, vma) => {
    vma.flags = (vma.flags | flag) & ~clears;
    return 0;
  };
}

const discard: Advice = (mm, vma, start, end) => {
  if ((vma.flags & VM_LOCKED) !== 0) return EINVAL;
  mm.zap(start, end);
  return 0;
};

const discardLocked: Advice = (mm, _vma, start, end) => {
  mm.zap(start, end);
  return 0;
};

/** Only private memory without a file can be freed lazily; here it is freed at once. */
const free: Advice = (mm, vma, start, end) => (vma.pages === null ? discard(mm, vma, start, end) : EINVAL);

const wipeOnFork: Advice = (_mm, vma) => {
  if (vma.pages !== null) return EINVAL;
  vma.flags |= VM_WIPEONFORK;
  return 0;
};

const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

const remove: Advice = (mm, vma, start, end) => {
  if ((vma.flags & VM_LOCKED) !== 0 || vma.pages === null) return EINVAL;
  if (!vma.shared || (vma.prot & PROT_WRITE) === 0) return EACCES;
  const from = vma.offset + (start - vma.start);
  mm.zap(start, end);
  if (vma.pages instanceof AnonymousPages) {
    vma.pages.remove(from, from + (end - start));
    return 0;
  }
  const inode = vma.handle?.inode;
  if (inode?.fs.fallocate === undefined) return EOPNOTSUPP;
  return inode.fs.fallocate(inode, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, end - start);
};

function populates(access: typeof ACCESS_READ | typeof ACCESS_WRITE): Advice {
  return (mm, vma, start, end) => {
    const fault = populateArea(mm, vma, start, end, access);
    if (fault === FAULT_OK) return 0;
    if (fault === FAULT_ACCERR) return EINVAL;
    return fault === FAULT_OOM ? ENOMEM : EFAULT;
  };
}

const ADVICE: Readonly<Record<number, Advice>> = {
  [MADV_NORMAL]: nothing,
  [MADV_RANDOM]: nothing,
  [MADV_SEQUENTIAL]: nothing,
  [MADV_WILLNEED]: nothing,
  [MADV_DONTNEED]: discard,
  [MADV_FREE]: free,
  [MADV_REMOVE]: remove,
  [MADV_DONTFORK]: setsFlag(VM_DONTFORK),
  [MADV_DOFORK]: setsFlag(0, VM_DONTFORK),
  [MADV_MERGEABLE]: setsFlag(VM_MERGEABLE),
  [MADV_UNMERGEABLE]: setsFlag(0, VM_MERGEABLE),
  [MADV_HUGEPAGE]: setsFlag(VM_HUGEPAGE, VM_NOHUGEPAGE),
  [MADV_NOHUGEPAGE]: setsFlag(VM_NOHUGEPAGE, VM_HUGEPAGE),
  [MADV_DONTDUMP]: setsFlag(VM_DONTDUMP),
  [MADV_DODUMP]: setsFlag(0, VM_DONTDUMP),
  [MADV_WIPEONFORK]: wipeOnFork,
  [MADV_KEEPONFORK]: setsFlag(0, VM_WIPEONFORK),
  [MADV_COLD]: nothing,
  [MADV_PAGEOUT]: nothing,
  [MADV_POPULATE_READ]: populates(ACCESS_READ),
  [MADV_POPULATE_WRITE]: populates(ACCESS_WRITE),
  [MADV_DONTNEED_LOCKED]: discardLocked,
  [MADV_COLLAPSE]: nothing,
};

/** Whether there is such an advice. */
export function isAdvice(advice: number): boolean {
  return ADVICE[advice] !== undefined;
}

/** madvise(2) on whole pages. Unmapped parts are passed over, and ENOMEM tells of them at the end. */
export function madvise(mm: Mm, start: number, end: number, advice: number): 0 | Errno {
  const act = ADVICE[advice] ?? nothing;
  let result: 0 | Errno = 0;
  let at = start;
  for (const vma of mm.vmas.carve(start, end)) {
    if (vma.start > at) result = ENOMEM;
    const failed = act(mm, vma, vma.start, vma.end);
    if (failed < 0) result = failed;
    if (failed < 0) break;
    at = vma.end;
  }
  mm.vmas.join(start, end);
  return result === 0 && at < end ? ENOMEM : result;
}
