import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BufferSink, BufferSource } from '../fs/buffer.js';
import { ByteRing } from './ring.js';

function numbers(from: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => (from + i) & 255);
}

function read(ring: ByteRing, offset: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  assert.equal(ring.copy(new BufferSink(bytes), offset, count), count);
  return bytes;
}

describe('a ring of bytes', () => {
  it('keeps order over its end and while it grows', () => {
    const ring = new ByteRing();
    let written = 0;
    let taken = 0;
    for (let round = 1; round < 400; round++) {
      const count = (round * 37) % 901;
      assert.equal(ring.fill(new BufferSource(numbers(written, count)), count), count);
      written += count;
      const wanted = Math.min(ring.length, (round * 53) % 877);
      assert.deepEqual(read(ring, 0, wanted), numbers(taken, wanted));
      ring.skip(wanted);
      taken += wanted;
    }
    assert.equal(ring.length, written - taken);
    assert.deepEqual(read(ring, 5, ring.length - 5), numbers(taken + 5, ring.length - 5));
  });

  it('takes back what was filled last', () => {
    const ring = new ByteRing();
    ring.append(numbers(0, 10));
    assert.equal(ring.fill(new BufferSource(numbers(50, 4)), 9), 4);
    ring.unfill(4);
    ring.append(numbers(10, 3));
    assert.deepEqual(read(ring, 0, 13), numbers(0, 13));
  });

  it('is good again after it has held much', () => {
    const ring = new ByteRing();
    for (let round = 0; round < 3; round++) {
      ring.append(numbers(round, 700_000));
      assert.deepEqual(read(ring, 699_000, 1000), numbers(round + 699_000, 1000));
      ring.skip(700_000);
      ring.append(numbers(7, 20));
      assert.deepEqual(read(ring, 0, 20), numbers(7, 20));
      ring.clear();
    }
  });
});
