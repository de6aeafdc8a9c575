import { PF_R, PF_W, PF_X } from '../abi/elf.js';
import { MAP_PRIVATE, PROT_EXEC, PROT_READ, PROT_WRITE } from '../abi/mman.js';
import { ENODEV, ENOMEM, type Errno } from '../errno.js';
import { PROT_ALL, anonymous, type Mm } from '../mm/mm.js';
import { pageDown, pageUp } from '../mm/pte.js';
import type { ElfImage, Segment } from './elf.js';

/** Where Linux puts a position-independent program that has an interpreter (ELF_ET_DYN_BASE). */
export const DYN_BASE = 0x555555554000;

/** Maps an image's segments. Returns what was added to its addresses, or ENOMEM. */
export function loadImage(mm: Mm, image: ElfImage, base: number | null): number | Errno {
  const first = image.segments[0];
  const last = image.segments[image.segments.length - 1];
  const low = pageDown(first.vaddr);
  const span = pageUp(last.vaddr + last.memorySize) - low;
  let bias = 0;
  if (image.relocatable) {
    const place = base ?? placeAligned(mm, span, Math.max(...image.segments.map(alignment)));
    if (place < 0) return place;
    bias = place - low;
  }
  for (const segment of image.segments) {
    const failed = loadSegment(mm, image, segment, bias);
    if (failed < 0) return failed;
  }
  return bias;
}

/** Where an image ends in memory: the heap begins there. */
export function imageEnd(image: ElfImage, bias: number): number {
  return Math.max(...image.segments.map((segment) => bias + segment.vaddr + segment.memorySize));
}

/** Notes which addresses are code and which are data, for /proc. */
export function noteLayout(mm: Mm, image: ElfImage, bias: number): void {
  const { layout } = mm;
  const code = image.segments.filter((segment) => (segment.flags & PF_X) !== 0);
  const ends = image.segments.map((segment) => bias + segment.vaddr + segment.fileSize);
  layout.startCode = Math.min(...image.segments.map((segment) => bias + segment.vaddr));
  layout.endCode = Math.max(0, ...code.map((segment) => bias + segment.vaddr + segment.fileSize));
  layout.startData = Math.max(...image.segments.map((segment) => bias + segment.vaddr));
  layout.endData = Math.max(...ends);
}

function alignment(segment: Segment): number {
  const isPower = segment.align > 4096 && Number.isInteger(Math.log2(segment.align));
  return isPower ? segment.align : 4096;
}

function placeAligned(mm: Mm, span: number, align: number): number | Errno {
  const place = mm.placeFor(0, span + align - 4096, MAP_PRIVATE);
  return place < 0 ? place : Math.ceil(place / align) * align;
}

function loadSegment(mm: Mm, image: ElfImage, segment: Segment, bias: number): 0 | Errno {
  const address = bias + segment.vaddr;
  const start = pageDown(address);
  const fileEnd = address + segment.fileSize;
  const end = pageUp(address + segment.memorySize);
  const prot = protection(segment.flags);
  if (segment.fileSize > 0) {
    const mapped = mapFile(
      mm,
      image,
      start,
      pageUp(fileEnd) - start,
      segment.offset - (address - start),
      prot,
    );
    if (mapped < 0) return mapped;
    if (segment.memorySize > segment.fileSize && (prot & PROT_WRITE) !== 0)
      mm.memory.clear(fileEnd, pageUp(fileEnd) - fileEnd);
  }
  const bss = segment.fileSize > 0 ? pageUp(fileEnd) : start;
  return bss < end ? mm.map(bss, end - bss, 0, anonymous(prot)) : 0;
}

function mapFile(
  mm: Mm,
  { handle }: ElfImage,
  start: number,
  length: number,
  offset: number,
  prot: number,
): 0 | Errno {
  const pages = handle.ops.mmap?.(handle) ?? ENODEV;
  if (typeof pages === 'number') return pages;
  if (length === 0) return ENOMEM;
  return mm.map(start, length, offset, { prot, flags: 0, maxProt: PROT_ALL, pages, handle, name: '' });
}

function protection(flags: number): number {
  return (
    ((flags & PF_R) !== 0 ? PROT_READ : 0) |
    ((flags & PF_W) !== 0 ? PROT_WRITE : 0) |
    ((flags & PF_X) !== 0 ? PROT_EXEC : 0)
  );
}
