import { PAGE_SIZE } from '../../machine/layout.js';
import {
  AT_BASE,
  AT_CLKTCK,
  AT_EGID,
  AT_ENTRY,
  AT_EUID,
  AT_EXECFN,
  AT_FLAGS,
  AT_GID,
  AT_HWCAP,
  AT_HWCAP2,
  AT_MINSIGSTKSZ,
  AT_NULL,
  AT_PAGESZ,
  AT_PHDR,
  AT_PHENT,
  AT_PHNUM,
  AT_PLATFORM,
  AT_RANDOM,
  AT_SECURE,
  AT_UID,
  PHDR_SIZE,
} from '../abi/elf.js';
import { PROT_EXEC, PROT_READ, PROT_WRITE } from '../abi/mman.js';
import { USER_HZ } from '../abi/time.js';
import { E2BIG, ENOMEM, type Errno } from '../errno.js';
import { anonymous, type Mm } from '../mm/mm.js';
import { pageUp } from '../mm/pte.js';
import { VM_GROWSDOWN } from '../mm/vma.js';
import type { Cred } from '../process/credentials.js';
import { setU64 } from '../process/registers.js';

/** What a program is given on its stack. Strings are byte strings. */
export interface StackContents {
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  /** AT_EXECFN. */
  readonly filename: string;
  readonly cred: Cred;
  /** CPUID's features, leaf 1, edx. */
  readonly hwcap: number;
  /** What a signal's frame takes at most. */
  readonly signalFrame: number;
  readonly random: Uint8Array;
  readonly executable: boolean;
  /** The stack's upper end. */
  readonly top: number;
}

/** Where the program's parts have come to lie, for the auxiliary vector. */
export interface LoadedProgram {
  readonly phdr: number;
  readonly phnum: number;
  /** The interpreter's base, or 0. */
  readonly base: number;
  /** The program's own entry, not the interpreter's. */
  readonly entry: number;
}

/** One string may be so long, its NUL included (MAX_ARG_STRLEN). */
const MAX_STRING = 32 * PAGE_SIZE;
const LEAST_ARGUMENTS = 32 * PAGE_SIZE;
const MOST_ARGUMENTS = 6 * 1024 * 1024;
/** Free stack that is mapped from the start. */
const EXTRA = 128 * 1024;
const PLATFORM = 'x86_64';

/** Whether arguments and environment fit (execve(2), "Limits on size"). */
export function checkArguments(strings: readonly string[], stackLimit: number): 0 | Errno {
  const limit = Math.min(MOST_ARGUMENTS, Math.max(LEAST_ARGUMENTS, stackLimit / 4));
  let total = 8 * strings.length;
  for (const string of strings) {
    if (string.length + 1 > MAX_STRING) return E2BIG;
    total += string.length + 1;
  }
  return total > limit ? E2BIG : 0;
}

/** Maps the stack and writes what Linux writes there (binfmt_elf.c, create_elf_tables). Returns the stack pointer. */
export function buildStack(mm: Mm, contents: StackContents, program: LoadedProgram): number | Errno {
  const strings = [...contents.argv, ...contents.envp, contents.filename];
  const bytes = strings.reduce((sum, string) => sum + string.length + 1, 8);
  const size = pageUp(bytes + 8 * strings.length + EXTRA);
  const prot = PROT_READ | PROT_WRITE | (contents.executable ? PROT_EXEC : 0);
  if (mm.map(contents.top - size, size, 0, anonymous(prot, VM_GROWSDOWN, '[stack]')) < 0) return ENOMEM;
  const writer = new StackWriter(mm, contents.top - bytes);
  const pointers = strings.map((string) => writer.string(string));
  noteStrings(mm, contents, pointers, writer.at);
  const platform = roundDown16(contents.top - bytes) - PLATFORM.length - 1;
  const random = platform - contents.random.length;
  new StackWriter(mm, platform).string(PLATFORM);
  new StackWriter(mm, random).bytes(contents.random);
  const execfn = pointers[pointers.length - 1];
  const auxv = auxiliaryVector(contents, program, { platform, random, execfn });
  return writeTables(mm, contents, pointers, auxv, random);
}

function writeTables(
  mm: Mm,
  { argv }: StackContents,
  pointers: readonly number[],
  auxv: Uint8Array,
  below: number,
): number | Errno {
  const words = [argv.length, ...pointers.slice(0, argv.length), 0, ...pointers.slice(argv.length, -1), 0];
  const sp = roundDown16(roundDown16(below) - auxv.length - 8 * words.length);
  const table = new Uint8Array(8 * words.length);
  const view = new DataView(table.buffer);
  words.forEach((word, i) => setU64(view, 8 * i, word));
  const writer = new StackWriter(mm, sp);
  writer.bytes(table);
  writer.bytes(auxv);
  mm.auxv = auxv;
  mm.layout.startStack = sp;
  return writer.failed ? ENOMEM : sp;
}

function auxiliaryVector(
  { cred, hwcap, signalFrame }: StackContents,
  program: LoadedProgram,
  at: { platform: number; random: number; execfn: number },
): Uint8Array<ArrayBuffer> {
  const entries: readonly (readonly [number, number])[] = [
    [AT_MINSIGSTKSZ, signalFrame],
    [AT_HWCAP, hwcap],
    [AT_PAGESZ, PAGE_SIZE],
    [AT_CLKTCK, USER_HZ],
    [AT_PHDR, program.phdr],
    [AT_PHENT, PHDR_SIZE],
    [AT_PHNUM, program.phnum],
    [AT_BASE, program.base],
    [AT_FLAGS, 0],
    [AT_ENTRY, program.entry],
    [AT_UID, cred.ruid],
    [AT_EUID, cred.euid],
    [AT_GID, cred.rgid],
    [AT_EGID, cred.egid],
    [AT_SECURE, 0],
    [AT_RANDOM, at.random],
    [AT_HWCAP2, 0],
    [AT_EXECFN, at.execfn],
    [AT_PLATFORM, at.platform],
    [AT_NULL, 0],
  ];
  const auxv = new Uint8Array(16 * entries.length);
  const view = new DataView(auxv.buffer);
  entries.forEach(([type, value], i) => {
    setU64(view, 16 * i, type);
    setU64(view, 16 * i + 8, value);
  });
  return auxv;
}

function noteStrings(mm: Mm, { argv, envp }: StackContents, pointers: readonly number[], end: number): void {
  const { layout } = mm;
  layout.argStart = pointers[0];
  layout.argEnd = layout.envStart = pointers[argv.length];
  layout.envEnd = pointers[argv.length + envp.length] ?? end;
}

function roundDown16(address: number): number {
  return address - (address & 15);
}

/** Writes upwards from an address. */
class StackWriter {
  failed = false;

  constructor(
    private readonly mm: Mm,
    public at: number,
  ) {}

  /** Returns where the string begins. */
  string(text: string): number {
    return this.bytes(Uint8Array.from({ length: text.length + 1 }, (_, i) => text.charCodeAt(i) || 0));
  }

  bytes(bytes: Uint8Array): number {
    const start = this.at;
    if (this.mm.memory.copyOut(start, bytes, 0, bytes.length) < 0) this.failed = true;
    this.at += bytes.length;
    return start;
  }
}
