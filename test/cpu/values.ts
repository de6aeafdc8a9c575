import type { Random } from './random.js';

/** Operand values: corners of every type, and random ones. */

const INTEGERS: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  15n,
  16n,
  31n,
  32n,
  33n,
  63n,
  64n,
  65n,
  -1n,
  -2n,
  -128n,
  0x7fn,
  0x80n,
  0x81n,
  0xffn,
  0x100n,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x10000n,
  0x7fffffffn,
  0x80000000n,
  0x80000001n,
  0xffffffffn,
  0x100000000n,
  0x5555555555555555n,
  0xaaaaaaaaaaaaaaaan,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0x8000000000000001n,
];

const FLOATS: readonly number[] = [
  0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x40000000, 0x3f000000, 0xbf000000, 0x3fc00000, 0x40200000,
  0xc0200000, 0x00000001, 0x80000001, 0x007fffff, 0x807fffff, 0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff,
  0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7fc12345, 0x7f800001, 0xff812345, 0x4effffff, 0x4f000000,
  0xcf000000, 0xcf000001, 0x5effffff, 0x5f000000, 0xdf000000, 0x4f800000, 0x3effffff, 0x3f7fffff, 0x34000000,
  0x4b000000, 0x4b000001,
];

const DOUBLES: readonly bigint[] = [
  0x0000000000000000n,
  0x8000000000000000n,
  0x3ff0000000000000n,
  0xbff0000000000000n,
  0x4000000000000000n,
  0x3fe0000000000000n,
  0xbfe0000000000000n,
  0x3ff8000000000000n,
  0x4004000000000000n,
  0xc004000000000000n,
  0x0000000000000001n,
  0x8000000000000001n,
  0x000fffffffffffffn,
  0x800fffffffffffffn,
  0x0010000000000000n,
  0x8010000000000000n,
  0x7fefffffffffffffn,
  0xffefffffffffffffn,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  0x7ff8000000000000n,
  0xfff8000000000000n,
  0x7ff8123456789abcn,
  0x7ff0000000000001n,
  0xfff0123456789abcn,
  0x41dfffffffc00000n,
  0x41dfffffffe00000n,
  0x41e0000000000000n,
  0xc1e0000000000000n,
  0xc1e0000000200000n,
  0x43dfffffffffffffn,
  0x43e0000000000000n,
  0xc3e0000000000000n,
  0xc3e0000000000001n,
  0x3fdfffffffffffffn,
  0x3fefffffffffffffn,
  0x36a0000000000000n,
  0x3690000000000000n,
  0x380fffffffffffffn,
  0x47efffffe0000000n,
  0x47effffff0000000n,
  0x4330000000000000n,
  0x4330000000000001n,
  0x3ca0000000000000n,
];

/** Sign and exponent, and significand, of 80-bit numbers; unnormals and pseudo-denormals among them. */
const EXTENDED: readonly [exponent: number, significand: bigint][] = [
  [0x0000, 0n],
  [0x8000, 0n],
  [0x3fff, 0x8000000000000000n],
  [0xbfff, 0x8000000000000000n],
  [0x4000, 0x8000000000000000n],
  [0x3ffe, 0x8000000000000000n],
  [0x3fff, 0xc000000000000000n],
  [0x4000, 0xa000000000000000n],
  [0xc000, 0xa000000000000000n],
  [0x3fff, 0xffffffffffffffffn],
  [0x0000, 1n],
  [0x8000, 1n],
  [0x0000, 0x7fffffffffffffffn],
  [0x0000, 0x8000000000000000n],
  [0x0001, 0x8000000000000000n],
  [0x7ffe, 0xffffffffffffffffn],
  [0xfffe, 0xffffffffffffffffn],
  [0x7fff, 0x8000000000000000n],
  [0xffff, 0x8000000000000000n],
  [0x7fff, 0xc000000000000000n],
  [0xffff, 0xc000000000000000n],
  [0x7fff, 0xc123456789abcdefn],
  [0x7fff, 0x8000000000000001n],
  [0xffff, 0xa123456789abcdefn],
  [0x7fff, 0n],
  [0x7fff, 0x4000000000000000n],
  [0x4000, 0x4000000000000000n],
  [0x3fff, 0n],
  [0x401d, 0xfffffffe00000000n],
  [0x401e, 0x8000000000000000n],
  [0xc01e, 0x8000000000000000n],
  [0x403d, 0xfffffffffffffffen],
  [0x403e, 0x8000000000000000n],
  [0xc03e, 0x8000000000000000n],
  [0x4000, 0xc90fdaa22168c235n],
  [0x3ffe, 0xb17217f7d1cf79acn],
  [0x3f80, 0x8000000000000001n],
  [0x4039, 0xde0b6b3a763ffff0n],
];

