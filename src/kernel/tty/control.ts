/**
 * ioctl_tty(2): a function for each request. Most requests mean the terminal, whether they are made on it or on its
 * master; those that mean the master itself are its own (master.ts).
 */
import { EINVAL, EIO, ENOTTY, EPERM, ESRCH } from '../errno.js';
import type { Errno } from '../errno.js';
import type { UserMemory } from '../fs/types.js';
import * as request from './ioctls.js';
import {
  CLOCAL,
  DISABLED,
  TERMIOS2_SIZE,
  TERMIOS_SIZE,
  TERMIO_SIZE,
  VSTART,
  VSTOP,
  decodeTermio,
  decodeTermios,
  encodeTermio,
  encodeTermios,
  keepLocked,
} from './termios.js';
import type { Termios } from './termios.js';
import type { Terminal } from './terminal.js';

export interface Call {
  readonly terminal: Terminal;
  /** It is made on the master. */
  readonly master: boolean;
  /** The descriptor is open for reading. */
  readonly reads: boolean;
  readonly arg: number;
  readonly user: UserMemory;
}
export type Action = (call: Call) => number | Errno;

/** UNIX98_PTY_SLAVE_MAJOR. */
export const PTS_MAJOR = 136;

function copyOut({ arg, user }: Call, bytes: Uint8Array): 0 | Errno {
  return user.copyOut(arg, bytes, 0, bytes.length);
}

function getSettings(size: number): Action {
  return (call) => copyOut(call, encodeTermios(call.terminal.discipline.termios, size));
}

/** Changes settings in place, and lets the terminal know. */
function change(terminal: Terminal, how: (termios: Termios) => void): void {
  const { termios } = terminal.discipline;
  const before = { ...termios, cc: termios.cc.slice() };
  how(termios);
  keepLocked(termios, before, terminal.lockedSettings);
  terminal.settingsChanged(before);
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
    if (flush) terminal.flushInput();
    change(terminal, (termios) => decode(bytes, termios));
    return 0;
  };
}

function lockSettings({ terminal, arg, user }: Call): number {
  if (terminal.jobs.caller()?.isAdmin === false) return EPERM;
  const bytes = new Uint8Array(TERMIOS_SIZE);
  const fault = user.copyIn(arg, bytes, 0, bytes.length);
  if (fault === 0) decodeTermios(bytes, terminal.lockedSettings);
  return fault;
}

/** An action that a background process may not take; the master is nobody's terminal. */
function changing(action: Action): Action {
  return (call) => {
    const refused = call.master ? 0 : call.terminal.mayChange();
    return refused !== 0 ? refused : action(call);
  };
}

function flowControl({ terminal, arg }: Call): number {
  const { discipline } = terminal;
  const send = (character: number): number => {
    const byte = discipline.termios.cc[character] ?? DISABLED;
    if (byte !== DISABLED) terminal.send(byte);
    return 0;
  };
  if (arg === request.TCIOFF) return send(VSTOP);
  if (arg === request.TCION) return send(VSTART);
  if (arg !== request.TCOOFF && arg !== request.TCOON) return EINVAL;
  discipline.stopByCall(arg === request.TCOOFF);
  return 0;
}

function flush({ terminal, arg }: Call): number {
  if (arg > request.TCIOFLUSH) return EINVAL;
  if (arg !== request.TCOFLUSH) terminal.flushInput();
  if (arg !== request.TCIFLUSH) terminal.flushOutput();
  return 0;
}

/** TIOCSCTTY; with 1 an administrator may steal the terminal from another session. */
function setControlling({ terminal, reads, arg }: Call): number {
  const caller = terminal.jobs.caller();
  if (caller === null) return EPERM;
  if (caller.isSessionLeader && terminal.session === caller.sid) return 0;
  if (!caller.isSessionLeader || caller.terminal !== null) return EPERM;
  if (terminal.session !== 0) {
    if (arg !== 1 || !caller.isAdmin) return EPERM;
    terminal.leaveSession();
  }
  if (!reads && !caller.isAdmin) return EPERM;
  terminal.controls(caller);
  return 0;
}

function giveUpControlling({ terminal, master }: Call): number {
  const caller = terminal.jobs.caller();
  if (master || caller === null || caller.terminal !== terminal) return ENOTTY;
  if (caller.isSessionLeader) terminal.isGivenUp();
  else caller.terminal = null;
  return 0;
}

function isControlling(terminal: Terminal): boolean {
  return terminal.jobs.caller()?.terminal === terminal;
}

function getForeground({ terminal, master, arg, user }: Call): number {
  return master || isControlling(terminal) ? user.writeU32(arg, terminal.foreground) : ENOTTY;
}

function setForeground({ terminal, arg, user }: Call): number {
  const refused = terminal.mayChange();
  if (refused !== 0) return refused === EIO ? ENOTTY : refused;
  const pgid = user.readU32(arg);
  if (pgid < 0) return pgid;
  if (pgid > 0x7fffffff) return EINVAL;
  const caller = terminal.jobs.caller();
  if (caller === null || !isControlling(terminal) || caller.sid !== terminal.session) return ENOTTY;
  const session = terminal.jobs.sessionOf(pgid);
  if (session < 0) return ESRCH;
  if (session !== terminal.session) return EPERM;
  terminal.foreground = pgid;
  return 0;
}

