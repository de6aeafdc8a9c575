import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PAGE_SIZE } from '../../machine/layout.js';
import { PageTable } from '../../machine/memory/address-space.js';
import { FrameTable } from '../../machine/memory/frames.js';
import { createMemory } from '../../machine/memory/memory.js';
import { Tlb } from '../../machine/memory/tlb.js';
import { ACCESS_EXEC, ACCESS_READ, ACCESS_WRITE, type Machine } from '../../machine/types.js';
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE } from '../abi/mman.js';
import { EFAULT, ENAMETOOLONG, ENOMEM } from '../errno.js';
import { FAULT_ACCERR, FAULT_MAPERR, FAULT_OK, FAULT_OOM, handleFault } from './fault.js';
import { mmap } from './mmap.js';
import { initialKernelLimits } from '../limits.js';
import { Mm, anonymous, type MemoryPool } from './mm.js';
import { mprotect } from './protect.js';
import { mremap } from './remap.js';
import { GapSearch } from './search.js';
import { STACK_GUARD, TASK_SIZE, VM_GROWSDOWN } from './vma.js';

const RW = PROT_READ | PROT_WRITE;
const NO_LIMITS = { limit: () => Infinity };

/** An address space over real frames and page tables; `used` says how many frames are in use beyond the start's. */
function setUp(pages = 256) {
  const { views, frameEnd } = createMemory(pages * PAGE_SIZE);
  const frames = new FrameTable(views, frameEnd);
  const tlb = new Tlb(views);
  const createSpace = () => PageTable.create(views, frames, tlb);
  const machine = { memory: views, frames, createSpace } as unknown as Machine;
  const zeroFrame = frames.allocate();
  const pool: MemoryPool = {
    machine,
    zeroFrame,
    releaseHandle: () => undefined,
    leaves: () => undefined,
    reclaim: () => 0,
    limits: initialKernelLimits(false),
    maxHeap: Infinity,
    committed: 0,
  };
  const start = frames.free;
  const space = createSpace();
  assert.ok(space !== null);
  const mm = new Mm(pool, space, NO_LIMITS);
  mm.mmapBase = 0x7f0000000000;
  return { mm, used: () => start - frames.free };
}

function map(mm: Mm, pages: number, prot = RW, flags = MAP_PRIVATE, address = 0): number {
  const request = { address, length: pages * PAGE_SIZE, prot, handle: null, offset: 0 };
  const at = mmap(mm, { ...request, flags: flags | MAP_ANONYMOUS | (address === 0 ? 0 : MAP_FIXED) });
  assert.ok(at > 0, `mmap failed: ${at}`);
  return at;
}

function poke(mm: Mm, address: number, value: number): number {
  return mm.memory.copyOut(address, Uint8Array.of(value), 0, 1);
}

function peek(mm: Mm, address: number): number {
  const byte = new Uint8Array(1);
  const failed = mm.memory.copyIn(address, byte, 0, 1);
  return failed < 0 ? failed : (byte[0] ?? 0);
}

