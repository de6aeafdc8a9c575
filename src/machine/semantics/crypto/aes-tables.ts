/** AES's tables in memory, of 16 bytes each. */
import { AES_TABLES } from '../../layout.js';
import { i32, v128, type Expr } from '../../wasm/expr.js';
import type { MachineViews } from '../helper.js';
import { NORM, elementOf, inverse, inverseFrom, multiply, numberOf, pairOf } from './field.js';

/** What no nibble is: a look-up of it gives 0, as if 1 were divided by it. */
const INFINITY = 0x80;

const rotated = (x: number, by: number): number => ((x << by) | (x >> (8 - by))) & 0xff;
/** The linear part of the S-box's affine map; the constant is added where it is used. */
const linear = (x: number): number => x ^ rotated(x, 1) ^ rotated(x, 2) ^ rotated(x, 3) ^ rotated(x, 4);
const backwards = (x: number): number => rotated(x, 1) ^ rotated(x, 3) ^ rotated(x, 6);
/** The S-box's constant, and what the inverse map makes of it. */
const CONSTANT = 0x63;

/** A byte's place in the state: columns of four. */
const row = (i: number): number => i & 3;
const shifted = (i: number, by: number): number => ((i + 4 * by * row(i)) & 15 & ~3) | row(i);

const quotient = (numerator: number, n: number): number =>
  n === 0 ? INFINITY : numberOf(multiply(numerator, inverse(elementOf(n))));
/** What 1 / p (or 1 / q) adds to the inverse, mapped. */
const fromP = (map: (x: number) => number) => (n: number) => map(inverseFrom(inverse(elementOf(n)), 0));
const fromQ = (map: (x: number) => number) => (n: number) => map(inverseFrom(0, inverse(elementOf(n))));
const times4 = (x: number): number => multiply(4, x);
const same = (x: number): number => x;

const TABLES = {
  shiftRows: (i: number) => shifted(i, 1),
  inverseShiftRows: (i: number) => shifted(i, -1),
  nibble: () => 0x0f,
  polynomial: () => 0x1b,
  constant: () => CONSTANT,
  /** A byte, by its low and by its high nibble, as a pair; for decryption after the inverse affine map. */
  pairLow: (n: number) => pairOf(n),
  pairHigh: (n: number) => pairOf(n << 4),
  inversePairLow: (n: number) => pairOf(backwards(n ^ CONSTANT)),
  inversePairHigh: (n: number) => pairOf(backwards(n << 4)),
  reciprocal: (n: number) => quotient(1, n),
  normQuotient: (n: number) => quotient(NORM, n),
  /** From p and q to the S-box's output less its constant; to the inverse S-box's, and to four times that. */
  outP: fromP(linear),
  outQ: fromQ(linear),
  inverseOutP: fromP(same),
  inverseOutQ: fromQ(same),
  inverseOut4P: fromP((x) => times4(x)),
  inverseOut4Q: fromQ((x) => times4(x)),
} as const satisfies Readonly<Record<string, (index: number) => number>>;

export type AesTable = keyof typeof TABLES;
const NAMES = Object.keys(TABLES) as readonly AesTable[];

/** Fills the tables. */
export function writeAesTables(m: MachineViews): void {
  NAMES.forEach((name, k) => {
    for (let i = 0; i < 16; i++) m.u8[AES_TABLES + 16 * k + i] = TABLES[name](i);
  });
}

/** A table: from memory, as V8 takes four instructions to make a constant of 16 bytes. */
export function aesTable(name: AesTable): Expr {
  return v128.load(i32.const(0), AES_TABLES + 16 * NAMES.indexOf(name));
}
