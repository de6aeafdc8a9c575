import {
  CPU,
  CPU_CODE_STALE,
  CPU_EPOCH,
  CPU_JUMPS_CACHED,
  CPU_PAGE_ROOT,
  JUMP_CACHE,
  JUMP_ENTRIES,
  JUMP_ENTRY_SIZE,
  TLB_DISPLACEMENT,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_READ,
  TLB_WRITE,
} from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';

const TLB_BYTES = TLB_ENTRIES * TLB_ENTRY_SIZE;
const JUMPS_CACHED = (CPU + CPU_JUMPS_CACHED) >>> 2;
const JUMP_BYTES = JUMP_ENTRIES * JUMP_ENTRY_SIZE;

/** What the machine remembers of the running address space: the TLB and the jump cache. */
export class Tlb {
  /** Offset of the running space's root table; 0 before the first one is activated. */
  root = 0;
  /** The running space's epoch. A space gets a new one when a page that could be executed becomes another, or none. */
  epoch = 0;
  private lastEpoch = 0;

  constructor(private readonly memory: MachineViews) {
    this.activate(0, this.newEpoch());
  }

  newEpoch(): number {
    this.lastEpoch = (this.lastEpoch + 1) | 0;
    return this.lastEpoch;
  }

  activate(root: number, epoch: number): void {
    this.root = root;
    this.memory.i32[(CPU + CPU_PAGE_ROOT) >>> 2] = root;
    this.memory.u8.fill(0xff, TLB_READ, TLB_READ + TLB_BYTES);
    this.flushWrites();
    this.flushJumps(epoch);
  }

  flushWrites(): void {
    this.memory.u8.fill(0xff, TLB_WRITE, TLB_WRITE + TLB_BYTES);
  }

  flushPage(address: number): void {
    const index = (address >>> TLB_INDEX_SHIFT) & TLB_INDEX_MASK;
    this.flushEntry(TLB_READ + index, address);
    this.flushEntry(TLB_WRITE + index, address);
  }

  private flushEntry(entry: number, address: number): void {
    const { i32 } = this.memory;
    if (i32[entry >>> 2] !== (address & ~0xfff)) return;
    i32[entry >>> 2] = -1;
    i32[(entry >>> 2) + 1] = -1;
  }

  /** Takes the write entries of a frame away, wherever it is mapped. */
  flushFrameWrites(offset: number): void {
    const { i32 } = this.memory;
    for (let entry = TLB_WRITE >>> 2; entry < (TLB_WRITE + TLB_BYTES) >>> 2; entry += TLB_ENTRY_SIZE / 4) {
      const page = i32[entry] as number;
      if (((page + (i32[entry + TLB_DISPLACEMENT / 4] as number)) | 0) !== (offset | 0)) continue;
      i32[entry] = -1;
      i32[entry + 1] = -1;
    }
  }

  /** Empties the jump cache, of which the table behind it keeps what is good in `epoch`; makes running code leave. */
  flushJumps(epoch: number): void {
    this.epoch = epoch;
    this.memory.i32[(CPU + CPU_EPOCH) >>> 2] = epoch;
    this.memory.i32[(CPU + CPU_CODE_STALE) >>> 2] = 1;
    if (this.memory.i32[JUMPS_CACHED] === 0) return;
    this.memory.u8.fill(0, JUMP_CACHE, JUMP_CACHE + JUMP_BYTES);
    this.memory.i32[JUMPS_CACHED] = 0;
  }
}
