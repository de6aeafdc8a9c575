/** /proc/<pid>/mem: an address space as a debugger reads and writes it (mem_rw in fs/proc/base.c; FOLL_FORCE). */
import { kind } from '../checkpoint/registry.js';
import { PAGE_MASK, PAGE_SIZE } from '../../machine/layout.js';
import { seekWithoutEnd } from '../fs/seek.js';
import { EIO, type Errno } from '../errno.js';
import type { Handle, HandleOperations, Sink, Source } from '../fs/types.js';
import { forcePage } from '../mm/force.js';
import type { Mm } from '../mm/mm.js';

const $page = new Uint8Array(PAGE_SIZE);

export class RawMemory implements HandleOperations {
  readonly seekable = true;

  constructor(private readonly mm: Mm) {}

  seek(handle: Handle, offset: number, whence: number): number | Errno {
    return seekWithoutEnd(handle, offset, whence);
  }

  /** Nothing once the address space has gone; EIO where nothing is mapped. */
  read(_handle: Handle, sink: Sink, position: number): number | Errno {
    if (this.mm.users === 0) return 0;
    const { u8 } = this.mm.pool.machine.memory;
    let done = 0;
    while (sink.remaining > 0) {
      const at = forcePage(this.mm, position + done, false);
      if (at === 0) return done > 0 ? done : EIO;
      const count = Math.min(sink.remaining, PAGE_SIZE - (at & PAGE_MASK));
      const put = sink.put(u8, at, at + count);
      done += put;
      if (put < count) break;
    }
    return done;
  }

  write(_handle: Handle, source: Source, position: number): number | Errno {
    if (this.mm.users === 0) return 0;
    const { frames, pool } = this.mm;
    let done = 0;
    while (source.remaining > 0) {
      const offset = (position + done) & PAGE_MASK;
      const wanted = Math.min(source.remaining, PAGE_SIZE - offset);
      const at = forcePage(this.mm, position + done, true);
      if (at === 0) return done > 0 ? done : EIO;
      const count = source.take($page, 0, wanted);
      frames.willWrite(at >>> 12, offset, count);
      pool.machine.memory.u8.set($page.subarray(0, count), at);
      done += count;
      if (count < wanted) break;
    }
    return done;
  }
}

kind('RawMemory', RawMemory);