describe('an address space', () => {
  it('places mappings from the top down and joins those that are alike', () => {
    const { mm } = setUp();
    const first = map(mm, 4);
    const second = map(mm, 2);
    assert.equal(second, first - 2 * PAGE_SIZE);
    assert.equal(mm.vmas.count, 1);
    map(mm, 1, PROT_READ);
    assert.equal(mm.vmas.count, 2);
  });

  it('takes frames when pages are written, not when they are read', () => {
    const { mm, used } = setUp();
    const at = map(mm, 8);
    poke(mm, at, 1);
    const one = used();
    for (let page = 1; page < 8; page++) assert.equal(peek(mm, at + page * PAGE_SIZE), 0);
    assert.equal(used(), one);
    poke(mm, at + PAGE_SIZE, 2);
    assert.equal(used(), one + 1);
    assert.equal(mm.rssAnon, 2);
  });

  it('gives all frames back', () => {
    const { mm, used } = setUp();
    const at = map(mm, 16);
    for (let page = 0; page < 16; page++) poke(mm, at + page * PAGE_SIZE, page);
    poke(mm, map(mm, 4, RW, MAP_SHARED), 1);
    const child = mm.fork(NO_LIMITS);
    assert.ok(typeof child !== 'number');
    poke(child, at, 9);
    mm.release();
    child.release();
    assert.equal(used(), 0);
  });

  it('copies a page when a parent or child writes to it', () => {
    const { mm, used } = setUp();
    const at = map(mm, 2);
    const shared = map(mm, 1, RW, MAP_SHARED);
    poke(mm, at, 1);
    poke(mm, shared, 1);
    const child = mm.fork(NO_LIMITS);
    assert.ok(typeof child !== 'number');
    const before = used();
    poke(child, at, 2);
    poke(child, shared, 3);
    assert.deepEqual([peek(mm, at), peek(child, at), peek(mm, shared)], [1, 2, 3]);
    assert.equal(used(), before + 1, 'one copy; the shared page comes back by a fault');
    poke(mm, at, 4);
    assert.equal(used(), before + 1, 'the last one that has a page keeps it');
  });

  it('says why an access fails', () => {
    const { mm } = setUp();
    const at = map(mm, 1, PROT_READ);
    assert.equal(handleFault(mm, at, ACCESS_READ), FAULT_OK);
    assert.equal(handleFault(mm, at, ACCESS_WRITE), FAULT_ACCERR);
    assert.equal(handleFault(mm, at, ACCESS_EXEC), FAULT_ACCERR);
    assert.equal(handleFault(mm, at + PAGE_SIZE, ACCESS_READ), FAULT_MAPERR);
  });

  it('reports exhausted memory and stays whole', () => {
    const { mm } = setUp(16);
    const at = map(mm, 12);
    let fault: number = FAULT_OK;
    for (let page = 0; page < 12 && fault === FAULT_OK; page++)
      fault = handleFault(mm, at + page * PAGE_SIZE, ACCESS_WRITE);
    assert.equal(fault, FAULT_OOM);
    assert.equal(mm.fork(NO_LIMITS), ENOMEM);
    mm.unmap(at, at + 12 * PAGE_SIZE);
    poke(mm, map(mm, 1), 1);
  });

  it('grows a stack, but not into what lies below it', () => {
    const { mm } = setUp();
    const top = 0x7ffff000000;
    mm.map(top - PAGE_SIZE, PAGE_SIZE, 0, anonymous(RW, VM_GROWSDOWN, '[stack]'));
    assert.equal(handleFault(mm, top - 100 * PAGE_SIZE, ACCESS_WRITE), FAULT_OK);
    const wall = map(mm, 1, RW, MAP_PRIVATE, top - 1000 * PAGE_SIZE);
    assert.equal(handleFault(mm, wall + STACK_GUARD, ACCESS_WRITE), FAULT_MAPERR);
    assert.equal(handleFault(mm, wall + PAGE_SIZE + STACK_GUARD, ACCESS_WRITE), FAULT_OK);
  });

  it('moves the end of the heap, but not over a mapping', () => {
    const { mm } = setUp();
    mm.startBrk = mm.brk = 0x10000000;
    assert.equal(mm.setBrk(0x10001234), 0x10001234);
    map(mm, 1, RW, MAP_PRIVATE, 0x10004000);
    assert.equal(mm.setBrk(0x10005000), 0x10001234);
    assert.equal(mm.setBrk(0x10000000), 0x10000000);
    assert.equal(mm.vmas.find(0x10000000), null);
  });

  it('copies strings and buffers over the ends of pages, and stops at holes', () => {
    const { mm } = setUp();
    const at = map(mm, 2);
    const text = Uint8Array.from('over the end\0', (char) => char.charCodeAt(0));
    assert.equal(mm.memory.copyOut(at + PAGE_SIZE - 4, text, 0, text.length), 0);
    assert.equal(mm.memory.stringIn(at + PAGE_SIZE - 4, 100), 'over the end');
    assert.equal(mm.memory.stringIn(at + PAGE_SIZE - 4, 12), ENAMETOOLONG);
    assert.equal(mm.memory.stringIn(at + PAGE_SIZE - 4, 13), 'over the end');
    assert.equal(mm.memory.copyOut(at + 2 * PAGE_SIZE - 4, text, 0, text.length), EFAULT);
    assert.equal(mm.memory.write(at + 2 * PAGE_SIZE - 4, text, 0, text.length), 4);
    assert.equal(mm.memory.copyIn(TASK_SIZE, text, 0, 1), EFAULT);
    assert.equal(mm.memory.copyIn(2 ** 63, text, 0, 1), EFAULT);
    const sink = mm.memory.sink(at + 2 * PAGE_SIZE - 2, 5);
    assert.ok(typeof sink !== 'number');
    assert.deepEqual([sink.put(text, 0, 5), sink.remaining], [2, 3]);
  });
});

