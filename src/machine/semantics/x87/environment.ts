/**
 * The x87's control and status words and its register stack, on the CPU block (SDM volume 1, 8.1). An operation begins with
 * `begin`, collects exceptions in `env`, and ends with `finish`.
 */
import { CPU, CPU_FCW, CPU_FSW, CPU_FTW, CPU_X87 } from '../../layout.js';
import type { MachineViews } from '../helper.js';
import { setIndefinite, type Extended } from './extended.js';

export const IE = 0x01;
export const DE = 0x02;
export const ZE = 0x04;
export const OE = 0x08;
export const UE = 0x10;
export const PE = 0x20;
/** All of them; in the control word, all masked. */
export const EXCEPTIONS = 0x3f;
/** Stack fault; error summary and busy; condition codes. */
export const SF = 0x40;
export const ES_B = 0x8080;
export const C0 = 0x100;
export const C1 = 0x200;
export const C2 = 0x400;
export const C3 = 0x4000;
const TOP_SHIFT = 11;
const TOP_MASK = 7 << TOP_SHIFT;

export const FCW_DEFAULT = 0x37f;

const FCW_AT = (CPU + CPU_FCW) >> 2;
const FSW_AT = (CPU + CPU_FSW) >> 2;
const FTW_AT = (CPU + CPU_FTW) >> 2;

/** The running operation: the control word, the exceptions raised, and what C1 becomes. */
export const env = { control: 0, flags: 0, c1: 0 };

export function begin(m: MachineViews): void {
  env.control = m.i32[FCW_AT] as number;
  env.flags = 0;
  env.c1 = 0;
}

export function raise(flags: number): void {
  env.flags |= flags;
}
/** Whether an exception among `flags` has been raised and is not masked. */
export function unmasked(flags: number): boolean {
  return (env.flags & flags & ~env.control & EXCEPTIONS) !== 0;
}
/** Exceptions of operands: unmasked, they keep the operation from happening. */
export const BEFORE_RESULT = IE | DE | ZE;

export function status(m: MachineViews): number {
  return m.i32[FSW_AT] as number;
}
export function setStatus(m: MachineViews, value: number): void {
  m.i32[FSW_AT] = value;
}

/** Puts the exceptions raised into the status word. */
export function finish(m: MachineViews): void {
  let word = (status(m) & ~C1) | env.flags | (env.c1 !== 0 ? C1 : 0);
  if (unmasked(EXCEPTIONS)) word |= ES_B;
  setStatus(m, word);
}

export function setConditions(m: MachineViews, codes: number): void {
  setStatus(m, (status(m) & ~(C0 | C2 | C3)) | codes);
}

export function top(m: MachineViews): number {
  return (status(m) >> TOP_SHIFT) & 7;
}
export function setTop(m: MachineViews, value: number): void {
  setStatus(m, (status(m) & ~TOP_MASK) | ((value & 7) << TOP_SHIFT));
}

const physical = (m: MachineViews, i: number): number => (top(m) + i) & 7;

export function isEmpty(m: MachineViews, i: number): boolean {
  return ((m.i32[FTW_AT] as number) & (1 << physical(m, i))) === 0;
}
export function free(m: MachineViews, i: number): void {
  m.i32[FTW_AT] = (m.i32[FTW_AT] as number) & ~(1 << physical(m, i));
}

/** Reads st(i). */
export function get(m: MachineViews, i: number, into: Extended): Extended {
  const at = CPU + CPU_X87 + physical(m, i) * 16;
  const word = m.view.getUint16(at + 8, true);
  return into.set(word >>> 15, word & 0x7fff, m.view.getUint32(at + 4, true), m.view.getUint32(at, true));
}

/** Writes st(i), which then is in use. */
export function put(m: MachineViews, i: number, x: Extended): void {
  const at = CPU + CPU_X87 + physical(m, i) * 16;
  m.view.setUint32(at, x.lo, true);
  m.view.setUint32(at + 4, x.hi, true);
  m.view.setUint16(at + 8, (x.sign << 15) | x.exponent, true);
  m.i32[FTW_AT] = (m.i32[FTW_AT] as number) | (1 << physical(m, i));
}

export function pop(m: MachineViews): void {
  free(m, 0);
  setTop(m, top(m) + 1);
}

/** Pushes `x`; on a full stack the indefinite, or, with IE unmasked, nothing. */
export function push(m: MachineViews, x: Extended): void {
  if (!isEmpty(m, 7)) {
    raise(IE | SF);
    env.c1 = 1;
    if (unmasked(IE)) return;
    setIndefinite(x);
  }
  setTop(m, top(m) - 1);
  put(m, 0, x);
}

/** Raises a stack underflow if st(i) is empty, and says so. */
export function underflows(m: MachineViews, i: number): boolean {
  if (!isEmpty(m, i)) return false;
  raise(IE | SF);
  return true;
}

export function initialise(m: MachineViews): void {
  m.i32[FCW_AT] = FCW_DEFAULT;
  m.i32[FSW_AT] = 0;
  m.i32[FTW_AT] = 0;
}
