import { kind } from '../checkpoint/registry.js';
import { PAGE_MASK, PAGE_SIZE } from '../../machine/layout.js';
import type { AddressSpace, Frames, Machine, PageTally } from '../../machine/types.js';
import { MAP_32BIT, PROT_WRITE } from '../abi/mman.js';
import { RLIMIT_AS, RLIMIT_DATA } from '../abi/resource.js';
import { EINVAL, ENOMEM, EPERM, type Errno } from '../errno.js';
import { allowWrite, denyWrite } from '../fs/handle.js';
import type { Handle } from '../fs/types.js';
import { commitLimit, type KernelLimits } from '../limits.js';
import type { FutexQueues } from '../futex/table.js';
import { copyArea } from './fork.js';
import { PTE_ANON, PTE_FILE, pageDown, pageUp } from './pte.js';
import { GapSearch } from './search.js';
import { ProcessMemory } from './usermemory.js';
import { TASK_SIZE, VM_GROWSDOWN, VM_LOCKED, VM_NORESERVE, VM_SHARED, Vma, type VmaKind } from './vma.js';
import { VmaList } from './vmalist.js';

/** vm.overcommit_memory: no more is promised than there is. */
const OVERCOMMIT_NEVER = 2;

/** What all address spaces share. */
export interface MemoryPool {
  readonly machine: Machine;
  /** A frame of zeros that is only ever mapped to be read. */
  readonly zeroFrame: number;
  readonly limits: KernelLimits;
  /** Gives a reference to an open file back. */
  /** How far brk(2) can grow a heap; Infinity without a limit. */
  readonly maxHeap: number;
  /** Memory that all processes have mapped privately and writable, in bytes. */
  readonly committed: number;
  releaseHandle(handle: Handle): void;
  /** An address space that nobody uses any more is about to be freed. */
  leaves(mm: Mm): void;
  /** Frees about so many pages that are only kept to be fast; returns how many. */
  reclaim(pages: number): number;
}

/** Where limits (getrlimit) come from. */
export interface Limits {
  limit(resource: number): number;
}

/** Addresses that describe the program, for /proc and prctl(PR_SET_MM). */
export interface ProgramLayout {
  startCode: number;
  endCode: number;
  startData: number;
  endData: number;
  startStack: number;
  argStart: number;
  argEnd: number;
  envStart: number;
  envEnd: number;
}

/**
 * An address space: Linux's mm_struct. Areas say what may be accessed, page tables what is there already; faults.ts
 * brings the one into the other. Holds a reference to each frame that its page table names.
 */
export class Mm {
  readonly vmas: VmaList;
  readonly space: AddressSpace;
  readonly memory: ProcessMemory;
  readonly frames: Frames;
  readonly layout: ProgramLayout = {
    startCode: 0,
    endCode: 0,
    startData: 0,
    endData: 0,
    startStack: 0,
    argStart: 0,
    argEnd: 0,
    envStart: 0,
    envEnd: 0,
  };
  /** The auxiliary vector, as /proc/self/auxv shows it. */
  auxv: Uint8Array = new Uint8Array(0);
  /** The running program's file; holds a reference, and nobody can open it for writing. */
  exe: Handle | null = null;
  startBrk = 0;
  brk = 0;
  /** Mappings are placed below. */
  mmapBase = TASK_SIZE;
  /** By what name translated code of the program is kept; '': by none. */
  program = '';
  /** Flags that new mappings get (mlockall(MCL_FUTURE)). */
  futureFlags = 0;
  /** Processes that share it. */
  users = 1;
  /** Pages present: own ones, and those of files and shared memory; and their highest sum. */
  rssAnon = 0;
  rssFile = 0;
  peakRss = 0;
  /** The largest size in bytes that mappings have had. */
  peakSize = 0;
  /** Words in it that threads wait on (futex(2)). */
  futexes: FutexQueues | null = null;
  private readonly search: GapSearch;

  constructor(
    readonly pool: MemoryPool,
    space: AddressSpace,
    readonly limits: Limits,
  ) {
    this.space = space;
    this.frames = pool.machine.frames;
    this.vmas = new VmaList();
    this.search = new GapSearch(this.vmas);
    this.memory = new ProcessMemory(this);
  }

  /** A free range of `length` bytes (whole pages), near `hint` if it is free; ENOMEM. */
  placeFor(hint: number, length: number, mapFlags: number): number | Errno {
    if (length > TASK_SIZE) return ENOMEM;
    if ((mapFlags & MAP_32BIT) !== 0) return this.search.findUpward(length, 0x40000000, 0x80000000) || ENOMEM;
    const wanted = hint === 0 ? 0 : Math.max(pageUp(hint), this.minAddress);
    if (wanted !== 0 && wanted <= TASK_SIZE - length && this.vmas.isFree(wanted, wanted + length))
      return wanted;
    const found =
      this.search.find(length, this.minAddress, this.mmapBase) ||
      this.search.findUpward(length, pageDown(TASK_SIZE / 3), TASK_SIZE);
    return found === 0 ? ENOMEM : found;
  }

