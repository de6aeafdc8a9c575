/** Which function of which file an address of a process belongs to. */
import { PAGE_SIZE } from '../../machine/layout.js';
import { PTE_EXEC } from '../../machine/types.js';
import { PROT_EXEC } from '../abi/mman.js';
import { absolutePath } from '../fs/path.js';
import type { Handle, Inode, Location } from '../fs/types.js';
import type { Mm } from '../mm/mm.js';
import type { Vma } from '../mm/vma.js';
import { FileSymbols } from './symbols.js';
import type { ProfileFrame } from './types.js';

export interface Place {
  readonly frame: ProfileFrame;
  /** The address's distance from the start of what `frame` names. */
  readonly offset: number;
}

interface MappedFile {
  readonly path: string;
  readonly symbols: FileSymbols;
  readonly functions: Map<number, ProfileFrame>;
}

const hex = (value: number): string => `0x${value.toString(16)}`;
const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

export class Places {
  private readonly files = new Map<Inode, MappedFile>();
  private readonly unnamed = new Map<string, ProfileFrame>();
  /** By frame: what was mapped there as code when its process was last seen. */
  private readonly pages = new Map<number, { page: number; file: MappedFile | null; offset: number }>();

  /** `root`: as seen from where paths begin. */
  find(mm: Mm, address: number, root: Location): Place {
    const vma = mm.vmas.find(address);
    if (vma === null || vma.handle === null) return this.anonymous(vma, address);
    return this.inFile(this.fileOf(vma.handle, root), vma.offset + (address - vma.start));
  }

  private fileOf(handle: Handle, root: Location): MappedFile {
    const known = this.files.get(handle.inode);
    if (known !== undefined) return known;
    const path = handle.location === null ? '[file]' : absolutePath(handle.location, root);
    const file = { path, symbols: new FileSymbols(handle), functions: new Map<number, ProfileFrame>() };
    this.files.set(handle.inode, file);
    return file;
  }

  private inFile({ path, symbols, functions }: MappedFile, offset: number): Place {
    const found = symbols.find(offset);
    const start = found?.start ?? offset;
    let frame = functions.get(start);
    if (frame === undefined) {
      const name = found === null || found.name === '' ? `${baseName(path)}+${hex(start)}` : found.name;
      functions.set(start, (frame = { name, file: path }));
    }
    return { frame, offset: offset - start };
  }

  /** Code in no file: what a program has made itself. A page is as much of it as can be told apart. */
  private anonymous(vma: Vma | null, address: number): Place {
    const page = address - (address % PAGE_SIZE);
    const file = vma === null || vma.name === '' ? '[anonymous]' : vma.name;
    const name = `${file} ${hex(page)}`;
    let frame = this.unnamed.get(name);
    if (frame === undefined) this.unnamed.set(name, (frame = { name, file }));
    return { frame, offset: address - page };
  }

  /** Notes what lies in which frames: blocks of code are known by those. */
  note(mm: Mm, root: Location): void {
    for (const vma of mm.vmas) {
      if ((vma.prot & PROT_EXEC) === 0) continue;
      const file = vma.handle === null ? null : this.fileOf(vma.handle, root);
      mm.space.update(vma.start, vma.end, (page, pte) => {
        if ((pte & PTE_EXEC) !== 0)
          this.pages.set(pte >>> 12, { page, file, offset: vma.offset + (page - vma.start) });
        return pte;
      });
    }
  }

  /** The function of a block; null if its page has never been noted. */
  ofBlock(address: number, frame: number): ProfileFrame | null {
    const known = this.pages.get(frame);
    const at = address % PAGE_SIZE;
    if (known === undefined || known.page !== address - at) return null;
    if (known.file === null) return this.anonymous(null, address).frame;
    return this.inFile(known.file, known.offset + at).frame;
  }
}