function getSession({ terminal, master, arg, user }: Call): number {
  if (!master && !isControlling(terminal)) return ENOTTY;
  return terminal.session === 0 ? ENOTTY : user.writeU32(arg, terminal.session);
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
  terminal.resize({ rows, columns, width, height });
  return 0;
}

/** TIOCSTI: only the terminal's own programs may type into it. */
function type({ terminal, arg, user }: Call): number {
  const caller = terminal.jobs.caller();
  if (caller !== null && caller.terminal !== terminal && !caller.isAdmin) return EPERM;
  const byte = new Uint8Array(1);
  const fault = user.copyIn(arg, byte, 0, 1);
  if (fault === 0) terminal.input(byte);
  return fault;
}

function exclusive(on: boolean): Action {
  return ({ terminal }) => {
    terminal.exclusive = on;
    return 0;
  };
}

function setLocal({ terminal, arg, user }: Call): number {
  const on = user.readU32(arg);
  if (on < 0) return on;
  change(terminal, (termios) => {
    termios.cflag = on === 0 ? termios.cflag & ~CLOCAL : termios.cflag | CLOCAL;
  });
  return 0;
}

function hangup({ terminal }: Call): number {
  if (terminal.jobs.caller()?.isAdmin === false) return EPERM;
  terminal.hangup();
  return 0;
}

/** Answers with a number. */
function tell(value: (terminal: Terminal) => number): Action {
  return ({ terminal, arg, user }) => user.writeU32(arg, value(terminal));
}

/** Output is taken at once, so that there is nothing to wait for, and a break has no line to go over. */
const drain: Action = changing(() => 0);

const ACTIONS: ReadonlyMap<number, Action> = new Map<number, Action>([
  [request.TCGETS, getSettings(TERMIOS_SIZE)],
  [request.TCGETS2, getSettings(TERMIOS2_SIZE)],
  [request.TCSETS, setSettings(TERMIOS_SIZE, decodeTermios, false)],
  [request.TCSETSW, setSettings(TERMIOS_SIZE, decodeTermios, false)],
  [request.TCSETSF, setSettings(TERMIOS_SIZE, decodeTermios, true)],
  [request.TCSETS2, setSettings(TERMIOS2_SIZE, decodeTermios, false)],
  [request.TCSETSW2, setSettings(TERMIOS2_SIZE, decodeTermios, false)],
  [request.TCSETSF2, setSettings(TERMIOS2_SIZE, decodeTermios, true)],
  [
    request.TIOCGLCKTRMIOS,
    (call) => copyOut(call, encodeTermios(call.terminal.lockedSettings, TERMIOS_SIZE)),
  ],
  [request.TIOCSLCKTRMIOS, lockSettings],
  [request.TCGETA, (call) => copyOut(call, encodeTermio(call.terminal.discipline.termios))],
  [request.TCSETA, setSettings(TERMIO_SIZE, decodeTermio, false)],
  [request.TCSETAW, setSettings(TERMIO_SIZE, decodeTermio, false)],
  [request.TCSETAF, setSettings(TERMIO_SIZE, decodeTermio, true)],
  [request.TIOCGSOFTCAR, tell(({ discipline }) => ((discipline.termios.cflag & CLOCAL) !== 0 ? 1 : 0))],
  [request.TIOCSSOFTCAR, setLocal],
  [request.TCSBRK, drain],
  [request.TCSBRKP, drain],
  [request.TIOCSBRK, drain],
  [request.TIOCCBRK, drain],
  [request.TCXONC, changing(flowControl)],
  [request.TCFLSH, changing(flush)],
  [request.TIOCEXCL, exclusive(true)],
  [request.TIOCNXCL, exclusive(false)],
  [request.TIOCGEXCL, tell(({ exclusive }) => (exclusive ? 1 : 0))],
  [request.TIOCSCTTY, setControlling],
  [request.TIOCNOTTY, giveUpControlling],
  [request.TIOCGPGRP, getForeground],
  [request.TIOCSPGRP, setForeground],
  [request.TIOCGSID, getSession],
  [request.TIOCOUTQ, tell(() => 0)],
  [request.TIOCSTI, type],
  [request.TIOCCONS, () => EPERM],
  [request.TIOCVHANGUP, hangup],
  [request.TIOCGDEV, tell(({ index }) => (PTS_MAJOR << 8) | (index & 0xff) | ((index & ~0xff) << 12))],
  [request.TIOCGWINSZ, getSize],
  [request.TIOCSWINSZ, setSize],
  [request.FIONREAD, tell(({ readableBytes }) => readableBytes)],
  [request.TIOCGETD, tell(() => 0)],
  [request.TIOCSETD, changing(({ arg, user }) => setDiscipline(user.readU32(arg)))],
]);

/** There is no line discipline but N_TTY. */
function setDiscipline(number: number): number {
  return number <= 0 ? number : EINVAL;
}

export function terminalIoctl(call: Call, number: number): number | Errno {
  const action = ACTIONS.get(number);
  return action === undefined ? ENOTTY : action(call);
}
