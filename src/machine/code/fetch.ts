import { PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, USER_END } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import { PTE_EXEC } from '../types.js';
import { DECODE_TRUNCATED, MAX_INSN_LENGTH, decode } from '../x86/decode.js';
import type { Insn } from '../x86/insn.js';

/** Frame of the page that holds `address` in the running space if it can be executed, else 0. */
export type FrameOf = (address: number) => number;

/** The frame that a page-table entry lets be executed, or 0. */
export function executableFrame(pte: number): number {
  return (pte & PTE_EXEC) === 0 ? 0 : pte >>> PAGE_SHIFT;
}

/** A decoder may read so far, and must find zeros. */
const TAIL_BYTES = 64;

/** Decodes instructions of the running space, over page ends too. */
export class Fetcher {
  private readonly straddling = new Uint8Array(2 * MAX_INSN_LENGTH);

  constructor(
    private readonly memory: MachineViews,
    readonly frameOf: FrameOf,
  ) {}

  /**
   * The instruction at `address`, whose page's frame is `frame`. Otherwise what `decode` says; DECODE_TRUNCATED: the
   * next page is needed and cannot be executed.
   */
  fetch(address: number, frame: number): Insn | number {
    const offset = frame * PAGE_SIZE + (address & PAGE_MASK);
    const end = (frame + 1) * PAGE_SIZE;
    const insn = decode(this.memory.u8, offset, end, address);
    return insn === DECODE_TRUNCATED ? this.fetchStraddling(address, offset, end) : insn;
  }

  private fetchStraddling(address: number, offset: number, end: number): Insn | number {
    const next = address - (address % PAGE_SIZE) + PAGE_SIZE;
    const nextFrame = next < USER_END ? this.frameOf(next) : 0;
    if (nextFrame === 0) return DECODE_TRUNCATED;
    const { u8 } = this.memory;
    const start = nextFrame * PAGE_SIZE;
    this.straddling.set(u8.subarray(offset, end));
    this.straddling.set(u8.subarray(start, start + MAX_INSN_LENGTH), end - offset);
    return decode(this.straddling, 0, end - offset + MAX_INSN_LENGTH, address);
  }

  /**
   * Copies what can be fetched from `address` on, of the bytes that an instruction may have, and zeros. Returns how many
   * can.
   */
  copyTo(place: number, address: number, frame: number): number {
    const { u8 } = this.memory;
    const offset = frame * PAGE_SIZE + (address & PAGE_MASK);
    const first = Math.min(MAX_INSN_LENGTH, PAGE_SIZE - (address & PAGE_MASK));
    const next = address + first;
    const nextFrame = first < MAX_INSN_LENGTH && next < USER_END ? this.frameOf(next) : 0;
    u8.fill(0, place, place + TAIL_BYTES);
    u8.copyWithin(place, offset, offset + first);
    if (nextFrame === 0) return first;
    const rest = nextFrame * PAGE_SIZE;
    u8.copyWithin(place + first, rest, rest + MAX_INSN_LENGTH - first);
    return MAX_INSN_LENGTH;
  }

  /** The bytes at `address` that can be fetched, in hexadecimal, for a message. */
  bytesAt(address: number, frame: number): string {
    const offset = frame * PAGE_SIZE + (address & PAGE_MASK);
    const bytes = this.memory.u8.subarray(
      offset,
      Math.min(offset + MAX_INSN_LENGTH, (frame + 1) * PAGE_SIZE),
    );
    return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  }
}
