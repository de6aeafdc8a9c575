/** VEX moves of whole registers, scalars and sign bits; broadcasts, and parts of 128 bits. */
import { I32, i16x8, i32, i32x4, i64x2, i8x16, select, type Expr } from '../../wasm/expr.js';
import { VECTOR_GP, type Emitter, type Pair, type Semantics, type SemanticsTable } from '../emitter.js';
import { ZEROS, constantOf, immediate, zeroExtended } from '../sse/operands.js';
import { writeBoth } from './halves.js';

const REGISTERS = 16;

function isMemory(e: Emitter, k: number): boolean {
  return e.form.operands[k]?.kind === 'mem';
}

function checkedAddress(e: Emitter, k: number, isAligned: boolean): Expr {
  if (!isAligned) return e.address(k);
  const address = e.let(e.address(k));
  e.raiseIf(i32.and(i32.wrap_i64(address), i32.const(e.form.size - 1)), VECTOR_GP);
  return address;
}

/** 16 or 32 bytes. */
function move(isAligned: boolean): Semantics {
  return (e) => {
    const isWide = e.form.size === 32;
    if (isMemory(e, 0)) {
      const address = checkedAddress(e, 0, isAligned);
      return isWide ? e.storePair(address, [e.read(1), e.readUpper(1)]) : e.store(16, address, e.read(1));
    }
    if (!isMemory(e, 1)) return writeBoth(e, [e.read(1), isWide ? e.readUpper(1) : ZEROS]);
    const address = checkedAddress(e, 1, isAligned);
    writeBoth(e, isWide ? e.loadPair(address) : [e.load(16, address), ZEROS]);
  };
}

/** vmovss, vmovsd: from memory with zeros above, between registers with another one's upper lanes. */
const moveScalar: Semantics = (e) => {
  if (isMemory(e, 0)) return e.write(0, e.read(1));
  if (isMemory(e, 1)) return writeBoth(e, [zeroExtended(e.readFloat(1)), ZEROS]);
  const lowest = e.read(2);
  const replace = lowest.type === I32 ? i32x4.replace_lane : i64x2.replace_lane;
  writeBoth(e, [replace(0, e.read(1), lowest), ZEROS]);
};

/** Sign bits to a general register. */
function signBits(lanes: number, bitmask: (a: Expr) => Expr): Semantics {
  return (e) => {
    const lower = bitmask(e.read(1));
    if (e.form.size !== 32) return e.write(0, lower);
    e.write(0, i32.or(lower, i32.shl(bitmask(e.readUpper(1)), i32.const(lanes))));
  };
}

/** One element in all places. */
function broadcast(splat: (x: Expr) => Expr): Semantics {
  return (e) => {
    const all = e.let(splat(e.read(1)));
    writeBoth(e, [all, e.form.size === 32 ? all : ZEROS]);
  };
}
const broadcastHalf: Semantics = (e) => {
  const half = e.let(e.read(1));
  writeBoth(e, [half, half]);
};

/** By the immediate's lowest bit. */
function byHalf<T>(e: Emitter, k: number, known: (half: 0 | 1) => T, unknown: (upper: Expr) => T): T {
  const imm = immediate(e, k);
  const value = constantOf(imm);
  if (value !== null) return known((value & 1) as 0 | 1);
  return unknown(e.let(i32.and(imm, i32.const(1))));
}

const insertHalf: Semantics = (e) => {
  const inserted = e.let(e.read(2));
  const [lower, upper] = [e.let(e.read(1)), e.let(e.readUpper(1))];
  const pair = byHalf<Pair>(
    e,
    3,
    (half) => (half === 0 ? [inserted, upper] : [lower, inserted]),
    (isUpper) => [select(isUpper, lower, inserted), select(isUpper, inserted, upper)],
  );
  writeBoth(e, pair);
};

const extractHalf: Semantics = (e) => {
  const halves: Pair = [e.read(1), e.readUpper(1)];
  const value = byHalf(
    e,
    2,
    (half) => halves[half],
    (isUpper) => select(isUpper, halves[1], halves[0]),
  );
  if (isMemory(e, 0)) e.store(16, e.address(0), value);
  else writeBoth(e, [value, ZEROS]);
};

const vzeroall: Semantics = (e) => {
  for (let i = 0; i < REGISTERS; i++) e.setXmm(i, ZEROS);
  e.zeroUppers();
};

export const MOVES: SemanticsTable = {
  vmovaps: move(true),
  vmovapd: move(true),
  vmovdqa: move(true),
  vmovntps: move(true),
  vmovntpd: move(true),
  vmovntdq: move(true),
  vmovntdqa: move(true),
  vmovups: move(false),
  vmovupd: move(false),
  vmovdqu: move(false),
  vlddqu: move(false),
  vmovss: moveScalar,
  vmovsd: moveScalar,
  vmovmskps: signBits(4, i32x4.bitmask),
  vmovmskpd: signBits(2, i64x2.bitmask),
  vpmovmskb: signBits(16, i8x16.bitmask),
  vbroadcastss: broadcast(i32x4.splat),
  vbroadcastsd: broadcast(i64x2.splat),
  vpbroadcastb: broadcast(i8x16.splat),
  vpbroadcastw: broadcast(i16x8.splat),
  vpbroadcastd: broadcast(i32x4.splat),
  vpbroadcastq: broadcast(i64x2.splat),
  vbroadcastf128: broadcastHalf,
  vbroadcasti128: broadcastHalf,
  vinsertf128: insertHalf,
  vinserti128: insertHalf,
  vextractf128: extractHalf,
  vextracti128: extractHalf,
  vzeroupper: (e) => e.zeroUppers(),
  vzeroall,
};
