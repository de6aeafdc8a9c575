import { CLD_EXITED, SIGCHLD, SI_KERNEL, SI_TIMER } from '../abi/signal.js';
import { setU64 } from '../process/registers.js';

/** sizeof(siginfo_t), and where the part that depends on the signal begins. */
export const SIGINFO_SIZE = 128;
export const SIGINFO_FIELDS = 16;

/** What a signal brings with it: siginfo_t (sigaction(2)). */
export interface SigInfo {
  readonly signo: number;
  readonly code: number;
  readonly errno: number;
  /** The bytes from SIGINFO_FIELDS on; zeros follow. */
  readonly fields: Uint8Array;
}

function makeInfo(signo: number, code: number, size: number, fill: (view: DataView) => void): SigInfo {
  const fields = new Uint8Array(size);
  fill(new DataView(fields.buffer));
  return { signo, code, errno: 0, fields };
}

/** Sent by a process: si_pid, si_uid. */
export function senderInfo(signo: number, code: number, pid: number, uid: number): SigInfo {
  return makeInfo(signo, code, 16, (view) => {
    view.setInt32(0, pid, true);
    view.setUint32(4, uid, true);
  });
}

/** Sent by the kernel. */
export function kernelInfo(signo: number): SigInfo {
  return senderInfo(signo, SI_KERNEL, 0, 0);
}

/** Caused by an instruction: si_addr. */
export function faultInfo(signo: number, code: number, address: number): SigInfo {
  return makeInfo(signo, code, 16, (view) => setU64(view, 0, address));
}

/** A child's change of state: si_pid, si_uid, si_status, si_utime, si_stime (in ticks). */
export function childInfo(
  code: number,
  child: { pid: number; uid: number; status: number; utime: number; stime: number },
): SigInfo {
  return makeInfo(SIGCHLD, code, 32, (view) => {
    view.setInt32(0, child.pid, true);
    view.setUint32(4, child.uid, true);
    view.setInt32(8, code === CLD_EXITED ? child.status >> 8 : child.status & 0x7f, true);
    setU64(view, 16, child.utime);
    setU64(view, 24, child.stime);
  });
}

/** Something can be read or written: si_band, si_fd. */
export function readinessInfo(signo: number, code: number, band: number, fd: number): SigInfo {
  return makeInfo(signo, code, 16, (view) => {
    setU64(view, 0, band);
    view.setInt32(8, fd, true);
  });
}

/** An expired POSIX timer: si_timerid, si_overrun, si_value. */
export function timerInfo(
  signo: number,
  timer: { id: number; overrun: number; valueLo: number; valueHi: number },
): SigInfo {
  return makeInfo(signo, SI_TIMER, 16, (view) => {
    view.setInt32(0, timer.id, true);
    view.setInt32(4, timer.overrun, true);
    view.setUint32(8, timer.valueLo, true);
    view.setUint32(12, timer.valueHi, true);
  });
}

/** A message has come: si_pid, si_uid, si_value. */
export function messageInfo(
  signo: number,
  code: number,
  from: { pid: number; uid: number; valueLo: number; valueHi: number },
): SigInfo {
  return makeInfo(signo, code, 16, (view) => {
    view.setInt32(0, from.pid, true);
    view.setUint32(4, from.uid, true);
    view.setUint32(8, from.valueLo, true);
    view.setUint32(12, from.valueHi, true);
  });
}

/** Writes it as siginfo_t has it, SIGINFO_SIZE bytes. */
export function writeInfo(info: SigInfo, into: Uint8Array, at: number): void {
  into.fill(0, at, at + SIGINFO_SIZE);
  const view = new DataView(into.buffer, into.byteOffset + at);
  view.setInt32(0, info.signo, true);
  view.setInt32(4, info.errno, true);
  view.setInt32(8, info.code, true);
  into.set(info.fields, at + SIGINFO_FIELDS);
}

/** Reads a siginfo_t that a program made (rt_sigqueueinfo). */
export function readInfo(bytes: Uint8Array, signo: number): SigInfo {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const fields = bytes.slice(SIGINFO_FIELDS, SIGINFO_SIZE);
  return { signo, errno: view.getInt32(4, true), code: view.getInt32(8, true), fields };
}
