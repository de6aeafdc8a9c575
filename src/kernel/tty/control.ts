/** ioctl_tty(2): a function for each request. */
import { SIGWINCH } from '../abi/signal.js';
import { EINVAL, ENOTTY, EPERM, ESRCH } from '../errno.js';
import type { Errno } from '../errno.js';
import type { UserMemory } from '../fs/types.js';
import * as request from './ioctls.js';
import {
  TERMIOS2_SIZE,
  TERMIOS_SIZE,
  TERMIO_SIZE,
  decodeTermio,
  decodeTermios,
  encodeTermio,
  encodeTermios,
} from './termios.js';
import type { Termios } from './termios.js';
import type { Terminal } from './terminal.js';

interface Call {
  readonly terminal: Terminal;
  readonly arg: number;
  readonly user: UserMemory;
}
type Action = (call: Call) => number | Errno;

function copyOut({ arg, user }: Call, bytes: Uint8Array): 0 | Errno {
  return user.copyOut(arg, bytes, 0, bytes.length);
}

function getSettings(size: number): Action {
  return (call) => copyOut(call, encodeTermios(call.terminal.discipline.termios, size));
}

/** Sets what `decode` finds in user memory; `flush`: input that was not read is dropped first (TCSETSF). */
function setSettings(
  size: number,
  decode: (bytes: Uint8Array, into: Termios) => void,
  flush: boolean,
): Action {
  return ({ terminal, arg, user }) => {
    const refused = terminal.mayChange();
    if (refused !== 0) return refused;
    const bytes = new Uint8Array(size);
    const fault = user.copyIn(arg, bytes, 0, size);
    if (fault !== 0) return fault;
    if (flush) terminal.discipline.flushInput();
    const wasCanonical = terminal.discipline.isCanonical;
    decode(bytes, terminal.discipline.termios);
    terminal.changed(wasCanonical);
    return 0;
  };
}

function flowControl({ terminal, arg }: Call): number {
  const refused = terminal.mayChange();
  if (refused !== 0) return refused;
  if (arg === request.TCOOFF) terminal.discipline.stopped = true;
  else if (arg === request.TCOON) terminal.discipline.start();
  return arg >= 0 && arg <= 3 ? 0 : EINVAL;
}

function flush({ terminal, arg }: Call): number {
  const refused = terminal.mayChange();
  if (refused !== 0) return refused;
  if (arg > request.TCIOFLUSH) return EINVAL;
  if (arg !== request.TCOFLUSH) terminal.discipline.flushInput();
  return 0;
}

/** TIOCSCTTY; with 1 root may steal the terminal from another session. */
function setControlling({ terminal, arg }: Call): number {
  const caller = terminal.jobs.caller();
  if (caller === null) return EPERM;
  if (caller.terminal === terminal && terminal.session === caller.sid) return 0;
  if (!caller.isSessionLeader || caller.terminal !== null) return EPERM;
  if (terminal.session !== 0) {
    if (arg !== 1 || !caller.isRoot) return EPERM;
    terminal.leaveSession();
  }
  terminal.controls(caller);
  return 0;
}

function giveUpControlling({ terminal }: Call): number {
  const caller = terminal.jobs.caller();
  if (caller === null || caller.terminal !== terminal) return ENOTTY;
  if (caller.isSessionLeader) terminal.hangupSession();
  else caller.terminal = null;
  return 0;
}

function isControlling(terminal: Terminal): boolean {
  return terminal.jobs.caller()?.terminal === terminal;
}

function getForeground({ terminal, arg, user }: Call): number {
  return isControlling(terminal) ? user.writeU32(arg, terminal.foreground) : ENOTTY;
}

function setForeground({ terminal, arg, user }: Call): number {
  const refused = terminal.mayChange();
  if (refused !== 0) return refused;
  const caller = terminal.jobs.caller();
  if (caller === null || !isControlling(terminal) || caller.sid !== terminal.session) return ENOTTY;
  const pgid = user.readU32(arg);
  if (pgid < 0) return pgid;
  if (pgid > 0x7fffffff) return EINVAL;
  const session = terminal.jobs.sessionOf(pgid);
  if (session < 0) return ESRCH;
  if (session !== terminal.session) return EPERM;
  terminal.foreground = pgid;
  return 0;
}

