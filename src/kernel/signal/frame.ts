import { RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP } from '../../machine/layout.js';
import {
  SA_NODEFER,
  SA_ONSTACK,
  SA_RESTORER,
  SA_SIGINFO,
  SS_AUTODISARM,
  SS_DISABLE,
  SS_ONSTACK,
} from '../abi/signal.js';
import { getI64, getU64, setU64, type Registers } from '../process/registers.js';
import type { Thread } from '../process/thread.js';
import type { CpuLevel } from '../../machine/level.js';
import { XCR0, XSAVE_AVX, XSAVE_SIZE, XSTATE_AVX } from '../../machine/semantics/integer/cpuid.js';
import {
  FXSAVE_SIZE,
  resetFxState,
  resetLeftOut,
  resetUpperState,
  restoreFxState,
  restoreUpperState,
  saveFxState,
  saveUpperState,
} from './fxstate.js';
import type { SignalAction } from './handlers.js';
import { SIGINFO_SIZE, writeInfo, type SigInfo } from './info.js';

/**
 * What a handler finds on its stack, as Linux lays it out for x86-64 (arch/x86/kernel/signal_64.c, asm/sigframe.h):
 * the return address, ucontext_t, siginfo_t, and above them, 64-byte aligned, the FXSAVE image with an XSAVE header, and
 * behind that what CPUID reports beyond SSE.
 */
export const FRAME_UC = 8;
export const UC_LINK = 8;
export const UC_STACK = 16;
export const UC_MCONTEXT = 40;
export const UC_SIGMASK = 296;
export const UC_SIZE = 304;
export const FRAME_INFO = FRAME_UC + UC_SIZE;
export const FRAME_SIZE = FRAME_INFO + SIGINFO_SIZE;

/** struct sigcontext: the general registers' order, then offsets. */
const SC_REGISTERS = [8, 9, 10, 11, 12, 13, 14, 15, RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP];
export const SC_RIP = 128;
export const SC_EFLAGS = 136;
export const SC_SEGMENTS = 144;
export const SC_ERR = 152;
export const SC_TRAPNO = 160;
export const SC_OLDMASK = 168;
export const SC_CR2 = 176;
export const SC_FPSTATE = 184;

const UC_FP_XSTATE = 1;
const UC_SIGCONTEXT_SS = 2;
const UC_STRICT_RESTORE_SS = 4;

/** struct _fpx_sw_bytes in the image, and the XSAVE header behind it. */
export const FP_SW = 464;
export const FP_XSTATE_MAGIC1 = 0x46505853;
export const FP_XSTATE_MAGIC2 = 0x46505845;
const FP_XSTATE_SIZE = 16;
/** x87 and SSE. */
const XFEATURES_SSE = 3;
/** The image with its header. */
const LEAST_XSTATE = FXSAVE_SIZE + 64;
const MAGIC2_SIZE = 4;

/** The components that frames have, and the size of what has them. */
interface StateLayout {
  readonly features: number;
  readonly size: number;
}
const LAYOUTS: Readonly<Record<CpuLevel, StateLayout>> = {
  'x86-64-v2': { features: XFEATURES_SSE, size: LEAST_XSTATE },
  'x86-64-v3': { features: XCR0, size: XSAVE_SIZE },
};

/** What a frame takes at most, gaps for alignment included (AT_MINSIGSTKSZ). */
export function signalFrameSize(cpu: CpuLevel): number {
  return (FRAME_SIZE + LAYOUTS[cpu].size + MAGIC2_SIZE + 8 + 16 + 64 + 15) & ~15;
}

const USER_CS = 0x33;
const USER_SS = 0x2b;
const RED_ZONE = 128;
/** DF, RF and TF are off when a handler begins. */
const CLEARED_FLAGS = (1 << 10) | (1 << 16) | (1 << 8);

const $frame = new Uint8Array(FRAME_SIZE);
const $view = new DataView($frame.buffer);
const $fp = new Uint8Array(XSAVE_SIZE + MAGIC2_SIZE);
const $fpView = new DataView($fp.buffer);

