/**
 * The memory of processes that move: of each address space the pages that are its own, and the frames that shared memory
 * has; each frame once, under a number of this file. Pages of files are left out: they come back by faults.
 */
import { PAGE_SIZE } from '../../../machine/layout.js';
import { PageTable } from '../../../machine/memory/address-space.js';
import type { Machine } from '../../../machine/types.js';
import { PTE_ANON } from '../../mm/pte.js';
import { TASK_SIZE } from '../../mm/vma.js';
import { Writer, type Reader } from '../bytes.js';
import { Damaged } from '../damaged.js';

/** A page table's entry without the frame. */
const PTE_FLAGS = 0xfff;

/** Something that has frames. */
interface FrameHolder {
  eachFrame(change: (frame: number) => number): void;
}

/** Numbers frames in order of their first mention. */
export class FrameNumbers {
  private readonly numbers = new Map<number, number>();

  of(frame: number): number {
    const known = this.numbers.get(frame);
    if (known !== undefined) return known;
    this.numbers.set(frame, this.numbers.size);
    return this.numbers.size - 1;
  }

  get frames(): Iterable<number> {
    return this.numbers.keys();
  }

  get count(): number {
    return this.numbers.size;
  }
}

/** `holders`: in the order in which the reader will have them. */
export function saveMemory(
  { memory }: Machine,
  spaces: readonly PageTable[],
  holders: readonly FrameHolder[],
): Uint8Array {
  const numbers = new FrameNumbers();
  const tables = new Writer();
  for (const space of spaces) saveSpace(space, numbers, tables);
  const held = new Writer();
  for (const holder of holders)
    holder.eachFrame((frame) => {
      held.count(numbers.of(frame));
      return frame;
    });
  const out = new Writer(numbers.count * (PAGE_SIZE + 1) + tables.length + held.length + 64);
  out.count(numbers.count);
  for (const frame of numbers.frames) {
    const page = memory.u8.subarray(frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    const zero = page.every((byte) => byte === 0);
    out.u8(zero ? 0 : 1);
    if (!zero) out.raw(page);
  }
  out.raw(tables.done());
  out.raw(held.done());
  return out.done();
}

/** The page's number and 1, the flags, the frame; 0 at the end. */
function saveSpace(space: PageTable, numbers: FrameNumbers, out: Writer): void {
  space.update(0, TASK_SIZE, (address, pte) => {
    if ((pte & PTE_ANON) === 0) return pte;
    out.count(address / PAGE_SIZE + 1);
    out.count(pte & PTE_FLAGS);
    out.count(numbers.of(pte >>> 12));
    return pte;
  });
  out.count(0);
}

/** Memory that has been put into frames of this kernel; nothing refers to it yet. */
export class ArrivedMemory {
  readonly spaces: PageTable[] = [];
  /** Pages that each space has. */
  readonly pages: number[] = [];
  private readonly frames: number[] = [];

  private constructor(
    private readonly machine: Machine,
    private readonly input: Reader,
  ) {}

  /** Null when there is not enough memory for it. */
  static read(machine: Machine, input: Reader, spaces: number): ArrivedMemory | null {
    const arrived = new ArrivedMemory(machine, input);
    const complete = arrived.readFrames() && arrived.readSpaces(spaces);
    if (!complete) arrived.release();
    return complete ? arrived : null;
  }

  private readFrames(): boolean {
    const { input, machine } = this;
    for (let left = input.countOf(1); left > 0; left--) {
      const page = input.u8() === 0 ? null : input.raw(PAGE_SIZE);
      const frame = machine.frames.allocate();
      if (frame === 0) return false;
      this.frames.push(frame);
      if (page !== null) machine.memory.u8.set(page, frame * PAGE_SIZE);
    }
    return true;
  }

  private readSpaces(count: number): boolean {
    for (let i = 0; i < count; i++) {
      const space = this.machine.createSpace();
      if (!(space instanceof PageTable)) return false;
      this.spaces.push(space);
      const pages = this.readPages(space);
      if (pages < 0) return false;
      this.pages.push(pages);
    }
    return true;
  }

  private readPages(space: PageTable): number {
    const { input, machine } = this;
    let pages = 0;
    for (let tag = input.count(); tag > 0; tag = input.count(), pages++) {
      const address = (tag - 1) * PAGE_SIZE;
      const flags = input.index(PTE_FLAGS + 1);
      const frame = this.frame(input.index(this.frames.length));
      if (address >= TASK_SIZE || (flags & PTE_ANON) === 0 || space.get(address) !== 0)
        throw new Damaged('a page lies where none can be');
      if (!space.set(address, ((frame << 12) | flags) >>> 0)) return -1;
      machine.frames.retain(frame);
    }
    return pages;
  }

  private frame(number: number): number {
    const frame = this.frames[number];
    if (frame === undefined) throw new Damaged('a frame is not there');
    return frame;
  }

  /** Gives holders their frames, in the order in which they were saved. */
  fill(holders: readonly FrameHolder[]): void {
    const { input, machine } = this;
    const frames: number[] = [];
    for (const holder of holders)
      holder.eachFrame((old) => {
        frames.push(this.frame(input.index(this.frames.length)));
        return old;
      });
    if (input.left > 0) throw new Damaged('something follows its end');
    let next = 0;
    for (const holder of holders) holder.eachFrame(() => frames[next++] as number);
    for (const frame of frames) machine.frames.retain(frame);
  }

  /** Everybody has what is his. */
  settle(): void {
    for (const frame of this.frames.splice(0)) this.machine.frames.release(frame);
  }

  /** Nothing of it is wanted. */
  release(): void {
    for (const space of this.spaces.splice(0)) space.destroy();
    this.settle();
  }
}
