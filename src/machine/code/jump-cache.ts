import {
  JUMP_BLOCK,
  JUMP_CACHE,
  JUMP_ENTRIES,
  JUMP_ENTRY_SIZE,
  JUMP_EPOCH,
  JUMP_SLOT,
  JUMP_TABLE,
  JUMP_TABLE_ENTRIES,
  JUMP_TABLE_ENTRY_SIZE,
  REGION_COUNTS,
  REGION_COUNTS_ENTRIES,
} from '../layout.js';
import type { Tlb } from '../memory/tlb.js';
import type { MachineViews } from '../semantics/helper.js';
import { i32, type Expr } from '../wasm/expr.js';

/**
 * Where a guest address has its entry. Only the address's low half counts; multiplying by 2^32 divided by the golden
 * ratio spreads it over the product's upper bits.
 */
export const MULTIPLIER = 0x9e3779b1;
const SHIFT = 16;
const MASK = (JUMP_ENTRIES - 1) * JUMP_ENTRY_SIZE;
const TABLE_SHIFT = 11;
const TABLE_MASK = (JUMP_TABLE_ENTRIES - 1) * JUMP_TABLE_ENTRY_SIZE;
const REGION_SHIFT = 16;
const REGION_MASK = (REGION_COUNTS_ENTRIES - 1) * 2;
const TWO_32 = 0x100000000;

/** Offset of the jump cache's entry of `address` (its low 32 bits suffice). */
export function jumpEntry(address: number): number {
  return JUMP_CACHE + ((Math.imul(address | 0, MULTIPLIER) >>> SHIFT) & MASK);
}
function tableEntry(address: number): number {
  return JUMP_TABLE + ((Math.imul(address | 0, MULTIPLIER) >>> TABLE_SHIFT) & TABLE_MASK);
}

/** What an address is hashed to: bits of its low half times MULTIPLIER. */
export function hashIndex(low: Expr, shift: number, mask: number): Expr {
  return i32.and(i32.shr_u(i32.mul(low, i32.const(MULTIPLIER)), i32.const(shift)), i32.const(mask));
}
/** The same less JUMP_CACHE, which belongs into the load's constant offset; `low` is the address's low half, i32. */
export function jumpIndex(low: Expr): Expr {
  return hashIndex(low, SHIFT, MASK);
}
/** The same for JUMP_TABLE. */
export function jumpTableIndex(low: Expr): Expr {
  return hashIndex(low, TABLE_SHIFT, TABLE_MASK);
}

/** Where in REGION_COUNTS an address's regions are counted. */
export function regionCountIndex(low: Expr): Expr {
  return hashIndex(low, REGION_SHIFT, REGION_MASK);
}

/** Writes the entries of the jump cache, and of the table behind it. */
export class JumpCache {
  constructor(
    private readonly memory: MachineViews,
    private readonly tlb: Tlb,
  ) {}

  /** An entry has a slot or a block: the interpreter is to leave where there is a region. */
  note(address: number, slot: number, block: number): void {
    const inTable = tableEntry(address);
    const entry = jumpEntry(address);
    this.write(entry, address, slot, block);
    this.tlb.logJump(entry);
    this.write(inTable, address, slot, block);
    this.memory.i32[(inTable + JUMP_EPOCH) >>> 2] = this.tlb.epoch;
  }

  private write(entry: number, address: number, slot: number, block: number): void {
    const { i32 } = this.memory;
    i32[entry >>> 2] = address | 0;
    i32[(entry >>> 2) + 1] = Math.floor(address / TWO_32);
    i32[(entry + JUMP_SLOT) >>> 2] = slot;
    i32[(entry + JUMP_BLOCK) >>> 2] = slot === 0 ? block : 0;
  }

  forget(address: number): void {
    this.clear(jumpEntry(address), address);
    this.clear(tableEntry(address), address);
  }

  /** Forgets all. */
  clearAll(): void {
    this.tlb.flushJumps(this.tlb.epoch);
    this.memory.u8.fill(0, JUMP_TABLE, JUMP_TABLE + JUMP_TABLE_ENTRIES * JUMP_TABLE_ENTRY_SIZE);
  }

  /** A region at `address` comes (1) or goes (-1). */
  countRegion(address: number, by: 1 | -1): void {
    const at = REGION_COUNTS + ((Math.imul(address | 0, MULTIPLIER) >>> REGION_SHIFT) & REGION_MASK);
    const { view } = this.memory;
    view.setUint16(at, view.getUint16(at, true) + by, true);
  }

  /** Lets no address do without being asked for, as if each had a region. */
  countAll(): void {
    this.memory.u8.fill(1, REGION_COUNTS, REGION_COUNTS + REGION_COUNTS_ENTRIES * 2);
  }

  private clear(entry: number, address: number): void {
    const { i32 } = this.memory;
    const high = Math.floor(address / TWO_32);
    if (i32[entry >>> 2] !== (address | 0) || i32[(entry >>> 2) + 1] !== high) return;
    this.memory.u8.fill(0, entry, entry + JUMP_ENTRY_SIZE);
  }
}
