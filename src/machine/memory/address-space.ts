import { PAGE_SHIFT, PAGE_SIZE } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import {
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_EXEC,
  PTE_READ,
  PTE_WRITE,
  type AddressSpace,
  type Frames,
} from '../types.js';
import type { Tlb } from './tlb.js';

/**
 * Four levels of tables in frames, from bits 42, 32, 22 and 12 of the address on. Entries are i32; those of the upper
 * three levels are the next table's offset, 0 for none. The root uses 32 of its entries.
 */
export const ROOT_SHIFT = 42;
export const LEVEL_BITS = 10;
const LEVEL_MASK = (1 << LEVEL_BITS) - 1;
/** What an entry of the third level covers: the bits above it fit an i32. */
const UPPER_SPAN = 2 ** (PAGE_SHIFT + LEVEL_BITS);
const CACHED = PTE_READ | PTE_WRITE | PTE_EXEC | PTE_ACCESSED | PTE_DIRTY;

type Visit = (address: number, pte: number) => number;

/** Index of `address` in a table whose entries cover 2^shift bytes. */
function indexAt(address: number, shift: number): number {
  return (shift >= 32 ? Math.floor(address / 2 ** shift) : address >>> shift) & LEVEL_MASK;
}

export class PageTable implements AddressSpace {
  /** Offset of the root table. */
  readonly root: number;
  /** See tlb.ts. */
  epoch: number;
  tables = 1;

  private constructor(
    private readonly memory: MachineViews,
    private readonly frames: Frames,
    private readonly tlb: Tlb,
    rootFrame: number,
  ) {
    this.root = rootFrame * PAGE_SIZE;
    this.epoch = tlb.newEpoch();
  }

  /** An empty space, or null without memory for its root. */
  static create(memory: MachineViews, frames: Frames, tlb: Tlb): PageTable | null {
    const frame = frames.allocate();
    return frame === 0 ? null : new PageTable(memory, frames, tlb, frame);
  }

  get(address: number): number {
    const entry = this.find(address);
    return entry < 0 ? 0 : (this.memory.i32[entry] as number);
  }

  /** Index into the i32 view of the entry of `address`; -1 where there is no table for it. */
  private find(address: number): number {
    const { u32 } = this.memory;
    const upper = Math.floor(address / UPPER_SPAN);
    const first = u32[this.root / 4 + ((upper >>> (2 * LEVEL_BITS)) & LEVEL_MASK)] as number;
    if (first === 0) return -1;
    const second = u32[first / 4 + ((upper >>> LEVEL_BITS) & LEVEL_MASK)] as number;
    if (second === 0) return -1;
    const last = u32[second / 4 + (upper & LEVEL_MASK)] as number;
    return last === 0 ? -1 : last / 4 + indexAt(address, PAGE_SHIFT);
  }

  /** The same, making the tables; -1 without memory for them. */
  private findOrMake(address: number): number {
    const { u32 } = this.memory;
    let table = this.root;
    for (let shift = ROOT_SHIFT; shift > PAGE_SHIFT; shift -= LEVEL_BITS) {
      const entry = table / 4 + indexAt(address, shift);
      table = u32[entry] as number;
      if (table !== 0) continue;
      table = this.frames.allocate() * PAGE_SIZE;
      if (table === 0) return -1;
      u32[entry] = table;
      this.tables++;
    }
    return table / 4 + indexAt(address, PAGE_SHIFT);
  }

  set(address: number, pte: number): boolean {
    const entry = pte === 0 ? this.find(address) : this.findOrMake(address);
    if (entry < 0) return pte === 0;
    this.replace(entry, address, pte);
    return true;
  }

  private replace(entry: number, address: number, pte: number): void {
    const { i32 } = this.memory;
    const old = i32[entry] as number;
    i32[entry] = pte;
    if (old === 0) return;
    const lost = (old ^ pte) >>> PAGE_SHIFT !== 0 ? old : old & ~pte;
    if ((lost & PTE_EXEC) !== 0) this.epoch = this.tlb.newEpoch();
    if (this.tlb.root !== this.root) return;
    if ((lost & CACHED) !== 0) this.tlb.flushPage(address);
    if ((lost & PTE_EXEC) !== 0) this.tlb.flushJumps(this.epoch);
  }

  update(start: number, end: number, visit: Visit): void {
    if (start < end) this.updateTable(this.root, ROOT_SHIFT, 0, start, end, visit);
  }

  private updateTable(
    table: number,
    shift: number,
    base: number,
    start: number,
    end: number,
    visit: Visit,
  ): void {
    const span = 2 ** shift;
    const first = Math.max(0, Math.floor((start - base) / span));
    const last = Math.min(LEVEL_MASK, Math.floor((end - 1 - base) / span));
    for (let i = first; i <= last; i++) {
      const entry = this.memory.u32[table / 4 + i] as number;
      if (entry === 0) continue;
      const address = base + i * span;
      if (shift === PAGE_SHIFT) this.replace(table / 4 + i, address, visit(address, entry | 0));
      else this.updateTable(entry, shift - LEVEL_BITS, address, start, end, visit);
    }
  }

  destroy(): void {
    this.destroyTable(this.root, ROOT_SHIFT);
    if (this.tlb.root === this.root) this.tlb.activate(0, this.tlb.newEpoch());
  }

  private destroyTable(table: number, shift: number): void {
    if (shift > PAGE_SHIFT) {
      for (let i = table / 4; i < (table + PAGE_SIZE) / 4; i++) {
        const entry = this.memory.u32[i] as number;
        if (entry !== 0) this.destroyTable(entry, shift - LEVEL_BITS);
      }
    }
    this.frames.release(table / PAGE_SIZE);
  }
}
