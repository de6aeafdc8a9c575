/** A session's terminal, as far as processes know it (tty/). */
export interface ControllingTerminal {
  /** The leader of the session that it controls ends: it controls none any more, and tells the foreground group. */
  leaderEnds(): void;
}
