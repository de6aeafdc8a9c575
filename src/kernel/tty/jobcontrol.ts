/** What a terminal needs to know and do about processes (credentials(7), setsid(2), tcsetpgrp(3)). */
import type { Errno } from '../errno.js';
import type { Terminal } from './terminal.js';

/** The process that makes the running call. */
export interface TerminalCaller {
  readonly sid: number;
  readonly pgid: number;
  readonly isSessionLeader: boolean;
  readonly fsuid: number;
  /** CAP_SYS_ADMIN. */
  readonly isAdmin: boolean;
  /** The session's controlling terminal. */
  terminal: Terminal | null;
  /** The calling thread blocks the signal, or its process ignores it. */
  ignores(signal: number): boolean;
  /** Nobody outside the group in its session could continue it. */
  readonly isOrphaned: boolean;
}

export interface JobControl {
  /** Null when it is the kernel itself. */
  caller(): TerminalCaller | null;
  signalGroup(pgid: number, signal: number): void;
  /** The session of a process group, or of a process; ESRCH when there is neither. */
  sessionOf(id: number): number;
  /** Takes the controlling terminal away from all processes of a session. */
  detach(sid: number): void;
  /** The session's terminal is gone: its leader is told, and remembers the foreground group to tell it when it ends. */
  hangUp(sid: number, foreground: number): void;
  /** Opens a terminal by the name that it has in its filesystem, as a new descriptor of the caller (TIOCGPTPEER). */
  openAsDescriptor(terminal: Terminal, flags: number): number | Errno;
}
