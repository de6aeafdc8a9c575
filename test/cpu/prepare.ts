/** Start states in which an instruction does something worth comparing. */
import { RAX, RBP, RCX, RDI, RDX, RSI, RSP } from '../../src/machine/layout.js';
import type { Insn, MemoryOperand } from '../../src/machine/x86/insn.js';
import type { Random } from './random.js';
import * as S from './state.js';
import { integer, putExtended, putValue, putVector } from './values.js';

/** An instruction about to be tried. */
export interface Trial {
  readonly random: Random;
  readonly state: S.State;
  readonly insn: Insn;
  /** Guest address that its memory operand shall have, in the window. */
  readonly target: number;
}

const FLAG_BITS = [0x1, 0x4, 0x10, 0x40, 0x80, 0x800];
const RFLAGS_FIXED = 0x202;
const DIRECTION = 0x400;
const TRAP_AND_ALIGNMENT = 0x40100n;
const USER_ADDRESS = 0x7fffffffffffn;
const MXCSR_DEFAULT = 0x1f80;
/** Where branches may go: int3 bytes away from the code under test. */
const LANDING = S.CODE + 0x1800;

function randomFlags(random: Random): number {
  let flags = RFLAGS_FIXED;
  for (const bit of FLAG_BITS) if (random.oneIn(2)) flags |= bit;
  return random.oneIn(4) ? flags | DIRECTION : flags;
}

/** Mostly with all exceptions masked; rounding and the denormal modes vary. */
function randomMxcsr(random: Random): number {
  if (random.oneIn(3)) return MXCSR_DEFAULT;
  let mxcsr = (MXCSR_DEFAULT & ~0x6000) | (random.below(4) << 13);
  if (random.oneIn(4)) mxcsr |= 0x8000;
  if (random.oneIn(4)) mxcsr |= 0x0040;
  if (random.oneIn(8)) mxcsr &= ~(random.below(64) << 7);
  return mxcsr | random.below(64);
}

/** With a bit that must be 0 set; not AMD's misaligned exception mask. */
function reservedMxcsr(random: Random): number {
  return randomMxcsr(random) | random.pick([0x10000, 0x40000, 0x1000000, 0x40000000]);
}

/** Control and status words, tags, registers and MXCSR of a consistent fxsave image. */
function putFx(random: Random, view: DataView, at: number): void {
  const masks = random.oneIn(8) ? random.below(64) : 0x3f;
  const control = random.oneIn(3)
    ? 0x37f
    : (random.below(4) << 10) | (random.pick([0, 2, 3]) << 8) | 0x40 | masks;
  const exceptions = random.below(128) & (control | 0x40);
  const status = (random.below(8) << 11) | (random.u32() & 0x4700) | exceptions;
  view.setUint16(at + S.FX_FCW, control, true);
  view.setUint16(at + S.FX_FSW, status, true);
  view.setUint8(at + S.FX_FTW, random.oneIn(2) ? 0xff : random.oneIn(4) ? 0 : random.below(256));
  view.setUint32(at + S.FX_MXCSR, randomMxcsr(random), true);
  view.setUint32(at + S.FX_MXCSR_MASK, 0xffff, true);
  for (let k = 0; k < 8; k++) putExtended(random, view, at + S.FX_ST + 16 * k);
  for (let k = 0; k < 16; k++) putVector(random, view, at + S.FX_XMM + 16 * k);
}

/** A state in which every register and the window hold something, and the stack lies in the window. */
export function randomState(random: Random, rip: number): S.State {
  const state = new S.State();
  for (let k = 0; k < 16; k++) state.setGpr(k, integer(random));
  const sloppy = random.oneIn(8) ? random.below(8) : 0;
  state.setGpr(RSP, BigInt(S.WINDOW + 128 + 8 * random.below(32) + sloppy));
  state.view.setBigUint64(S.AT_RIP, BigInt(rip), true);
  state.view.setUint32(S.AT_RFLAGS, randomFlags(random), true);
  putFx(random, state.view, S.AT_FX);
  for (let k = 0; k < S.UPPER_SIZE; k += 16) putVector(random, state.view, S.AT_UPPER + k);
  for (let k = 0; k < S.WINDOW_SIZE; k += 16) putVector(random, state.view, S.AT_WINDOW + k);
  return state;
}

const ANY_ALIGNMENT = new Set([
  'movups',
  'movupd',
  'movdqu',
  'lddqu',
  'pcmpestri',
  'pcmpestrm',
  'pcmpistri',
  'pcmpistrm',
]);

/** Of the VEX instructions, those whose memory must be aligned. */
const VEX_ALIGNED = new Set([
  'vmovaps',
  'vmovapd',
  'vmovdqa',
  'vmovntps',
  'vmovntpd',
  'vmovntdq',
  'vmovntdqa',
]);

/** Where the manual has #GP for others, which AMD's Zen 4 does not raise. */
const alwaysAligned = (mnemonic: string): boolean => mnemonic.startsWith('sha');

