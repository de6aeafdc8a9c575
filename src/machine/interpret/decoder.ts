import {
  BLOCK_ADDRESS,
  BLOCK_COUNT,
  BLOCK_COUNTDOWN,
  BLOCK_FRAME,
  BLOCK_HEADER,
  BLOCK_HEATS,
  BLOCK_LENGTH,
  BLOCK_RECORDS,
  MOST_BLOCK_BYTES,
  MOST_INSNS,
} from '../code/block-lists.js';
import type { CoreBuilder } from '../core/functions.js';
import {
  CPU_BLOCKS_DECODED,
  CPU_HEAT,
  CPU_NEXT_BLOCK,
  DECODED_END,
  PAGE_MASK,
  PAGE_SHIFT,
  PAGE_SIZE,
  PAGE_TAIL,
  RECORD_SIZE,
} from '../layout.js';
import { loadCpu, storeCpu } from '../semantics/base-emitter.js';
import { F64, I32, I64, i32, i64, select, type Expr } from '../wasm/expr.js';
import { STORE, type FunctionBuilder } from '../wasm/function.js';
import { CLASS_KEPT, CLASS_MASK, HANDLER_ENDS, type DecoderTables } from './decoder-tables.js';
import { HANDLER_END } from './handlers.js';
import { InsnDecoder } from './insn-decoder.js';
import { RECORD_HANDLER, RECORD_IMM, RESULT_HANDLER, RESULT_LENGTH, RESULT_RECORDS } from './record.js';

/**
 * The core module's decoder: makes blocks of the code that is met for the first time, without JavaScript. What it does not
 * know how to go on with (no instruction, one that lies in two pages, no room) it leaves to that.
 */

const ZERO = i32.const(0);
/** No instruction is read further than this from its start, however it ends. */
const FURTHEST = 32;

/**
 * (address, frame) -> the block, not yet in the lists, or 0 if there is not even one instruction. The block goes to the end
 * of the page, the first instruction that ends a block, or one that cannot be decoded.
 */
function writeDecodeBlock(f: FunctionBuilder, core: CoreBuilder, handlers: number): void {
  const [address, frame] = [f.get(0), f.get(1)];
  const block = f.let(loadCpu(I32, CPU_NEXT_BLOCK));
  f.if(i32.gt_u(i32.add(block, i32.const(MOST_BLOCK_BYTES)), i32.const(DECODED_END)));
  f.return(ZERO);
  f.end();
  const [record, at, left, from, pc] = [f.local(I32), f.local(I32), f.local(I32), f.local(I32), f.local(I64)];
  const [count, flags, ended] = [f.local(I32), f.local(I32), f.local(I32)];
  const offset = f.let(i32.and(i32.wrap_i64(address), i32.const(PAGE_MASK)));
  f.set(record, i32.add(block, i32.const(BLOCK_HEADER)));
  f.set(at, i32.add(i32.shl(frame, i32.const(PAGE_SHIFT)), offset));
  f.set(left, i32.sub(i32.const(PAGE_SIZE), offset));
  f.set(pc, address);
  const leave = f.block();
  const again = f.loop();
  f.set(from, f.get(at));
  f.if(i32.lt_u(f.get(left), i32.const(FURTHEST)));
  f.memoryFill(i32.const(PAGE_TAIL), ZERO, i32.const(2 * FURTHEST));
  f.memoryCopy(i32.const(PAGE_TAIL), f.get(at), f.get(left));
  f.set(from, i32.const(PAGE_TAIL));
  f.end();
  const decoded = f.let(core.call(I32, 'decodeInsn', f.get(from), f.get(pc), f.get(record), f.get(flags)));
  const length = f.let(i32.and(decoded, i32.const(RESULT_LENGTH)));
  f.brIf(leave, i32.or(i32.eqz(decoded), i32.gt_u(length, f.get(left))));
  f.set(record, i32.add(f.get(record), i32.and(decoded, i32.const(RESULT_RECORDS))));
  f.set(count, i32.add(f.get(count), i32.const(1)));
  f.set(pc, i64.add(f.get(pc), i64.extend_i32_u(length)));
  f.set(at, i32.add(f.get(at), length));
  f.set(left, i32.sub(f.get(left), length));
  const info = f.let(i32.load8_u(i32.shr_u(decoded, i32.const(RESULT_HANDLER)), handlers));
  const after = f.let(i32.and(info, i32.const(CLASS_MASK)));
  f.set(flags, select(i32.eq(after, i32.const(CLASS_KEPT)), f.get(flags), after));
  f.set(ended, i32.and(info, i32.const(HANDLER_ENDS)));
  const goesOn = i32.and(i32.lt_u(f.get(count), i32.const(MOST_INSNS)), i32.ne(f.get(left), ZERO));
  f.brIf(again, i32.and(i32.eqz(f.get(ended)), goesOn));
  f.end();
  f.end();
  f.if(i32.eqz(f.get(count)));
  f.return(ZERO);
  f.end();
  f.if(i32.eqz(f.get(ended)));
  f.store(STORE.i64, f.get(record), i64.num(HANDLER_END), RECORD_HANDLER);
  f.store(STORE.i64, f.get(record), f.get(pc), RECORD_IMM);
  f.set(record, i32.add(f.get(record), i32.const(RECORD_SIZE)));
  f.end();
  writeHeader(f, block, f.get(count));
  f.store(STORE.i64, block, address, BLOCK_ADDRESS);
  f.store(STORE.i32, block, frame, BLOCK_FRAME);
  f.store(STORE.i32_16, block, i32.wrap_i64(i64.sub(f.get(pc), address)), BLOCK_LENGTH);
  const bytes = i32.sub(i32.sub(f.get(record), block), i32.const(BLOCK_HEADER));
  f.store(STORE.i32_8, block, i32.div_u(bytes, i32.const(RECORD_SIZE)), BLOCK_RECORDS);
  storeCpu(f, CPU_NEXT_BLOCK, f.get(record));
  f.return(block);
}

/** What depends on how many instructions there are. */
function writeHeader(f: FunctionBuilder, block: Expr, count: Expr): void {
  const heat = i32.sub(i32.add(loadCpu(I32, CPU_HEAT), count), i32.const(1));
  f.store(STORE.i32, block, i32.div_u(heat, count), BLOCK_COUNTDOWN);
  f.store(STORE.i32, block, ZERO, BLOCK_HEATS);
  f.store(STORE.i32_8, block, count, BLOCK_COUNT);
  storeCpu(f, CPU_BLOCKS_DECODED, i32.add(loadCpu(I32, CPU_BLOCKS_DECODED), i32.const(1)));
}

export function defineDecoder(core: CoreBuilder, tables: DecoderTables): void {
  core.define('decodeInsn', [I32, I64, I32, I32], I32, (f) => new InsnDecoder(f, tables).write());
  core.define('decodeInsnAt', [I32, F64, I32], I32, (f) => {
    const address = i64.trunc_f64_s(f.get(1));
    f.return(core.call(I32, 'decodeInsn', f.get(0), address, f.get(2), ZERO));
  });
  core.define('decodeBlock', [I64, I32], I32, (f) => writeDecodeBlock(f, core, tables.places.handlers));
}
