import {
  BLOCK_ADDRESS,
  BLOCK_FRAME,
  BLOCK_HASH_MASK,
  BLOCK_HASH_SHIFT,
  BLOCK_LENGTH,
  BLOCK_NEXT_OF_FRAME,
  BLOCK_NEXT_OF_HASH,
} from '../code/block-lists.js';
import { hashIndex, jumpIndex, jumpTableIndex, regionCountIndex } from '../code/jump-cache.js';
import {
  BLOCK_HASH,
  CODE_LINES,
  CPU_EPOCH,
  FRAME_BLOCKS,
  FRAME_WRITTEN,
  JUMP_CACHE,
  JUMP_EPOCH,
  JUMP_SLOT,
  JUMP_TABLE,
  PAGE_SHIFT,
  REGION_COUNTS,
  TLB_DISPLACEMENT,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_WRITE,
} from '../layout.js';
import { loadCpu } from '../semantics/base-emitter.js';
import { PTE_EXEC } from '../types.js';
import { F64, I32, I64, i32, i64, type Expr } from '../wasm/expr.js';
import { STORE, type FunctionBuilder } from '../wasm/function.js';
import type { CoreBuilder } from './functions.js';
import { emitLogJump } from './log.js';

/** The lists of decoded blocks (code/blocks.ts), as far as code that runs for the first time needs them. */

const ZERO = i32.const(0);
const USER_BITS = 47;

function returnIf(f: FunctionBuilder, cond: Expr): void {
  f.if(cond);
  f.return(ZERO);
  f.end();
}

function blockHashIndex(address: Expr): Expr {
  return hashIndex(i32.wrap_i64(address), BLOCK_HASH_SHIFT, BLOCK_HASH_MASK);
}

/** (address, frame) -> the block, or 0. */
function writeFindBlock(f: FunctionBuilder): void {
  const [address, frame] = [f.get(0), f.get(1)];
  const block = f.local(I32);
  f.set(block, i32.load(blockHashIndex(address), BLOCK_HASH));
  const leave = f.block();
  const again = f.loop();
  f.brIf(leave, i32.eqz(f.get(block)));
  const same = i64.eq(i64.load(f.get(block), BLOCK_ADDRESS), address);
  f.brIf(leave, i32.and(same, i32.eq(i32.load(f.get(block), BLOCK_FRAME), frame)));
  f.set(block, i32.load(f.get(block), BLOCK_NEXT_OF_HASH));
  f.br(again);
  f.end();
  f.end();
  f.return(f.get(block));
}

/** (frame): takes its entries out of the write TLB, and what was found with them, wherever it is mapped. */
function writeFlushFrameWrites(f: FunctionBuilder, core: CoreBuilder): void {
  f.if(i32.eqz(i32.load8_u(f.get(0), FRAME_WRITTEN)));
  f.return();
  f.end();
  f.store(STORE.i32_8, f.get(0), ZERO, FRAME_WRITTEN);
  f.call(core.index('emptyRanges'), []);
  const start = f.let(i32.shl(f.get(0), i32.const(PAGE_SHIFT)));
  const entry = f.local(I32);
  const again = f.loop();
  const place = i32.add(
    i32.load(f.get(entry), TLB_WRITE),
    i32.load(f.get(entry), TLB_WRITE + TLB_DISPLACEMENT),
  );
  f.if(i32.eq(place, start));
  f.store(STORE.i64, f.get(entry), i64.num(-1), TLB_WRITE);
  f.end();
  f.set(entry, i32.add(f.get(entry), i32.const(TLB_ENTRY_SIZE)));
  f.brIf(again, i32.lt_u(f.get(entry), i32.const(TLB_ENTRIES * TLB_ENTRY_SIZE)));
  f.end();
}

