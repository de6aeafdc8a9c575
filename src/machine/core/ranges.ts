import {
  BEFORE_SHIFT,
  BEHIND_SHIFT,
  BOUNCE_END,
  CODE_LINES,
  CPU_RANGES_EPOCH,
  CPU_RANGE_MISSES,
  FRAME_WRITTEN,
  NO_RANGE,
  PAGE_MASK,
  PAGE_SHIFT,
  PAGE_SIZE,
  RANGES_BYTES,
  RANGES_EPOCH_MASK,
  RANGES_READ,
  RANGES_WRITE,
  RANGE_COUNT_MASK,
  RANGE_DISPLACEMENT,
  RANGE_LENGTH,
  RANGE_SIZE,
  TLB_DISPLACEMENT,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_RANGE,
  TLB_READ,
  TLB_WRITE,
} from '../layout.js';
import { loadCpu, storeCpu } from '../semantics/base-emitter.js';
import { PTE_FLEETING } from '../types.js';
import { I32, I64, i32, i64, select, type Expr } from '../wasm/expr.js';
import { STORE, type FunctionBuilder } from '../wasm/function.js';
import { storeOf } from './access.js';
import { ACCESS_TYPES, type CoreBuilder } from './functions.js';
import { emitLogRange } from './log.js';

/**
 * Regions compare an address with the range in which the last access by the same pointer was found. A miss comes here: the
 * page is found as ever, in the TLB or by a walk, and with it all pages around it that follow each other in the memory,
 * too, and whose entries allow the same. The TLB's entries remember that. Ranges are good until an entry changes
 * (memory/tlb.ts); entries that are new do not matter.
 */

/** How a region says which access it is about: its bytes, and above them the slot. */
export const SLOT_SHIFT = 6;
const BYTES_MASK = (1 << SLOT_SHIFT) - 1;

const ZERO = i32.const(0);
/**
 * Of so many misses and one that the TLB knows, one fills its slot: of two ranges that take turns, one should stay. (Of
 * snprintf's accesses, one in fifty misses.)
 */
const REFILL_MASK = 3;
/** What lies between entries of pages that follow each other. */
const NEXT_FRAME = i32.const(1 << PAGE_SHIFT);
const ENTRY_SIZE = i32.const(4);
const TLB_BYTES = TLB_ENTRIES * TLB_ENTRY_SIZE;

type Kind = 'Read' | 'Write';

const SLOTS: Readonly<Record<Kind, number>> = { Read: RANGES_READ, Write: RANGES_WRITE };
const TLB: Readonly<Record<Kind, number>> = { Read: TLB_READ, Write: TLB_WRITE };

/** Offset of an address's entry in its TLB; of its low half. */
function tlbEntry(low: Expr): Expr {
  return i32.and(i32.shr_u(low, i32.const(TLB_INDEX_SHIFT)), i32.const(TLB_INDEX_MASK));
}

/** Whether the frame of a page's entry holds code. */
function hasCode(pte: Expr): Expr {
  const lines = i32.shl(i32.shr_u(pte, i32.const(PAGE_SHIFT)), i32.const(3));
  return i64.ne(i64.load(lines, CODE_LINES), i64.num(0));
}

/**
 * Moves the local `entry` on by `step` while the entry behind it is of the frame that follows, and in the same table.
 * Frames with code cannot be written through a range.
 */
function extend(f: FunctionBuilder, kind: Kind, entry: number, step: 1 | -1): void {
  const add = (x: Expr, y: Expr): Expr => (step === 1 ? i32.add(x, y) : i32.sub(x, y));
  const expected = f.local(I32);
  f.set(expected, i32.load(f.get(entry)));
  const done = f.block();
  const again = f.loop();
  const edge = step === 1 ? PAGE_SIZE - 4 : 0;
  f.brIf(done, i32.eq(i32.and(f.get(entry), i32.const(PAGE_MASK)), i32.const(edge)));
  f.set(expected, add(f.get(expected), NEXT_FRAME));
  f.brIf(done, i32.ne(i32.load(add(f.get(entry), ENTRY_SIZE)), f.get(expected)));
  if (kind === 'Write') f.brIf(done, hasCode(f.get(expected)));
  f.set(entry, add(f.get(entry), ENTRY_SIZE));
  f.br(again);
  f.end();
  f.end();
}

