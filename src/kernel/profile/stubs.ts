/** The entries of procedure linkage tables, which no symbol names: each belongs to a relocation, in order. */
import { getU64 } from '../process/registers.js';
import { textAt, type FileReader, type NamedRange, type Section } from './sections.js';

const ENTRY = 16;
const RELA_SIZE = 24;
const SYM_SIZE = 24;

export function readStubs(read: FileReader, sections: readonly Section[]): NamedRange[] {
  const find = (name: string): Section | undefined => sections.find((section) => section.name === name);
  const relocations = find('.rela.plt');
  // With indirect branch tracking the code that calls go to has a table of its own; else its first entry is no function's.
  const second = find('.plt.sec');
  const table = second ?? find('.plt');
  if (relocations === undefined || table === undefined) return [];
  const symbols = sections[relocations.link];
  const strings = symbols === undefined ? undefined : sections[symbols.link];
  const entries = read(relocations.offset, relocations.size);
  const names = strings === undefined ? null : read(strings.offset, strings.size);
  const symbolTable = symbols === undefined ? null : read(symbols.offset, symbols.size);
  if (entries === null || names === null || symbolTable === null) return [];
  const first = table.offset + (second === undefined ? ENTRY : 0);
  const ranges: NamedRange[] = [];
  for (let i = 0; (i + 1) * RELA_SIZE <= entries.byteLength; i++) {
    const symbol = Math.floor(getU64(entries, i * RELA_SIZE + 8) / 0x100000000) * SYM_SIZE;
    const start = first + i * ENTRY;
    const isInside =
      symbol + SYM_SIZE <= symbolTable.byteLength && start + ENTRY <= table.offset + table.size;
    const name = isInside ? textAt(names, symbolTable.getUint32(symbol, true)) : '';
    if (name !== '') ranges.push({ start, end: start + ENTRY, name: `${name}@plt` });
  }
  return ranges;
}
