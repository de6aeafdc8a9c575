import { kind } from '../checkpoint/registry.js';
import { PAGE_MASK, PAGE_SIZE } from '../../machine/layout.js';
import { ACCESS_READ, ACCESS_WRITE, PTE_READ, PTE_WRITE, type Frames } from '../../machine/types.js';
import type { MachineViews } from '../../machine/semantics/helper.js';
import { EFAULT, ENAMETOOLONG, type Errno } from '../errno.js';
import type { Sink, Source, UserMemory } from '../fs/types.js';
import { FAULT_OK, handleFault } from './fault.js';
import type { Mm } from './mm.js';
import { TASK_SIZE } from './vma.js';

/** A process's memory as the kernel reads and writes it: page by page, brought in as an access by the program would. */
export class ProcessMemory implements UserMemory {
  private readonly views: MachineViews;
  private readonly frames: Frames;

  constructor(private readonly mm: Mm) {
    this.views = mm.pool.machine.memory;
    this.frames = mm.frames;
  }

  copyIn(addr: number, into: Uint8Array, start: number, length: number): 0 | Errno {
    if (!isUserRange(addr, length)) return EFAULT;
    const { u8 } = this.views;
    let done = 0;
    while (done < length) {
      const at = this.readable(addr + done);
      if (at === 0) return EFAULT;
      const count = this.runOf(at, addr + done, length - done, false);
      copyBytes(u8, at, into, start + done, count);
      done += count;
    }
    return 0;
  }

  copyOut(addr: number, from: Uint8Array, start: number, length: number): 0 | Errno {
    if (!isUserRange(addr, length)) return EFAULT;
    return this.write(addr, from, start, length) === length ? 0 : EFAULT;
  }

  stringIn(addr: number, limit: number): string | Errno {
    const { u8 } = this.views;
    let text = '';
    for (let from = addr; ;) {
      const at = this.readable(from);
      if (at === 0) return EFAULT;
      const end = Math.min((at | PAGE_MASK) + 1, at + limit - text.length);
      let nul = at;
      while (nul < end && u8[nul] !== 0) nul++;
      if (nul > at) text += String.fromCharCode.apply(null, u8.subarray(at, nul) as unknown as number[]);
      if (nul < end) return text;
      if (text.length >= limit) return ENAMETOOLONG;
      from += end - at;
    }
  }

  readU32(addr: number): number | Errno {
    const at = this.readable(addr);
    if (at !== 0 && (at & PAGE_MASK) <= PAGE_SIZE - 4) return this.views.view.getUint32(at, true);
    const failed = this.copyIn(addr, $word, 0, 4);
    return failed < 0 ? failed : $wordView.getUint32(0, true);
  }

  writeU32(addr: number, value: number): 0 | Errno {
    $wordView.setUint32(0, value, true);
    return this.copyOut(addr, $word, 0, 4);
  }

  /** Writes as much of [start, start + length) as can be; returns how many bytes. */
  write(addr: number, from: Uint8Array, start: number, length: number): number {
    const { u8 } = this.views;
    let done = 0;
    while (done < length) {
      const at = this.writable(addr + done, length - done);
      if (at === 0) break;
      const count = this.runOf(at, addr + done, length - done, true);
      copyBytes(from, start + done, u8, at, count);
      done += count;
    }
    return done;
  }

  /** Writes zeros; returns how many bytes. */
  clear(addr: number, length: number): number {
    let done = 0;
    while (done < length) {
      const at = this.writable(addr + done, length - done);
      if (at === 0) break;
      const count = Math.min(length - done, PAGE_SIZE - (at & PAGE_MASK));
      this.views.u8.fill(0, at, at + count);
      done += count;
    }
    return done;
  }

  sink(addr: number, length: number): Sink | Errno {
    return isUserRange(addr, length) ? new UserSink(this, addr, length) : EFAULT;
  }

  source(addr: number, length: number): Source | Errno {
    return isUserRange(addr, length) ? new UserSource(this, addr, length) : EFAULT;
  }

  /** Reads as much of `addr` as can be; returns how many bytes. */
  read(addr: number, into: Uint8Array, start: number, length: number): number {
    let done = 0;
    while (done < length) {
      const at = this.readable(addr + done);
      if (at === 0) break;
      const count = this.runOf(at, addr + done, length - done, false);
      copyBytes(this.views.u8, at, into, start + done, count);
      done += count;
    }
    return done;
  }

  /** How many bytes of [addr, addr + length), the first of which lies at `at`, lie behind each other and can be copied at once. */
  private runOf(at: number, addr: number, length: number, writes: boolean): number {
    let count = PAGE_SIZE - (at & PAGE_MASK);
    while (count < length) {
      const next = writes ? this.writable(addr + count, length - count) : this.readable(addr + count);
      if (next !== at + count) break;
      count += PAGE_SIZE;
    }
    return Math.min(count, length);
  }

  /** Where in the machine's memory the byte at `addr` lies, to be read; 0 when it cannot be. */
  readable(addr: number): number {
    return this.locate(addr, PTE_READ, ACCESS_READ);
  }

  /** The same to be written, `length` bytes at most or to the page's end. */
  writable(addr: number, length: number): number {
    const at = this.locate(addr, PTE_WRITE, ACCESS_WRITE);
    if (at === 0) return 0;
    const offset = at & PAGE_MASK;
    this.frames.willWrite(at >>> 12, offset, Math.min(length, PAGE_SIZE - offset));
    return at;
  }

  private locate(addr: number, bit: number, access: typeof ACCESS_READ | typeof ACCESS_WRITE): number {
    if (addr >= TASK_SIZE || addr < 0) return 0;
    let pte = this.mm.space.get(addr);
    if ((pte & bit) === 0) {
      if (handleFault(this.mm, addr, access) !== FAULT_OK) return 0;
      pte = this.mm.space.get(addr);
    }
    return (pte >>> 12) * PAGE_SIZE + (addr & PAGE_MASK);
  }
}

class UserSink implements Sink {
  constructor(
    private readonly memory: ProcessMemory,
    private addr: number,
    public remaining: number,
  ) {}

  put(source: Uint8Array, start: number, end: number): number {
    return this.advance(this.memory.write(this.addr, source, start, Math.min(end - start, this.remaining)));
  }

  zero(count: number): number {
    return this.advance(this.memory.clear(this.addr, Math.min(count, this.remaining)));
  }

  private advance(count: number): number {
    this.addr += count;
    this.remaining -= count;
    return count;
  }
}

class UserSource implements Source {
  constructor(
    private readonly memory: ProcessMemory,
    private addr: number,
    public remaining: number,
  ) {}

  take(target: Uint8Array, start: number, end: number): number {
    const count = this.memory.read(this.addr, target, start, Math.min(end - start, this.remaining));
    this.addr += count;
    this.remaining -= count;
    return count;
  }
}

const $word = new Uint8Array(8);
const $wordView = new DataView($word.buffer);

function isUserRange(addr: number, length: number): boolean {
  return addr >= 0 && addr <= TASK_SIZE - length;
}

/** Below this many bytes a loop is faster than `set` of a new subarray (57 ns). */
const FEW = 64;

function copyBytes(from: Uint8Array, start: number, into: Uint8Array, at: number, count: number): void {
  if (count <= FEW) for (let i = 0; i < count; i++) into[at + i] = from[start + i];
  else if (from === into) into.copyWithin(at, start, start + count);
  else into.set(from.subarray(start, start + count), at);
}

kind('ProcessMemory', ProcessMemory);