/** (page): finds the range of a page that is in the TLB, and tells the TLB's entries of all its pages. 0 if there is none. */
function writeSearch(kind: Kind) {
  const tlb = TLB[kind];
  return (f: FunctionBuilder, core: CoreBuilder): void => {
    const middle = f.let(core.call(I32, 'walk', f.get(0)));
    f.if(i32.and(i32.load(middle), i32.const(PTE_FLEETING)));
    f.return(ZERO);
    f.end();
    const [first, last] = [f.local(I32), f.local(I32)];
    f.set(first, middle);
    f.set(last, middle);
    extend(f, kind, first, -1);
    extend(f, kind, last, 1);
    const pages = (from: Expr, to: Expr): Expr => i32.shr_u(i32.sub(to, from), i32.const(2));
    const count = f.let(pages(f.get(first), f.get(last)));
    if (kind === 'Write') {
      const frame = i32.shr_u(i32.load(f.get(first)), i32.const(PAGE_SHIFT));
      f.memoryFill(i32.add(frame, i32.const(FRAME_WRITTEN)), i32.const(1), i32.add(count, i32.const(1)));
    }
    const before = f.local(I32);
    const page = f.local(I64);
    const bytesBefore = i64.shl(i64.extend_i32_u(pages(f.get(first), middle)), i64.num(PAGE_SHIFT));
    f.set(page, i64.sub(f.get(0), bytesBefore));
    const again = f.loop();
    const entry = f.let(tlbEntry(i32.wrap_i64(f.get(page))));
    f.if(i64.eq(i64.load(entry, tlb), f.get(page)));
    const counts = i32.or(
      i32.shl(f.get(before), i32.const(BEFORE_SHIFT)),
      i32.shl(i32.sub(count, f.get(before)), i32.const(BEHIND_SHIFT)),
    );
    f.store(STORE.i32, entry, i32.or(counts, loadCpu(I32, CPU_RANGES_EPOCH)), tlb + TLB_RANGE);
    f.end();
    f.set(page, i64.add(f.get(page), i64.num(PAGE_SIZE)));
    f.set(before, i32.add(f.get(before), i32.const(1)));
    f.brIf(again, i32.le_u(f.get(before), count));
    f.end();
    f.return(i32.const(1));
  };
}

/** Gives a slot the range of `page`, whose entry of the TLB knows it. One that touches it, and lies alike, becomes part of it. */
function fillSlot(f: FunctionBuilder, kind: Kind, slot: Expr, page: Expr, entry: Expr): void {
  const slots = SLOTS[kind];
  const known = f.let(i32.load(entry, TLB[kind] + TLB_RANGE));
  const displacement = f.let(i32.load(entry, TLB[kind] + TLB_DISPLACEMENT));
  const bytes = (count: Expr): Expr => i64.shl(i64.extend_i32_u(count), i64.num(PAGE_SHIFT));
  const behind = i32.and(i32.shr_u(known, i32.const(BEHIND_SHIFT)), i32.const(RANGE_COUNT_MASK));
  const [base, end] = [f.local(I64), f.local(I64)];
  f.set(base, i64.sub(page, bytes(i32.shr_u(known, i32.const(BEFORE_SHIFT)))));
  f.set(end, i64.add(page, bytes(i32.add(behind, i32.const(1)))));
  f.if(i32.eq(i32.load(slot, slots + RANGE_DISPLACEMENT), displacement));
  const oldBase = f.let(i64.load(slot, slots));
  const oldEnd = f.let(i64.add(oldBase, i64.load32_u(slot, slots + RANGE_LENGTH)));
  f.if(i32.and(i64.le_u(f.get(base), oldEnd), i64.le_u(oldBase, f.get(end))));
  f.set(base, select(i64.lt_u(oldBase, f.get(base)), oldBase, f.get(base)));
  f.set(end, select(i64.gt_u(oldEnd, f.get(end)), oldEnd, f.get(end)));
  f.end();
  f.end();
  f.store(STORE.i64, slot, f.get(base), slots);
  f.store(STORE.i32, slot, i32.wrap_i64(i64.sub(f.get(end), f.get(base))), slots + RANGE_LENGTH);
  f.store(STORE.i32, slot, displacement, slots + RANGE_DISPLACEMENT);
  emitLogRange(f, i32.add(slot, i32.const(slots)));
}

/** (slot's offset, address): fills the slot if the TLB has the page, as it has unless the page holds code. */
function writeNote(kind: Kind) {
  const tlb = TLB[kind];
  return (f: FunctionBuilder, core: CoreBuilder): void => {
    const slot = f.get(0);
    const page = f.let(i64.and(f.get(1), i64.num(-PAGE_SIZE)));
    const entry = f.let(tlbEntry(i32.wrap_i64(page)));
    f.if(i64.ne(i64.load(entry, tlb), page));
    f.return();
    f.end();
    const old = i32.xor(i32.load(entry, tlb + TLB_RANGE), loadCpu(I32, CPU_RANGES_EPOCH));
    f.if(i32.and(old, i32.const(RANGES_EPOCH_MASK)));
    f.if(i32.eqz(core.call(I32, `searchRange${kind}`, page)));
    f.return();
    f.end();
    f.end();
    fillSlot(f, kind, slot, page, entry);
  };
}