/** An address in the window for an operand of `size` bytes: often over the pages' border. */
export function chooseTarget(random: Random, mnemonic: string, size: number): number {
  if (size === 512) return random.oneIn(8) ? S.WINDOW - 8 : S.WINDOW;
  const anywhere = ANY_ALIGNMENT.has(mnemonic) || (mnemonic.startsWith('v') && !VEX_ALIGNED.has(mnemonic));
  const aligned = size >= 16 && !anywhere && (alwaysAligned(mnemonic) || !random.oneIn(16));
  const crossing = size > 1 && !aligned && random.oneIn(4);
  if (crossing) return S.PAGE_BORDER - 1 - random.below(size - 1);
  const target = S.WINDOW + random.below(S.WINDOW_SIZE - size + 1);
  return aligned ? target & -size : target;
}

/** Gives the registers of a memory operand values with which it means `target`, or nearly so. */
function pointAt(random: Random, state: S.State, operand: MemoryOperand, target: number): void {
  const { base, index, scale, disp } = operand;
  const wanted = BigInt(operand.segment === 0 ? target : target - S.GS_BASE) - BigInt(disp);
  const upper = operand.addressSize === 4 ? BigInt(random.u32()) << 32n : 0n;
  const set = (register: number, value: bigint) => {
    state.setGpr(register, operand.addressSize === 4 ? BigInt.asUintN(32, value) | upper : value);
  };
  const shift = BigInt(scale);
  if (index < 0) {
    if (base >= 0) set(base, wanted);
  } else if (base < 0) set(index, wanted >> shift);
  else if (base === index) set(base, wanted / (1n + (1n << shift)));
  else set(base, wanted - (state.gpr(index) << shift));
}

function putWindow(trial: Trial, address: number, value: bigint): void {
  const at = trial.state.windowOffset(address);
  if (at >= S.AT_WINDOW && at + 8 <= S.STATE_SIZE) trial.state.view.setBigUint64(at, value, true);
}

/** Sets operand `k`, a general register or memory, to a value. */
function setOperand(trial: Trial, k: number, value: bigint): void {
  const operand = trial.insn.operands[k];
  if (operand.kind === 'gpr') trial.state.setGpr(operand.index, value);
  else if (operand.kind === 'mem') putWindow(trial, trial.target, value);
}

const stackTop = (trial: Trial) => Number(trial.state.gpr(RSP) & 0xffffffffn);
const inWindow = (random: Random) => BigInt(S.WINDOW + 32 + random.below(S.WINDOW_SIZE - 64));
const landing = (random: Random) => BigInt(LANDING + random.below(0x100));

function prepareString(trial: Trial): void {
  const { random, state, insn } = trial;
  const high = insn.form.addressSize === 4 ? BigInt(random.u32()) << 32n : 0n;
  const nearEnd = random.oneIn(8) ? BigInt(S.DATA + S.DATA_SIZE - random.below(40)) : 0n;
  state.setGpr(RSI, inWindow(random) | high);
  state.setGpr(RDI, (nearEnd === 0n ? inWindow(random) : nearEnd) | high);
  if (insn.form.rep !== '') state.setGpr(RCX, BigInt(random.below(40)) | high);
  const [source] = insn.operands;
  if (source?.kind === 'mem')
    pointAt(random, state, source, S.WINDOW + 32 + random.below(S.WINDOW_SIZE - 64));
  // Runs of equal elements, so that comparisons go on for a while.
  if (random.oneIn(2))
    state.bytes.fill(random.below(256), S.AT_WINDOW, S.STATE_SIZE - random.below(S.WINDOW_SIZE));
  if (random.oneIn(2)) state.setGpr(RAX, state.view.getBigUint64(S.AT_WINDOW, true));
}

function prepareDivide(trial: Trial): void {
  const { random, state, insn } = trial;
  if (random.oneIn(4)) return;
  if (insn.form.size === 1) state.setGpr(RAX, state.gpr(RAX) & 0x1fffn);
  else
    state.setGpr(
      RDX,
      random.oneIn(2) ? 0n : BigInt.asIntN(64, state.gpr(RAX)) < 0n ? -1n : BigInt(random.below(4)),
    );
}

/** Sometimes anywhere, but for addresses that are not canonical: whether those fault before the jump is the vendor's. */
function prepareIndirect(trial: Trial): void {
  const { random } = trial;
  const [operand] = trial.insn.operands;
  // With the code as stack, the call would write to it, which only the runner allows.
  if (operand.kind === 'gpr' && operand.index === RSP) return;
  setOperand(trial, 0, random.oneIn(16) ? integer(random) & USER_ADDRESS : landing(random));
}

