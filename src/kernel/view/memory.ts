/** An address space as /proc shows it. */
import { PAGE_SIZE } from '../../machine/layout.js';
import type { AreaView, LayoutView, MemoryView } from '../fs/proc/subject.js';
import type { Location } from '../fs/types.js';
import type { Mm } from '../mm/mm.js';
import { PTE_ANON } from '../mm/pte.js';
import { VM_LOCKED, type Vma } from '../mm/vma.js';

class Area implements AreaView {
  readonly residentAnonPages: number;
  readonly residentFilePages: number;

  constructor(private readonly vma: Vma) {
    let anon = 0;
    let file = 0;
    const { pool } = vma.mm;
    vma.mm.space.update(vma.start, vma.end, (_address, pte) => {
      if (pte >>> 12 === pool.zeroFrame || pte === 0) return pte;
      if ((pte & PTE_ANON) !== 0) anon++;
      else file++;
      return pte;
    });
    this.residentAnonPages = anon;
    this.residentFilePages = file;
  }

  get start(): number {
    return this.vma.start;
  }
  get end(): number {
    return this.vma.end;
  }
  get offset(): number {
    return this.vma.offset;
  }
  get prot(): number {
    return this.vma.prot;
  }
  get shared(): boolean {
    return this.vma.shared;
  }
  get growsDown(): boolean {
    return this.vma.growsDown;
  }
  get locked(): boolean {
    return (this.vma.flags & VM_LOCKED) !== 0;
  }
  get name(): string {
    return this.vma.name;
  }
  get file(): AreaView['file'] {
    const { handle } = this.vma;
    return handle === null ? null : { fs: handle.inode.fs, ino: handle.inode.ino, place: handle.location };
  }
}

export class ProcessMemoryView implements MemoryView {
  constructor(private readonly mm: Mm) {}

  areas(): readonly AreaView[] {
    return [...this.mm.vmas].map((vma) => new Area(vma));
  }

  read(address: number, length: number): Uint8Array | null {
    const bytes = new Uint8Array(length);
    return this.mm.memory.copyIn(address, bytes, 0, length) === 0 ? bytes : null;
  }

  get exe(): Location | null {
    return this.mm.exe?.location ?? null;
  }
  get auxv(): Uint8Array {
    return this.mm.auxv;
  }
  get layout(): LayoutView {
    return this.mm.layout;
  }
  get startBrk(): number {
    return this.mm.startBrk;
  }
  get rssAnonPages(): number {
    return this.mm.rssAnon;
  }
  get rssFilePages(): number {
    return this.mm.rssFile;
  }
  get peakRssPages(): number {
    return this.mm.peakRss;
  }
  /** The largest size so far is not kept: the present one. */
  get peakSize(): number {
    return this.mm.vmas.total;
  }
  /** At least a table a level; the machine does not count them. */
  get pageTableBytes(): number {
    return 4 * PAGE_SIZE + Math.ceil((this.mm.rssAnon + this.mm.rssFile) / 1024) * PAGE_SIZE;
  }
}
