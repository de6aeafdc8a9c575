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

/** A piece is written when it has grown to this. */
const PIECE = 1 << 20;

/** The frames in use, and the content of those that are not all zero. */
export function saveFrames({ memory, frames }: Machine): Uint8Array[] {
  const { references, freed } = frames.save();
  let out = new Writer();
  const pieces: Uint8Array[] = [];
  out.count(references.length);
  for (const count of references) out.count(count);
  out.count(freed.length);
  for (const frame of freed) out.count(frame - FIRST_FRAME);
  for (const [index, count] of references.entries()) {
    if (count === 0) continue;
    const frame = FIRST_FRAME + index;
    if (isZero(memory.i32, frame)) continue;
    out.count(index + 1);
    out.raw(memory.u8.subarray(frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE));
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

export function restoreFrames({ memory, frames }: Machine, input: Reader): void {
  const references = new Int32Array(input.countOf(1));
  if (references.length > frames.total) throw new Refused('it needs more memory than this sandbox has');
  for (let i = 0; i < references.length; i++) references[i] = input.index(0x80000000);
  const freed = new Int32Array(input.countOf(1));
  for (let i = 0; i < freed.length; i++) freed[i] = FIRST_FRAME + input.index(references.length);
  if (!frames.restore({ references, freed })) throw new Damaged('its frames do not agree');
  for (
    let number = input.index(references.length + 1);
    number > 0;
    number = input.index(references.length + 1)
  ) {
    if (references[number - 1] === 0) throw new Damaged('a frame is not in use');
    memory.u8.set(input.raw(PAGE_SIZE), (FIRST_FRAME + number - 1) * PAGE_SIZE);
  }
}
