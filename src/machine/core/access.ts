import { BOUNCE, BOUNCE_END, PAGE_MASK, PAGE_SIZE } from '../layout.js';
import { F32, F64, I32, I64, V128, i32, i64, v128, type Expr, type ValType } from '../wasm/expr.js';
import { STORE, type FunctionBuilder } from '../wasm/function.js';
import { ACCESS_TYPES, type CoreBuilder } from './functions.js';

/**
 * The accesses that a TLB miss ends in (translate/imports.ts lists them for regions). An access over a page's end is
 * done in the bounce buffer; both pages are checked before anything is written.
 */

const ZERO = i32.const(0);
const LOAD: Readonly<Record<number, (at: Expr) => Expr>> = {
  1: i32.load8_u,
  2: i32.load16_u,
  4: i32.load,
  8: i64.load,
  16: v128.load,
};
const STORE_OF: Readonly<Record<number, number>> = {
  1: STORE.i32_8,
  2: STORE.i32_16,
  4: STORE.i32,
  8: STORE.i64,
  16: STORE.v128,
};
export function storeOf(size: number): number {
  return STORE_OF[size] as number;
}
const ZERO_OF: Readonly<Record<ValType, Expr>> = {
  [I32]: ZERO,
  [I64]: i64.num(0),
  [V128]: v128.const(new Uint8Array(16)),
  [F32]: ZERO,
  [F64]: ZERO,
};

/** Bytes from `address` to its page's end, i32. */
function toPageEnd(address: Expr): Expr {
  return i32.sub(i32.const(PAGE_SIZE), i32.and(i32.wrap_i64(address), i32.const(PAGE_MASK)));
}
function nextPage(address: Expr): Expr {
  return i64.and(i64.add(address, i64.num(PAGE_SIZE)), i64.num(-PAGE_SIZE));
}
/** Where the bytes behind the page's end are in the bounce buffer. */
function behind(first: Expr): Expr {
  return i32.add(i32.const(BOUNCE), first);
}

/** Returns, with `otherwise`, unless `at` is a place. */
function returnIfFault(f: FunctionBuilder, at: Expr, otherwise?: Expr): void {
  f.if(i32.eqz(at));
  f.return(otherwise);
  f.end();
}

function writeLoad(size: number, type: ValType) {
  const load = LOAD[size] as (at: Expr) => Expr;
  return (f: FunctionBuilder, core: CoreBuilder): void => {
    const place = f.let(core.call(I32, 'probeRead', f.get(0), i32.const(size)));
    returnIfFault(f, place, ZERO_OF[type]);
    f.return(load(place));
  };
}

function writeStore(size: number) {
  return (f: FunctionBuilder, core: CoreBuilder): void => {
    const place = f.let(core.call(I32, 'locateWrite', f.get(0), i32.const(size)));
    returnIfFault(f, place);
    f.store(storeOf(size), place, f.get(1));
    f.if(i32.lt_u(place, i32.const(BOUNCE_END)));
    f.call(core.index('writeBack'), [f.get(0), i32.const(size)]);
    f.end();
  };
}

/** (address, size) -> place to read from. Of more than the bounce buffer holds over a page's end, only the check counts. */
function writeProbeRead(f: FunctionBuilder, core: CoreBuilder): void {
  const [address, size] = [f.get(0), f.get(1)];
  const first = f.let(toPageEnd(address));
  const place = f.let(core.call(I32, 'findRead', address));
  f.if(i32.and(i32.ne(place, ZERO), i32.lt_u(first, size)));
  const second = f.let(core.call(I32, 'findRead', nextPage(address)));
  returnIfFault(f, second, ZERO);
  f.if(i32.le_u(size, i32.const(BOUNCE_END - BOUNCE)));
  f.memoryCopy(i32.const(BOUNCE), place, first);
  f.memoryCopy(behind(first), second, i32.sub(size, first));
  f.end();
  f.return(i32.const(BOUNCE));
  f.end();
  f.return(place);
}

/** (address, size) -> place to write to: in the frame, or the bounce buffer, which `writeBack` copies back. */
function writeLocateWrite(f: FunctionBuilder, core: CoreBuilder): void {
  const [address, size] = [f.get(0), f.get(1)];
  const first = f.let(toPageEnd(address));
  f.if(i32.ge_u(first, size));
  f.return(core.call(I32, 'findWrite', address, size));
  f.end();
  returnIfFault(f, core.call(I32, 'findWrite', address, first), ZERO);
  returnIfFault(f, core.call(I32, 'findWrite', nextPage(address), i32.sub(size, first)), ZERO);
  f.return(i32.const(BOUNCE));
}

/** The same for reading and then writing: what is there is in the bounce buffer. */
function writeProbeWrite(f: FunctionBuilder, core: CoreBuilder): void {
  const [address, size] = [f.get(0), f.get(1)];
  const place = f.let(core.call(I32, 'locateWrite', address, size));
  f.if(i32.eq(place, i32.const(BOUNCE)));
  f.return(core.call(I32, 'probeRead', address, size));
  f.end();
  f.return(place);
}

/** (address, size): both pages were checked by what gave the bounce buffer out, so these finds cannot fail. */
function writeWriteBack(f: FunctionBuilder, core: CoreBuilder): void {
  const [address, size] = [f.get(0), f.get(1)];
  const first = f.let(toPageEnd(address));
  f.memoryCopy(core.call(I32, 'findWrite', address, first), i32.const(BOUNCE), first);
  const rest = f.let(i32.sub(size, first));
  f.memoryCopy(core.call(I32, 'findWrite', nextPage(address), rest), behind(first), rest);
}

export function defineAccess(core: CoreBuilder): void {
  core.define('probeRead', [I64, I32], I32, writeProbeRead);
  core.define('locateWrite', [I64, I32], I32, writeLocateWrite);
  core.define('probeWrite', [I64, I32], I32, writeProbeWrite);
  core.define('writeBack', [I64, I32], null, writeWriteBack);
  core.define('spanRead', [I32, I64], I32, (f) => f.return(core.call(I32, 'findRead', f.get(1))));
  core.define('spanWrite', [I32, I64], I32, (f) => f.return(core.call(I32, 'findWrite', f.get(1), f.get(0))));
  for (const [size, type] of ACCESS_TYPES) {
    core.define(`load${size}`, [I64], type, writeLoad(size, type));
    core.define(`store${size}`, [I64, type], null, writeStore(size));
  }
}
