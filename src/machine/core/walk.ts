import {
  CODE_LINES,
  CPU,
  CPU_EXIT,
  CPU_EXIT_ADDRESS,
  CPU_EXIT_ERROR,
  CPU_EXIT_VECTOR,
  CPU_PAGE_ROOT,
  CPU_CODE_STALE,
  FRAME_WRITTEN,
  PAGE_MASK,
  PAGE_SHIFT,
  TLB_DISPLACEMENT,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_RANGE,
  TLB_READ,
  TLB_WRITE,
} from '../layout.js';
import { EXIT_CODE } from '../code/types.js';
import { LEVEL_BITS, ROOT_SHIFT } from '../memory/address-space.js';
import { loadCpu, storeCpu } from '../semantics/base-emitter.js';
import { VECTOR_GP, VECTOR_PF } from '../semantics/emitter.js';
import {
  ACCESS_READ,
  ACCESS_WRITE,
  EXIT_EXCEPTION,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_EXEC,
  PTE_READ,
  PTE_WRITE,
} from '../types.js';
import { F64, I32, I64, f64, i32, i64, type Expr } from '../wasm/expr.js';
import { STORE, type FunctionBuilder } from '../wasm/function.js';
import type { CoreBuilder, HostFunction } from './functions.js';
import { emitLogMiss } from './log.js';

/**
 * From a guest address to a place in the memory: the page walk, its faults, and filling the TLB. A function that
 * returns a place returns 0 after a fault, with CPU_EXIT set; 0 is no frame's.
 */

/** (address, access): the supervisor's answer to a page fault; 1: try again. */
export const PAGE_FAULT: HostFunction = { name: 'pageFault', params: [F64, I32], result: I32 };
/** (offset, length): drops the code made from bytes at that offset in the memory. */
export const CODE_HIT: HostFunction = { name: 'codeHit', params: [I32, I32], result: null };

const TABLE_INDEX_MASK = ((1 << LEVEL_BITS) - 1) << 2;
/** Page faults' error code: the page was present; the access came from user mode (SDM volume 3, 4.7). */
const ERROR_PRESENT = 1;
const ERROR_USER = 4;
/** Bits of an address above user space, shifted down: 0 there, all ones in the kernel's half. */
const USER_BITS = 47;

const ZERO = i32.const(0);

/** Returns the entry's offset, or 0 when there is no table for it. */
function writeWalk(f: FunctionBuilder): void {
  const address = f.get(0);
  let table = loadCpu(I32, CPU_PAGE_ROOT);
  for (let shift = ROOT_SHIFT; shift >= PAGE_SHIFT; shift -= LEVEL_BITS) {
    const index = i32.and(i32.wrap_i64(i64.shr_u(address, i64.num(shift - 2))), i32.const(TABLE_INDEX_MASK));
    const entry = i32.add(table, index);
    if (shift === PAGE_SHIFT) return f.return(entry);
    table = f.let(i32.load(entry));
    f.if(i32.eqz(table));
    f.return(ZERO);
    f.end();
  }
}

/** (vector, error, address) */
function writeRaise(f: FunctionBuilder): void {
  storeCpu(f, CPU_EXIT, i32.const(EXIT_EXCEPTION));
  storeCpu(f, CPU_EXIT_VECTOR, f.get(0));
  storeCpu(f, CPU_EXIT_ERROR, f.get(1));
  storeCpu(f, CPU_EXIT_ADDRESS, f.get(2));
}

/**
 * (address, access, pte): a page fault, or a general protection fault where the address is not canonical. As Linux
 * reports it, a page of the kernel's half looks present.
 */
function writeRaiseFault(f: FunctionBuilder, core: CoreBuilder): void {
  const [address, access, pte] = [f.get(0), f.get(1), f.get(2)];
  const upper = f.let(i64.shr_s(address, i64.num(USER_BITS)));
  const kernel = f.let(i64.eq(upper, i64.num(-1)));
  f.if(i32.and(i64.ne(upper, i64.num(0)), i32.eqz(kernel)));
  f.call(core.index('raise'), [i32.const(VECTOR_GP), ZERO, i64.num(0)]);
  f.else();
  const usable = i32.and(pte, i32.const(PTE_READ | PTE_WRITE | PTE_EXEC));
  const present = i32.or(kernel, i32.ne(usable, ZERO));
  const error = i32.or(i32.or(access, i32.const(ERROR_USER)), i32.mul(present, i32.const(ERROR_PRESENT)));
  f.call(core.index('raise'), [i32.const(VECTOR_PF), error, address]);
  f.end();
}