/** Builds a frame and points the registers at the handler. False: the stack cannot take it. */
export function enterHandler(thread: Thread, regs: Registers, info: SigInfo, action: SignalAction): boolean {
  if ((action.flags & SA_RESTORER) === 0) return false;
  const sp = regs.get(RSP);
  const enters = switchesStack(thread, action, sp);
  const top = enters ? thread.altStack.sp + thread.altStack.size : sp - RED_ZONE;
  const layout = LAYOUTS[thread.process.kernel.cpu];
  const size = layout.size + MAGIC2_SIZE;
  const fp = roundDown(top - size, 64);
  const frame = roundDown(fp - FRAME_SIZE, 16) - 8;
  if ((enters || isOnAltStack(thread, top)) && !thread.onAltStack(frame)) return false;
  writeFrame(thread, regs, info, action, fp);
  writeFpState(regs, layout);
  const { memory } = thread.process;
  if (memory.copyOut(fp, $fp, 0, size) < 0 || memory.copyOut(frame, $frame, 0, FRAME_SIZE) < 0) return false;
  if ((thread.altStack.flags & SS_AUTODISARM) !== 0) disarm(thread);
  blockForHandler(thread, info.signo, action);
  startHandler(thread, regs, info.signo, action.handler, frame);
  return true;
}

/** rt_sigreturn(2): takes the state back from the frame; false when the frame cannot be read. */
export function leaveHandler(thread: Thread, regs: Registers): boolean {
  const { memory } = thread.process;
  if (memory.copyIn(regs.get(RSP) - 8, $frame, 0, FRAME_SIZE) < 0) return false;
  const sc = FRAME_UC + UC_MCONTEXT;
  const fp = getU64($view, sc + SC_FPSTATE);
  const state = fp === 0 ? null : readFpState(thread, fp);
  if (state !== null && state < 0) return false;
  SC_REGISTERS.forEach((register, i) => regs.copyFrom(register, $view, sc + 8 * i));
  regs.rip = getI64($view, sc + SC_RIP);
  thread.process.kernel.machine.writeFlags($view.getUint32(sc + SC_EFLAGS, true));
  restoreFpState(regs, state);
  thread.mask.lo = $view.getInt32(FRAME_UC + UC_SIGMASK, true);
  thread.mask.hi = $view.getInt32(FRAME_UC + UC_SIGMASK + 4, true);
  thread.unblockUnblockable();
  restoreAltStack(thread, regs.get(RSP));
  return true;
}

/** Which components the image at `fp` has in use, read into $fp; of one that is not XSAVE's, x87 and SSE. -1: none can be had. */
function readFpState(thread: Thread, fp: number): number {
  const { memory, kernel } = thread.process;
  const { features, size } = LAYOUTS[kernel.cpu];
  if (memory.copyIn(fp, $fp, 0, FXSAVE_SIZE) < 0) return -1;
  const written = $fpView.getUint32(FP_SW + FP_XSTATE_SIZE, true);
  const isWhole =
    $fpView.getUint32(FP_SW, true) === FP_XSTATE_MAGIC1 &&
    written >= LEAST_XSTATE &&
    written <= size &&
    written <= $fpView.getUint32(FP_SW + 4, true);
  const claimed = $fpView.getUint32(FP_SW + 8, true) & features;
  if (!isWhole || memory.copyIn(fp + written, $fp, FXSAVE_SIZE, MAGIC2_SIZE) < 0) return XFEATURES_SSE;
  if ($fpView.getUint32(FXSAVE_SIZE, true) !== FP_XSTATE_MAGIC2) return XFEATURES_SSE;
  $fp.fill(0, FXSAVE_SIZE);
  if (memory.copyIn(fp + FXSAVE_SIZE, $fp, FXSAVE_SIZE, written - FXSAVE_SIZE) < 0) return -1;
  const present = $fpView.getUint32(FXSAVE_SIZE, true);
  const isBad =
    (present & ~features) !== 0 || $fp.subarray(FXSAVE_SIZE + 4, FXSAVE_SIZE + 24).some((x) => x !== 0);
  return isBad ? -1 : present & claimed;
}

/** Null: as at a program's start. */
function restoreFpState(regs: Registers, present: number | null): void {
  if (present === null) return resetFxState(regs);
  restoreFxState(regs, $fp, 0);
  resetLeftOut(regs, present);
  if ((present & XSTATE_AVX) !== 0) restoreUpperState(regs, $fp, XSAVE_AVX);
  else resetUpperState(regs);
}

function switchesStack(thread: Thread, action: SignalAction, sp: number): boolean {
  return (action.flags & SA_ONSTACK) !== 0 && thread.altStack.size !== 0 && !isOnAltStack(thread, sp);
}

/** With SS_AUTODISARM a thread never counts as being on it. */
export function isOnAltStack(thread: Thread, sp: number): boolean {
  return (thread.altStack.flags & SS_AUTODISARM) === 0 && thread.onAltStack(sp);
}

