/** Functions of ELF files by their place in the file: symbol tables, and .eh_frame_hdr for what has been stripped. */
import { EHDR_SIZE, PF_X, PHDR_SIZE, PT_GNU_EH_FRAME, PT_LOAD } from '../abi/elf.js';
import { readFile } from '../exec/file.js';
import type { Handle } from '../fs/types.js';
import { getU64 } from '../process/registers.js';
import { readGoFunctions } from './go.js';
import { readSections, textAt, type FileReader, type Section } from './sections.js';
import { readStubs } from './stubs.js';

const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const SYM_SIZE = 24;
const STT_NOTYPE = 0;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
/** What linkers write: udata4 for the count, sdata4 relative to the section for the table (DWARF in the LSB, 10.6.2). */
const EH_COUNT = 0x03;
const EH_TABLE = 0x3b;
const EH_HEADER = 12;
/** Symbols that begin before an address, of which one may hold it. */
const NEAR = 32;

interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** `name`: itself, or where it begins in `strings`. */
interface Symbol {
  readonly start: number;
  readonly end: number;
  readonly strings: DataView | null;
  readonly name: string | number;
}

/** A function: its name, '' where it has been stripped, and where it begins in the file. */
export interface FileFunction {
  readonly name: string;
  readonly start: number;
}

function readerOf(handle: Handle): FileReader {
  return (offset, length) => {
    if (length <= 0 || offset + length > handle.inode.size) return null;
    const bytes = readFile(handle, offset, length);
    if (typeof bytes === 'number' || bytes.length < length) return null;
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  };
}

function nameOf({ strings, name }: Symbol): string {
  if (typeof name === 'string') return name;
  return strings === null ? '' : textAt(strings, name);
}

/** The index of the last of `count` ascending values that is not above `value`; -1 for none. */
export function lastNotAbove(count: number, at: (i: number) => number, value: number): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at(middle) > value) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}

export class FileSymbols {
  private readonly segments: Segment[] = [];
  private readonly symbols: Symbol[] = [];
  /** Where functions begin, by the tables for unwinding, which stripping leaves. */
  private readonly starts: number[] = [];

  private readonly read: FileReader;

  constructor(handle: Handle) {
    const read = (this.read = readerOf(handle));
    const header = read(0, EHDR_SIZE);
    if (header === null || header.getUint32(0) !== 0x7f454c46) return;
    const phdrs = read(getU64(header, 32), header.getUint16(56, true) * PHDR_SIZE);
    if (phdrs === null) return;
    for (let at = 0; at < phdrs.byteLength; at += PHDR_SIZE)
      this.segments.push({
        type: phdrs.getUint32(at, true),
        flags: phdrs.getUint32(at + 4, true),
        offset: getU64(phdrs, at + 8),
        address: getU64(phdrs, at + 16),
        size: getU64(phdrs, at + 32),
      });
    const sections = readSections(read, header);
    this.readTables(sections);
    const others = [
      ...readStubs(read, sections),
      ...readGoFunctions(read, sections, (address) => this.offsetOf(address)),
    ];
    for (const { start, end, name } of others) this.symbols.push({ start, end, strings: null, name });
    this.symbols.sort((a, b) => a.start - b.start);
    this.readUnwinding();
  }

  /** Where in the file what is loaded at `address` lies; -1: nowhere that is executable. */
  private offsetOf(address: number): number {
    for (const segment of this.segments) {
      if (segment.type !== PT_LOAD || (segment.flags & PF_X) === 0) continue;
      const at = address - segment.address;
      if (at >= 0 && at < segment.size) return segment.offset + at;
    }
    return -1;
  }

  private readTables(sections: readonly Section[]): void {
    for (const { type, offset, size, link } of sections) {
      if (type !== SHT_SYMTAB && type !== SHT_DYNSYM) continue;
      const linked = sections[link];
      const table = this.read(offset, size);
      const names = linked === undefined ? null : this.read(linked.offset, linked.size);
      if (table !== null && names !== null) this.readTable(table, names);
    }
  }

  private readTable(table: DataView, strings: DataView): void {
    for (let at = 0; at + SYM_SIZE <= table.byteLength; at += SYM_SIZE) {
      const type = table.getUint8(at + 4) & 15;
      const section = table.getUint16(at + 6, true);
      if (section === 0 || (type !== STT_FUNC && type !== STT_GNU_IFUNC && type !== STT_NOTYPE)) continue;
      const start = this.offsetOf(getU64(table, at + 8));
      const end = start + getU64(table, at + 16);
      if (start >= 0) this.symbols.push({ start, end, strings, name: table.getUint32(at, true) });
    }
  }

  private readUnwinding(): void {
    const header = this.segments.find(({ type }) => type === PT_GNU_EH_FRAME);
    const view = header === undefined ? null : this.read(header.offset, header.size);
    if (header === undefined || view === null || view.byteLength < EH_HEADER) return;
    if (view.getUint8(2) !== EH_COUNT || view.getUint8(3) !== EH_TABLE) return;
    const count = Math.min(view.getUint32(8, true), Math.floor((view.byteLength - EH_HEADER) / 8));
    for (let i = 0; i < count; i++) {
      const start = this.offsetOf(header.address + view.getInt32(EH_HEADER + i * 8, true));
      if (start >= 0) this.starts.push(start);
    }
  }

  /** The function that holds the byte at `offset` of the file; null where nothing tells. */
  find(offset: number): FileFunction | null {
    const { symbols, starts } = this;
    const start = starts[lastNotAbove(starts.length, (i) => starts[i], offset)] ?? -1;
    const last = lastNotAbove(symbols.length, (i) => symbols[i].start, offset);
    for (let i = last; i >= 0 && i > last - NEAR && symbols[i].start >= start; i--) {
      const { start: found, end } = symbols[i];
      if (offset < end || (end === found && found === symbols[last].start))
        return { name: this.bestName(i), start: found };
    }
    return start < 0 ? null : { name: '', start };
  }

  /** Of several names for one place the one that people use: without underscores, then the shortest. */
  private bestName(at: number): string {
    const { symbols } = this;
    const { start } = symbols[at];
    const names: string[] = [];
    for (let i = at; i >= 0 && symbols[i].start === start; i--) names.push(nameOf(symbols[i]));
    for (let i = at + 1; i < symbols.length && symbols[i].start === start; i++)
      names.push(nameOf(symbols[i]));
    const rank = (name: string): number => (/^_*/.exec(name)?.[0].length ?? 0) * 1000 + name.length;
    return names.filter((name) => name !== '').sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))[0] ?? '';
  }
}
