/**
 * xsave, xsavec, xrstor and xgetbv (SDM volume 1, 13), of x87, SSE and AVX state. All components count as in use, but AVX's
 * where all upper halves are 0. In the compacted format AVX's state lies where it does in the standard one, as the only
 * one there is behind the header.
 */
import { CPU, CPU_MXCSR, CPU_YMM_HIGH, RAX, RCX, RDX } from '../../layout.js';
import { I32, i32, i64, select, v128, type Expr } from '../../wasm/expr.js';
import { VECTOR_GP, VECTOR_UD, type Emitter, type Semantics, type SemanticsTable } from '../emitter.js';
import type { Helper } from '../helper.js';
import { XCR0, XSAVE_AVX, XSAVE_SIZE, XSTATE_AVX } from '../integer/cpuid.js';
import {
  XMM_AREA,
  loadMxcsr,
  resetX87,
  restoreVectors,
  restoreX87,
  saveMxcsr,
  saveVectors,
  saveX87,
} from './fxsave.js';
import { ZEROS } from './operands.js';

const XSTATE_X87 = 1;
const XSTATE_SSE = 2;
const HEADER = 512;
const REGISTERS = 16;
const INITIAL_MXCSR = 0x1f80;

const at = (address: Expr, offset: number): Expr => i64.add(address, i64.num(offset));
/** In the header: which components are there, and the format with those that there is room for. */
const XSTATE_BV = HEADER;
const XCOMP_BV = HEADER + 8;
/** In XCOMP_BV: the format is the compacted one. */
const COMPACTED = i64.const(0, 0x80000000);
const NOTHING = i64.num(0);
const has = (mask: Expr, bits: number): Expr => i32.and(mask, i32.const(bits));

/** 1 where an upper half is not 0. */
const uppersInUse: Helper = {
  name: 'uppersInUse',
  params: [],
  result: I32,
  wasm: (f) => {
    const halves = Array.from({ length: REGISTERS }, (_, i) =>
      v128.load(i32.const(0), CPU + CPU_YMM_HIGH + 16 * i),
    );
    f.return(v128.any_true(halves.reduce((a, b) => v128.or(a, b))));
  },
};

/** XCR0; 0 where CPUID does not report XSAVE. */
export const xcr0Helper: Helper = {
  name: 'xcr0',
  params: [],
  result: I32,
  js: (_memory, { level }) => {
    return () => (level === 'x86-64-v3' ? XCR0 : 0);
  },
};

function areaAddress(e: Emitter): Expr {
  const address = e.let(e.address(0));
  e.raiseIf(has(i32.wrap_i64(address), 63), VECTOR_GP);
  return address;
}

/** The components in use. */
function inUse(e: Emitter): Expr {
  return i32.or(i32.const(XSTATE_X87 | XSTATE_SSE), i32.shl(e.callValue(uppersInUse), i32.const(2)));
}

/** The components that edx:eax asks for. */
const asked = (e: Emitter): Expr => e.let(has(e.gpr(RAX, 4), XCR0));

function probeArea(e: Emitter, address: Expr, mask: Expr, access: 'read' | 'write'): void {
  e.probe(XSAVE_AVX, address, access);
  e.if(has(mask, XSTATE_AVX), () => e.probe(XSAVE_SIZE, address, access));
}

const xsave: Semantics = (e) => {
  const mask = asked(e);
  const address = areaAddress(e);
  probeArea(e, address, mask, 'write');
  e.if(has(mask, XSTATE_X87), () => saveX87(e, address));
  e.if(has(mask, XSTATE_SSE | XSTATE_AVX), () => saveMxcsr(e, address));
  e.if(has(mask, XSTATE_SSE), () => saveVectors(e, at(address, XMM_AREA), (i) => e.xmm(i)));
  e.if(has(mask, XSTATE_AVX), () => saveVectors(e, at(address, XSAVE_AVX), (i) => e.upper(i)));
  const kept = i32.and(e.load(4, at(address, XSTATE_BV)), i32.xor(mask, i32.const(-1)));
  e.store(4, at(address, XSTATE_BV), i32.or(kept, i32.and(inUse(e), mask)));
};

