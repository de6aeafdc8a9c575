/** fxsave and fxrstor (SDM volume 1, 10.5.1): 512 bytes, aligned to 16. */
import {
  CPU,
  CPU_FCW,
  CPU_FDP,
  CPU_FIP,
  CPU_FOP,
  CPU_FSW,
  CPU_FTW,
  CPU_MXCSR,
  CPU_X87,
} from '../../layout.js';
import { I32, I64, V128, i32, i64, v128, type Expr } from '../../wasm/expr.js';
import { STORE } from '../../wasm/function.js';
import { VECTOR_GP, type Emitter, type Semantics, type SemanticsTable } from '../emitter.js';
import type { Helper } from '../helper.js';
import { MXCSR_MASK } from './control.js';
import { ZEROS, lanes32 } from './operands.js';

const FSW = 2;
const FTW = 4;
const FOP = 6;
const FIP = 8;
const FDP = 16;
const MXCSR = 24;
const MASK = 28;
const ST = 32;
/** Where the registers xmm0 to xmm15 lie. */
export const XMM_AREA = 160;
const SIZE = 512;
const REGISTERS_ST = 8;
const REGISTERS_XMM = 16;

const TEN_BYTES = lanes32(-1, -1, 0xffff, 0);

function imageAddress(e: Emitter, access: 'read' | 'write'): Expr {
  const address = e.let(e.address(0));
  e.raiseIf(i32.and(i32.wrap_i64(address), i32.const(15)), VECTOR_GP);
  e.probe(SIZE, address, access);
  return address;
}
const at = (address: Expr, offset: number): Expr => i64.add(address, i64.num(offset));

/** Where ST(i) lies in memory, for a status word: a CPU block address without the constant part. */
function stackSlot(fsw: Expr, i: number): Expr {
  const top = i32.shr_u(fsw, i32.const(11));
  return i32.shl(i32.and(i32.add(top, i32.const(i)), i32.const(7)), i32.const(4));
}

/** (slot, ten bytes): sets an x87 register. */
const setStackSlot: Helper = {
  name: 'setStackSlot',
  params: [I32, V128],
  result: null,
  wasm: (f) => f.store(STORE.v128, f.get(0), f.get(1), CPU + CPU_X87),
};

/** With REX.W the pointers have 64 bits; else 32, and a selector of 0. */
function savePointer(e: Emitter, address: Expr, field: number): void {
  const value = e.state(I64, field);
  e.store(8, address, e.form.size === 8 ? value : i64.and(value, i64.const(-1, 0)));
}

/** Without MXCSR. */
export function saveX87(e: Emitter, address: Expr): void {
  const fsw = e.let(e.state(I32, CPU_FSW));
  e.store(2, address, e.state(I32, CPU_FCW));
  e.store(2, at(address, FSW), fsw);
  e.store(2, at(address, FTW), i32.and(e.state(I32, CPU_FTW), i32.const(0xff)));
  e.store(2, at(address, FOP), e.state(I32, CPU_FOP));
  savePointer(e, at(address, FIP), CPU_FIP);
  savePointer(e, at(address, FDP), CPU_FDP);
  for (let i = 0; i < REGISTERS_ST; i++) {
    const register = v128.load(stackSlot(fsw, i), CPU + CPU_X87);
    e.store(16, at(address, ST + 16 * i), v128.and(register, TEN_BYTES));
  }
}

export function saveMxcsr(e: Emitter, address: Expr): void {
  e.store(4, at(address, MXCSR), e.state(I32, CPU_MXCSR));
  e.store(4, at(address, MASK), i32.const(MXCSR_MASK));
}

export function saveVectors(e: Emitter, address: Expr, register: (i: number) => Expr): void {
  for (let i = 0; i < REGISTERS_XMM; i++) e.store(16, at(address, 16 * i), register(i));
}

const fxsave: Semantics = (e) => {
  const address = imageAddress(e, 'write');
  saveX87(e, address);
  saveMxcsr(e, address);
  saveVectors(e, at(address, XMM_AREA), (i) => e.xmm(i));
};

function restorePointer(e: Emitter, address: Expr, field: number): void {
  e.setState(field, e.form.size === 8 ? e.load(8, address) : i64.extend_i32_u(e.load(4, address)));
}

/** #GP for bits that do not exist. */
export function loadMxcsr(e: Emitter, address: Expr): void {
  const mxcsr = e.let(e.load(4, at(address, MXCSR)));
  e.raiseIf(i32.and(mxcsr, i32.const(~MXCSR_MASK)), VECTOR_GP);
  e.setState(CPU_MXCSR, mxcsr);
}

export function restoreX87(e: Emitter, address: Expr): void {
  const fsw = e.let(e.load(2, at(address, FSW)));
  e.setState(CPU_FCW, e.load(2, address));
  e.setState(CPU_FSW, fsw);
  e.setState(CPU_FTW, e.load(1, at(address, FTW)));
  e.setState(CPU_FOP, e.load(2, at(address, FOP)));
  restorePointer(e, at(address, FIP), CPU_FIP);
  restorePointer(e, at(address, FDP), CPU_FDP);
  for (let i = 0; i < REGISTERS_ST; i++) {
    const register = v128.and(e.load(16, at(address, ST + 16 * i)), TEN_BYTES);
    e.call(setStackSlot, stackSlot(fsw, i), register);
  }
}

const INITIAL_FCW = 0x37f;

/** The state in which programs begin. */
export function resetX87(e: Emitter): void {
  e.setState(CPU_FCW, i32.const(INITIAL_FCW));
  for (const field of [CPU_FSW, CPU_FTW, CPU_FOP]) e.setState(field, i32.const(0));
  for (const field of [CPU_FIP, CPU_FDP]) e.setState(field, i64.num(0));
  for (let i = 0; i < REGISTERS_ST; i++) e.setState(CPU_X87 + 16 * i, ZEROS);
}

export function restoreVectors(e: Emitter, address: Expr, set: (i: number, value: Expr) => void): void {
  for (let i = 0; i < REGISTERS_XMM; i++) set(i, e.load(16, at(address, 16 * i)));
}

const fxrstor: Semantics = (e) => {
  const address = imageAddress(e, 'read');
  loadMxcsr(e, address);
  restoreX87(e, address);
  restoreVectors(e, at(address, XMM_AREA), (i, value) => e.setXmm(i, value));
};

export const FXSAVE: SemanticsTable = { fxsave, fxrstor };
