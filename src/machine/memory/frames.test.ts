import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CODE_LINES, FIRST_FRAME, PAGE_SIZE } from '../layout.js';
import { FrameTable } from './frames.js';
import { MAX_MEMORY, createMemory } from './memory.js';

function frames(count: number) {
  const { views, frameEnd } = createMemory(count * PAGE_SIZE);
  return { memory: views, frames: new FrameTable(views, frameEnd) };
}

describe('frames', () => {
  it('hands out each frame once, then 0', () => {
    const { frames: table } = frames(3);
    assert.equal(table.total, 3);
    assert.deepEqual(
      [table.allocate(), table.allocate(), table.allocate()],
      [0, 1, 2].map((n) => FIRST_FRAME + n),
    );
    assert.equal(table.free, 0);
    assert.equal(table.allocate(), 0);
  });

  it('gives a frame back with its last reference, zeroed', () => {
    const { memory, frames: table } = frames(1);
    const frame = table.allocate();
    memory.u8.fill(7, frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    table.retain(frame);
    table.release(frame);
    assert.equal(table.free, 0);
    table.release(frame);
    assert.equal(table.free, 1);
    assert.equal(table.allocate(), frame);
    assert.equal(table.references(frame), 1);
    assert.ok(memory.u8.subarray(frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE).every((byte) => byte === 0));
  });

  it('refuses to release a frame that is free', () => {
    const { frames: table } = frames(1);
    assert.throws(() => table.release(FIRST_FRAME));
  });

  it('tells of writes to frames with code only', () => {
    const { memory, frames: table } = frames(2);
    const told: number[][] = [];
    table.onCodeWrite = (...args) => told.push(args);
    const [plain, code] = [table.allocate(), table.allocate()];
    memory.i32[CODE_LINES / 4 + code * 2 + 1] = 1;
    table.willWrite(plain, 0, 10);
    table.willWrite(code, 5, 10);
    assert.deepEqual(told, [[code, 5, 10]]);
  });

  it('is as large as was asked for, up to what WebAssembly has', () => {
    assert.equal(frames(100).frames.total, 100);
    assert.throws(() => createMemory(MAX_MEMORY + 1), RangeError);
    assert.throws(() => createMemory(Number.NaN), RangeError);
  });
});
