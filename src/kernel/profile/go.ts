/**
 * Functions of Go programs, which have their own table even where symbols have been stripped: .gopclntab, in the form that
 * Go has written since 1.18 (src/internal/abi/symtab.go, src/runtime/symtab.go: pcHeader, functab, _func).
 */
import { getU64 } from '../process/registers.js';
import { textAt, type FileReader, type NamedRange, type Section } from './sections.js';

const GO_1_18 = 0xfffffff0;
const GO_1_20 = 0xfffffff1;
const POINTER_SIZE = 8;
const HEADER = 72;

export function readGoFunctions(
  read: FileReader,
  sections: readonly Section[],
  offsetOf: (address: number) => number,
): NamedRange[] {
  const section = sections.find(({ name }) => name === '.gopclntab');
  const table = section === undefined ? null : read(section.offset, section.size);
  if (table === null || table.byteLength < HEADER) return [];
  const magic = table.getUint32(0, true);
  if ((magic !== GO_1_18 && magic !== GO_1_20) || table.getUint8(7) !== POINTER_SIZE) return [];
  const count = getU64(table, 8);
  const text = getU64(table, 24) || (sections.find(({ name }) => name === '.text')?.address ?? 0);
  const names = getU64(table, 32);
  const functions = getU64(table, 64);
  const ranges: NamedRange[] = [];
  for (let i = 0; i < count; i++) {
    const at = functions + i * 8;
    const info = at + 4 < table.byteLength - 8 ? functions + table.getUint32(at + 4, true) : -1;
    if (info < 0 || info + 8 > table.byteLength) break;
    const start = offsetOf(text + table.getUint32(at, true));
    const end = start + table.getUint32(at + 8, true) - table.getUint32(at, true);
    if (start >= 0) ranges.push({ start, end, name: textAt(table, names + table.getInt32(info + 4, true)) });
  }
  return ranges;
}
