/** An address space as /proc shows it. */
import { kind } from '../checkpoint/registry.js';
import { PAGE_SIZE } from '../../machine/layout.js';
import { PTE_ACCESSED, PTE_DIRTY } from '../../machine/types.js';
import type { AreaView, LayoutView, MemoryView, PageView, ResidentView } from '../fs/proc/subject-process.js';
import { canWrite } from '../fs/handle.js';
import type { HandleOperations, Location } from '../fs/types.js';
import type { Mm } from '../mm/mm.js';
import { PTE_ANON } from '../mm/pte.js';
import {
  TASK_SIZE,
  VM_DONTDUMP,
  VM_DONTFORK,
  VM_HUGEPAGE,
  VM_LOCKED,
  VM_MERGEABLE,
  VM_NOHUGEPAGE,
  VM_NORESERVE,
  VM_WIPEONFORK,
  type Vma,
} from '../mm/vma.js';
import { RawMemory } from './raw-memory.js';

/** How many mappings show a page: its references, less the cache's where it is one's. */
function mapCount(mm: Mm, pte: number): number {
  const references = mm.frames.references(pte >>> 12);
  return Math.max(1, (pte & PTE_ANON) !== 0 ? references : references - 1);
}

/** A page whose only content is zeros that nobody wrote is not there. */
function isPresent(mm: Mm, pte: number): boolean {
  return pte !== 0 && pte >>> 12 !== mm.pool.zeroFrame;
}

class Resident implements ResidentView {
  anon = 0;
  file = 0;
  privateClean = 0;
  privateDirty = 0;
  sharedClean = 0;
  sharedDirty = 0;
  referenced = 0;
  proportional = 0;
  proportionalDirty = 0;

  add(mm: Mm, pte: number): void {
    const anonymous = (pte & PTE_ANON) !== 0;
    const dirty = anonymous || (pte & PTE_DIRTY) !== 0;
    const count = mapCount(mm, pte);
    if (anonymous) this.anon++;
    else this.file++;
    if (count === 1 && dirty) this.privateDirty++;
    else if (count === 1) this.privateClean++;
    else if (dirty) this.sharedDirty++;
    else this.sharedClean++;
    if ((pte & PTE_ACCESSED) !== 0) this.referenced++;
    this.proportional += 1 / count;
    if (dirty) this.proportionalDirty += 1 / count;
  }
}

const ADVICE: readonly (readonly [flag: number, name: string])[] = [
  [VM_DONTFORK, 'dc'],
  [VM_NORESERVE, 'nr'],
  [VM_WIPEONFORK, 'wf'],
  [VM_DONTDUMP, 'dd'],
  [VM_HUGEPAGE, 'hg'],
  [VM_NOHUGEPAGE, 'nh'],
  [VM_MERGEABLE, 'mg'],
];

class Area implements AreaView {
  private counted: Resident | null = null;

  constructor(private readonly vma: Vma) {}

  get resident(): ResidentView {
    if (this.counted !== null) return this.counted;
    const counted = (this.counted = new Resident());
    const { mm, start, end } = this.vma;
    mm.space.update(start, end, (_address, pte) => {
      if (isPresent(mm, pte)) counted.add(mm, pte);
      return pte;
    });
    return counted;
  }

  get start(): number {
    return this.vma.start;
  }
  get end(): number {
    return this.vma.end;
  }
  get offset(): number {
    return this.vma.pages === null && this.vma.handle === null ? 0 : this.vma.offset;
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
  get advice(): readonly string[] {
    return ADVICE.filter(([flag]) => (this.vma.flags & flag) !== 0).map(([, name]) => name);
  }
  get file(): AreaView['file'] {
    const { handle } = this.vma;
    if (handle === null) return null;
    const { fs, ino } = handle.inode;
    return { fs, ino, place: handle.location, writable: canWrite(handle) };
  }
}

/** Which pages writing to clear_refs means. */
function isMeant(which: 'all' | 'anonymous' | 'mapped', vma: Vma): boolean {
  return which === 'all' || (which === 'mapped') === (vma.handle !== null);
}

export class ProcessMemoryView implements MemoryView {
  readonly end = TASK_SIZE;

  constructor(private readonly mm: Mm) {}

  areas(): readonly AreaView[] {
    return [...this.mm.vmas].map((vma) => new Area(vma));
  }

  read(address: number, length: number): Uint8Array | null {
    const bytes = new Uint8Array(length);
    return this.mm.memory.copyIn(address, bytes, 0, length) === 0 ? bytes : null;
  }

  openRaw(): HandleOperations {
    return new RawMemory(this.mm);
  }

  page(address: number): PageView | null {
    const { mm } = this;
    const pte = address < TASK_SIZE ? mm.space.get(address) : 0;
    if (pte === 0) return null;
    const anonymous = (pte & PTE_ANON) !== 0 || !isPresent(mm, pte);
    return { frame: pte >>> 12, anonymous, exclusive: isPresent(mm, pte) && mapCount(mm, pte) === 1 };
  }

  clearReferenced(which: 'all' | 'anonymous' | 'mapped'): void {
    for (const vma of this.mm.vmas) {
      if (isMeant(which, vma))
        this.mm.space.update(vma.start, vma.end, (_address, pte) => pte & ~PTE_ACCESSED);
    }
  }

  resetPeak(): void {
    this.mm.peakRss = this.mm.rssAnon + this.mm.rssFile;
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
  get peakSize(): number {
    return Math.max(this.mm.peakSize, this.mm.vmas.total);
  }
  get pageTableBytes(): number {
    return this.mm.space.tables * PAGE_SIZE;
  }
}

kind('Resident', Resident);
kind('Area', Area);
kind('ProcessMemoryView', ProcessMemoryView);
