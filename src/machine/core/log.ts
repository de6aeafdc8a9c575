/** Notes which entries of TLB, jump cache and ranges are written, as memory/tlb.ts reads it. */
import {
  CPU,
  CPU_JUMPS_CACHED,
  CPU_JUMP_LOG,
  CPU_TLB_MISSES,
  CPU_RANGES_FOUND,
  JUMP_LOG_ENTRIES,
  RANGE_LOG,
  RANGE_LOG_ENTRIES,
  TLB_LOG,
  TLB_LOG_ENTRIES,
} from '../layout.js';
import { loadCpu, storeCpu } from '../semantics/base-emitter.js';
import { I32, i32, type Expr } from '../wasm/expr.js';
import { STORE, type FunctionBuilder } from '../wasm/function.js';

/** The next entry of a log is `entry`, an offset in the memory. */
function emitLog(f: FunctionBuilder, log: number, entries: number, counter: number, entry: Expr): void {
  const n = f.let(loadCpu(I32, counter));
  const place = i32.shl(i32.and(n, i32.const(entries - 1)), i32.const(2));
  f.store(STORE.i32, place, entry, log);
  storeCpu(f, counter, i32.add(n, i32.const(1)));
}

export function emitLogMiss(f: FunctionBuilder, entry: Expr): void {
  emitLog(f, TLB_LOG, TLB_LOG_ENTRIES, CPU_TLB_MISSES, entry);
}

export function emitLogJump(f: FunctionBuilder, entry: Expr): void {
  emitLog(f, CPU + CPU_JUMP_LOG, JUMP_LOG_ENTRIES, CPU_JUMPS_CACHED, entry);
}

export function emitLogRange(f: FunctionBuilder, slot: Expr): void {
  emitLog(f, RANGE_LOG, RANGE_LOG_ENTRIES, CPU_RANGES_FOUND, slot);
}
