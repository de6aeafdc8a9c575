import { CPU_DF, CPU_EFLAGS, RAX, RSP } from '../../layout.js';
import { I32, i32, i64, type Expr } from '../../wasm/expr.js';
import { VECTOR_TRACE, type Emitter, type SemanticsTable } from '../emitter.js';
import { AF, ARITHMETIC_FLAGS, CF, KIND_RAW, PF, SF, ZF } from '../flags.js';
import { low32, widen } from '../width.js';

/** Instructions on the flags themselves. */

const TF = 1 << 8;
const IF = 1 << 9;
const NT = 1 << 14;
const AC = 1 << 18;
const ID = 1 << 21;
/** Always 1 in RFLAGS. */
const FIXED = 1 << 1;
/** What sahf and lahf carry. */
const LOW_FLAGS = CF | PF | AF | ZF | SF;

/** RFLAGS as user code sees it, i32: interrupts are on, and the I/O privilege level is 0. */
export function rflags(e: Emitter): Expr {
  const own = i32.or(e.arithmeticFlags(), i32.shl(e.state(I32, CPU_DF), i32.const(10)));
  return i32.or(i32.or(own, e.state(I32, CPU_EFLAGS)), i32.const(IF | FIXED));
}

function pushf(e: Emitter): void {
  const { size } = e.form;
  const top = e.let(i64.sub(e.gpr(RSP, 8), i64.num(size)));
  e.store(size, top, widen(size, rflags(e)));
  e.setGpr(RSP, 8, top);
}

/** User code changes neither IF nor IOPL; 16 bits do not reach AC and ID. */
function popf(e: Emitter): void {
  const { size } = e.form;
  const others = size === 2 ? TF | NT : TF | NT | AC | ID;
  const flags = e.let(low32(e.load(size, e.gpr(RSP, 8))));
  e.setGpr(RSP, 8, i64.add(e.gpr(RSP, 8), i64.num(size)));
  const kept = i32.and(e.state(I32, CPU_EFLAGS), i32.const(~others));
  e.setState(CPU_EFLAGS, i32.or(kept, i32.and(flags, i32.const(others))));
  e.setState(CPU_DF, i32.and(i32.shr_u(flags, i32.const(10)), i32.const(1)));
  e.setFlags(KIND_RAW, 4, i32.const(0), i32.and(flags, i32.const(ARITHMETIC_FLAGS)));
  e.raiseIf(i32.and(flags, i32.const(TF)), VECTOR_TRACE, 'trap');
}

/** Writes ah, which is bits 8 to 15 of rax. */
function lahf(e: Emitter): void {
  const ah = i32.or(i32.and(e.arithmeticFlags(), i32.const(LOW_FLAGS)), i32.const(FIXED));
  e.setGpr(RAX, 2, i32.or(e.gpr(RAX, 1), i32.shl(ah, i32.const(8))));
}

function sahf(e: Emitter): void {
  const ah = i32.shr_u(e.gpr(RAX, 2), i32.const(8));
  e.mergeFlags(LOW_FLAGS, i32.and(ah, i32.const(LOW_FLAGS)));
}

export const FLAG_CONTROL: SemanticsTable = {
  pushf,
  popf,
  lahf,
  sahf,
  clc: (e) => e.mergeFlags(CF, i32.const(0)),
  stc: (e) => e.mergeFlags(CF, i32.const(CF)),
  cmc: (e) => e.mergeFlags(CF, i32.eqz(e.flag('CF'))),
  cld: (e) => e.setState(CPU_DF, i32.const(0)),
  std: (e) => e.setState(CPU_DF, i32.const(1)),
};
