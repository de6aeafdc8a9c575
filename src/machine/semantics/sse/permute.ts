/**
 * Instructions that move bytes of one or two vectors as an immediate says. Each is a row: a function from the immediate
 * to the 16 bytes' origins, 0..15 in the destination, 16..31 in the source, CLEAR for a zero. Where the immediate is
 * known, that is one shuffle; where it is not (the interpreter), two masks for swizzle are taken from a table in
 * memory that is made from the same rows.
 */
import { SHUFFLE_MASKS } from '../../layout.js';
import { i32, i64x2, i8x16, v128, type Expr } from '../../wasm/expr.js';
import type { Emitter, SemanticsTable } from '../emitter.js';
import type { MachineViews } from '../helper.js';
import {
  ZEROS,
  checkMmx,
  constantOf,
  immediate,
  isMmx,
  readVector,
  vectorOf,
  writeVector,
} from './operands.js';

const CLEAR = -1;

interface Permutation {
  /** Where result byte `i` comes from. */
  readonly origin: (imm: number, i: number) => number;
  /** The immediate's operand: 2, or 1 where the destination is the only vector. */
  readonly imm: 1 | 2;
}

/** The result's elements of `size` bytes each come from the element that `element` names, counted over both vectors. */
function byElements(size: number, element: (imm: number, i: number) => number): Permutation {
  return { imm: 2, origin: (imm, i) => element(imm, Math.floor(i / size)) * size + (i % size) };
}
/** Element `i` from the source if bit `i` of the immediate is set. */
function blend(size: number): Permutation {
  return byElements(size, (imm, i) => ((imm >> i) & 1 ? 16 / size : 0) + i);
}
const selector = (imm: number, i: number) => (imm >> (2 * i)) & 3;

/** insertps: dword `from` of the source to dword imm[5:4], then zeros as imm[3:0] says. */
function insert(from: (imm: number) => number): Permutation {
  return {
    imm: 2,
    origin: (imm, i) => {
      const lane = i >> 2;
      if ((imm >> lane) & 1) return CLEAR;
      return lane === ((imm >> 4) & 3) ? 16 + from(imm) * 4 + (i & 3) : i;
    },
  };
}
function shiftBytes(direction: 1 | -1): Permutation {
  return {
    imm: 1,
    origin: (imm, i) => {
      const from = i + direction * imm;
      return from < 0 || from > 15 ? CLEAR : from;
    },
  };
}
/** The concatenation destination:source, of `width` bytes each, shifted to the right. */
function align(width: number): Permutation {
  return {
    imm: 2,
    origin: (imm, i) => {
      const from = i + imm;
      if (from < width) return 16 + from;
      return from < 2 * width ? from - width : CLEAR;
    },
  };
}

const ROWS: Readonly<Record<string, Permutation>> = {
  pshufd: byElements(4, (imm, i) => 4 + selector(imm, i)),
  pshuflw: byElements(2, (imm, i) => 8 + (i < 4 ? selector(imm, i) : i)),
  pshufhw: byElements(2, (imm, i) => 8 + (i < 4 ? i : 4 + selector(imm, i - 4))),
  permilpd: byElements(8, (imm, i) => 2 + ((imm >> i) & 1)),
  shufps: byElements(4, (imm, i) => (i < 2 ? 0 : 4) + selector(imm, i)),
  shufpd: byElements(8, (imm, i) => 2 * i + ((imm >> i) & 1)),
  blendps: blend(4),
  blendpd: blend(8),
  pblendw: blend(2),
  insertps: insert((imm) => imm >> 6),
  insertpsFromMemory: insert(() => 0),
  pslldq: shiftBytes(-1),
  psrldq: shiftBytes(1),
  palignr: align(16),
  palignrMmx: align(8),
};
const NAMES = Object.keys(ROWS);

/** Bytes of a row's part of the table, and of one immediate's two masks in it. */
const ROW_BYTES = 256 * 32;
/** swizzle gives 0 for an index like this. */
const OUTSIDE = 0x80;

/** Fills the table that the interpreter's shuffles use. */
export function writeShuffleMasks(m: MachineViews): void {
  NAMES.forEach((name, row) => {
    const { origin } = ROWS[name] as Permutation;
    for (let imm = 0; imm < 256; imm++) {
      const at = SHUFFLE_MASKS + row * ROW_BYTES + imm * 32;
      m.u8.fill(OUTSIDE, at, at + 32);
      for (let i = 0; i < 16; i++) {
        const from = origin(imm, i);
        if (from !== CLEAR) m.u8[at + (from & 16) + i] = from & 15;
      }
    }
  });
}

