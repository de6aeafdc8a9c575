import { CPU_MXCSR, CPU_FCW, CPU_STATE_SIZE, RSP } from '../../machine/layout.js';
import { cpuidLeaf } from '../../machine/semantics/integer/cpuid.js';
import { RLIMIT_STACK } from '../abi/resource.js';
import { ELIBBAD, ELOOP, ENOENT, ENOEXEC, ENOMEM, type Errno } from '../errno.js';
import type { Handle, PathContext } from '../fs/types.js';
import type { Kernel } from '../kernel.js';
import type { Limits, Mm } from '../mm/mm.js';
import { pageDown, pageUp } from '../mm/pte.js';
import { STACK_GUARD, TASK_SIZE } from '../mm/vma.js';
import type { Cred } from '../process/credentials.js';
import { Registers } from '../process/registers.js';
import { signalFrameSize } from '../signal/frame.js';
import { INITIAL_FCW, INITIAL_MXCSR } from '../signal/fxstate.js';
import { readElf, type ElfImage } from './elf.js';
import { failure, isFailure, type ExecFailure } from './failure.js';
import { readFile } from './file.js';
import { DYN_BASE, imageEnd, loadImage, noteLayout } from './load.js';
import { openExecutable } from './open.js';
import { programKey } from './program-key.js';
import { HEAD_SIZE, parseScript } from './script.js';
import { buildStack, checkArguments } from './stack.js';

export interface ExecRequest {
  /** The program's file, already open; its reference is taken over. */
  readonly handle: Handle;
  /** What AT_EXECFN and scripts get as the program's path. */
  readonly path: string;
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  /** As OpenedProgram has it. */
  readonly closes?: boolean;
}

/** On whose behalf a program is loaded. */
export interface ExecContext {
  readonly kernel: Kernel;
  readonly fs: PathContext & { readonly cred: Cred };
  readonly limits: Limits;
}

/** A program in an address space of its own, ready to be run. */
export interface Program {
  readonly mm: Mm;
  readonly entry: number;
  readonly sp: number;
  /** As /proc/<pid>/comm has it. */
  readonly name: string;
}

/** Interpreters of interpreters, at most. */
const MAX_SCRIPTS = 5;
const COMM_LENGTH = 15;
const LEAST_GAP = 128 * 1024 * 1024;

/** Loads a program, following `#!` lines. Nothing of the caller's changes, whatever the outcome. */
export function loadProgram(context: ExecContext, request: ExecRequest): Program | ExecFailure {
  let { handle, path } = request;
  let argv = request.argv.length === 0 ? [''] : request.argv;
  for (let depth = 0; ; depth++) {
    const head = readFile(handle, 0, HEAD_SIZE);
    const script = typeof head === 'number' ? null : parseScript(head);
    if (script === null) return loadElf(context, request, argv, handle, head);
    context.kernel.releaseHandle(handle);
    if (request.closes === true) return failure(ENOENT, `${path}: its descriptor is closed`);
    if (depth >= MAX_SCRIPTS) return failure(ELOOP, `${path}: too many interpreters of interpreters`);
    const { interpreter, argument } = script;
    argv = [interpreter, ...(argument === null ? [] : [argument]), path, ...argv.slice(1)];
    path = interpreter;
    const next = openExecutable(context.fs, interpreter);
    if (isFailure(next)) return { ...next, reason: `${request.path}: its interpreter ${next.reason}` };
    handle = next;
  }
}

function loadElf(
  context: ExecContext,
  request: ExecRequest,
  argv: readonly string[],
  handle: Handle,
  head: Uint8Array | Errno,
): Program | ExecFailure {
  const { kernel } = context;
  const program = typeof head === 'number' ? failure(head, 'it cannot be read') : readElf(handle, head);
  if (isFailure(program)) {
    kernel.releaseHandle(handle);
    return failure(program.errno, `${request.path}: ${program.reason}`);
  }
  const interpreter = openInterpreter(context, program, request.path);
  const loaded =
    interpreter !== null && isFailure(interpreter)
      ? interpreter
      : buildProgram(context, request, argv, program, interpreter);
  // Code that is elsewhere in each run would not be found again.
  const isKept = typeof head !== 'number' && kernel.limits.randomizeVaSpace === 0;
  if (isKept && !isFailure(loaded)) loaded.mm.program = programKey(handle.inode.size, head);
  if (interpreter !== null && !isFailure(interpreter)) kernel.releaseHandle(interpreter.handle);
  kernel.releaseHandle(handle);
  return loaded;
}

