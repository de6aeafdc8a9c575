/** rseq(2) and membarrier(2) (kernel/rseq.c, kernel/sched/membarrier.c). */
import { EBUSY, EFAULT, EINVAL, EPERM } from '../errno.js';
import { TASK_SIZE } from '../mm/vma.js';
import { RSEQ_SIZE, forgetCpu, writeCpu } from '../process/rseq.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';

const RSEQ_FLAG_UNREGISTER = 1;

function sysRseq(thread: Thread, args: Args): number {
  const [area, length, flags, signature] = [args.addr(0), args.uint(1), args.int(2), args.uint(3)];
  if ((flags & RSEQ_FLAG_UNREGISTER) !== 0) return unregister(thread, area, length, flags, signature);
  if (flags !== 0) return EINVAL;
  if (thread.rseq !== 0) {
    if (thread.rseq !== area || length !== RSEQ_SIZE) return EINVAL;
    return thread.rseqSignature === signature ? EBUSY : EPERM;
  }
  if (area % RSEQ_SIZE !== 0 || length !== RSEQ_SIZE) return EINVAL;
  if (area > TASK_SIZE - RSEQ_SIZE) return EFAULT;
  // Linux writes it on the way back to the program, and kills that if it cannot.
  if (!writeCpu(thread.process.memory, area, thread.cpuNumber)) return EFAULT;
  thread.rseq = area;
  thread.rseqSignature = signature;
  return 0;
}

function unregister(thread: Thread, area: number, length: number, flags: number, signature: number): number {
  if ((flags & ~RSEQ_FLAG_UNREGISTER) !== 0) return EINVAL;
  if (thread.rseq === 0 || thread.rseq !== area || length !== RSEQ_SIZE) return EINVAL;
  if (thread.rseqSignature !== signature) return EPERM;
  if (!forgetCpu(thread.process.memory, area)) return EFAULT;
  thread.rseq = 0;
  return 0;
}

const MEMBARRIER_GLOBAL = 1;
const MEMBARRIER_GLOBAL_EXPEDITED = 2;
const MEMBARRIER_REGISTER_GLOBAL_EXPEDITED = 4;
const MEMBARRIER_PRIVATE_EXPEDITED = 8;
const MEMBARRIER_REGISTER_PRIVATE_EXPEDITED = 16;
const MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE = 32;
const MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 64;
const MEMBARRIER_PRIVATE_EXPEDITED_RSEQ = 128;
const MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_RSEQ = 256;
const MEMBARRIER_KNOWN = 511;
const MEMBARRIER_FLAG_CPU = 1;

/**
 * All threads run on one processor, in order, and a sequence that is not running is aborted anyway: barriers need nothing
 * but their checks.
 */
function sysMembarrier({ process }: Thread, args: Args): number {
  const [command, flags] = [args.int(0), args.uint(1)];
  const allowed = command === MEMBARRIER_PRIVATE_EXPEDITED_RSEQ ? MEMBARRIER_FLAG_CPU : 0;
  if ((flags & ~allowed) !== 0) return EINVAL;
  switch (command) {
    case 0:
      return MEMBARRIER_KNOWN;
    case MEMBARRIER_REGISTER_GLOBAL_EXPEDITED:
    case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED:
    case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
    case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_RSEQ:
      process.membarriers |= command >> 1;
      return 0;
    case MEMBARRIER_PRIVATE_EXPEDITED:
    case MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE:
    case MEMBARRIER_PRIVATE_EXPEDITED_RSEQ:
      return (process.membarriers & command) !== 0 ? 0 : EPERM;
    case MEMBARRIER_GLOBAL:
    case MEMBARRIER_GLOBAL_EXPEDITED:
      return 0;
    default:
      return EINVAL;
  }
}

export const rseqRows: readonly ThreadRow[] = [
  { number: 324, name: 'membarrier', args: ['int', 'hex', 'int'], run: sysMembarrier },
  { number: 334, name: 'rseq', args: ['addr', 'uint', 'hex', 'hex'], run: sysRseq },
];
