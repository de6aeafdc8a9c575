/** shmget, shmat, shmdt, shmctl (ipc/shm.c). */
import { PAGE_MASK, PAGE_SIZE } from '../../machine/layout.js';
import { CAP_IPC_LOCK } from '../abi/capability.js';
import {
  IPC_INFO,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  SHMID_DS,
  SHMINFO,
  SHM_EXEC,
  SHM_HUGETLB,
  SHM_INFO,
  SHM_INFO_STRUCT,
  SHM_LOCK,
  SHM_LOCKED,
  SHM_RDONLY,
  SHM_REMAP,
  SHM_RND,
  SHM_STAT,
  SHM_STAT_ANY,
  SHM_UNLOCK,
} from '../abi/ipc.js';
import { MAP_FIXED, MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE } from '../abi/mman.js';
import { RLIMIT_MEMLOCK } from '../abi/resource.js';
import { EINVAL, ENOMEM, EPERM, type Errno } from '../errno.js';
import { releaseHandle } from '../fs/handle.js';
import { S_IRUGO, S_IWUGO, S_IXUGO, changeOwner } from '../ipc/sysv/object.js';
import { SHM_UNLIMITED, Segment, type SharedMemory } from '../ipc/sysv/shm.js';
import { mmap } from '../mm/mmap.js';
import { pageUp } from '../mm/pte.js';
import { TASK_SIZE } from '../mm/vma.js';
import type { Process } from '../process/process.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import {
  controlled,
  isValidOwner,
  objectForStat,
  permFields,
  putStruct,
  readOwnerChange,
  removeObject,
} from './sysv-common.js';
import { $view, clearBuffer, writeStruct } from './user.js';

function sysShmget({ process }: Thread, args: Args): number {
  const { kernel, cred, fs } = process;
  const flags = args.int(2);
  // Huge pages are reserved ahead on Linux, and none are here.
  if ((flags & SHM_HUGETLB) !== 0) return ENOMEM;
  const most = kernel.machine.frames.total * PAGE_SIZE;
  return kernel.ipc.shm.get(fs.root.mount.vfs, args.int(0), args.size(1), flags, cred, most);
}

/** Where shmat's address argument says; 0 for anywhere. */
function attachAddress(addr: number, flags: number): number | Errno {
  if (addr === 0) return (flags & SHM_REMAP) !== 0 ? EINVAL : 0;
  if ((addr & PAGE_MASK) === 0) return addr;
  if ((flags & SHM_RND) === 0) return EINVAL;
  const rounded = addr - (addr & PAGE_MASK);
  return rounded === 0 && (flags & SHM_REMAP) !== 0 ? EINVAL : rounded;
}

function sysShmat({ process }: Thread, args: Args): number {
  const { kernel, mm, cred } = process;
  const [id, flags] = [args.int(0), args.int(2)];
  if (id < 0) return EINVAL;
  const address = attachAddress(args.addr(1), flags);
  if (address < 0) return address;
  const readOnly = (flags & SHM_RDONLY) !== 0;
  const executable = (flags & SHM_EXEC) !== 0;
  const rights = S_IRUGO | (readOnly ? 0 : S_IWUGO) | (executable ? S_IXUGO : 0);
  const segment = kernel.ipc.shm.find(id, rights, cred);
  if (typeof segment === 'number') return segment;
  // An address that is not 0 but was rounded to it is a fixed one all the same.
  const fixed = args.addr(1) !== 0;
  const end = address + pageUp(segment.size);
  const taken = end > TASK_SIZE || mm.vmas.overlapping(address, end).length > 0;
  if (fixed && (flags & SHM_REMAP) === 0 && taken)
    return end > TASK_SIZE && address < TASK_SIZE ? ENOMEM : EINVAL;
  return attach(process, segment, address, {
    readOnly,
    prot: PROT_READ | (readOnly ? 0 : PROT_WRITE) | (executable ? PROT_EXEC : 0),
    flags: MAP_SHARED | (fixed ? MAP_FIXED : 0),
  });
}

function attach(
  { mm }: Process,
  segment: Segment,
  address: number,
  how: { readOnly: boolean; prot: number; flags: number },
): number {
  const { prot, flags } = how;
  const handle = segment.open(how.readOnly);
  const at = mmap(mm, { address, length: segment.size, prot, flags, handle, offset: 0 });
  releaseHandle(handle);
  return at;
}

/** The attachment is found by its address: the first area there that shows the segment's beginning, and all others of it. */
function sysShmdt({ process }: Thread, args: Args): number {
  const { mm } = process;
  const addr = args.addr(0);
  if ((addr & PAGE_MASK) !== 0 || addr > TASK_SIZE) return EINVAL;
  const shows = (start: number, offset: number): boolean => start - addr === offset;
  const areas = mm.vmas.overlapping(addr, TASK_SIZE);
  const first = areas.find(
    ({ handle, start, offset }) => Segment.of(handle) !== null && shows(start, offset),
  );
  if (first === undefined) return EINVAL;
  const pages = Segment.of(first.handle);
  const end = addr + pageUp(first.handle?.inode.size ?? 0);
  for (const area of areas)
    if (area.end <= end && area.pages === pages && shows(area.start, area.offset))
      mm.unmap(area.start, area.end);
  return 0;
}

