import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HelperModule } from '../../../../test/machine/helpers.js';
import { RECIPROCALS } from '../../layout.js';
import { FunctionBuilder } from '../../wasm/function.js';
import { ModuleBuilder } from '../../wasm/module.js';
import { wasm, type WasmFunction } from '../../wasm/webassembly.js';
import type { Helper } from '../helper.js';
import { reciprocal, reciprocalRoot, writeReciprocals } from './reciprocal.js';

const PAGES = Math.ceil((RECIPROCALS + 0x1000) / 0x10000);

/** The helper over a memory that holds the tables: bits to bits. */
function instantiate(helper: Helper): (bits: number) => number {
  const memory = new wasm.Memory({ initial: PAGES, maximum: PAGES, shared: true });
  const { buffer } = memory;
  writeReciprocals({ ...new HelperModule().views(), view: new DataView(buffer) });
  const module = new ModuleBuilder();
  module.importMemory('m', 'memory', PAGES, PAGES);
  const f = new FunctionBuilder(helper.params, helper.result === null ? [] : [helper.result]);
  module.export('run', module.function(f));
  helper.wasm?.(f, () => 0);
  const instance = new wasm.Instance(new wasm.Module(module.finish()), { m: { memory } });
  const run = instance.exports.run as WasmFunction;
  return (bits) => (run(bits) as number) >>> 0;
}

const $f32 = new Float32Array(1);
const $u32 = new Uint32Array($f32.buffer);
function floatOf(bits: number): number {
  $u32[0] = bits;
  return $f32[0] as number;
}

const BOUND = 1.5 / 4096;

/** The largest relative error over both ends of all intervals in which the result is the same, in four binades. */
function largestError(run: (bits: number) => number, exact: (x: number) => number): number {
  let largest = 0;
  for (let top = 0; top < 4 * 4096; top++) {
    for (const low of [0, 0x7ff]) {
      const bits = 0x3f000000 + (top << 11) + low;
      const x = exact(floatOf(bits));
      largest = Math.max(largest, Math.abs(floatOf(run(bits)) - x) / x);
    }
  }
  return largest;
}

test('rcp and rsqrt stay within the bound of the manual', () => {
  assert.ok(largestError(instantiate(reciprocal), (x) => 1 / x) <= BOUND);
  assert.ok(largestError(instantiate(reciprocalRoot), (x) => 1 / Math.sqrt(x)) <= BOUND);
});

/** Operand, rcp, rsqrt: as Zen 4 gives them. */
const CASES: readonly (readonly [number, number, number])[] = [
  [0x00000000, 0x7f800000, 0x7f800000],
  [0x80000000, 0xff800000, 0xff800000],
  [0x00000001, 0x7f800000, 0x7f800000],
  [0x807fffff, 0xff800000, 0xff800000],
  [0x00800000, 0x7e7ff000, 0x5efff800],
  [0x7e800000, 0x00000000, 0x1ffff800],
  [0x7effffff, 0x00000000, 0x1fb50800],
  [0x7f7fffff, 0x00000000, 0x1f800000],
  [0x7f800000, 0x00000000, 0x00000000],
  [0xff800000, 0x80000000, 0xffc00000],
  [0x7f800001, 0x7fc00001, 0x7fc00001],
  [0xffc00000, 0xffc00000, 0xffc00000],
  [0xbf800000, 0xbf7ff000, 0xffc00000],
];

test('rcp and rsqrt of zeros, denormals, infinities, NaNs and the ends of the range', () => {
  const rcp = instantiate(reciprocal);
  const rsqrt = instantiate(reciprocalRoot);
  for (const [bits, inverse, root] of CASES) {
    assert.equal(rcp(bits).toString(16), inverse.toString(16), `rcp ${bits.toString(16)}`);
    assert.equal(rsqrt(bits).toString(16), root.toString(16), `rsqrt ${bits.toString(16)}`);
  }
});
