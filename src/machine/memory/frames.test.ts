import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CODE_LINES, FIRST_FRAME, PAGE_SIZE } from '../layout.js';
import { MAP_FRAMES } from './frame-map.js';
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

  it('keeps frames apart for the neighbours of what was reserved, until there are no others', () => {
    const { frames: table } = frames(5 * MAP_FRAMES);
    const first = table.allocateReserved(2 * MAP_FRAMES, 3);
    const others = Array.from({ length: table.free - (2 * MAP_FRAMES - 1) }, () => table.allocate());
    const start = first - 3;
    assert.ok(others.every((frame) => frame < start || frame >= start + 2 * MAP_FRAMES));
    assert.equal(new Set(others).size, others.length);
    assert.equal(table.allocateBeside(first, 1), first + 1);
    assert.equal(table.allocateBeside(first, 1), 0);
    assert.equal(table.allocateBeside(first, MAP_FRAMES), first + MAP_FRAMES);
    assert.equal(table.allocateBeside(others[0] ?? 0, first + 2 - (others[0] ?? 0)), 0, "another's");
    assert.equal(table.free, 2 * MAP_FRAMES - 3);
    assert.equal(table.allocate(), start);
    while (table.free > 0) assert.ok(table.allocate() > start);
    assert.equal(table.allocateBeside(first, -1), 0);
    assert.equal(table.allocateReserved(1, 0), 0);
  });

  it('lets others have what was reserved when all of it has been given back', () => {
    const { frames: table } = frames(4 * MAP_FRAMES);
    const held = table.allocateReserved(3 * MAP_FRAMES, 70);
    table.release(held);
    assert.equal(table.allocateReserved(3 * MAP_FRAMES, 70), held);
  });

  it('forgets what was reserved when there is no room for more', () => {
    const { frames: table } = frames(4 * MAP_FRAMES);
    const held = table.allocateReserved(3 * MAP_FRAMES, 0);
    const other = table.allocateReserved(2 * MAP_FRAMES, 0);
    assert.equal(Math.abs(other - held), MAP_FRAMES);
    assert.equal(table.allocateBeside(held, 1), held + 1);
  });

  it('comes back as it was saved, all zero', () => {
    const { memory, frames: table } = frames(3 * MAP_FRAMES);
    const [a, b, c] = [table.allocate(), table.allocateReserved(MAP_FRAMES, 7), table.allocate()];
    table.retain(b);
    table.release(a);
    const state = table.save();
    const { memory: otherMemory, frames: other } = frames(3 * MAP_FRAMES);
    for (let i = 0; i < 20; i++) otherMemory.u8.fill(9, other.allocate() * PAGE_SIZE, PAGE_SIZE);
    assert.ok(other.restore(state));
    assert.deepEqual(other.save(), state);
    assert.deepEqual(
      [a, b, c].map((frame) => other.references(frame)),
      [0, 2, 1],
    );
    assert.equal(other.free, table.free);
    assert.ok(otherMemory.i32.subarray(FIRST_FRAME * (PAGE_SIZE / 4)).every((word) => word === 0));
    memory.u8.fill(9, b * PAGE_SIZE, (b + 1) * PAGE_SIZE);
    assert.ok(table.restore(state));
    assert.ok(memory.i32.subarray(FIRST_FRAME * (PAGE_SIZE / 4)).every((word) => word === 0));
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