function disarm(thread: Thread): void {
  thread.altStack.sp = 0;
  thread.altStack.size = 0;
  thread.altStack.flags = SS_DISABLE;
}

function restoreAltStack(thread: Thread, sp: number): void {
  const flags = $view.getUint32(FRAME_UC + UC_STACK + 8, true);
  if ((flags & ~(SS_DISABLE | SS_ONSTACK | SS_AUTODISARM)) !== 0 || isOnAltStack(thread, sp)) return;
  if ((flags & SS_DISABLE) !== 0) return disarm(thread);
  thread.altStack.sp = getU64($view, FRAME_UC + UC_STACK);
  thread.altStack.flags = flags;
  thread.altStack.size = getU64($view, FRAME_UC + UC_STACK + 16);
}

function blockForHandler(thread: Thread, signo: number, action: SignalAction): void {
  thread.savedMask = null;
  thread.mask.union(action.mask);
  if ((action.flags & SA_NODEFER) === 0) thread.mask.add(signo);
  thread.unblockUnblockable();
}

function startHandler(thread: Thread, regs: Registers, signo: number, handler: number, frame: number): void {
  regs.set(RDI, signo);
  regs.set(RAX, 0);
  regs.set(RSI, frame + FRAME_INFO);
  regs.set(RDX, frame + FRAME_UC);
  regs.set(RSP, frame);
  regs.rip = handler;
  const { machine } = thread.process.kernel;
  machine.writeFlags(machine.readFlags() & ~CLEARED_FLAGS);
  resetFxState(regs);
}

function writeFrame(thread: Thread, regs: Registers, info: SigInfo, action: SignalAction, fp: number): void {
  $frame.fill(0);
  setU64($view, 0, action.restorer);
  $view.setUint32(FRAME_UC, UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS, true);
  const { altStack } = thread;
  setU64($view, FRAME_UC + UC_STACK, altStack.sp);
  $view.setUint32(FRAME_UC + UC_STACK + 8, altStack.flags, true);
  setU64($view, FRAME_UC + UC_STACK + 16, altStack.size);
  writeContext(thread, regs, fp);
  const mask = thread.savedMask ?? thread.mask;
  $view.setInt32(FRAME_UC + UC_SIGMASK, mask.lo, true);
  $view.setInt32(FRAME_UC + UC_SIGMASK + 4, mask.hi, true);
  if ((action.flags & SA_SIGINFO) !== 0) writeInfo(info, $frame, FRAME_INFO);
}

function writeContext(thread: Thread, regs: Registers, fp: number): void {
  const sc = FRAME_UC + UC_MCONTEXT;
  SC_REGISTERS.forEach((register, i) => regs.copyTo(register, $view, sc + 8 * i));
  setU64($view, sc + SC_RIP, regs.rip);
  setU64($view, sc + SC_EFLAGS, thread.process.kernel.machine.readFlags());
  $view.setUint16(sc + SC_SEGMENTS, USER_CS, true);
  $view.setUint16(sc + SC_SEGMENTS + 6, USER_SS, true);
  setU64($view, sc + SC_ERR, thread.trapError);
  setU64($view, sc + SC_TRAPNO, thread.trapNumber);
  $view.setInt32(sc + SC_OLDMASK, (thread.savedMask ?? thread.mask).lo, true);
  $view.setInt32(sc + SC_OLDMASK + 4, (thread.savedMask ?? thread.mask).hi, true);
  setU64($view, sc + SC_CR2, thread.faultAddress);
  setU64($view, sc + SC_FPSTATE, fp);
}

function writeFpState(regs: Registers, { features, size }: StateLayout): void {
  $fp.fill(0);
  saveFxState(regs, $fp, 0);
  let inUse = XFEATURES_SSE;
  if ((features & XSTATE_AVX) !== 0 && saveUpperState(regs, $fp, XSAVE_AVX)) inUse |= XSTATE_AVX;
  $fpView.setUint32(FP_SW, FP_XSTATE_MAGIC1, true);
  $fpView.setUint32(FP_SW + 4, size + MAGIC2_SIZE, true);
  $fpView.setUint32(FP_SW + 8, features, true);
  $fpView.setUint32(FP_SW + FP_XSTATE_SIZE, size, true);
  $fpView.setUint32(FXSAVE_SIZE, inUse, true);
  $fpView.setUint32(size, FP_XSTATE_MAGIC2, true);
}

function roundDown(value: number, multiple: number): number {
  return value - (value % multiple);
}
