import {
  CPU,
  CPU_CODE_STALE,
  CPU_EPOCH,
  CPU_JUMPS_CACHED,
  CPU_JUMP_LOG,
  CPU_PAGE_ROOT,
  CPU_RANGES_EPOCH,
  CPU_RANGES_FOUND,
  CPU_TLB_MISSES,
  FRAME_WRITTEN,
  JUMP_CACHE,
  JUMP_ENTRIES,
  JUMP_ENTRY_SIZE,
  JUMP_LOG_ENTRIES,
  NO_RANGE,
  PAGE_SHIFT,
  RANGES_BYTES,
  RANGES_READ,
  RANGES_EPOCH_MASK,
  RANGE_LOG,
  RANGE_LOG_ENTRIES,
  TLB_DISPLACEMENT,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_LOG,
  TLB_LOG_ENTRIES,
  TLB_READ,
  TLB_WRITE,
} from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';

const TLB_BYTES = TLB_ENTRIES * TLB_ENTRY_SIZE;
const JUMPS_CACHED = (CPU + CPU_JUMPS_CACHED) >>> 2;
const JUMP_BYTES = JUMP_ENTRIES * JUMP_ENTRY_SIZE;
const MISSES = (CPU + CPU_TLB_MISSES) >>> 2;
const LOG = TLB_LOG >>> 2;
const JUMP_LOG = (CPU + CPU_JUMP_LOG) >>> 2;
const FOUND = (CPU + CPU_RANGES_FOUND) >>> 2;
const RANGES_EPOCH = (CPU + CPU_RANGES_EPOCH) >>> 2;
const RANGES = emptyRanges();

/** The slots of ranges, empty. */
function emptyRanges(): Int32Array {
  const words = new Int32Array((2 * RANGES_BYTES) / 4);
  for (let at = 0; at < words.length; at += NO_RANGE.length) words.set(NO_RANGE, at);
  return words;
}

/** What the machine remembers of the running address space: the TLB and the jump cache. */
export class Tlb {
  /** Offset of the running space's root table; 0 before the first one is activated. */
  root = 0;
  /** The running space's epoch. A space gets a new one when a page that could be executed becomes another, or none. */
  epoch = 0;
  private lastEpoch = 0;
  /** What CPU_TLB_MISSES was when the TLBs were emptied. */
  private missesBefore = 0;

  constructor(private readonly memory: MachineViews) {
    memory.i32[FOUND] = -1;
    this.flushReads();
    this.flushWrites();
    this.activate(0, this.newEpoch());
  }

  /** An entry has changed that may be part of a range: none is good any more. */
  private emptyRanges(): void {
    const { i32 } = this.memory;
    const filled = i32[FOUND] as number;
    if (filled === 0) return;
    i32[FOUND] = 0;
    i32[RANGES_EPOCH] = ((i32[RANGES_EPOCH] as number) + 1) & RANGES_EPOCH_MASK;
    if (i32[RANGES_EPOCH] === 0) this.flushOldRanges();
    if (filled >>> 0 > RANGE_LOG_ENTRIES) i32.set(RANGES, RANGES_READ >>> 2);
    else
      for (let n = 0; n < filled; n++) {
        const slot = (i32[(RANGE_LOG >>> 2) + n] as number) >>> 2;
        for (let k = 0; k < NO_RANGE.length; k++) i32[slot + k] = NO_RANGE[k] as number;
      }
  }

  /** Epochs begin anew: entries may have ranges of any. */
  private flushOldRanges(): void {
    this.memory.i32[RANGES_EPOCH] = 1;
    this.memory.u8.fill(0xff, TLB_READ, TLB_READ + TLB_BYTES);
    this.memory.u8.fill(0xff, TLB_WRITE, TLB_WRITE + TLB_BYTES);
  }

  newEpoch(): number {
    this.lastEpoch = (this.lastEpoch + 1) | 0;
    return this.lastEpoch;
  }

  activate(root: number, epoch: number): void {
    this.root = root;
    this.memory.i32[(CPU + CPU_PAGE_ROOT) >>> 2] = root;
    this.flush();
    this.flushJumps(epoch);
  }

  private flush(): void {
    const { i32 } = this.memory;
    this.emptyRanges();
    const misses = i32[MISSES] as number;
    const filled = (misses - this.missesBefore) >>> 0;
    this.missesBefore = misses;
    if (filled > TLB_LOG_ENTRIES) {
      this.flushReads();
      this.flushWrites();
    } else
      for (let n = (misses - filled) | 0; n !== misses; n = (n + 1) | 0) {
        const entry = (i32[LOG + (n & (TLB_LOG_ENTRIES - 1))] as number) >>> 2;
        i32[entry] = -1;
        i32[entry + 1] = -1;
      }
  }

  private flushReads(): void {
    this.memory.u8.fill(0xff, TLB_READ, TLB_READ + TLB_BYTES);
  }

  flushWrites(): void {
    this.emptyRanges();
    this.memory.u8.fill(0xff, TLB_WRITE, TLB_WRITE + TLB_BYTES);
  }

  /** `isFleeting`: as PTE_FLEETING says. */
  flushPage(address: number, isFleeting: boolean): void {
    if (!isFleeting) this.emptyRanges();
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
    const { i32, u8 } = this.memory;
    const written = FRAME_WRITTEN + (offset >>> PAGE_SHIFT);
    if (u8[written] === 0) return;
    u8[written] = 0;
    this.emptyRanges();
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
    const written = this.memory.i32[JUMPS_CACHED] as number;
    this.memory.i32[JUMPS_CACHED] = 0;
    if (written > JUMP_LOG_ENTRIES) this.memory.u8.fill(0, JUMP_CACHE, JUMP_CACHE + JUMP_BYTES);
    else this.forgetJumps(written);
  }

  /** As all zero an entry finds nothing: a slot that is left would be taken for address 0's. */
  private forgetJumps(count: number): void {
    const { i32 } = this.memory;
    for (let n = 0; n < count; n++) {
      const entry = (i32[JUMP_LOG + n] as number) >>> 2;
      i32.fill(0, entry, entry + JUMP_ENTRY_SIZE / 4);
    }
  }

  /** Says that an entry of the jump cache, at this offset, is written. */
  logJump(entry: number): void {
    const { i32 } = this.memory;
    const n = i32[JUMPS_CACHED] as number;
    i32[JUMP_LOG + (n & (JUMP_LOG_ENTRIES - 1))] = entry;
    i32[JUMPS_CACHED] = n + 1;
  }
}