  /** Checks a range given with MAP_FIXED or MREMAP_FIXED. */
  checkFixed(address: number, length: number): 0 | Errno {
    if (address > TASK_SIZE - length) return ENOMEM;
    if ((address & PAGE_MASK) !== 0) return EINVAL;
    return address < this.minAddress ? EPERM : 0;
  }

  private get minAddress(): number {
    return Math.max(PAGE_SIZE, pageUp(this.pool.limits.mmapMinAddr));
  }

  /** Whether `length` bytes more may be mapped (RLIMIT_AS, RLIMIT_DATA, and more than there can ever be). */
  mayExpand(length: number, prot: number, flags: number): boolean {
    const { maxMapCount } = this.pool.limits;
    if (this.vmas.count >= maxMapCount) return false;
    if (this.vmas.total + length > this.limits.limit(RLIMIT_AS)) return false;
    const writable = (prot & PROT_WRITE) !== 0 && (flags & VM_SHARED) === 0;
    if (!writable) return true;
    if (!this.mayPromise(length, (flags & VM_NORESERVE) === 0)) return false;
    const limit = this.limits.limit(RLIMIT_DATA);
    return limit === Infinity || this.dataBytes() + length <= limit;
  }

  /** __vm_enough_memory: never more than there can be, or only what is there, as vm.overcommit_memory says. */
  private mayPromise(length: number, reserves: boolean): boolean {
    const { limits } = this.pool;
    const total = this.frames.total * PAGE_SIZE;
    if (limits.overcommitMemory === OVERCOMMIT_NEVER)
      return this.pool.committed + length <= commitLimit(limits, total);
    return limits.overcommitMemory !== 0 || !reserves || length <= total;
  }

  /** Bytes that count for RLIMIT_DATA: private and writable, stacks apart. */
  dataBytes(): number {
    let bytes = 0;
    for (const vma of this.vmas) {
      const data = (vma.prot & PROT_WRITE) !== 0 && (vma.flags & (VM_SHARED | VM_GROWSDOWN)) === 0;
      if (data) bytes += vma.end - vma.start;
    }
    return bytes;
  }

  lockedBytes(): number {
    let bytes = 0;
    for (const vma of this.vmas) if ((vma.flags & VM_LOCKED) !== 0) bytes += vma.end - vma.start;
    return bytes;
  }

  /** Maps [start, start + length) anew; what was there is unmapped. The area takes references of its own. */
  map(start: number, length: number, offset: number, kind: VmaKind): 0 | Errno {
    this.unmap(start, start + length);
    if (!this.mayExpand(length, kind.prot, kind.flags)) return ENOMEM;
    const vma = new Vma(this, start, start + length, offset, kind);
    vma.attach();
    this.vmas.insert(vma);
    this.peakSize = Math.max(this.peakSize, this.vmas.total);
    return 0;
  }

  /** Unmaps [start, end); ENOMEM when cutting an area would make too many. */
  unmap(start: number, end: number): 0 | Errno {
    const areas = this.vmas.overlapping(start, end);
    if (areas.length === 0) return 0;
    if (areas[0].start < start && areas[0].end > end && this.vmas.count >= this.pool.limits.maxMapCount)
      return ENOMEM;
    this.writeBack(areas, start, end);
    this.vmas.carve(start, end);
    this.zap(start, end);
    for (const vma of this.vmas.remove(start, end)) vma.detach();
    this.search.freed(end);
    return 0;
  }

  /** Takes the pages of [start, end) out of the page table; they come back by faults. */
  zap(start: number, end: number): void {
    const tally = newTally();
    this.space.drop(start, end, tally);
    this.rssAnon -= tally.kernel1;
    this.rssFile -= tally.kernel2;
  }

  /** Gives `child` the pages of [start, end); `copied`: until one of the two writes to them. False: no memory. */
  sharePages(child: Mm, start: number, end: number, copied: boolean): boolean {
    const tally = newTally();
    const complete = this.space.share(child.space, start, end, copied, tally);
    child.rssAnon += tally.kernel1;
    child.rssFile += tally.kernel2;
    child.notePeak();
    return complete;
  }

  /** A frame of zeros, at the cost of cached pages if need be; 0 when memory is exhausted. */
  allocate(): number {
    const frame = this.frames.allocate();
    return frame === 0 && this.pool.reclaim(RECLAIM_PAGES) > 0 ? this.frames.allocate() : frame;
  }

  /** The same, for a page of `vma`; if it can be, where its neighbours' frames are. */
  allocateFor(vma: Vma, page: number): number {
    const near = this.space.allocateNear(page, PTE_ANON);
    if (near !== 0) return near;
    const { start, end } = this.roomFor(vma, page);
    if (end - start < LEAST_ROOM) return this.allocate();
    const frame = this.frames.allocateReserved((end - start) / PAGE_SIZE, (page - start) / PAGE_SIZE);
    return frame === 0 ? this.allocate() : frame;
  }