/** (address, frame) -> a new block in the lists, or 0. */
function writeMakeBlock(f: FunctionBuilder, core: CoreBuilder): void {
  const [address, frame] = [f.get(0), f.get(1)];
  const block = f.let(core.call(I32, 'decodeBlock', address, frame));
  returnIf(f, i32.eqz(block));
  link(f, f.let(blockHashIndex(address)), BLOCK_HASH, block, BLOCK_NEXT_OF_HASH);
  link(f, f.let(i32.shl(frame, i32.const(2))), FRAME_BLOCKS, block, BLOCK_NEXT_OF_FRAME);
  const lines = f.let(i32.shl(frame, i32.const(3)));
  const known = f.let(i64.load(lines, CODE_LINES));
  f.if(i64.eqz(known));
  f.call(core.index('flushFrameWrites'), [frame]);
  f.end();
  const own = core.call(I64, 'lineMask', i32.wrap_i64(address), i32.load16_u(block, BLOCK_LENGTH));
  f.store(STORE.i64, lines, i64.or(known, own), CODE_LINES);
  f.return(block);
}

/** Puts the block before the list's first one. */
function link(f: FunctionBuilder, head: Expr, heads: number, block: Expr, next: number): void {
  f.store(STORE.i32, block, i32.load(head, heads), next);
  f.store(STORE.i32, head, block, heads);
}

/**
 * (address, whether to decode) -> whether there is a block, which the jump cache now has. Says no where there may be a
 * region, which goes before; and of course where nothing can be executed.
 */
function writeEnter(f: FunctionBuilder, core: CoreBuilder): void {
  const [address, decodes] = [f.get(0), f.get(1)];
  const low = f.let(i32.wrap_i64(address));
  returnIf(f, i64.ne(i64.shr_u(address, i64.num(USER_BITS)), i64.num(0)));
  returnIf(f, i32.load16_u(regionCountIndex(low), REGION_COUNTS));
  const entry = f.let(core.call(I32, 'walk', address));
  returnIf(f, i32.eqz(entry));
  const pte = f.let(i32.load(entry));
  returnIf(f, i32.eqz(i32.and(pte, i32.const(PTE_EXEC))));
  const frame = f.let(i32.shr_u(pte, i32.const(PAGE_SHIFT)));
  const block = f.local(I32);
  f.set(block, core.call(I32, 'findBlock', address, frame));
  f.if(i32.eqz(f.get(block)));
  returnIf(f, i32.eqz(decodes));
  f.set(block, core.call(I32, 'makeBlock', address, frame));
  returnIf(f, i32.eqz(f.get(block)));
  f.end();
  note(f, address, low, f.get(block));
  f.return(i32.const(1));
}

/** What JumpCache.note does, for a block. */
function note(f: FunctionBuilder, address: Expr, low: Expr, block: Expr): void {
  // Slot 0 and the block, as they lie behind each other.
  const code = f.let(i64.shl(i64.extend_i32_u(block), i64.num(32)));
  for (const [at, table] of [
    [f.let(jumpIndex(low)), JUMP_CACHE],
    [f.let(jumpTableIndex(low)), JUMP_TABLE],
  ] as const) {
    f.store(STORE.i64, at, address, table);
    f.store(STORE.i64, at, code, table + JUMP_SLOT);
    if (table === JUMP_TABLE) f.store(STORE.i32, at, loadCpu(I32, CPU_EPOCH), table + JUMP_EPOCH);
    else emitLogJump(f, i32.add(at, i32.const(table)));
  }
}

/** `decodeBlock`, `walk`, `lineMask` and `emptyRanges` must be defined before. */
export function defineBlocks(core: CoreBuilder): void {
  core.define('findBlock', [I64, I32], I32, writeFindBlock);
  core.define('flushFrameWrites', [I32], null, writeFlushFrameWrites);
  core.define('makeBlock', [I64, I32], I32, writeMakeBlock);
  core.define('makeBlockAt', [F64, I32], I32, (f) =>
    f.return(core.call(I32, 'makeBlock', i64.trunc_f64_s(f.get(0)), f.get(1))),
  );
  core.define('enter', [I64, I32], I32, writeEnter);
}