/** What is not in use is not written; MXCSR belongs to SSE alone. */
const xsavec: Semantics = (e) => {
  const mask = asked(e);
  const address = areaAddress(e);
  probeArea(e, address, mask, 'write');
  const saved = e.let(i32.and(inUse(e), mask));
  e.if(has(saved, XSTATE_X87), () => saveX87(e, address));
  e.if(has(saved, XSTATE_SSE), () => {
    saveMxcsr(e, address);
    saveVectors(e, at(address, XMM_AREA), (i) => e.xmm(i));
  });
  e.if(has(saved, XSTATE_AVX), () => saveVectors(e, at(address, XSAVE_AVX), (i) => e.upper(i)));
  e.store(8, at(address, XSTATE_BV), i64.extend_i32_u(saved));
  e.store(8, at(address, XCOMP_BV), i64.or(i64.extend_i32_u(mask), COMPACTED));
};

/**
 * #GP for a header that says what there is not, or has something behind XCOMP_BV: in the standard format only the next 8
 * bytes are looked at. Returns whether the format is the compacted one.
 */
function checkHeader(e: Emitter, address: Expr, present: Expr): Expr {
  const field = (offset: number): Expr => e.load(8, at(address, HEADER + offset));
  const format = e.let(e.load(8, at(address, XCOMP_BV)));
  const isCompacted = e.let(i64.lt_s(format, NOTHING));
  const unknown = e.variable(i64.or(i64.and(present, i64.num(~XCR0)), field(16)));
  const more = (bits: Expr): void => unknown.set(i64.or(unknown.get(), bits));
  e.if(
    isCompacted,
    () => {
      const room = i64.xor(format, COMPACTED);
      more(i64.or(i64.and(room, i64.num(~XCR0)), i64.and(present, i64.xor(room, i64.num(-1)))));
      for (let offset = 24; offset < 64; offset += 8) more(field(offset));
    },
    () => more(format),
  );
  e.raiseIf(i64.ne(unknown.get(), NOTHING), VECTOR_GP);
  return isCompacted;
}

/** What is asked for is loaded where the area has it, else as at the start. */
const xrstor: Semantics = (e) => {
  const mask = asked(e);
  const address = areaAddress(e);
  probeArea(e, address, mask, 'read');
  const present = e.let(e.load(8, at(address, XSTATE_BV)));
  const isCompacted = e.let(checkHeader(e, address, present));
  const has32 = e.let(i32.wrap_i64(present));
  const mxcsrIsSeparate = i32.and(has(mask, XSTATE_SSE | XSTATE_AVX), i32.eqz(isCompacted));
  const mxcsrIsThere = i32.and(i32.and(mask, has32), i32.const(XSTATE_SSE));
  e.if(i32.or(mxcsrIsSeparate, mxcsrIsThere), () => loadMxcsr(e, address));
  const component = (bit: number, load: () => void, reset: () => void) =>
    e.if(has(mask, bit), () => e.if(has(has32, bit), load, reset));
  component(
    XSTATE_X87,
    () => restoreX87(e, address),
    () => resetX87(e),
  );
  component(
    XSTATE_SSE,
    () => restoreVectors(e, at(address, XMM_AREA), (i, value) => e.setXmm(i, value)),
    () => {
      eachRegister((i) => e.setXmm(i, ZEROS));
      e.if(isCompacted, () => e.setState(CPU_MXCSR, i32.const(INITIAL_MXCSR)));
    },
  );
  component(
    XSTATE_AVX,
    () => restoreVectors(e, at(address, XSAVE_AVX), (i, value) => e.setUpper(i, value)),
    () => e.zeroUppers(),
  );
};

function eachRegister(visit: (i: number) => void): void {
  for (let i = 0; i < REGISTERS; i++) visit(i);
}

/** Register 0: XCR0; 1: what of that is in use. */
const xgetbv: Semantics = (e) => {
  const value = e.callValue(xcr0Helper);
  const register = e.let(e.gpr(RCX, 4));
  e.raiseIf(i32.eqz(value), VECTOR_UD);
  e.raiseIf(i32.gt_u(register, i32.const(1)), VECTOR_GP);
  e.setGpr(RAX, 4, i32.and(value, select(register, inUse(e), i32.const(XCR0))));
  e.setGpr(RDX, 4, i32.const(0));
};

export const XSAVE: SemanticsTable = { xsave, xsavec, xrstor, xgetbv };
