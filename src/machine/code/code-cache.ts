import { CODE_LINE_SHIFT, CPU, CPU_CODE_STALE, PAGE_SHIFT, PAGE_SIZE, USER_END } from '../layout.js';
import type { Tlb } from '../memory/tlb.js';
import type { MachineViews } from '../semantics/helper.js';
import type { MachineStats } from '../types.js';
import type { WasmTable } from '../wasm/webassembly.js';
import type { Insn } from '../x86/insn.js';
import type { Blocks } from './blocks.js';
import { lineMasks, spansOf, type Code } from './code.js';
import type { Fetcher } from './fetch.js';
import { JumpCache } from './jump-cache.js';
import { LineMap } from './line-map.js';
import { Offers, holds } from './offers.js';
import type { CodeSource, FoundRegion, RegionSource } from './types.js';

const STALE = (CPU + CPU_CODE_STALE) >>> 2;
/** Slots by which the table grows: not by many more than are used, for each instance pays for all. */
const TABLE_STEP = 128;

/** Makes decoded blocks; what the cache needs of block-decoder.ts. */
export interface Decoder {
  /** A block in the lists, or 0 where its first instruction does not allow it. */
  decodeBlock(address: number, frame: number): number;
  /** A block of one instruction in no list, or what `decode` says (x86/decode.ts). */
  decodeUnlisted(address: number, frame: number): Code | number;
}

/**
 * All code, decoded and translated, by guest address. Of several pieces with one address, each made from other frames,
 * the running space's page table decides which is meant. Fills the jump cache, and drops code whose bytes change.
 */
export class CodeCache implements CodeSource {
  /** Blocks that are in no list (blocks.ts). */
  private readonly unlisted = new Map<number, Code[]>();
  private readonly regions = new Map<number, Code[]>();
  private readonly lines: LineMap;
  private readonly jumps: JumpCache;
  private readonly offers: Offers;
  private readonly freeSlots: number[] = [];
  private nextSlot: number;

  constructor(
    private readonly memory: MachineViews,
    private readonly tlb: Tlb,
    private readonly table: WasmTable,
    private readonly fetcher: Fetcher,
    private readonly blocks: Blocks,
    private readonly decoder: Decoder,
    private readonly stats: MachineStats,
    private readonly isUsed: (frame: number) => boolean,
    /** Has a page of the running space there, to be executed; false if it cannot be. */
    faultIn: (page: number) => boolean,
    /** Every look at an address comes to JavaScript. */
    seesAll: boolean,
  ) {
    this.lines = new LineMap(memory, blocks);
    this.jumps = new JumpCache(memory, tlb);
    this.offers = new Offers(memory, tlb, fetcher.frameOf, faultIn, (region) => {
      this.stats.regionsKept++;
      this.addRegion(region);
    });
    this.nextSlot = table.length;
    if (seesAll) this.jumps.countAll();
  }

  // Finding

  /** The piece at `address` whose pages are mapped now as they were when it was made. */
  private valid(map: ReadonlyMap<number, Code[]>, address: number): Code | undefined {
    const codes = map.get(address);
    if (codes === undefined) return undefined;
    for (const code of codes) if (code.checkedIn === this.tlb.epoch || this.check(code)) return code;
    return undefined;
  }

  private check(code: Code): boolean {
    for (const { page, frame } of code.spans) if (this.fetcher.frameOf(page) !== frame) return false;
    code.checkedIn = this.tlb.epoch;
    return true;
  }

  isTranslated(address: number): boolean {
    return this.regionAt(address, true) !== undefined;
  }

  private regionAt(address: number, mayFault: boolean): Code | undefined {
    return this.valid(this.regions, address) ?? this.offers.take(address, mayFault);
  }

  /** The block at `address`, or 0. */
  private blockAt(address: number): number {
    const frame = this.fetcher.frameOf(address);
    const block = frame === 0 ? 0 : this.blocks.find(address, frame);
    return block === 0 ? (this.valid(this.unlisted, address)?.block ?? 0) : block;
  }

  /** The slot of the region at `address`, 0 where there is none; notes what it finds in the jump cache. */
  slotAt(address: number, mayFault = false): number {
    if (!(address >= 0 && address < USER_END)) return 0;
    const slot = this.regionAt(address, mayFault)?.slot ?? 0;
    const block = this.blockAt(address);
    if (slot !== 0 || block !== 0) this.jumps.note(address, slot, block);
    return slot;
  }