/** (address, access) -> place: by the TLB, else by the function of (address, size) that looks further. */
function writeFind(kind: Kind, further: string) {
  const tlb = TLB[kind];
  return (f: FunctionBuilder, core: CoreBuilder): void => {
    const [address, access] = [f.get(0), f.get(1)];
    const low = f.let(i32.wrap_i64(address));
    const bytes = f.let(i32.and(access, i32.const(BYTES_MASK)));
    const slot = f.let(i32.mul(i32.shr_u(access, i32.const(SLOT_SHIFT)), i32.const(RANGE_SIZE)));
    const last = f.let(i64.add(address, i64.extend_i32_u(i32.sub(bytes, i32.const(1)))));
    const place = f.local(I32);
    const entry = f.let(tlbEntry(low));
    f.if(i64.eq(i64.load(entry, tlb), i64.and(last, i64.num(-PAGE_SIZE))));
    f.set(place, i32.add(i32.load(entry, tlb + TLB_DISPLACEMENT), low));
    storeCpu(f, CPU_RANGE_MISSES, i32.add(loadCpu(I32, CPU_RANGE_MISSES), i32.const(1)));
    f.if(i32.and(loadCpu(I32, CPU_RANGE_MISSES), i32.const(REFILL_MASK)));
    f.return(f.get(place));
    f.end();
    f.else();
    f.set(place, core.call(I32, further, address, bytes));
    f.end();
    f.if(i32.or(i32.eqz(f.get(place)), i32.eqz(slot)));
    f.return(f.get(place));
    f.end();
    f.call(core.index(`noteRange${kind}`), [slot, address]);
    f.if(i32.lt_u(f.get(place), i32.const(BOUNCE_END)));
    f.call(core.index(`noteRange${kind}`), [slot, last]);
    f.end();
    f.return(f.get(place));
  };
}

/** (address, value, access) -> 0 after a fault. */
function writeStore(size: number) {
  return (f: FunctionBuilder, core: CoreBuilder): void => {
    const address = f.get(0);
    const place = f.let(core.call(I32, 'rangeWrite', address, f.get(2)));
    f.if(place);
    f.store(storeOf(size), place, f.get(1));
    f.if(i32.lt_u(place, i32.const(BOUNCE_END)));
    f.call(core.index('writeBack'), [address, i32.const(size)]);
    f.end();
    f.end();
    f.return(place);
  };
}

/** Makes all ranges bad, as memory/tlb.ts does. */
function writeEmptyRanges(f: FunctionBuilder): void {
  const next = i32.add(loadCpu(I32, CPU_RANGES_EPOCH), i32.const(1));
  const epoch = f.let(i32.and(next, i32.const(RANGES_EPOCH_MASK)));
  storeCpu(f, CPU_RANGES_EPOCH, i32.add(epoch, i32.eqz(epoch)));
  f.if(i32.eqz(epoch));
  for (const tlb of [TLB_READ, TLB_WRITE]) f.memoryFill(i32.const(tlb), i32.const(-1), i32.const(TLB_BYTES));
  f.end();
  const slot = f.local(I32);
  f.set(slot, i32.const(2 * RANGES_BYTES));
  const again = f.loop();
  f.set(slot, i32.sub(f.get(slot), i32.const(RANGE_SIZE)));
  f.store(STORE.i64, f.get(slot), i64.const(NO_RANGE[0], NO_RANGE[1]), RANGES_READ);
  f.store(STORE.i64, f.get(slot), i64.const(NO_RANGE[2], NO_RANGE[3]), RANGES_READ + RANGE_LENGTH);
  f.brIf(again, f.get(slot));
  f.end();
}

/** After the accesses. */
export function defineRanges(core: CoreBuilder): void {
  core.define('emptyRanges', [], null, writeEmptyRanges);
  for (const kind of ['Read', 'Write'] as const) {
    core.define(`searchRange${kind}`, [I64], I32, writeSearch(kind));
    core.define(`noteRange${kind}`, [I32, I64], null, writeNote(kind));
  }
  core.define('rangeRead', [I64, I32], I32, writeFind('Read', 'probeRead'));
  core.define('rangeWrite', [I64, I32], I32, writeFind('Write', 'locateWrite'));
  core.define('rangeModify', [I64, I32], I32, writeFind('Write', 'probeWrite'));
  for (const [size, type] of ACCESS_TYPES)
    core.define(`rangeStore${size}`, [I64, type, I32], I32, writeStore(size));
}