/** One shuffle; a shuffle has only two inputs, so one that clears takes zeros as the one that it does not need. */
function knownShuffle(origins: readonly number[], a: Expr, b: Expr): Expr {
  const used = (vector: number) => origins.some((from) => from !== CLEAR && from >> 4 === vector);
  if (!origins.includes(CLEAR)) {
    const [first, second] = [used(0) ? a : b, used(1) ? b : a];
    return i8x16.shuffle(Uint8Array.from(origins), first, second);
  }
  if (used(0) && used(1)) {
    const mask = v128.const(Uint8Array.from(origins, (from) => (from === CLEAR ? 0 : 0xff)));
    return v128.and(
      i8x16.shuffle(
        Uint8Array.from(origins, (from) => Math.max(from, 0)),
        a,
        b,
      ),
      mask,
    );
  }
  const only = used(1) ? b : a;
  return i8x16.shuffle(
    Uint8Array.from(origins, (from) => (from === CLEAR ? 16 : from & 15)),
    only,
    ZEROS,
  );
}

function permute(name: string, imm: Expr, a: Expr, b: Expr | null): Expr {
  const { origin } = ROWS[name] as Permutation;
  const known = constantOf(imm);
  if (known !== null) {
    const origins = Array.from({ length: 16 }, (_, i) => origin(known & 0xff, i));
    return knownShuffle(origins, a, b ?? a);
  }
  const at = i32.shl(imm, i32.const(5));
  const table = SHUFFLE_MASKS + NAMES.indexOf(name) * ROW_BYTES;
  const fromA = i8x16.swizzle(a, v128.load(at, table));
  return b === null ? fromA : v128.or(fromA, i8x16.swizzle(b, v128.load(at, table + 16)));
}

export function permuteVectors(name: string): (e: Emitter) => void {
  const position = (ROWS[name] as Permutation).imm;
  return (e) => {
    const b = position === 2 ? e.let(readVector(e, 1)) : null;
    const a = e.let(readVector(e, 0));
    writeVector(e, 0, permute(name, e.let(immediate(e, position)), a, b));
  };
}

function palignr(e: Emitter): void {
  if (!isMmx(e)) return permuteVectors('palignr')(e);
  checkMmx(e);
  const b = e.let(readVector(e, 1));
  writeVector(e, 0, permute('palignrMmx', e.let(immediate(e, 2)), e.let(readVector(e, 0)), b));
}

/** MMX's pshufw is pshuflw on 8 bytes. */
function pshufw(e: Emitter): void {
  checkMmx(e);
  const b = e.let(readVector(e, 1));
  writeVector(e, 0, permute('pshuflw', e.let(immediate(e, 2)), b, b));
}

function insertps(e: Emitter): void {
  const fromMemory = e.form.operands[1]?.kind === 'mem';
  const source = e.let(vectorOf(e.read(1)));
  const name = fromMemory ? 'insertpsFromMemory' : 'insertps';
  e.write(0, permute(name, e.let(immediate(e, 2)), e.let(e.read(0)), source));
}

const PLAIN = [
  'pshufd',
  'pshuflw',
  'pshufhw',
  'shufps',
  'shufpd',
  'blendps',
  'blendpd',
  'pblendw',
  'pslldq',
  'psrldq',
];

export const PERMUTE: SemanticsTable = {
  ...Object.fromEntries(PLAIN.map((name) => [name, permuteVectors(name)])),
  palignr,
  pshufw,
  insertps,
};

/** A shuffle of both vectors by elements of `size` bytes, counted over both. */
export function shuffle(size: number, elements: readonly number[], a: Expr, b: Expr): Expr {
  const origins = elements.flatMap((element) => Array.from({ length: size }, (_, i) => element * size + i));
  return i8x16.shuffle(Uint8Array.from(origins), a, b);
}

/** The low 8 bytes of both, a's first. */
export function joinLow(a: Expr, b: Expr): Expr {
  return shuffle(8, [0, 2], a, b);
}
export function swapHalves(a: Expr): Expr {
  return shuffle(8, [1, 0], a, a);
}
export const lowHalf = (a: Expr): Expr => i64x2.extract_lane(0, a);
