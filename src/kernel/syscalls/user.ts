import { E2BIG, EFAULT, type Errno } from '../errno.js';
import type { ProcessMemory } from '../mm/usermemory.js';
import { getI64, getU64, setU64 } from '../process/registers.js';

/** Small structs on their way between system calls and user memory. */
export const $buffer = new Uint8Array(512);
export const $view = new DataView($buffer.buffer);

/** Reads `length` bytes into $buffer. */
export function readStruct(memory: ProcessMemory, addr: number, length: number): 0 | Errno {
  return memory.copyIn(addr, $buffer, 0, length);
}

/** Writes the first `length` bytes of $buffer. */
export function writeStruct(memory: ProcessMemory, addr: number, length: number): 0 | Errno {
  return memory.copyOut(addr, $buffer, 0, length);
}

export function clearBuffer(length: number): void {
  $buffer.fill(0, 0, length);
}

/** Writes a pair of 64-bit numbers: timespec, timeval. */
export function writePair(memory: ProcessMemory, addr: number, first: number, second: number): 0 | Errno {
  setU64($view, 0, first);
  setU64($view, 8, second);
  return writeStruct(memory, addr, 16);
}

/** Reads a pair of signed 64-bit numbers into `out`. */
export function readPair(memory: ProcessMemory, addr: number, out: { sec: number; nsec: number }): 0 | Errno {
  const failed = readStruct(memory, addr, 16);
  if (failed < 0) return failed;
  out.sec = getI64($view, 0);
  out.nsec = getI64($view, 8);
  return 0;
}

/** As many strings, and bytes in all, as execve looks at before it says E2BIG. */
const MAX_STRINGS = 0x7fffff;
const MAX_STRING = 131072;

/** Reads a null-terminated array of strings; a null array is empty. */
export function readStrings(memory: ProcessMemory, addr: number): string[] | Errno {
  const strings: string[] = [];
  if (addr === 0) return strings;
  for (let at = addr; strings.length < MAX_STRINGS; at += 8) {
    if (readStruct(memory, at, 8) < 0) return EFAULT;
    const pointer = getU64($view, 0);
    if (pointer === 0) return strings;
    const string = memory.stringIn(pointer, MAX_STRING);
    if (typeof string === 'number') return string === EFAULT ? EFAULT : E2BIG;
    strings.push(string);
  }
  return E2BIG;
}
