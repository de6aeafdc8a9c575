import { FIRST_FRAME, PAGE_SHIFT, PAGE_SIZE } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import {
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_EXEC,
  PTE_FLEETING,
  PTE_KERNEL_1,
  PTE_KERNEL_2,
  PTE_READ,
  PTE_WRITE,
  type AddressSpace,
  type Frames,
  type PageTally,
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

/** How far a neighbour may be away, in pages. */
const NEAR = 64;
function findEntry(u32: Uint32Array, root: number, address: number): number {
  const upper = Math.floor(address / UPPER_SPAN);
  const first = u32[root / 4 + ((upper >>> (2 * LEVEL_BITS)) & LEVEL_MASK)] as number;
  if (first === 0) return -1;
  const second = u32[first / 4 + ((upper >>> LEVEL_BITS) & LEVEL_MASK)] as number;
  if (second === 0) return -1;
  const last = u32[second / 4 + (upper & LEVEL_MASK)] as number;
  return last === 0 ? -1 : last / 4 + indexAt(address, PAGE_SHIFT);
}

/** The entry of `address` in the space with this root table, or 0: for another thread, whatever is there meanwhile. */
export function pageEntry(u32: Uint32Array, root: number, address: number): number {
  return u32[findEntry(u32, root, address)] ?? 0;
}

type Visit = (address: number, pte: number) => number;
/** Works on entries of one table, [first, last) of the i32 view, the first of which is for `address`. False: no further. */
type TableVisit = (first: number, last: number, address: number) => boolean;

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

  /** After the tables were put into frames by others: nothing is known of this space yet. */
  renew(): void {
    this.epoch = this.tlb.newEpoch();
  }

  /** Whether all entries lead to frames in use: tables that others have put there may say anything. */
  isSound(): boolean {
    const { i32, u32 } = this.memory;
    let tables = 0;
    const check = (table: number, shift: number): boolean => {
      if (table % PAGE_SIZE !== 0 || !this.isUsed(table / PAGE_SIZE) || ++tables > this.tables) return false;
      for (let entry = table / 4; entry < table / 4 + (1 << LEVEL_BITS); entry++) {
        const value = u32[entry] as number;
        if (value === 0) continue;
        if (shift > PAGE_SHIFT) {
          if (!check(value, shift - LEVEL_BITS)) return false;
        } else if (((i32[entry] as number) & CACHED) !== 0 && !this.isUsed(value >>> PAGE_SHIFT))
          return false;
      }
      return true;
    };
    return check(this.root, ROOT_SHIFT);
  }

  private isUsed(frame: number): boolean {
    return frame >= FIRST_FRAME && this.frames.references(frame) > 0;
  }

  get(address: number): number {
    const entry = this.find(address);
    return entry < 0 ? 0 : (this.memory.i32[entry] as number);
  }

  /** Index into the i32 view of the entry of `address`; -1 where there is no table for it. */
  private find(address: number): number {
    return findEntry(this.memory.u32, this.root, address);
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
    if ((lost & CACHED) !== 0) this.tlb.flushPage(address, (old & PTE_FLEETING) !== 0);
    if ((lost & PTE_EXEC) !== 0) this.tlb.flushJumps(this.epoch);
  }

  allocateNear(address: number, bit: number): number {
    const entry = this.find(address);
    const beside = this.ownFrame(this.find(address - PAGE_SIZE), 1, bit);
    if (beside !== 0 || entry < 0) return beside || this.ownFrame(this.find(address + PAGE_SIZE), -1, bit);
    const table = entry & ~LEVEL_MASK;
    for (let distance = 1; distance <= NEAR; distance++) {
      const below = entry - distance;
      const above = entry + distance;
      const frame =
        (below >= table ? this.ownFrame(below, distance, bit) : 0) ||
        (above <= table + LEVEL_MASK ? this.ownFrame(above, -distance, bit) : 0);
      if (frame !== 0) return frame;
    }
    return 0;
  }

  /** The frame at a distance from that of an entry, if there is one and it counts. */
  private ownFrame(entry: number, distance: number, bit: number): number {
    if (entry < 0) return 0;
    const pte = this.memory.i32[entry] as number;
    if ((pte & bit) === 0 || this.frames.references(pte >>> PAGE_SHIFT) !== 1) return 0;
    return this.frames.allocateBeside(pte >>> PAGE_SHIFT, distance);
  }

  update(start: number, end: number, visit: Visit): void {
    const { i32 } = this.memory;
    this.eachTable(start, end, (first, last, address) => {
      for (let entry = first; entry < last; entry++, address += PAGE_SIZE) {
        const pte = i32[entry] as number;
        if (pte !== 0) this.replace(entry, address, visit(address, pte));
      }
      return true;
    });
  }

  share(child: AddressSpace, start: number, end: number, readOnly: boolean, tally: PageTally): boolean {
    if (!(child instanceof PageTable)) throw new Error('a foreign address space');
    if (readOnly && this.tlb.root === this.root) this.tlb.flushWrites();
    const kept = readOnly ? ~PTE_WRITE : -1;
    return this.eachTable(start, end, (first, last, address) => {
      const target = child.findOrMake(address);
      if (target < 0) return false;
      this.shareTable(first, last, target, kept, tally);
      return true;
    });
  }

  /** Copies the entries [first, last), of which the bits `kept` remain, to those from `target` on. */
  private shareTable(first: number, last: number, target: number, kept: number, tally: PageTally): void {
    const { frames } = this;
    const { i32 } = this.memory;
    for (let entry = first; entry < last; entry++, target++) {
      const pte = (i32[entry] as number) & kept;
      if (pte === 0) continue;
      i32[entry] = pte;
      i32[target] = pte;
      frames.retain(pte >>> PAGE_SHIFT);
      count(tally, pte);
    }
  }

  drop(start: number, end: number, tally: PageTally): void {
    const { tlb } = this;
    const runs = tlb.root === this.root;
    let lost = 0;
    this.eachTable(start, end, (first, last, address) => {
      lost |= this.dropTable(first, last, tally, runs ? address : NOWHERE);
      return true;
    });
    if ((lost & PTE_EXEC) === 0) return;
    this.epoch = tlb.newEpoch();
    if (runs) tlb.flushJumps(this.epoch);
  }

  /** `address`: the first entry's, to be flushed from the TLB, or NOWHERE. Returns the union of the entries that were there. */
  private dropTable(first: number, last: number, tally: PageTally, address: number): number {
    const { frames, tlb } = this;
    const { i32 } = this.memory;
    let lost = 0;
    for (let entry = first; entry < last; entry++) {
      const pte = i32[entry] as number;
      if (pte === 0) continue;
      i32[entry] = 0;
      lost |= pte;
      if (address !== NOWHERE)
        tlb.flushPage(address + (entry - first) * PAGE_SIZE, (pte & PTE_FLEETING) !== 0);
      frames.release(pte >>> PAGE_SHIFT);
      count(tally, pte);
    }
    return lost;
  }

  /** Visits the tables of the lowest level that there are for [start, end). False if a visit said so. */
  private eachTable(start: number, end: number, visit: TableVisit): boolean {
    return start >= end || this.eachTableIn(this.root, ROOT_SHIFT, 0, start, end, visit);
  }

  private eachTableIn(
    table: number,
    shift: number,
    base: number,
    start: number,
    end: number,
    visit: TableVisit,
  ): boolean {
    const span = 2 ** shift;
    const first = Math.max(0, Math.floor((start - base) / span));
    const last = Math.min(LEVEL_MASK, Math.floor((end - 1 - base) / span));
    if (shift === PAGE_SHIFT) return visit(table / 4 + first, table / 4 + last + 1, base + first * span);
    for (let i = first; i <= last; i++) {
      const below = this.memory.u32[table / 4 + i] as number;
      if (below === 0) continue;
      if (!this.eachTableIn(below, shift - LEVEL_BITS, base + i * span, start, end, visit)) return false;
    }
    return true;
  }

  destroy(): void {
    if (this.tlb.root === this.root) this.tlb.activate(0, this.tlb.newEpoch());
    this.destroyTable(this.root, ROOT_SHIFT);
  }

  private destroyTable(table: number, shift: number): void {
    const [first, last] = [table / 4, (table + PAGE_SIZE) / 4];
    if (shift === PAGE_SHIFT) this.dropTable(first, last, $tally, NOWHERE);
    else
      for (let i = first; i < last; i++) {
        const below = this.memory.u32[i] as number;
        if (below !== 0) this.destroyTable(below, shift - LEVEL_BITS);
      }
    this.frames.release(table / PAGE_SIZE);
  }
}

/** The space does not run: nothing is to be flushed. */
const NOWHERE = -1;

/** Nobody asks for it. */
const $tally: PageTally = { kernel1: 0, kernel2: 0 };

function count(tally: PageTally, pte: number): void {
  if ((pte & PTE_KERNEL_1) !== 0) tally.kernel1++;
  if ((pte & PTE_KERNEL_2) !== 0) tally.kernel2++;
}
