/** siginfo_t as struct signalfd_siginfo has it (signalfd(2), linux/signalfd.h). */
import {
  SIGBUS,
  SIGCHLD,
  SIGFPE,
  SIGILL,
  SIGIO,
  SIGSEGV,
  SIGSYS,
  SIGTRAP,
  SI_KERNEL,
  SI_SIGIO,
  SI_TIMER,
} from '../abi/signal.js';
import type { SigInfo } from './info.js';

export const SIGNALFD_SIGINFO_SIZE = 128;

const NSIGPOLL = 6;
const BUS_MCEERR_AR = 4;

/** Where 4-byte words of siginfo_t's fields go, as pairs [from, to]. */
type Moves = readonly (readonly [number, number])[];

const SSI_PID = 12;
const SSI_UID = 16;
const SSI_FD = 20;
const SSI_TID = 24;
const SSI_BAND = 28;
const SSI_OVERRUN = 32;
const SSI_STATUS = 40;
const SSI_INT = 44;
const SSI_PTR = 48;
const SSI_UTIME = 56;
const SSI_STIME = 64;
const SSI_ADDR = 72;
const SSI_ADDR_LSB = 80;
const SSI_SYSCALL = 84;
const SSI_CALL_ADDR = 88;
const SSI_ARCH = 96;

function wide(from: number, to: number): Moves {
  return [
    [from, to],
    [from + 4, to + 4],
  ];
}

const KILL: Moves = [
  [0, SSI_PID],
  [4, SSI_UID],
];
const VALUE: Moves = [[8, SSI_INT], ...wide(8, SSI_PTR)];
const TIMER: Moves = [[0, SSI_TID], [4, SSI_OVERRUN], ...VALUE];
const POLL: Moves = [
  [0, SSI_BAND],
  [8, SSI_FD],
];
const FAULT: Moves = wide(0, SSI_ADDR);
const CHLD: Moves = [...KILL, [8, SSI_STATUS], ...wide(16, SSI_UTIME), ...wide(24, SSI_STIME)];
const SYS: Moves = [...wide(0, SSI_CALL_ADDR), [8, SSI_SYSCALL], [12, SSI_ARCH]];

/** Up to which code a signal has a layout of its own. */
const LAYOUTS: Readonly<Record<number, { readonly limit: number; readonly moves: Moves }>> = {
  [SIGILL]: { limit: 11, moves: FAULT },
  [SIGFPE]: { limit: 15, moves: FAULT },
  [SIGSEGV]: { limit: 10, moves: FAULT },
  [SIGBUS]: { limit: 5, moves: FAULT },
  [SIGTRAP]: { limit: 6, moves: FAULT },
  [SIGCHLD]: { limit: 6, moves: CHLD },
  [SIGIO]: { limit: NSIGPOLL, moves: POLL },
  [SIGSYS]: { limit: 2, moves: SYS },
};

/** siginfo_layout. */
function movesOf({ signo, code }: SigInfo): Moves {
  if (code > 0 && code < SI_KERNEL) {
    const own = LAYOUTS[signo];
    if (own !== undefined && code <= own.limit) return own.moves;
    return code <= NSIGPOLL ? POLL : KILL;
  }
  if (code === SI_TIMER) return TIMER;
  if (code === SI_SIGIO) return POLL;
  return code < 0 ? [...KILL, ...VALUE] : KILL;
}

/** Fills the first SIGNALFD_SIGINFO_SIZE bytes of `view`. */
export function writeSignalfdInfo(info: SigInfo, view: DataView): void {
  for (let at = 0; at < SIGNALFD_SIGINFO_SIZE; at += 4) view.setUint32(at, 0, true);
  view.setUint32(0, info.signo, true);
  view.setInt32(4, info.errno, true);
  view.setInt32(8, info.code, true);
  const fields = new DataView(info.fields.buffer, info.fields.byteOffset, info.fields.byteLength);
  for (const [from, to] of movesOf(info)) {
    if (from + 4 <= fields.byteLength) view.setUint32(to, fields.getUint32(from, true), true);
  }
  const memoryError = info.signo === SIGBUS && info.code >= BUS_MCEERR_AR && info.code < SI_KERNEL;
  if (memoryError && fields.byteLength >= 10) view.setUint16(SSI_ADDR_LSB, fields.getUint16(8, true), true);
}
