import {
  CPU_FCW,
  CPU_FDP,
  CPU_FIP,
  CPU_FOP,
  CPU_FSW,
  CPU_FTW,
  CPU_MXCSR,
  CPU_X87,
  CPU_XMM,
  CPU_YMM_HIGH,
} from '../../machine/layout.js';
import type { Registers } from '../process/registers.js';

/** The FXSAVE image (SDM volume 1, 10.5.1) between the CPU block and a signal frame. */
export const FXSAVE_SIZE = 512;
const FX_FTW = 4;
const FX_FOP = 6;
const FX_FIP = 8;
const FX_FDP = 16;
const FX_MXCSR = 24;
const FX_MXCSR_MASK = 28;
const FX_ST = 32;
const FX_XMM = 160;
const XMM_BYTES = 16 * 16;
const X87_BYTES = 8 * 16;
/** Bits of MXCSR that can be set. */
const MXCSR_MASK = 0xffff;
export const INITIAL_FCW = 0x37f;
export const INITIAL_MXCSR = 0x1f80;

/** x87 registers stand in the image from the top of their stack on, in the CPU block at their fixed places. */
function physical(fsw: number, i: number): number {
  return ((fsw >>> 11) + i) & 7;
}

export function saveFxState(regs: Registers, into: Uint8Array, at: number): void {
  const { view, base } = regs;
  const out = new DataView(into.buffer, into.byteOffset + at);
  const fsw = view.getUint32(base + CPU_FSW, true);
  out.setUint16(0, view.getUint32(base + CPU_FCW, true), true);
  out.setUint16(2, fsw, true);
  out.setUint8(FX_FTW, view.getUint32(base + CPU_FTW, true));
  out.setUint16(FX_FOP, view.getUint32(base + CPU_FOP, true), true);
  copy64(view, base + CPU_FIP, out, FX_FIP);
  copy64(view, base + CPU_FDP, out, FX_FDP);
  out.setUint32(FX_MXCSR, view.getUint32(base + CPU_MXCSR, true), true);
  out.setUint32(FX_MXCSR_MASK, MXCSR_MASK, true);
  for (let i = 0; i < 8; i++) copyX87(view, base + CPU_X87 + 16 * physical(fsw, i), out, FX_ST + 16 * i);
  into.set(regs.u8.subarray(base + CPU_XMM, base + CPU_XMM + XMM_BYTES), at + FX_XMM);
}

/** The upper halves of the vector registers, as XSAVE has them; false if all are 0. */
export function saveUpperState(regs: Registers, into: Uint8Array, at: number): boolean {
  const { base, u8 } = regs;
  const halves = u8.subarray(base + CPU_YMM_HIGH, base + CPU_YMM_HIGH + XMM_BYTES);
  into.set(halves, at);
  return halves.some((byte) => byte !== 0);
}

export function restoreUpperState(regs: Registers, from: Uint8Array, at: number): void {
  regs.u8.set(from.subarray(at, at + XMM_BYTES), regs.base + CPU_YMM_HIGH);
}
export function resetUpperState({ u8, base }: Registers): void {
  u8.fill(0, base + CPU_YMM_HIGH, base + CPU_YMM_HIGH + XMM_BYTES);
}

export function restoreFxState(regs: Registers, from: Uint8Array, at: number): void {
  const { view, base } = regs;
  const image = new DataView(from.buffer, from.byteOffset + at);
  const fsw = image.getUint16(2, true);
  view.setUint32(base + CPU_FCW, image.getUint16(0, true), true);
  view.setUint32(base + CPU_FSW, fsw, true);
  view.setUint32(base + CPU_FTW, image.getUint8(FX_FTW), true);
  view.setUint32(base + CPU_FOP, image.getUint16(FX_FOP, true), true);
  copy64(image, FX_FIP, view, base + CPU_FIP);
  copy64(image, FX_FDP, view, base + CPU_FDP);
  view.setUint32(base + CPU_MXCSR, image.getUint32(FX_MXCSR, true) & MXCSR_MASK, true);
  for (let i = 0; i < 8; i++) copyX87(image, FX_ST + 16 * i, view, base + CPU_X87 + 16 * physical(fsw, i));
  regs.u8.set(from.subarray(at + FX_XMM, at + FX_XMM + XMM_BYTES), base + CPU_XMM);
}

/** What an image with an XSAVE header leaves out begins anew; MXCSR counts all the same. */
export function resetLeftOut(regs: Registers, present: number): void {
  const { base } = regs;
  if ((present & 1) === 0) resetX87(regs);
  if ((present & 2) === 0) regs.u8.fill(0, base + CPU_XMM, base + CPU_XMM + XMM_BYTES);
}

function resetX87(regs: Registers): void {
  const { view, base } = regs;
  view.setUint32(base + CPU_FCW, INITIAL_FCW, true);
  for (const field of [CPU_FSW, CPU_FTW, CPU_FOP]) view.setUint32(base + field, 0, true);
  for (const field of [CPU_FIP, CPU_FIP + 4, CPU_FDP, CPU_FDP + 4]) view.setUint32(base + field, 0, true);
  regs.u8.fill(0, base + CPU_X87, base + CPU_X87 + X87_BYTES);
}

/** The state in which programs and signal handlers begin. */
export function resetFxState(regs: Registers): void {
  const { view, base } = regs;
  resetX87(regs);
  view.setUint32(base + CPU_MXCSR, INITIAL_MXCSR, true);
  regs.u8.fill(0, base + CPU_XMM, base + CPU_XMM + XMM_BYTES);
  resetUpperState(regs);
}

function copy64(from: DataView, at: number, to: DataView, target: number): void {
  to.setUint32(target, from.getUint32(at, true), true);
  to.setUint32(target + 4, from.getUint32(at + 4, true), true);
}

/** 80 bits; the six bytes behind them stay as they are. */
function copyX87(from: DataView, at: number, to: DataView, target: number): void {
  copy64(from, at, to, target);
  to.setUint16(target + 8, from.getUint16(at + 8, true), true);
}
