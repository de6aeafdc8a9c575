/** What a terminal needs to know and do about processes (credentials(7), setsid(2), tcsetpgrp(3)). */
import type { Terminal } from './terminal.js';

/** The process that makes the running call. */
export interface TerminalCaller {
  readonly sid: number;
  readonly pgid: number;
  readonly isSessionLeader: boolean;
  readonly isRoot: boolean;
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
  /** The session of a process group, or -1 when there is no such group. */
  sessionOf(pgid: number): number;
  /** Takes the controlling terminal away from all processes of a session. */
  detach(sid: number): void;
  /** Calls `callback` after `ms`; what it returns cancels that. */
  after(ms: number, callback: () => void): () => void;
}
