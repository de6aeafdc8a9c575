import {
  EHDR_SIZE,
  EI_CLASS,
  EI_DATA,
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  ET_DYN,
  ET_EXEC,
  MACHINE_NAMES,
  PF_X,
  PHDR_SIZE,
  PT_GNU_STACK,
  PT_INTERP,
  PT_LOAD,
  PT_PHDR,
} from '../abi/elf.js';
import { ENOEXEC } from '../errno.js';
import type { Handle } from '../fs/types.js';
import { TASK_SIZE } from '../mm/vma.js';
import { getU64 } from '../process/registers.js';
import { failure, type ExecFailure } from './failure.js';
import { readFile } from './file.js';

export interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
}

/** An executable or interpreter, checked as far as it can be before it is mapped. */
export interface ElfImage {
  readonly handle: Handle;
  /** ET_DYN: it can lie anywhere. */
  readonly relocatable: boolean;
  readonly entry: number;
  readonly phnum: number;
  /** Where the program headers lie in memory before relocation; 0 when no segment holds them. */
  readonly phdrAddress: number;
  /** PT_LOAD segments, ascending. */
  readonly segments: readonly Segment[];
  /** PT_INTERP's path, or null. */
  readonly interpreter: string | null;
  readonly executableStack: boolean;
}

const MAX_PHDRS = Math.floor(65536 / PHDR_SIZE);
const PATH_MAX = 4096;

/** Reads and checks an ELF file's headers; `head` is its first bytes. */
export function readElf(handle: Handle, head: Uint8Array): ElfImage | ExecFailure {
  const wrong = checkHeader(head);
  if (wrong !== null) return failure(ENOEXEC, wrong);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const phnum = view.getUint16(56, true);
  if (view.getUint16(54, true) !== PHDR_SIZE || phnum === 0 || phnum > MAX_PHDRS)
    return failure(ENOEXEC, 'it has no valid program headers');
  const phoff = getU64(view, 32);
  const table = readFile(handle, phoff, phnum * PHDR_SIZE);
  if (typeof table === 'number' || table.length < phnum * PHDR_SIZE)
    return failure(ENOEXEC, 'it is truncated');
  const headers = parseHeaders(table, phnum);
  const segments = headers.filter((header) => header.type === PT_LOAD);
  const unsound = checkSegments(segments, handle.inode.size);
  if (unsound !== null) return failure(ENOEXEC, unsound);
  const interpreter = readInterpreter(handle, headers);
  if (typeof interpreter === 'object' && interpreter !== null) return interpreter;
  return {
    handle,
    relocatable: view.getUint16(16, true) === ET_DYN,
    entry: getU64(view, 24),
    phnum,
    phdrAddress: phdrAddress(headers, phoff),
    segments,
    interpreter,
    executableStack: headers.some((header) => header.type === PT_GNU_STACK && (header.flags & PF_X) !== 0),
  };
}

/** What is wrong with the file header, as the end of a sentence; null when nothing is. */
function checkHeader(head: Uint8Array): string | null {
  const isElf = head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
  if (!isElf) return 'it is neither an ELF file nor a script';
  if (head.length < EHDR_SIZE) return 'it is truncated';
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const machine = view.getUint16(18, head[EI_DATA] === ELFDATA2LSB);
  if (machine !== EM_X86_64)
    return `it is for another machine: ${MACHINE_NAMES[machine] ?? `number ${machine}`}`;
  if (head[EI_CLASS] !== ELFCLASS64) return 'it is a 32-bit program (x32)';
  if (head[EI_DATA] !== ELFDATA2LSB) return 'it is big-endian';
  const type = view.getUint16(16, true);
  return type === ET_EXEC || type === ET_DYN ? null : `it is no executable (ELF type ${type})`;
}

function parseHeaders(table: Uint8Array, count: number): Segment[] {
  const view = new DataView(table.buffer, table.byteOffset, table.length);
  return Array.from({ length: count }, (_, i) => {
    const at = i * PHDR_SIZE;
    return {
      type: view.getUint32(at, true),
      flags: view.getUint32(at + 4, true),
      offset: getU64(view, at + 8),
      vaddr: getU64(view, at + 16),
      fileSize: getU64(view, at + 32),
      memorySize: getU64(view, at + 40),
      align: getU64(view, at + 48),
    };
  });
}

function checkSegments(segments: readonly Segment[], fileSize: number): string | null {
  if (segments.length === 0) return 'it has nothing to load';
  for (const { vaddr, memorySize, fileSize: size, offset } of segments) {
    if (size > memorySize || memorySize > TASK_SIZE || vaddr > TASK_SIZE - memorySize)
      return 'its segments lie out of range';
    if (vaddr % 4096 !== offset % 4096) return 'its segments are not aligned to pages';
    if (offset + size > fileSize) return 'it is truncated';
  }
  return null;
}

function readInterpreter(handle: Handle, headers: readonly Segment[]): string | null | ExecFailure {
  const header = headers.find((candidate) => candidate.type === PT_INTERP);
  if (header === undefined) return null;
  const invalid = failure(ENOEXEC, "its interpreter's name is not valid");
  if (header.fileSize < 2 || header.fileSize > PATH_MAX) return invalid;
  const bytes = readFile(handle, header.offset, header.fileSize);
  if (typeof bytes === 'number' || bytes.length < header.fileSize || bytes[bytes.length - 1] !== 0)
    return invalid;
  return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
}

/** AT_PHDR: PT_PHDR's address, or where the segment that holds the headers puts them. */
function phdrAddress(headers: readonly Segment[], phoff: number): number {
  const phdr = headers.find((header) => header.type === PT_PHDR);
  if (phdr !== undefined) return phdr.vaddr;
  const holder = headers.find(
    ({ type, offset, fileSize }) => type === PT_LOAD && phoff >= offset && phoff < offset + fileSize,
  );
  return holder === undefined ? 0 : phoff - holder.offset + holder.vaddr;
}