  /** The part of an area around a page, or what it may yet become, that should lie together. */
  private roomFor(vma: Vma, page: number): { readonly start: number; readonly end: number } {
    const start = Math.max(vma.start, page - (page % MOST_ROOM));
    const end = Math.min(vma.end, start + MOST_ROOM);
    if (vma.growsDown) return { start: Math.min(start, end - GROWING_ROOM), end };
    const isHeap = vma.start <= this.brk && this.brk <= vma.end && vma.pages === null;
    return { start, end: isHeap ? Math.max(end, start + GROWING_ROOM) : end };
  }

  /** Enters a page into the page table; false without memory for the table. */
  setPage(page: number, pte: number): boolean {
    if (this.space.set(page, pte)) return true;
    return this.pool.reclaim(RECLAIM_PAGES) > 0 && this.space.set(page, pte);
  }

  /** Counts a page that gets mapped. */
  countPage(pte: number): void {
    if ((pte & PTE_ANON) !== 0) this.rssAnon++;
    else if ((pte & PTE_FILE) !== 0) this.rssFile++;
    this.notePeak();
  }

  private notePeak(): void {
    this.peakRss = Math.max(this.peakRss, this.rssAnon + this.rssFile);
  }

  /** Gives back what an entry that goes away refers to. */
  forgetPage(pte: number): void {
    if ((pte & PTE_ANON) !== 0) this.rssAnon--;
    else if ((pte & PTE_FILE) !== 0) this.rssFile--;
    this.frames.release(pte >>> 12);
  }

  /** Moves the end of the heap (brk(2)): the new end, or the old one if it cannot be. */
  setBrk(wanted: number): number {
    if (wanted < this.startBrk || wanted > TASK_SIZE) return this.brk;
    const oldEnd = pageUp(this.brk);
    const newEnd = pageUp(wanted);
    if (newEnd < oldEnd) this.unmap(newEnd, oldEnd);
    else if (newEnd > oldEnd && !this.growHeap(oldEnd, newEnd)) return this.brk;
    this.brk = wanted;
    return wanted;
  }

  private growHeap(start: number, end: number): boolean {
    const data = end - this.startBrk + (this.layout.endData - this.layout.startData);
    if (data > this.limits.limit(RLIMIT_DATA) || end - this.startBrk > this.pool.maxHeap) return false;
    if (!this.vmas.isFree(start, end + PAGE_SIZE)) return false;
    return this.map(start, end - start, 0, anonymous(PROT_READ_WRITE, this.futureFlags, '[heap]')) === 0;
  }

  /** A copy for a child process: private pages become copy-on-write in both. ENOMEM leaves nothing behind. */
  fork(limits: Limits): Mm | Errno {
    if (this.pool.limits.overcommitMemory === OVERCOMMIT_NEVER && !this.mayPromise(this.dataBytes(), true))
      return ENOMEM;
    const space = this.pool.machine.createSpace();
    if (space === null) return ENOMEM;
    const child = new Mm(this.pool, space, limits);
    Object.assign(child.layout, this.layout);
    child.auxv = this.auxv;
    child.startBrk = this.startBrk;
    child.brk = this.brk;
    child.mmapBase = this.mmapBase;
    child.program = this.program;
    if (this.exe !== null) child.setExe(this.exe);
    for (const vma of this.vmas) {
      if (copyArea(this, child, vma)) continue;
      child.release();
      return ENOMEM;
    }
    return child;
  }

  /** Gives up one user's share; the last one frees everything. */
  release(): void {
    if (--this.users > 0) return;
    this.pool.leaves(this);
    this.writeBack([...this.vmas], 0, TASK_SIZE);
    this.space.destroy();
    for (const vma of this.vmas.remove(0, TASK_SIZE)) vma.detach();
    this.dropExe();
  }

  /** Takes a reference to the program's file and keeps writers away from it. */
  setExe(handle: Handle): void {
    handle.references++;
    denyWrite(handle.inode);
    this.exe = handle;
  }

  private dropExe(): void {
    if (this.exe === null) return;
    allowWrite(this.exe.inode);
    this.pool.releaseHandle(this.exe);
    this.exe = null;
  }

  /** Shared file pages that were written through a mapping go to their file when the mapping goes. */
  private writeBack(areas: readonly Vma[], start: number, end: number): void {
    for (const vma of areas) {
      if (vma.pages === null || !vma.sharedWritable) continue;
      const from = vma.offset + Math.max(0, start - vma.start);
      vma.pages.sync(from, vma.offset + Math.min(end, vma.end) - vma.start);
    }
  }
}

function newTally(): PageTally {
  return { kernel1: 0, kernel2: 0 };
}

/** How many pages are freed at a time when memory is short. */
const RECLAIM_PAGES = 64;

/** What smaller areas have is together anyway; of larger ones only so much is kept together. In bytes. */
const LEAST_ROOM = 0x8000;
const MOST_ROOM = 0x4000000;
/** What is kept for heaps and stacks. */
const GROWING_ROOM = 0x100000;

const PROT_READ_WRITE = 3;
export const PROT_ALL = 7;

/** The kind of a private mapping without a file. */
export function anonymous(prot: number, flags = 0, name: VmaKind['name'] = ''): VmaKind {
  return { prot, flags, maxProt: PROT_ALL, pages: null, handle: null, name };
}

kind('Mm', Mm);