/** (address, access) -> place. Marks the entry accessed, and dirty when it is written. */
function writeTranslate(access: typeof ACCESS_READ | typeof ACCESS_WRITE) {
  const needed = access === ACCESS_READ ? PTE_READ : PTE_WRITE;
  const marks = access === ACCESS_READ ? PTE_ACCESSED : PTE_ACCESSED | PTE_DIRTY;
  return (f: FunctionBuilder, core: CoreBuilder): void => {
    const address = f.get(0);
    const entry = f.local(I32);
    const pte = f.local(I32);
    f.if(i64.ne(i64.shr_u(address, i64.num(USER_BITS)), i64.num(0)));
    f.call(core.index('raiseFault'), [address, i32.const(access), ZERO]);
    f.return(ZERO);
    f.end();
    const again = f.loop();
    f.set(pte, ZERO);
    f.set(entry, core.call(I32, 'walk', address));
    f.if(f.get(entry));
    f.set(pte, i32.load(f.get(entry)));
    f.if(i32.and(f.get(pte), i32.const(needed)));
    f.store(STORE.i32, f.get(entry), i32.or(f.get(pte), i32.const(marks)));
    f.return(place(f.get(pte), address));
    f.end();
    f.end();
    const repaired = core.call(I32, PAGE_FAULT.name, f64.convert_i64_s(address), i32.const(access));
    f.if(i32.eqz(repaired));
    f.call(core.index('raiseFault'), [address, i32.const(access), f.get(pte)]);
    f.return(ZERO);
    f.end();
    f.if(loadCpu(I32, CPU_CODE_STALE));
    storeCpu(f, CPU_EXIT, i32.const(EXIT_CODE));
    f.return(ZERO);
    f.end();
    f.br(again);
    f.end();
    f.unreachable();
  };
}

function place(pte: Expr, address: Expr): Expr {
  const offset = i32.and(i32.wrap_i64(address), i32.const(PAGE_MASK));
  return i32.or(i32.and(pte, i32.const(~PAGE_MASK)), offset);
}

/** Makes the TLB's entry for an address that was found at `at`. */
function fill(f: FunctionBuilder, tlb: number, address: Expr, at: Expr): void {
  const low = i32.wrap_i64(address);
  const entry = f.let(i32.and(i32.shr_u(low, i32.const(TLB_INDEX_SHIFT)), i32.const(TLB_INDEX_MASK)));
  f.store(STORE.i64, entry, i64.and(address, i64.num(~PAGE_MASK)), tlb);
  f.store(STORE.i32, entry, i32.sub(at, low), tlb + TLB_DISPLACEMENT);
  f.store(STORE.i32, entry, ZERO, tlb + TLB_RANGE);
  emitLogMiss(f, i32.add(entry, i32.const(tlb)));
}

/** (address) -> place for reading; fills the TLB. */
function writeFindRead(f: FunctionBuilder, core: CoreBuilder): void {
  const at = f.let(core.call(I32, 'translateRead', f.get(0)));
  f.if(at);
  fill(f, TLB_READ, f.get(0), at);
  f.end();
  f.return(at);
}

/** Offset of a frame's bitmap of code lines. */
function linesOf(at: Expr): Expr {
  return i32.shl(i32.shr_u(at, i32.const(PAGE_SHIFT)), i32.const(3));
}

/**
 * (address, size) -> place for writing `size` bytes, all in one page. A page with code gets no TLB entry; where the
 * bytes themselves are code, that is dropped, nothing is written, and CPU_EXIT is EXIT_CODE.
 */
function writeFindWrite(f: FunctionBuilder, core: CoreBuilder): void {
  const at = f.let(core.call(I32, 'translateWrite', f.get(0)));
  f.if(i32.eqz(at));
  f.return(ZERO);
  f.end();
  const lines = f.let(i64.load(linesOf(at), CODE_LINES));
  f.if(i64.eqz(lines));
  fill(f, TLB_WRITE, f.get(0), at);
  f.store(STORE.i32_8, i32.shr_u(at, i32.const(PAGE_SHIFT)), i32.const(1), FRAME_WRITTEN);
  f.return(at);
  f.end();
  const hit = i64.and(lines, core.call(I64, 'lineMask', at, f.get(1)));
  f.if(i64.eqz(hit));
  f.return(at);
  f.end();
  f.call(core.index(CODE_HIT.name), [at, f.get(1)]);
  storeCpu(f, CPU_EXIT, i32.const(EXIT_CODE));
  f.return(ZERO);
}

/** (place, size): the bits of the lines that so many bytes touch, all in one page. */
function writeLineMask(f: FunctionBuilder): void {
  const line = (x: Expr) => i64.extend_i32_u(i32.and(i32.shr_u(x, i32.const(6)), i32.const(63)));
  const first = line(f.get(0));
  const last = line(i32.sub(i32.add(f.get(0), f.get(1)), i32.const(1)));
  const fromFirst = i64.shl(i64.num(-1), first);
  const toLast = i64.shr_u(i64.num(-1), i64.sub(i64.num(63), last));
  f.return(i64.and(fromFirst, toLast));
}

export function defineWalk(core: CoreBuilder): void {
  core.define('walk', [I64], I32, writeWalk);
  core.define('raise', [I32, I32, I64], null, writeRaise);
  core.define('raiseFault', [I64, I32, I32], null, writeRaiseFault);
  core.define('translateRead', [I64], I32, writeTranslate(ACCESS_READ));
  core.define('translateWrite', [I64], I32, writeTranslate(ACCESS_WRITE));
  core.define('lineMask', [I32, I32], I64, writeLineMask);
  core.define('findRead', [I64], I32, writeFindRead);
  core.define('findWrite', [I64, I32], I32, writeFindWrite);
}

/** Tells whether the access before it has set CPU_EXIT. */
export function hasFaulted(): Expr {
  return i32.load(i32.const(CPU), CPU_EXIT);
}