function prepareCompareExchange(trial: Trial): void {
  const { random, state, insn, target } = trial;
  if (random.oneIn(2)) return;
  const at = state.windowOffset(target);
  const [operand] = insn.operands;
  if (operand.kind === 'gpr') state.setGpr(operand.index, state.gpr(RAX));
  if (operand.kind !== 'mem' || at + 16 > S.STATE_SIZE) return;
  if (insn.form.mnemonic === 'cmpxchg8b') {
    state.view.setUint32(at, Number(state.gpr(RAX) & 0xffffffffn), true);
    state.view.setUint32(at + 4, Number(state.gpr(RDX) & 0xffffffffn), true);
    return;
  }
  state.view.setBigUint64(at, state.gpr(RAX), true);
  if (insn.form.mnemonic === 'cmpxchg16b') state.view.setBigUint64(at + 8, state.gpr(RDX), true);
}

function prepareBit(trial: Trial): void {
  const { random, state, insn } = trial;
  const [operand, bit] = insn.operands;
  if (operand.kind !== 'mem' || bit.kind !== 'gpr') return;
  if (bit.index === operand.base || bit.index === operand.index) return;
  state.setGpr(bit.index, BigInt(random.below(4000) - 2000));
}

function prepareFrame(trial: Trial): void {
  trial.state.setGpr(RBP, inWindow(trial.random));
}

function prepareSegment(trial: Trial): void {
  // Null selectors: what else there is depends on the system.
  if (trial.insn.operands[0].kind === 'seg') setOperand(trial, 1, BigInt(trial.random.below(4)));
}

const PREPARE: Readonly<Record<string, (trial: Trial) => void>> = {
  movs: prepareString,
  cmps: prepareString,
  stos: prepareString,
  lods: prepareString,
  scas: prepareString,
  div: prepareDivide,
  idiv: prepareDivide,
  call: prepareIndirect,
  jmp: prepareIndirect,
  cmpxchg: prepareCompareExchange,
  cmpxchg8b: prepareCompareExchange,
  cmpxchg16b: prepareCompareExchange,
  bt: prepareBit,
  bts: prepareBit,
  btr: prepareBit,
  btc: prepareBit,
  enter: prepareFrame,
  leave: prepareFrame,
  mov_seg: prepareSegment,
  maskmovq: (trial) => trial.state.setGpr(RDI, BigInt(trial.target)),
  vmaskmovdqu: (trial) => trial.state.setGpr(RDI, BigInt(trial.target)),
  vldmxcsr: (trial) => PREPARE.ldmxcsr(trial),
  maskmovdqu: (trial) => trial.state.setGpr(RDI, BigInt(trial.target)),
  ret: (trial) => putWindow(trial, stackTop(trial), landing(trial.random)),
  popf: (trial) => putWindow(trial, stackTop(trial), integer(trial.random) & ~TRAP_AND_ALIGNMENT),
  jrcxz: (trial) => trial.random.oneIn(2) && trial.state.setGpr(RCX, BigInt(trial.random.u32()) << 32n),
  fxrstor: (trial) => putFx(trial.random, trial.state.view, S.AT_WINDOW),
  ldmxcsr: (trial) =>
    setOperand(
      trial,
      0,
      BigInt(trial.random.oneIn(8) ? reservedMxcsr(trial.random) : randomMxcsr(trial.random)),
    ),
};

/** Small indices, so that most lanes lie in the window; the base in its middle, or close to the end of the data. */
function prepareGather(random: Random, state: S.State, insn: Insn, operand: MemoryOperand): void {
  const { base, index, disp, segment } = operand;
  const middle = random.oneIn(8) ? S.DATA + S.DATA_SIZE - 16 : S.WINDOW + S.WINDOW_SIZE / 2;
  state.setGpr(base, BigInt(segment === 0 ? middle : middle - S.GS_BASE) - BigInt(disp));
  const isNarrow = /gatherd/.test(insn.form.mnemonic);
  for (const at of [S.AT_FX + S.FX_XMM + 16 * index, S.AT_UPPER + 16 * index]) {
    for (let k = 0; k < 16; k += isNarrow ? 4 : 8) {
      const value = random.below(32) - 16;
      if (isNarrow) state.view.setInt32(at + k, value, true);
      else state.view.setBigInt64(at + k, BigInt(value), true);
    }
  }
}

/** A random state made fit for the instruction. */
export function prepare(random: Random, insn: Insn, target: number): S.State {
  const state = randomState(random, insn.address);
  const memory = insn.operands.findIndex((operand) => operand.kind === 'mem');
  if (memory >= 0) {
    const size = insn.form.operands[memory].size;
    const at = state.windowOffset(target);
    if (at >= S.AT_WINDOW && at + size <= S.STATE_SIZE) putValue(random, state.view, at, size);
    pointAt(random, state, insn.operands[memory] as MemoryOperand, target);
  }
  if (insn.operands[1]?.kind === 'vsib') prepareGather(random, state, insn, insn.operands[1]);
  PREPARE[insn.form.mnemonic]?.({ random, state, insn, target });
  return state;
}