describe('the search for gaps', () => {
  it('finds room that was made above where it last ended', () => {
    const { mm } = setUp();
    const search = new GapSearch(mm.vmas);
    const top = map(mm, 1, RW, MAP_PRIVATE, 0x40000000);
    assert.equal(search.find(PAGE_SIZE, 0x10000, top + PAGE_SIZE), top - PAGE_SIZE);
    mm.unmap(top, top + PAGE_SIZE);
    search.freed(top + PAGE_SIZE);
    assert.equal(search.find(PAGE_SIZE, 0x10000, top + PAGE_SIZE), top);
  });
});

/** xorshift32, so that a failure can be repeated. */
function random(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** What one page of the model is: its protection and first byte, or null when nothing is mapped. */
type ModelPage = { prot: number; byte: number } | null;

/** Does something to a random range both in the address space and in the model. */
function randomStep(mm: Mm, model: ModelPage[], base: number, next: (limit: number) => number): void {
  const from = next(model.length);
  const count = 1 + next(Math.min(12, model.length - from));
  const [start, end] = [base + from * PAGE_SIZE, base + (from + count) * PAGE_SIZE];
  const prot = [RW, PROT_READ, 0][next(3)] ?? 0;
  const range = Array.from({ length: count }, (_, i) => from + i);
  switch (next(5)) {
    case 0:
      map(mm, count, prot, MAP_PRIVATE, start);
      for (const i of range) model[i] = { prot, byte: 0 };
      return;
    case 1:
      mm.unmap(start, end);
      for (const i of range) model[i] = null;
      return;
    case 2: {
      const hole = range.find((i) => model[i] === null) ?? Infinity;
      assert.equal(mprotect(mm, start, end, prot), hole === Infinity ? 0 : ENOMEM);
      for (const i of range) if (i < hole) model[i] = { prot, byte: model[i]?.byte ?? 0 };
      return;
    }
    case 3:
      mm.zap(start, end);
      for (const i of range) if (model[i] !== null) model[i] = { prot: model[i]?.prot ?? 0, byte: 0 };
      return;
    default:
      for (const i of range) writePage(mm, model, base, i, 1 + next(255));
  }
}

function writePage(mm: Mm, model: ModelPage[], base: number, i: number, byte: number): void {
  const page = model[i] ?? null;
  const allowed = page !== null && page.prot === RW;
  assert.equal(poke(mm, base + i * PAGE_SIZE, byte), allowed ? 0 : EFAULT, `page ${i}`);
  if (allowed) model[i] = { prot: RW, byte };
}

describe('random mappings', () => {
  for (const seed of [1, 2, 3, 4])
    it(`agree with a page-by-page model (seed ${seed})`, () => {
      const { mm, used } = setUp(512);
      const next = random(seed);
      const base = 0x50000000;
      const model: ModelPage[] = Array.from({ length: 64 }, () => null);
      for (let step = 0; step < 600; step++) {
        randomStep(mm, model, base, next);
        const i = next(model.length);
        const page = model[i] ?? null;
        assert.equal(peek(mm, base + i * PAGE_SIZE), page === null || page.prot === 0 ? EFAULT : page.byte);
      }
      const mapped = model.filter((page) => page !== null).length;
      assert.equal(mm.vmas.total, mapped * PAGE_SIZE);
      mm.release();
      assert.equal(used(), 0);
    });

  it('keep their content when they are moved', () => {
    const { mm } = setUp(512);
    const next = random(7);
    let [at, pages] = [map(mm, 4), 4];
    for (let step = 0; step < 100; step++) {
      poke(mm, at, step & 0xff);
      const newPages = 1 + next(20);
      const wanted = { address: at, oldLength: pages * PAGE_SIZE, newLength: newPages * PAGE_SIZE };
      if (next(2) === 0) map(mm, 1, PROT_READ, MAP_PRIVATE, at + pages * PAGE_SIZE);
      const moved = mremap(mm, { ...wanted, flags: 1, newAddress: 0 });
      assert.ok(moved > 0, `mremap failed: ${moved}`);
      [at, pages] = [moved, newPages];
      assert.equal(peek(mm, at), step & 0xff);
    }
  });
});