function openInterpreter(
  { kernel, fs }: ExecContext,
  program: ElfImage,
  path: string,
): ElfImage | null | ExecFailure {
  if (program.interpreter === null) return null;
  const handle = openExecutable(fs, program.interpreter);
  if (isFailure(handle)) return failure(handle.errno, `${path}: its interpreter ${handle.reason}`);
  const head = readFile(handle, 0, HEAD_SIZE);
  const image = typeof head === 'number' ? failure(head, 'it cannot be read') : readElf(handle, head);
  if (!isFailure(image)) return image;
  kernel.releaseHandle(handle);
  const errno = image.errno === ENOEXEC ? ELIBBAD : image.errno;
  return failure(errno, `${path}: its interpreter ${program.interpreter}: ${image.reason}`);
}

function buildProgram(
  context: ExecContext,
  request: ExecRequest,
  argv: readonly string[],
  image: ElfImage,
  interpreter: ElfImage | null,
): Program | ExecFailure {
  const { kernel, fs, limits } = context;
  const tooMuch = checkArguments([...argv, ...request.envp, request.path], limits.limit(RLIMIT_STACK));
  if (tooMuch < 0)
    return failure(tooMuch as Errno, `${request.path}: arguments and environment are too long`);
  const mm = kernel.createMm(limits);
  if (mm === null) return failure(ENOMEM, `${request.path}: not enough memory`);
  const top = TASK_SIZE - kernel.randomPages(22);
  mm.mmapBase = mmapBase(limits, kernel.randomPages(28));
  const places = mapImages(kernel, mm, image, interpreter);
  const contents = {
    argv,
    envp: request.envp,
    filename: request.path,
    cred: fs.cred,
    hwcap: cpuidLeaf(1, 0, kernel.cpus, kernel.cpu)[3],
    signalFrame: signalFrameSize(kernel.cpu),
    random: randomBytes(kernel, 16),
    executable: image.executableStack,
    top,
  };
  const sp = typeof places === 'number' ? places : buildStack(mm, contents, places.program);
  if (sp < 0 || typeof places === 'number') {
    mm.release();
    return failure(ENOMEM, `${request.path}: not enough memory, or addresses that cannot be had`);
  }
  return { mm, entry: places.start, sp, name: baseName(request.path).slice(0, COMM_LENGTH) };
}

function mapImages(
  kernel: Kernel,
  mm: Mm,
  image: ElfImage,
  interpreter: ElfImage | null,
): { start: number; program: { phdr: number; phnum: number; base: number; entry: number } } | Errno {
  const base = image.relocatable && interpreter !== null ? DYN_BASE + kernel.randomPages(28) : null;
  const bias = loadImage(mm, image, base);
  if (bias < 0) return bias as Errno;
  noteLayout(mm, image, bias);
  // A static-PIE program lies among the mappings, where a heap behind it would have no room.
  const heap = image.relocatable && interpreter === null ? DYN_BASE : pageUp(imageEnd(image, bias));
  mm.startBrk = mm.brk = heap + kernel.randomPages(13);
  mm.setExe(image.handle);
  const interpreterBias = interpreter === null ? 0 : loadImage(mm, interpreter, null);
  if (interpreterBias < 0) return interpreterBias as Errno;
  const entry = bias + image.entry;
  const phdr = image.phdrAddress === 0 ? 0 : bias + image.phdrAddress;
  const program = { phdr, phnum: image.phnum, base: interpreterBias, entry };
  return { start: interpreter === null ? entry : interpreterBias + interpreter.entry, program };
}

/** Room for the stack to grow stays free above the mappings (mmap_base in arch/x86/mm/mmap.c). */
function mmapBase(limits: Limits, random: number): number {
  const gap = Math.min(limits.limit(RLIMIT_STACK) + STACK_GUARD, pageDown((TASK_SIZE / 6) * 5));
  return pageUp(TASK_SIZE - Math.max(gap, LEAST_GAP) - random);
}

function randomBytes(kernel: Kernel, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  kernel.host.random(bytes);
  return bytes;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The registers with which a program begins (ELF_PLAT_INIT). */
export function initialCpu(program: Program, into: Uint8Array): void {
  into.fill(0, 0, CPU_STATE_SIZE);
  const view = new DataView(into.buffer, into.byteOffset, CPU_STATE_SIZE);
  const registers = new Registers(view, 0);
  registers.rip = program.entry;
  registers.set(RSP, program.sp);
  view.setUint32(CPU_FCW, INITIAL_FCW, true);
  view.setUint32(CPU_MXCSR, INITIAL_MXCSR, true);
}
