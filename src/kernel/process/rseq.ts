/**
 * Restartable sequences (rseq(2), Documentation/userspace-api/rseq.rst): a few instructions that begin again at another
 * address if their thread was preempted, or got a signal, among them. Checked when such a thread goes on, and never else.
 */
import { SIGSEGV, SI_KERNEL } from '../abi/signal.js';
import type { ProcessMemory } from '../mm/usermemory.js';
import { faultInfo } from '../signal/info.js';
import { forceSignal } from '../signal/send.js';
import { getU64, setU64 } from './registers.js';
import type { Thread } from './thread.js';

export const RSEQ_SIZE = 32;
const RSEQ_CS = 8;
const CPU_ID_UNINITIALIZED = 0xffffffff;
/** struct rseq_cs: version, flags, start, length, abort address. */
const CS_SIZE = 32;
const CS_START = 8;
const CS_LENGTH = 16;
const CS_ABORT = 24;

const $bytes = new Uint8Array(CS_SIZE);
const $view = new DataView($bytes.buffer);

/** Writes what the area says of the processor; false when it cannot be written. */
export function writeCpu(memory: ProcessMemory, area: number, cpu: number): boolean {
  $view.setUint32(0, cpu === CPU_ID_UNINITIALIZED ? 0 : cpu, true);
  $view.setUint32(4, cpu, true);
  return memory.copyOut(area, $bytes, 0, 8) === 0;
}

/** The area is given up. */
export function forgetCpu(memory: ProcessMemory, area: number): boolean {
  return writeCpu(memory, area, CPU_ID_UNINITIALIZED);
}

/** The loaded thread goes on after it was preempted, or is to handle a signal: a sequence it is in is aborted. */
export function restartSequence(thread: Thread): void {
  const { memory, kernel } = thread.process;
  if (memory.copyIn(thread.rseq + RSEQ_CS, $bytes, 0, 8) < 0) return kill(thread);
  const descriptor = getU64($view, 0);
  if (descriptor === 0) return;
  if (memory.copyIn(descriptor, $bytes, 0, CS_SIZE) < 0) return kill(thread);
  const [start, length, abort] = [getU64($view, CS_START), getU64($view, CS_LENGTH), getU64($view, CS_ABORT)];
  const { registers } = kernel;
  const inside = registers.rip >= start && registers.rip < start + length;
  const signed = memory.readU32(abort - 4) === thread.rseqSignature;
  const valid = $view.getUint32(0, true) === 0 && (abort < start || abort >= start + length);
  setU64($view, 0, 0);
  if (!valid || (inside && !signed) || memory.copyOut(thread.rseq + RSEQ_CS, $bytes, 0, 8) < 0)
    return kill(thread);
  if (inside) registers.rip = abort;
}

function kill(thread: Thread): void {
  forceSignal(thread, faultInfo(SIGSEGV, SI_KERNEL, 0));
}
