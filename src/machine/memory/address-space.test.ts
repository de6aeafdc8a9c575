import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FIRST_FRAME, PAGE_SIZE, USER_END } from '../layout.js';
import { PTE_DIRTY, PTE_KERNEL_1, PTE_KERNEL_2, PTE_READ, PTE_WRITE } from '../types.js';
import { PageTable } from './address-space.js';
import { FrameTable } from './frames.js';
import { createMemory } from './memory.js';
import { Tlb } from './tlb.js';

function machine(pages = 64) {
  const { views, frameEnd } = createMemory(pages * PAGE_SIZE);
  const frames = new FrameTable(views, frameEnd);
  const tlb = new Tlb(views);
  const makeSpace = (): PageTable => {
    const space = PageTable.create(views, frames, tlb);
    if (space === null) throw new Error('no memory');
    return space;
  };
  return { frames, space: makeSpace(), makeSpace };
}

const ADDRESSES = [0, 0x400000, 0xfffff000, 0x100000000, 0x3fffffff000, 0x7ffff7ff0000, USER_END - PAGE_SIZE];

describe('page table', () => {
  it('keeps entries all over the 47 bits apart', () => {
    const { space } = machine();
    ADDRESSES.forEach((address, i) => assert.ok(space.set(address, ((FIRST_FRAME + i) << 12) | PTE_READ)));
    ADDRESSES.forEach((address, i) => {
      assert.equal(space.get(address), ((FIRST_FRAME + i) << 12) | PTE_READ);
      assert.equal(space.get(address + 0xfff), space.get(address));
      assert.equal(space.get(address ^ 0x1000), 0);
    });
  });

  it('takes frame numbers up to 20 bits', () => {
    const { space } = machine();
    const pte = (0xfffff << 12) | PTE_READ;
    space.set(0x1000, pte);
    assert.equal(space.get(0x1000), pte);
  });

  it('is unsound when an entry leads to no frame in use', () => {
    const { space, frames } = machine();
    const frame = frames.allocate();
    ADDRESSES.forEach((address) => space.set(address, (frame << 12) | PTE_READ));
    space.set(0x5000, PTE_KERNEL_1);
    assert.ok(space.isSound());
    for (const wrong of [0, 1, FIRST_FRAME - 1, frame + 40, 0xfffff]) {
      space.set(0x5000, (wrong << 12) | PTE_READ);
      assert.ok(!space.isSound(), String(wrong));
    }
    space.set(0x5000, 0);
    assert.ok(space.isSound());
    frames.release(frame);
    assert.ok(!space.isSound());
  });

  it('updates the present entries of a range, in order', () => {
    const { space } = machine();
    for (const address of ADDRESSES) space.set(address, (FIRST_FRAME << 12) | PTE_READ | PTE_WRITE);
    const seen: number[] = [];
    space.update(0x400000, 0x7ffff7ff0000, (address, pte) => {
      seen.push(address);
      return pte & ~PTE_WRITE;
    });
    assert.deepEqual(seen, ADDRESSES.slice(1, 5));
    assert.deepEqual(
      ADDRESSES.map((address) => (space.get(address) & PTE_WRITE) !== 0),
      [true, false, false, false, false, true, true],
    );
    space.update(0x1000, 0x1000, () => assert.fail('an empty range'));
  });

  it('says when there is no memory for a table, and takes entries away without', () => {
    const { frames, space } = machine(2);
    assert.equal(space.set(0, 0), true);
    assert.equal(space.set(0x1000, (FIRST_FRAME << 12) | PTE_DIRTY), false);
    assert.equal(space.get(0x1000), 0);
    assert.equal(frames.free, 0);
  });

  it('frees its tables and what they name', () => {
    const { frames, space } = machine();
    for (const address of ADDRESSES) space.set(address, (frames.allocate() << 12) | PTE_READ);
    assert.ok(frames.free < frames.total - 10);
    space.destroy();
    assert.equal(frames.free, frames.total);
  });

  it('shares the entries of a range, with a reference each', () => {
    const { frames, space, makeSpace } = machine();
    const child = makeSpace();
    const tally = { kernel1: 0, kernel2: 0 };
    for (const address of ADDRESSES)
      space.set(address, (frames.allocate() << 12) | PTE_READ | PTE_WRITE | PTE_KERNEL_1);
    assert.ok(space.share(child, 0x400000, 0x7ffff7ff0000, true, tally));
    assert.deepEqual(tally, { kernel1: 4, kernel2: 0 });
    ADDRESSES.forEach((address, i) => {
      const shared = i >= 1 && i < 5;
      assert.equal(child.get(address), shared ? space.get(address) : 0);
      assert.equal((space.get(address) & PTE_WRITE) === 0, shared);
      assert.equal(frames.references(space.get(address) >>> 12), shared ? 2 : 1);
    });
    child.destroy();
    space.destroy();
    assert.equal(frames.free, frames.total);
  });

  it('drops the entries of a range and what they name', () => {
    const { frames, space } = machine();
    for (const address of ADDRESSES) space.set(address, (frames.allocate() << 12) | PTE_READ | PTE_KERNEL_2);
    const free = frames.free;
    const tally = { kernel1: 0, kernel2: 0 };
    space.drop(0x400000, 0x7ffff7ff0000, tally);
    assert.deepEqual(tally, { kernel1: 0, kernel2: 4 });
    assert.equal(frames.free, free + 4);
    assert.deepEqual(
      ADDRESSES.map((address) => space.get(address) !== 0),
      [true, false, false, false, false, true, true],
    );
  });

  it('finds a frame beside that of a neighbour, as far as the page is from it', () => {
    const { frames, space, makeSpace } = machine(1024);
    const bit = PTE_KERNEL_1;
    assert.equal(space.allocateNear(0x600000, bit), 0, 'no table');
    const frame = frames.allocateReserved(512, 100);
    space.set(0x600000, (frame << 12) | PTE_READ | bit);
    assert.equal(space.allocateNear(0x603000, bit), frame + 3);
    assert.equal(space.allocateNear(0x5f0000, bit), frame - 16);
    assert.equal(space.allocateNear(0x603000, bit), 0, 'taken');
    assert.equal(space.allocateNear(0x600000 + 65 * PAGE_SIZE, bit), 0, 'too far away');
    assert.equal(space.allocateNear(0x604000, PTE_KERNEL_2), 0, 'a neighbour that does not count');
    space.set(0x7ff000, (frames.allocateReserved(512, 200) << 12) | PTE_READ | bit);
    assert.equal(space.allocateNear(0x800000, bit), (space.get(0x7ff000) >>> 12) + 1, 'in another table');
    assert.ok(space.share(makeSpace(), 0x600000, 0x601000, true, { kernel1: 0, kernel2: 0 }));
    assert.equal(space.allocateNear(0x604000, bit), 0, 'a neighbour that is shared');
  });

  it('says when there is no memory to share', () => {
    const { frames, space, makeSpace } = machine(6);
    const child = makeSpace();
    space.set(0, (frames.allocate() << 12) | PTE_READ);
    assert.equal(space.share(child, 0, USER_END, true, { kernel1: 0, kernel2: 0 }), false);
    child.destroy();
    space.destroy();
    assert.equal(frames.free, frames.total);
  });
});
