/**
 * GF(2^8) as AES has it (FIPS 197, 4), and the pairs of GF(2^4) that its elements are: every x is i * ZETA + j * CONJUGATE
 * with i and j in the subfield of 16 elements, where ZETA + CONJUGATE is 1. Used when tables are made.
 */

export function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ (product & 0x80 ? 0x11b : 0);
    if ((b >> bit) & 1) product ^= a;
  }
  return product;
}

function power(x: number, exponent: number): number {
  let product = 1;
  for (let i = 0; i < exponent; i++) product = multiply(product, x);
  return product;
}

/** 0 for 0. */
export const inverse = (x: number): number => power(x, 254);

const ELEMENTS = Array.from({ length: 256 }, (_, x) => x);
const conjugate = (x: number): number => power(x, 16);
const ZETA = ELEMENTS.find((x) => (x ^ conjugate(x)) === 1) ?? 0;
const CONJUGATE = conjugate(ZETA);
/** 1 / (ZETA * CONJUGATE), which is in the subfield. */
export const NORM = inverse(multiply(ZETA, CONJUGATE));

/** The subfield's elements, so that the sum of two has the sum (xor) of their numbers. */
function subfield(): number[] {
  const elements = [0];
  for (const x of ELEMENTS)
    if (conjugate(x) === x && !elements.includes(x)) elements.push(...elements.map((y) => y ^ x));
  return elements;
}
const SUBFIELD = subfield();
/** An element of the subfield by its number 0..15, and back. */
export const elementOf = (number: number): number => SUBFIELD[number & 15] ?? 0;
export const numberOf = (element: number): number => SUBFIELD.indexOf(element);

/** The numbers of i in the low and of i + j in the high nibble. */
export function pairOf(x: number): number {
  const sum = x ^ conjugate(x);
  return (numberOf(sum) << 4) | numberOf(x ^ multiply(sum, CONJUGATE));
}

/**
 * For x = i * ZETA + j * CONJUGATE and k = i + j let p = 1 / (1 / i + NORM / k) + j and q = 1 / (1 / j + NORM / k) + i. Then
 * 1 / x is this of u = 1 / p and w = 1 / q, and each quotient is one of the subfield.
 */
export function inverseFrom(u: number, w: number): number {
  const common = multiply(u ^ w, inverse(NORM));
  return multiply(ZETA, w ^ common) ^ multiply(CONJUGATE, u ^ common);
}
