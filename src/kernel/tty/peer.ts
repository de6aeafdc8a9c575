/** The other side of a terminal, where keys and screen are: a pseudo-terminal's master, or the sandbox's host. */
export interface TerminalPeer {
  /** Bytes of output that writers may give it now; what is echoed may go beyond. */
  readonly room: number;
  /** Takes output; the bytes are lent. */
  show(bytes: Uint8Array, from: number, to: number): void;
  /** Output that is still on its way is not to be seen (TCOFLUSH, signals). */
  dropOutput(): void;
  /** The terminal can take input again. */
  accepts(): void;
  /** What packet mode tells: TIOCPKT_*, instead of those in `instead`. */
  tell(status: number, instead: number): void;
  /** The first descriptor for the terminal has been opened, or the last one closed. */
  inUse(open: boolean): void;
}
