/** An ELF file's sections by name and number. */
import { getU64 } from '../process/registers.js';

const SHDR_SIZE = 64;

/** Reads so many bytes at an offset of the file; null where it has no such bytes. */
export type FileReader = (offset: number, length: number) => DataView | null;

/** A function by offsets in the file. */
export interface NamedRange {
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

export interface Section {
  readonly name: string;
  readonly type: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

export function textAt(bytes: DataView, start: number): string {
  let name = '';
  for (let i = start; i >= 0 && i < bytes.byteLength; i++) {
    const code = bytes.getUint8(i);
    if (code === 0) break;
    name += String.fromCharCode(code);
  }
  return name;
}

/** None where the file has none. */
export function readSections(read: FileReader, header: DataView): readonly Section[] {
  const table = read(getU64(header, 40), header.getUint16(60, true) * SHDR_SIZE);
  if (table === null) return [];
  const at = (i: number): Section & { readonly nameAt: number } => {
    const start = i * SHDR_SIZE;
    return {
      name: '',
      nameAt: table.getUint32(start, true),
      type: table.getUint32(start + 4, true),
      address: getU64(table, start + 16),
      offset: getU64(table, start + 24),
      size: getU64(table, start + 32),
      link: table.getUint32(start + 40, true),
    };
  };
  const sections = Array.from({ length: table.byteLength / SHDR_SIZE }, (_, i) => at(i));
  const strings = sections[header.getUint16(62, true)];
  const names = strings === undefined ? null : read(strings.offset, strings.size);
  return sections.map(({ nameAt, ...section }) => ({
    ...section,
    name: names === null ? '' : textAt(names, nameAt),
  }));
}