export function integer(random: Random): bigint {
  if (random.below(2) === 0) return BigInt.asUintN(64, random.pick(INTEGERS));
  const value = (BigInt(random.u32()) << 32n) | BigInt(random.u32());
  return value >> BigInt(random.below(64));
}

export function float(random: Random): number {
  if (random.below(2) === 0) return random.pick(FLOATS);
  // Exponents near each other, so that sums and products do not all round away or overflow.
  return ((random.u32() & 0x807fffff) | ((120 + random.below(16)) << 23)) >>> 0;
}

export function double(random: Random): bigint {
  if (random.below(2) === 0) return random.pick(DOUBLES);
  const bits = (BigInt(random.u32()) << 32n) | BigInt(random.u32());
  const spread = random.oneIn(4) ? 2000 : 16;
  const exponent = BigInt(1023 - spread / 2 + random.below(spread));
  const kept = random.oneIn(4) ? 0xfffffffffff80000n : 0xfffffffffffffn;
  return (bits & 0x8000000000000000n) | (exponent << 52n) | (bits & kept & 0xfffffffffffffn);
}

/** Writes an 80-bit number. */
export function putExtended(random: Random, view: DataView, at: number): void {
  if (random.below(2) === 0) {
    const [exponent, significand] = random.pick(EXTENDED);
    view.setBigUint64(at, significand, true);
    view.setUint16(at + 8, exponent, true);
    return;
  }
  let significand = (BigInt(random.u32()) << 32n) | BigInt(random.u32()) | 0x8000000000000000n;
  if (random.oneIn(3)) significand &= 0xfffffffffffff800n;
  if (random.oneIn(8)) significand &= 0xffffff0000000000n;
  const spread = random.oneIn(8) ? 0x7ffe : random.oneIn(2) ? 80 : 8;
  const exponent = 0x3fff - spread / 2 + random.below(spread);
  view.setBigUint64(at, significand, true);
  view.setUint16(at + 8, exponent | (random.u32() & 0x8000), true);
}

/** Fills 16 bytes with numbers of one type. */
export function putVector(random: Random, view: DataView, at: number): void {
  const kind = random.below(8);
  if (kind < 3) for (let k = 0; k < 16; k += 4) view.setUint32(at + k, float(random), true);
  else if (kind < 6) for (let k = 0; k < 16; k += 8) view.setBigUint64(at + k, double(random), true);
  else if (kind === 6) for (let k = 0; k < 16; k += 8) view.setBigUint64(at + k, integer(random), true);
  else for (let k = 0; k < 16; k += 4) view.setUint32(at + k, random.u32(), true);
}

/** Writes a number of `size` bytes, of a type that has that size. */
export function putValue(random: Random, view: DataView, at: number, size: number): void {
  if (size === 1) view.setUint8(at, Number(integer(random) & 0xffn));
  else if (size === 2) view.setUint16(at, Number(integer(random) & 0xffffn), true);
  else if (size === 4 && random.oneIn(2)) view.setUint32(at, float(random), true);
  else if (size === 4) view.setUint32(at, Number(integer(random) & 0xffffffffn), true);
  else if (size === 8) view.setBigUint64(at, random.oneIn(2) ? double(random) : integer(random), true);
  else if (size === 10) putExtended(random, view, at);
  else if (size === 16 || size === 32) for (let k = 0; k < size; k += 16) putVector(random, view, at + k);
}
