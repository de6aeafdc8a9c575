import { BlockLists } from '../code/block-lists.js';
import { CallTargets } from '../code/call-targets.js';
import { spansOf } from '../code/code.js';
import type { FoundRegion, RegionSource } from '../code/types.js';
import { Fetcher, executableFrame } from '../code/fetch.js';
import { PAGE_SHIFT, PAGE_SIZE, USER_END } from '../layout.js';
import { pageEntry } from '../memory/address-space.js';
import type { MachineViews } from '../semantics/helper.js';
import { PTE_READ } from '../types.js';
import { MAX_INSN_LENGTH } from '../x86/decode.js';
import type { Insn } from '../x86/insn.js';

/** Pages that one look at a program's code may copy; more than the largest function has. */
const MOST_PAGES = 256;

/**
 * The code of one address space, and what the interpreter knows of it, as the translator sees them: from the thread that
 * runs the program or from another. What is read may be changing. So code is decoded from copies of its pages, which
 * whoever installs a region compares with what is there then; all else only decides what is worth translating.
 */
export class CodeView {
  private readonly copies = new Uint8Array((MOST_PAGES + 1) * PAGE_SIZE);
  /** By page, its number among the copies; 0: it cannot be executed. */
  private readonly numbers = new Map<number, number>();
  /** By number, the frame that was copied. */
  private readonly frames: number[] = [0];
  private readonly fetcher: Fetcher;
  private readonly blocks: BlockLists;
  private readonly targets: CallTargets;
  private root = 0;

  constructor(private readonly memory: MachineViews) {
    this.fetcher = new Fetcher({ ...memory, u8: this.copies }, (address) => this.copyOf(address));
    this.blocks = new BlockLists(memory);
    this.targets = new CallTargets(memory);
  }

  /** Looks at the space with this root table, as it is now. */
  open(root: number): void {
    this.root = root;
    this.numbers.clear();
    this.frames.length = 1;
  }

  private copyOf(address: number): number {
    const page = address - (address % PAGE_SIZE);
    const known = this.numbers.get(page);
    if (known !== undefined) return known;
    const frame = executableFrame(pageEntry(this.memory.u32, this.root, page));
    const number = frame === 0 || this.frames.length > MOST_PAGES ? 0 : this.frames.length;
    this.numbers.set(page, number);
    if (number === 0) return 0;
    this.frames.push(frame);
    this.copies.set(this.memory.u8.subarray(frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE), number * PAGE_SIZE);
    return number;
  }

  /** The region, and the frames that its code was in. */
  found({ entry, ranges, code }: RegionSource): FoundRegion {
    const frames = spansOf(ranges, (page) => this.frameOf(page)).flatMap(({ page, frame }) => [page, frame]);
    return { entry, ranges, code, frames };
  }

  /** The frame of a page that can be executed, or 0. */
  frameOf(address: number): number {
    return this.frames[this.copyOf(address)] ?? 0;
  }

  /** Null when the instruction's pages are not all present and executable, or when it is no known instruction. */
  decode(address: number): Insn | null {
    if (!(address >= 0 && address < USER_END)) return null;
    const copy = this.copyOf(address);
    const insn = copy === 0 ? -1 : this.fetcher.fetch(address, copy);
    return typeof insn === 'number' ? null : insn;
  }

  /** The bytes of these ranges (start, end, start, end ...), which have been decoded. */
  code(ranges: readonly number[]): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let i = 0; i < ranges.length; i += 2) {
      const end = ranges[i + 1] as number;
      for (let at = ranges[i] as number; at < end;) {
        const inPage = at % PAGE_SIZE;
        const from = this.copyOf(at) * PAGE_SIZE + inPage;
        const length = Math.min(PAGE_SIZE - inPage, end - at);
        parts.push(this.copies.subarray(from, from + length));
        at += length;
      }
    }
    const code = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      code.set(part, at);
      at += part.length;
    }
    return code;
  }

  /**
   * How often the interpreter has run the block that begins at `address`. Of a block whose first instruction lies in two
   * pages nobody knows: once, maybe.
   */
  executions(address: number): number {
    if (!(address >= 0 && address < USER_END)) return 0;
    const block = this.blocks.find(address, this.frameOf(address));
    if (block !== 0) return this.blocks.executions(block);
    return address % PAGE_SIZE > PAGE_SIZE - MAX_INSN_LENGTH ? 1 : 0;
  }

  /** The nearest addresses at and below `address` that have been called. */
  calledBefore(address: number): Iterable<number> {
    return this.targets.before(address);
  }

  /** The 64-bit value at an aligned address if it can be read there, and is a user address; else -1. */
  word(address: number): number {
    const { u32 } = this.memory;
    const entry = address >= 0 && address < USER_END ? pageEntry(u32, this.root, address) : 0;
    if ((entry & PTE_READ) === 0 || address % 8 !== 0) return -1;
    const at = (entry >>> PAGE_SHIFT) * (PAGE_SIZE / 4) + (address % PAGE_SIZE) / 4;
    const value = (u32[at + 1] as number) * 0x100000000 + (u32[at] as number);
    return value < USER_END ? value : -1;
  }
}