/** ULONG_MAX - 2^24 where there is no limit. */
function putLimit(at: number, value: number): void {
  if (value !== SHM_UNLIMITED) return SHMINFO.put($view, at, 'shmmax', value);
  $view.setUint32(at, 0xfeffffff, true);
  $view.setUint32(at + 4, 0xffffffff, true);
}

function writeLimits(process: Process, shm: SharedMemory, addr: number): number {
  const { shmmax, shmmni, shmall } = shm.limits;
  clearBuffer(SHMINFO.size);
  SHMINFO.putAll($view, 0, { shmmin: 1, shmmni, shmseg: shmmni });
  putLimit(SHMINFO.offsets.shmmax, shmmax);
  putLimit(SHMINFO.offsets.shmall, shmall);
  return writeStruct(process.memory, addr, SHMINFO.size) || shm.segments.highest;
}

function writeInfo(process: Process, shm: SharedMemory, addr: number): number {
  let rss = 0;
  for (const { residentBytes } of shm.segments.list()) rss += residentBytes / PAGE_SIZE;
  const values = { used_ids: shm.segments.count, shm_tot: shm.totalPages, shm_rss: rss };
  return putStruct(process, addr, SHM_INFO_STRUCT, values) || shm.segments.highest;
}

function writeSegment(process: Process, segment: Segment, addr: number): 0 | Errno {
  return putStruct(process, addr, SHMID_DS, {
    ...permFields(segment),
    shm_segsz: segment.size,
    shm_atime: segment.atime,
    shm_dtime: segment.dtime,
    shm_ctime: segment.ctime,
    shm_cpid: segment.cpid,
    shm_lpid: segment.lpid,
    shm_nattch: segment.attachments,
  });
}

function stat(process: Process, shm: SharedMemory, id: number, command: number, addr: number): number {
  const bySlot = command !== IPC_STAT;
  const segment = objectForStat(process, shm.segments, id, bySlot, command === SHM_STAT_ANY);
  if (typeof segment === 'number') return segment;
  return writeSegment(process, segment, addr) || (bySlot ? segment.id : 0);
}

function setOwner(process: Process, shm: SharedMemory, id: number, addr: number): number {
  const change = readOwnerChange(process, addr, SHMID_DS);
  if (typeof change === 'number') return change;
  const segment = controlled(process, shm.segments, id);
  if (typeof segment === 'number') return segment;
  const refused = isValidOwner(change);
  if (refused === 0) changeOwner(segment, change, process.kernel.ipc.now());
  return refused;
}

/** Nothing is ever swapped out: a lock is only remembered. */
function lock(process: Process, shm: SharedMemory, id: number, locks: boolean): number {
  const segment = shm.segments.byId(id);
  if (typeof segment === 'number') return segment;
  const { cred } = process;
  if (!cred.capable(CAP_IPC_LOCK)) {
    if (cred.euid !== segment.uid && cred.euid !== segment.cuid) return EPERM;
    if (locks && process.limit(RLIMIT_MEMLOCK) === 0) return EPERM;
  }
  segment.mode = locks ? segment.mode | SHM_LOCKED : segment.mode & ~SHM_LOCKED;
  return 0;
}

function sysShmctl({ process }: Thread, args: Args): number {
  const { shm } = process.kernel.ipc;
  const [id, command, addr] = [args.int(0), args.int(1), args.addr(2)];
  if (id < 0 || command < 0) return EINVAL;
  switch (command) {
    case IPC_INFO:
      return writeLimits(process, shm, addr);
    case SHM_INFO:
      return writeInfo(process, shm, addr);
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY:
      return stat(process, shm, id, command, addr);
    case IPC_SET:
      return setOwner(process, shm, id, addr);
    case IPC_RMID:
      return removeObject(process, shm.segments, shm, id);
    case SHM_LOCK:
    case SHM_UNLOCK:
      return lock(process, shm, id, command === SHM_LOCK);
    default:
      return EINVAL;
  }
}

export const sysvShmRows: readonly ThreadRow[] = [
  { number: 29, name: 'shmget', args: ['hex', 'size', 'hex'], run: sysShmget, note: 'no huge pages' },
  { number: 30, name: 'shmat', args: ['int', 'addr', 'hex'], run: sysShmat },
  { number: 31, name: 'shmctl', args: ['int', 'int', 'addr'], run: sysShmctl },
  { number: 67, name: 'shmdt', args: ['addr'], run: sysShmdt },
];
