import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HelperModule } from '../../../../test/machine/helpers.js';
import { I64 } from '../../wasm/expr.js';
import { FunctionBuilder } from '../../wasm/function.js';
import { highSigned, highUnsigned } from '../product.js';
import { divideSigned, divideUnsigned, signedOverflows } from './divide.js';

const module = new HelperModule();
for (const helper of [divideUnsigned, divideSigned, signedOverflows]) module.helper(helper);
for (const [name, high] of [
  ['unsigned', highUnsigned],
  ['signed', highSigned],
] as const) {
  const f = new FunctionBuilder([I64, I64], [I64]);
  f.push(high(f.get(0), f.get(1), (x) => f.let(x)));
  module.add(name, f);
}
const run = module.instantiate() as unknown as Record<string, (...args: bigint[]) => bigint>;

const CORNERS = [
  0n,
  1n,
  2n,
  3n,
  0xffffffffn,
  0x100000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  2n ** 64n - 1n,
];
const signed = (v: bigint) => BigInt.asIntN(64, v);

/** Numbers of all magnitudes, the same in each run. */
function* numbers(count: number): Generator<bigint> {
  yield* CORNERS;
  let state = 88172645463325252n;
  for (let i = 0; i < count; i++) {
    state ^= BigInt.asUintN(64, state << 13n);
    state ^= state >> 7n;
    state ^= BigInt.asUintN(64, state << 17n);
    yield state >> BigInt((i * 7) % 64);
  }
}

test('128-bit numerators divided, unsigned', () => {
  const all = [...numbers(40)];
  for (const high of all)
    for (const low of all)
      for (const d of all) {
        if (high >= d) continue;
        const quotient = ((high << 64n) | low) / d;
        assert.equal(
          BigInt.asUintN(64, run['divideUnsigned']?.(high, low, d) ?? -1n),
          quotient,
          `${high}:${low} / ${d}`,
        );
      }
});

test('128-bit numerators divided, signed, and those that do not fit', () => {
  const all = [...numbers(25)];
  for (const high of all)
    for (const low of all)
      for (const d of all) {
        const numerator = (signed(high) << 64n) | low;
        const quotient = d === 0n ? null : numerator / signed(d);
        const fits = quotient !== null && quotient === signed(quotient);
        const what = `${high}:${low} / ${d}`;
        assert.equal(Number(run['signedOverflows']?.(high, low, d)), fits ? 0 : 1, what);
        if (fits) assert.equal(run['divideSigned']?.(high, low, d), quotient, what);
      }
});

test('high halves of products', () => {
  const all = [...numbers(60)];
  for (const a of all)
    for (const b of all) {
      assert.equal(run['unsigned']?.(a, b), signed((a * b) >> 64n));
      assert.equal(run['signed']?.(a, b), signed((signed(a) * signed(b)) >> 64n));
    }
});