  /**
   * Sees to the jump cache's entry for `address`, whose page's frame is `frame`, decoding it if need be. Returns 0, or
   * what `decode` says (x86/decode.ts).
   */
  enter(address: number, frame: number): number {
    if (this.slotAt(address, true) !== 0) return 0;
    let block = this.blockAt(address);
    if (block === 0) {
      if (this.blocks.isFull) this.dropBlocks();
      block = this.decoder.decodeBlock(address, frame);
    }
    if (block === 0) {
      const made = this.decoder.decodeUnlisted(address, frame);
      if (typeof made === 'number') return made;
      this.add(this.unlisted, made);
      block = made.block;
    }
    this.jumps.note(address, 0, block);
    return 0;
  }

  reheat(address: number, times = 1): void {
    const block = this.blockAt(address);
    if (block !== 0) this.blocks.reheat(block, times);
  }

  decode(address: number): Insn | null {
    if (!(address >= 0 && address < USER_END)) return null;
    const frame = this.fetcher.frameOf(address);
    const insn = frame === 0 ? -1 : this.fetcher.fetch(address, frame);
    return typeof insn === 'number' ? null : insn;
  }

  // Adding

  takeSlots(count: number): number {
    const free = count === 1 ? this.freeSlots.pop() : undefined;
    if (free !== undefined) return free;
    const slot = this.nextSlot;
    this.nextSlot += count;
    const missing = this.nextSlot - this.table.length;
    if (missing > 0) this.table.grow(Math.max(missing, TABLE_STEP), this.table.get(0));
    return slot;
  }

  giveSlotBack(slot: number): void {
    this.table.set(slot, this.table.get(0));
    this.freeSlots.push(slot);
  }

  install({ entry, ranges, code, frames }: FoundRegion, slot: number): boolean {
    const frameOf = (page: number): number => {
      const at = frames.indexOf(page);
      return at % 2 === 0 ? (frames[at + 1] ?? 0) : 0;
    };
    const spans = spansOf(ranges, frameOf);
    const isThere = spans.every(({ frame }) => frame !== 0 && this.isUsed(frame));
    if (!isThere || !holds(this.memory.u8, ranges, code, frameOf)) return false;
    this.addRegion({ address: entry, spans, block: 0, slot, isKept: false, checkedIn: -1 });
    return true;
  }

  offer(regions: readonly RegionSource[], slot: number): void {
    this.offers.add(regions, slot);
    for (const { entry } of regions) {
      this.jumps.countRegion(entry, 1);
      this.jumps.forget(entry);
    }
  }

  private addRegion(region: Code): void {
    const known = this.valid(this.regions, region.address);
    if (known !== undefined) this.remove([known]);
    this.add(this.regions, region);
    this.jumps.countRegion(region.address, 1);
    this.jumps.forget(region.address);
  }

  private add(map: Map<number, Code[]>, code: Code): void {
    const known = map.get(code.address);
    if (known === undefined) map.set(code.address, [code]);
    else known.push(code);
    for (const { frame } of code.spans) {
      if (!this.lines.hasCode(frame)) this.tlb.flushFrameWrites(frame * PAGE_SIZE);
    }
    this.lines.add(code);
  }

  // Dropping

  /** Drops the code made from `length` bytes of a frame from `offset` on, which are about to change. */
  written(frame: number, offset: number, length: number): void {
    const [lo, hi] = lineMasks(offset >>> CODE_LINE_SHIFT, (offset + length - 1) >>> CODE_LINE_SHIFT);
    let dropped = this.blocks.dropTouched(frame, lo, hi, this.jumps);
    const touched = this.lines.touched(frame, lo, hi);
    dropped += touched.length;
    if (dropped === 0) return;
    this.remove(touched);
    this.lines.unite(frame);
    this.stats.codeInvalidations++;
    this.memory.i32[STALE] = 1;
  }

  /** The same for bytes at an offset of the memory. */
  writtenAt(offset: number, length: number): void {
    this.written(offset >>> PAGE_SHIFT, offset & (PAGE_SIZE - 1), length);
  }

  private remove(codes: readonly Code[]): void {
    for (const code of codes) {
      const map = code.slot === 0 ? this.unlisted : this.regions;
      const others = (map.get(code.address) ?? []).filter((other) => other !== code);
      if (others.length === 0) map.delete(code.address);
      else map.set(code.address, others);
      this.jumps.forget(code.address);
      if (code.slot === 0) this.blocks.forget(code.block);
      else this.freeSlot(code);
    }
    this.lines.remove(codes);
  }

  private freeSlot({ slot, address, isKept }: Code): void {
    if (!isKept) this.giveSlotBack(slot);
    this.jumps.countRegion(address, -1);
  }

  private dropBlocks(): void {
    this.remove([...this.unlisted.values()].flat());
    for (const frame of this.blocks.reset()) this.lines.unite(frame);
    this.jumps.clearAll();
  }

  /** Drops everything. */
  flush(): void {
    this.dropBlocks();
    this.remove([...this.regions.values()].flat());
  }
}