function getSession({ terminal, arg, user }: Call): number {
  if (!isControlling(terminal) || terminal.session === 0) return ENOTTY;
  return user.writeU32(arg, terminal.session);
}

function getSize(call: Call): number {
  const { rows, columns, width, height } = call.terminal.size;
  return copyOut(call, new Uint8Array(Uint16Array.of(rows, columns, width, height).buffer));
}

function setSize({ terminal, arg, user }: Call): number {
  const bytes = new Uint8Array(8);
  const fault = user.copyIn(arg, bytes, 0, bytes.length);
  if (fault !== 0) return fault;
  const [rows = 0, columns = 0, width = 0, height = 0] = new Uint16Array(bytes.buffer);
  const { size } = terminal;
  const same =
    size.rows === rows && size.columns === columns && size.width === width && size.height === height;
  Object.assign(size, { rows, columns, width, height });
  if (!same && terminal.foreground !== 0) terminal.jobs.signalGroup(terminal.foreground, SIGWINCH);
  return 0;
}

/** TIOCSTI: only the terminal's own programs may type into it. */
function type({ terminal, arg, user }: Call): number {
  const caller = terminal.jobs.caller();
  if (caller !== null && caller.terminal !== terminal && !caller.isRoot) return EPERM;
  const byte = new Uint8Array(1);
  const fault = user.copyIn(arg, byte, 0, 1);
  if (fault === 0) terminal.pretendTyped(byte[0] ?? 0);
  return fault;
}

function exclusive(on: boolean): Action {
  return ({ terminal }) => {
    terminal.exclusive = on;
    return 0;
  };
}

const done: Action = ({ terminal }) => terminal.mayChange();

const ACTIONS: ReadonlyMap<number, Action> = new Map<number, Action>([
  [request.TCGETS, getSettings(TERMIOS_SIZE)],
  [request.TCGETS2, getSettings(TERMIOS2_SIZE)],
  [request.TCSETS, setSettings(TERMIOS_SIZE, decodeTermios, false)],
  [request.TCSETSW, setSettings(TERMIOS_SIZE, decodeTermios, false)],
  [request.TCSETSF, setSettings(TERMIOS_SIZE, decodeTermios, true)],
  [request.TCSETS2, setSettings(TERMIOS2_SIZE, decodeTermios, false)],
  [request.TCSETSW2, setSettings(TERMIOS2_SIZE, decodeTermios, false)],
  [request.TCSETSF2, setSettings(TERMIOS2_SIZE, decodeTermios, true)],
  [request.TCGETA, (call) => copyOut(call, encodeTermio(call.terminal.discipline.termios))],
  [request.TCSETA, setSettings(TERMIO_SIZE, decodeTermio, false)],
  [request.TCSETAW, setSettings(TERMIO_SIZE, decodeTermio, false)],
  [request.TCSETAF, setSettings(TERMIO_SIZE, decodeTermio, true)],
  [request.TCSBRK, done],
  [request.TCSBRKP, done],
  [request.TCXONC, flowControl],
  [request.TCFLSH, flush],
  [request.TIOCEXCL, exclusive(true)],
  [request.TIOCNXCL, exclusive(false)],
  [request.TIOCSCTTY, setControlling],
  [request.TIOCNOTTY, giveUpControlling],
  [request.TIOCGPGRP, getForeground],
  [request.TIOCSPGRP, setForeground],
  [request.TIOCGSID, getSession],
  [request.TIOCOUTQ, ({ terminal, arg, user }) => user.writeU32(arg, terminal.pendingOutput)],
  [request.TIOCSTI, type],
  [request.TIOCGWINSZ, getSize],
  [request.TIOCSWINSZ, setSize],
  [request.FIONREAD, ({ terminal, arg, user }) => user.writeU32(arg, terminal.readableBytes)],
  [request.TIOCGETD, ({ terminal, arg, user }) => user.writeU32(arg, terminal.discipline.termios.line)],
  [request.TIOCSETD, ({ arg, user }) => (user.readU32(arg) === 0 ? 0 : EINVAL)],
]);

export function terminalIoctl(
  terminal: Terminal,
  number: number,
  arg: number,
  user: UserMemory,
): number | Errno {
  const action = ACTIONS.get(number);
  return action === undefined ? ENOTTY : action({ terminal, arg, user });
}
