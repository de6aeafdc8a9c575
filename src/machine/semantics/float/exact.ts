/**
 * Exact results: (-1)^negative * (m + residual * something tiny) * 2^exponent, 1 <= m <= 2, where m is the result
 * rounded to 53 bits and `residual` the sign of what that left out; m is 2 only with a negative residual, so that the
 * bits below m are those of the binade that the exact value lies in.
 */
export const exact = { negative: false, m: 1, residual: 0, exponent: 0 };

const $f64 = new Float64Array(1);
const $u32 = new Uint32Array($f64.buffer);
let $exponent = 0;

/** The significand, in [1, 2), of a positive finite number; its exponent goes to $exponent. */
function split(x: number): number {
  $f64[0] = x;
  $exponent = ($u32[1] as number) >>> 20;
  if ($exponent === 0) {
    $f64[0] = x * 2 ** 54;
    $exponent = (($u32[1] as number) >>> 20) - 54;
  }
  $exponent -= 1023;
  $u32[1] = (($u32[1] as number) & 0xfffff) | 0x3ff00000;
  return $f64[0] as number;
}

function finish(negative: boolean, value: number, error: number, exponent: number): void {
  exact.negative = negative;
  exact.m = split(value);
  exact.residual = Math.sign(error);
  exact.exponent = exponent + $exponent;
  if (exact.m === 1 && exact.residual < 0) {
    exact.m = 2;
    exact.exponent--;
  }
}

const SPLITTER = 2 ** 27 + 1;

/** x * y - p without error, where p is x * y rounded and nothing overflows or underflows (Dekker). */
function productError(x: number, y: number, p: number): number {
  const cx = SPLITTER * x;
  const xHigh = cx - (cx - x);
  const xLow = x - xHigh;
  const cy = SPLITTER * y;
  const yHigh = cy - (cy - y);
  const yLow = y - yHigh;
  return xLow * yLow - (p - xHigh * yHigh - xLow * yHigh - xHigh * yLow);
}

/** A sum of finite numbers that are not 0, and whose sum is not. */
export function exactSum(x: number, y: number): void {
  const big = Math.abs(x) >= Math.abs(y) ? x : y;
  const small = big === x ? y : x;
  const m = split(Math.abs(big));
  const exponent = $exponent;
  const rest = split(Math.abs(small)) * 2 ** Math.max($exponent - exponent, -200);
  const signed = big < 0 === small < 0 ? rest : -rest;
  const sum = m + signed;
  finish(big < 0, sum, signed - (sum - m), exponent);
}

/** A product of finite numbers that are not 0. */
export function exactProduct(x: number, y: number): void {
  const a = split(Math.abs(x));
  const exponent = $exponent;
  const b = split(Math.abs(y));
  const product = a * b;
  finish(x < 0 !== y < 0, product, productError(a, b, product), exponent + $exponent);
}

/** A quotient of finite numbers that are not 0. */
export function exactQuotient(x: number, y: number): void {
  const a = split(Math.abs(x));
  const exponent = $exponent;
  const b = split(Math.abs(y));
  const q = a / b;
  const product = q * b;
  finish(x < 0 !== y < 0, q, a - product - productError(q, b, product), exponent - $exponent);
}

/** The square root of a finite number above 0. */
export function exactRoot(x: number): void {
  const m = split(x);
  const odd = $exponent & 1;
  const exponent = ($exponent - odd) / 2;
  const square = m * (1 + odd);
  const root = Math.sqrt(square);
  const product = root * root;
  finish(false, root, square - product - productError(root, root, product), exponent);
}

/** A finite number that is not 0. */
export function exactNumber(x: number): void {
  finish(x < 0, Math.abs(x), 0, 0);
}

/** The significand of a finite number that is not 0, with its sign, as a whole number; its exponent goes to $exponent. */
function wholeSignificand(x: number): bigint {
  const m = BigInt(split(Math.abs(x)) * 2 ** 52);
  $exponent -= 52;
  return x < 0 ? -m : m;
}

/** The number n * 2^exponent, n not 0: rounded to 53 bits, to nearest. */
function setExact(n: bigint, exponent: number): void {
  const size = n < 0n ? -n : n;
  const surplus = size.toString(2).length - 53;
  exact.negative = n < 0n;
  exact.residual = 0;
  exact.exponent = exponent + surplus + 52;
  if (surplus <= 0) {
    exact.m = Number(size << BigInt(-surplus)) / 2 ** 52;
    return;
  }
  const unit = 1n << BigInt(surplus);
  const left = 2n * (size % unit);
  let kept = size / unit;
  if (left !== 0n) exact.residual = 1;
  if (left > unit || (left === unit && (kept & 1n) === 1n)) {
    kept++;
    exact.residual = -1;
  }
  exact.m = Number(kept) / 2 ** 52;
}

/** x * y + z, of finite numbers, x and y not 0; false if that is 0. BigInt: it is only asked for what is rare. */
export function exactFused(x: number, y: number, z: number): boolean {
  let product = wholeSignificand(x);
  let exponent = $exponent;
  product *= wholeSignificand(y);
  exponent += $exponent;
  if (z === 0) {
    setExact(product, exponent);
    return true;
  }
  let addend = wholeSignificand(z);
  const distance = exponent - $exponent;
  if (distance > 0) product <<= BigInt(distance);
  else addend <<= BigInt(-distance);
  const sum = product + addend;
  if (sum === 0n) return false;
  setExact(sum, Math.min(exponent, $exponent));
  return true;
}
