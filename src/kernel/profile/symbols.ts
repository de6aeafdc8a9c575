/** Functions of ELF files by their place in the file: symbol tables, and .eh_frame_hdr for what has been stripped. */
import { EHDR_SIZE, PF_X, PHDR_SIZE, PT_GNU_EH_FRAME, PT_LOAD } from '../abi/elf.js';
import { readFile } from '../exec/file.js';
import type { Handle } from '../fs/types.js';
import { getU64 } from '../process/registers.js';

const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const SHDR_SIZE = 64;
const SYM_SIZE = 24;
const STT_NOTYPE = 0;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
/** What linkers write: udata4 for the count, sdata4 relative to the section for the table (DWARF in the LSB, 10.6.2). */
const EH_COUNT = 0x03;
const EH_TABLE = 0x3b;
const EH_HEADER = 12;

interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

interface Strings {
  readonly bytes: Uint8Array;
}

interface Symbol {
  readonly start: number;
  readonly end: number;
  readonly strings: Strings;
  readonly name: number;
}

/** A function: its name, '' where it has been stripped, and where it begins in the file. */
export interface FileFunction {
  readonly name: string;
  readonly start: number;
}

function read(handle: Handle, offset: number, length: number): DataView | null {
  if (length <= 0 || offset + length > handle.inode.size) return null;
  const bytes = readFile(handle, offset, length);
  if (typeof bytes === 'number' || bytes.length < length) return null;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function text({ bytes }: Strings, start: number): string {
  let name = '';
  for (let i = start; i < bytes.length && bytes[i] !== 0; i++) name += String.fromCharCode(bytes[i]);
  return name;
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

  constructor(handle: Handle) {
    const header = read(handle, 0, EHDR_SIZE);
    if (header === null || header.getUint32(0) !== 0x7f454c46) return;
    const phdrs = read(handle, getU64(header, 32), header.getUint16(56, true) * PHDR_SIZE);
    if (phdrs === null) return;
    for (let at = 0; at < phdrs.byteLength; at += PHDR_SIZE)
      this.segments.push({
        type: phdrs.getUint32(at, true),
        flags: phdrs.getUint32(at + 4, true),
        offset: getU64(phdrs, at + 8),
        address: getU64(phdrs, at + 16),
        size: getU64(phdrs, at + 32),
      });
    const shdrs = read(handle, getU64(header, 40), header.getUint16(60, true) * SHDR_SIZE);
    if (shdrs !== null) this.readTables(handle, shdrs);
    this.symbols.sort((a, b) => a.start - b.start);
    this.readUnwinding(handle);
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

  private readTables(handle: Handle, shdrs: DataView): void {
    for (let at = 0; at < shdrs.byteLength; at += SHDR_SIZE) {
      const type = shdrs.getUint32(at + 4, true);
      if (type !== SHT_SYMTAB && type !== SHT_DYNSYM) continue;
      const linked = shdrs.getUint32(at + 40, true) * SHDR_SIZE;
      if (linked + SHDR_SIZE > shdrs.byteLength) continue;
      const table = read(handle, getU64(shdrs, at + 24), getU64(shdrs, at + 32));
      const names = read(handle, getU64(shdrs, linked + 24), getU64(shdrs, linked + 32));
      if (table !== null && names !== null) this.readTable(table, names);
    }
  }

  private readTable(table: DataView, names: DataView): void {
    const strings = { bytes: new Uint8Array(names.buffer, names.byteOffset, names.byteLength) };
    for (let at = 0; at + SYM_SIZE <= table.byteLength; at += SYM_SIZE) {
      const type = table.getUint8(at + 4) & 15;
      const section = table.getUint16(at + 6, true);
      if (section === 0 || (type !== STT_FUNC && type !== STT_GNU_IFUNC && type !== STT_NOTYPE)) continue;
      const start = this.offsetOf(getU64(table, at + 8));
      const end = start + getU64(table, at + 16);
      if (start >= 0) this.symbols.push({ start, end, strings, name: table.getUint32(at, true) });
    }
  }

  private readUnwinding(handle: Handle): void {
    const header = this.segments.find(({ type }) => type === PT_GNU_EH_FRAME);
    const view = header === undefined ? null : read(handle, header.offset, header.size);
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
    for (let i = last; i >= 0 && symbols[i].start >= start; i--) {
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
    for (let i = at; i >= 0 && symbols[i].start === start; i--)
      names.push(text(symbols[i].strings, symbols[i].name));
    for (let i = at + 1; i < symbols.length && symbols[i].start === start; i++)
      names.push(text(symbols[i].strings, symbols[i].name));
    const rank = (name: string): number => (/^_*/.exec(name)?.[0].length ?? 0) * 1000 + name.length;
    return names.filter((name) => name !== '').sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))[0] ?? '';
  }
}
