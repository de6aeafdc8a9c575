import { CPU_FCW, CPU_FSW, CPU_MXCSR } from '../../machine/layout.js';
import { ACCESS_EXEC, ACCESS_WRITE, DR6_STEP, type Access } from '../../machine/types.js';
import {
  BUS_ADRALN,
  BUS_ADRERR,
  FPE_FLTDIV,
  FPE_FLTINV,
  FPE_FLTOVF,
  FPE_FLTRES,
  FPE_FLTUND,
  FPE_INTDIV,
  ILL_ILLOPN,
  SEGV_ACCERR,
  SEGV_MAPERR,
  SIGBUS,
  SIGFPE,
  SIGILL,
  SIGKILL,
  SIGSEGV,
  SIGTRAP,
  SI_KERNEL,
  TRAP_BRKPT,
  TRAP_TRACE,
} from '../abi/signal.js';
import { FAULT_ACCERR, FAULT_BUS, FAULT_OK, handleFault } from '../mm/fault.js';
import { pteBits } from '../mm/pte.js';
import { TASK_SIZE } from '../mm/vma.js';
import type { Thread } from '../process/thread.js';
import { faultInfo } from './info.js';
import { forceSignal } from './send.js';

export interface Exception {
  readonly vector: number;
  readonly error: number;
  /** CR2, signed. */
  readonly address: number;
}

const DEBUG = 1;
const PAGE_FAULT = 14;
const X87_ERROR = 16;
const SIMD_ERROR = 19;
/** Bits of a page fault's error code. */
const PF_PRESENT = 1;
const PF_USER = 4;

/** Where si_addr comes from. */
const AT_NOTHING = 0;
const AT_RIP = 1;

/** Signal, si_code and si_addr by vector (arch/x86/kernel/traps.c). */
const EXCEPTIONS: Readonly<Record<number, readonly [signal: number, code: number, address: number]>> = {
  0: [SIGFPE, FPE_INTDIV, AT_RIP],
  3: [SIGTRAP, SI_KERNEL, AT_NOTHING],
  4: [SIGSEGV, SI_KERNEL, AT_NOTHING],
  5: [SIGSEGV, SI_KERNEL, AT_NOTHING],
  6: [SIGILL, ILL_ILLOPN, AT_RIP],
  11: [SIGBUS, SI_KERNEL, AT_NOTHING],
  12: [SIGBUS, SI_KERNEL, AT_NOTHING],
  13: [SIGSEGV, SI_KERNEL, AT_NOTHING],
  17: [SIGBUS, BUS_ADRALN, AT_NOTHING],
};

/** Exception bits as x87's status word and MXCSR have them, in the order in which Linux looks at them. */
const FLOAT_CODES: readonly (readonly [number, number])[] = [
  [0x01, FPE_FLTINV],
  [0x04, FPE_FLTDIV],
  [0x08, FPE_FLTOVF],
  [0x12, FPE_FLTUND],
  [0x20, FPE_FLTRES],
];

/** Turns an exception of the loaded thread into its signal. */
export function raiseException(thread: Thread, exception: Exception): void {
  const { vector } = exception;
  if (vector === PAGE_FAULT) return raisePageFault(thread, exception);
  thread.trapNumber = vector;
  thread.trapError = vector === DEBUG ? 0 : exception.error;
  const rip = thread.process.kernel.registers.rip;
  if (vector === X87_ERROR || vector === SIMD_ERROR)
    return forceSignal(thread, faultInfo(SIGFPE, floatCode(thread, vector), rip));
  if (vector === DEBUG) return forceSignal(thread, faultInfo(SIGTRAP, debugCode(exception), rip));
  const [signal, code, from] = EXCEPTIONS[vector] ?? EXCEPTIONS[13];
  forceSignal(thread, faultInfo(signal, code, from === AT_RIP ? rip : 0));
}

/** A step of the trap flag's, or int1. */
function debugCode({ error }: Exception): number {
  return error === DR6_STEP ? TRAP_TRACE : TRAP_BRKPT;
}

function floatCode(thread: Thread, vector: number): number {
  const { view, base } = thread.process.kernel.registers;
  const mxcsr = view.getUint32(base + CPU_MXCSR, true);
  const raised =
    vector === SIMD_ERROR
      ? mxcsr & ~(mxcsr >>> 7)
      : view.getUint32(base + CPU_FSW, true) & ~view.getUint32(base + CPU_FCW, true);
  return FLOAT_CODES.find(([bits]) => (raised & bits) !== 0)?.[1] ?? 0;
}

function raisePageFault(thread: Thread, { error, address }: Exception): void {
  if (thread.process.pending.set.has(SIGKILL)) return;
  const { mm } = thread.process;
  const access = (error & (ACCESS_WRITE | ACCESS_EXEC)) as Access;
  const inRange = address >= 0 && address < TASK_SIZE;
  const fault = inRange ? handleFault(mm, address, access) : FAULT_BUS;
  // Another thread's mapping may have made the access good: it is tried again.
  if (fault === FAULT_OK) return;
  const present = !inRange || pteBits(mm.space.get(address)) !== 0;
  thread.trapNumber = PAGE_FAULT;
  thread.trapError = access | PF_USER | (present ? PF_PRESENT : 0);
  thread.faultAddress = address;
  if (inRange && fault === FAULT_BUS) return forceSignal(thread, faultInfo(SIGBUS, BUS_ADRERR, address));
  const code = fault === FAULT_ACCERR ? SEGV_ACCERR : SEGV_MAPERR;
  forceSignal(thread, faultInfo(SIGSEGV, code, address));
}
