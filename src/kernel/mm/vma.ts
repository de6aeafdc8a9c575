import { kind } from '../checkpoint/registry.js';
import { PAGE_SIZE, USER_END } from '../../machine/layout.js';
import { PROT_WRITE } from '../abi/mman.js';
import type { Handle, PageCache, PageMapping } from '../fs/types.js';
import type { Mm } from './mm.js';
import { AnonymousPages } from './pages.js';
import { PTE_ANON } from './pte.js';

/** One past the highest address that can be mapped: Linux keeps the last page free. */
export const TASK_SIZE = USER_END - PAGE_SIZE;
/** Pages kept free below an area that grows down (stack_guard_gap). */
export const STACK_GUARD = 256 * PAGE_SIZE;

export const VM_SHARED = 1;
export const VM_GROWSDOWN = 2;
export const VM_LOCKED = 4;
export const VM_NORESERVE = 8;
export const VM_DONTFORK = 16;
export const VM_WIPEONFORK = 32;
export const VM_LOCKONFAULT = 64;
export const VM_DONTDUMP = 128;
export const VM_HUGEPAGE = 256;
export const VM_NOHUGEPAGE = 512;
export const VM_MERGEABLE = 1024;

export type VmaName = '' | '[heap]' | '[stack]';

/** What an area is, its place apart. */
export interface VmaKind {
  prot: number;
  flags: number;
  /** What mprotect may give at most. */
  maxProt: number;
  /** Where pages come from; null: zeros, private to the address space. */
  pages: PageCache | null;
  /** The file, for names and for keeping it open; the area holds a reference. */
  handle: Handle | null;
  name: VmaName;
}

/** A range of addresses that are mapped alike: Linux's vm_area_struct. */
export class Vma implements PageMapping {
  prot: number;
  flags: number;
  maxProt: number;
  readonly pages: PageCache | null;
  readonly handle: Handle | null;
  readonly name: VmaName;

  constructor(
    readonly mm: Mm,
    public start: number,
    public end: number,
    /** The byte of `pages` at `start`. */
    public offset: number,
    kind: VmaKind,
  ) {
    this.prot = kind.prot;
    this.flags = kind.flags;
    this.maxProt = kind.maxProt;
    this.pages = kind.pages;
    this.handle = kind.handle;
    this.name = kind.name;
  }

  get shared(): boolean {
    return (this.flags & VM_SHARED) !== 0;
  }

  get growsDown(): boolean {
    return (this.flags & VM_GROWSDOWN) !== 0;
  }

  /** Where the area begins, with the gap that must stay free below it. */
  get guardedStart(): number {
    return this.growsDown ? Math.max(0, this.start - STACK_GUARD) : this.start;
  }

  /** The index in `pages` of the page at `address`. */
  pageIndex(address: number): number {
    return Math.floor((this.offset + (address - this.start)) / PAGE_SIZE);
  }

  /** An equal area at another place, with references of its own; in a child's address space for fork. */
  copy(start: number, end: number, offset: number, mm = this.mm): Vma {
    const copy = new Vma(mm, start, end, offset, this);
    copy.attach();
    return copy;
  }

  /** Takes references to what the area shows: the file, shared pages. */
  attach(): void {
    if (this.handle !== null) this.handle.references++;
    if (this.pages instanceof AnonymousPages) this.pages.retain();
    this.pages?.mappings?.add(this);
    this.pages?.opened?.();
  }

  /** Gives them back. */
  detach(): void {
    this.pages?.mappings?.delete(this);
    this.pages?.closed?.();
    if (this.pages instanceof AnonymousPages) this.pages.release();
    if (this.handle !== null) this.mm.pool.releaseHandle(this.handle);
  }

  get sharedWritable(): boolean {
    return this.shared && (this.maxProt & PROT_WRITE) !== 0;
  }

  /** The file's pages [start, end) are gone: entries for them go too; copies that were made of them stay. */
  zap(start: number, end: number): void {
    const [from, to] = this.range(start, end);
    if (from >= to) return;
    this.mm.space.update(from, to, (_address, pte) => {
      if ((pte & PTE_ANON) !== 0) return pte;
      this.mm.forgetPage(pte);
      return 0;
    });
  }

  truncate(start: number): void {
    const [from, to] = this.range(start, Infinity);
    if (from < to) this.mm.zap(from, to);
  }

  /** Where the file's pages [start, end) are seen. */
  private range(start: number, end: number): readonly [from: number, to: number] {
    const first = Math.floor(this.offset / PAGE_SIZE);
    const from = this.start + Math.max(0, start - first) * PAGE_SIZE;
    return [from, Math.min(this.end, this.start + (end - first) * PAGE_SIZE)];
  }

  /** Whether `next`, which begins where this ends, could be part of this. */
  continuesIn(next: Vma): boolean {
    return (
      this.end === next.start &&
      this.prot === next.prot &&
      this.flags === next.flags &&
      this.maxProt === next.maxProt &&
      this.pages === next.pages &&
      this.handle === next.handle &&
      this.name === next.name &&
      (this.pages === null || this.offset + (this.end - this.start) === next.offset)
    );
  }
}

kind('Vma', Vma);
