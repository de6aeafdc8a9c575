/** The machine's part of a checkpoint: address spaces, and the frames with what is in them. */
import { FIRST_FRAME, PAGE_SIZE } from '../../machine/layout.js';
import { PageTable } from '../../machine/memory/address-space.js';
import type { Machine } from '../../machine/types.js';
import { Reader, Writer } from './bytes.js';
import { Damaged, Refused } from './damaged.js';
import { kind } from './registry.js';

kind('PageTable', PageTable, {
  rebuilt: ['epoch'],
  restored: (table) => {
    // The machine trusts its tables: a wrong entry would give a program the machine's own memory.
    if (!table.isSound()) throw new Damaged('a page table leads nowhere');
    table.renew();
  },
});

/** What objects refer to and is no part of the checkpoint. */
export function machineParts({ memory, frames, parts }: Machine): Record<string, object> {
  return { memory, ...memory, frames, ...parts };
}

/** An object that has frames: pages of a file, or of shared memory. */
interface FrameHolder {
  eachFrame(change: (frame: number) => number): void;
}

/** Whoever maps such a page trusts its frame, as the machine does its page tables'. */
export function checkHolders({ frames }: Machine, objects: readonly object[]): void {
  const check = (frame: unknown): number => {
    if (!isUsed(frames, frame)) throw new Damaged("a file's page lies nowhere");
    return frame;
  };
  for (const object of objects)
    if (typeof (object as Partial<FrameHolder>).eachFrame === 'function')
      (object as FrameHolder).eachFrame(check);
}

export function isUsed(frames: Machine['frames'], frame: unknown): frame is number {
  return (
    Number.isSafeInteger(frame) && (frame as number) >= FIRST_FRAME && frames.references(frame as number) > 0
  );
}

/** A piece is written when it has grown to this. */
const PIECE = 1 << 20;

/** Content of frames by their index; null: all zero. */
export type FrameContent = ReadonlyMap<number, Uint8Array | null>;

/** Which frames need not be sent. */
export interface LeftOut {
  /** What a reader has already. */
  readonly known?: FrameContent;
  /** Frames that a reader fills itself. */
  readonly filled?: ReadonlySet<number>;
}

const NONE: FrameContent = new Map();
const NO_FRAMES: ReadonlySet<number> = new Set();

/**
 * The frames in use, and the content of those that a reader would not know: twice the index and 1 before a page, twice the
 * index and 2 for one that has become all zero; 0 at the end.
 */
export function saveFrames({ memory, frames }: Machine, leftOut: LeftOut = {}): Uint8Array[] {
  const { known = NONE, filled = NO_FRAMES } = leftOut;
  const { references, freed } = frames.save();
  let out = new Writer();
  const pieces: Uint8Array[] = [];
  out.count(references.length);
  for (const count of references) out.count(count);
  out.count(freed.length);
  for (const frame of freed) out.count(frame - FIRST_FRAME);
  for (const [index, count] of references.entries()) {
    const frame = FIRST_FRAME + index;
    if (count === 0 || filled.has(frame)) continue;
    const before = known.get(index) ?? null;
    if (isZero(memory.i32, frame)) {
      if (before !== null) out.count(2 * index + 2);
      continue;
    }
    const page = memory.u8.subarray(frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    if (before !== null && isSame(page, before)) continue;
    out.count(2 * index + 1);
    out.raw(page);
    if (out.length < PIECE) continue;
    pieces.push(out.done());
    out = new Writer(PIECE + PAGE_SIZE + 16);
  }
  out.count(0);
  pieces.push(out.done());
  return pieces;
}

function isZero(words: Int32Array, frame: number): boolean {
  const start = frame * (PAGE_SIZE / 4);
  for (let i = start; i < start + PAGE_SIZE / 4; i++) if (words[i] !== 0) return false;
  return true;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < PAGE_SIZE; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Frames as they are in a checkpoint; nothing is copied. */
export interface SavedMemory {
  readonly references: Int32Array;
  readonly freed: Int32Array;
  readonly content: FrameContent;
}

export function readFrames(input: Reader): SavedMemory {
  const references = new Int32Array(input.countOf(1));
  for (let i = 0; i < references.length; i++) references[i] = input.index(0x80000000);
  const freed = new Int32Array(input.countOf(1));
  for (let i = 0; i < freed.length; i++) freed[i] = FIRST_FRAME + input.index(references.length);
  const content = new Map<number, Uint8Array | null>();
  const limit = 2 * references.length + 1;
  for (let tag = input.index(limit); tag > 0; tag = input.index(limit)) {
    const index = (tag - 1) >>> 1;
    if (references[index] === 0) throw new Damaged('a frame is not in use');
    content.set(index, tag % 2 === 1 ? input.raw(PAGE_SIZE) : null);
  }
  if (input.left > 0) throw new Damaged('something follows its end');
  return { references, freed, content };
}

/** What a chain of checkpoints, the oldest first, says of the frames. */
export function mergedContent(chain: readonly SavedMemory[]): FrameContent {
  const [only] = chain;
  if (only !== undefined && chain.length === 1) return only.content;
  const all = new Map<number, Uint8Array | null>();
  for (const { content } of chain) for (const [index, page] of content) all.set(index, page);
  return all;
}

/** Puts the last checkpoint of a chain into frames. */
export function restoreFrames({ memory, frames }: Machine, chain: readonly SavedMemory[]): void {
  const last = chain.at(-1);
  if (last === undefined) throw new Damaged('it has no frames');
  const { references } = last;
  if (references.length > frames.total) throw new Refused('it needs more memory than this sandbox has');
  if (!frames.restore(last)) throw new Damaged('its frames do not agree');
  for (const [index, page] of mergedContent(chain))
    if (page !== null && index < references.length && references[index] !== 0)
      memory.u8.set(page, (FIRST_FRAME + index) * PAGE_SIZE);
}
