/** A program in a sandbox, joined to this process: its streams, signals and window, until it ends. */
import type { SandboxProcess } from '../index.js';
import { FORWARDED } from './job.js';
import { outputTo } from './output.js';
import { RawMode, followWindow } from './terminal.js';

export interface Attended {
  /** Signals that reach the program. */
  readonly forwarded: Readonly<Record<string, number>>;
  /** Standard input is connected. */
  readonly interactive: boolean;
  readonly tty: boolean;
}

export function windowSize(): { columns: number; rows: number } {
  const { columns = 80, rows = 24 } = process.stdout;
  return { columns, rows };
}

/** Joins the program's streams, signals and window size to the host's until it ends. */
export async function attend(
  guest: SandboxProcess,
  { forwarded, interactive, tty }: Attended,
): Promise<number> {
  const undo: (() => void)[] = [];
  for (const [name, signal] of Object.entries(forwarded)) {
    const forward = (): void => void guest.kill(signal);
    // A manifest lets one SIGTERM in; the next one is the host's own.
    if (forwarded === FORWARDED) process.on(name, forward);
    else process.once(name, forward);
    undo.push(() => process.off(name, forward));
  }
  if (tty) undo.push(followWindow(guest));
  if (interactive) undo.push(feedInput(guest, tty));
  else if (!tty) void guest.endInput().catch(() => undefined);
  try {
    const [exit] = await Promise.all([guest.exit, guest.drain(1, outputTo(1)), guest.drain(2, outputTo(2))]);
    return exit.status;
  } finally {
    for (const step of undo) step();
  }
}

function feedInput(guest: SandboxProcess, terminal: boolean): () => void {
  const { stdin } = process;
  const writer = guest.stdin.getWriter();
  const raw = terminal ? new RawMode(guest) : null;
  const give = async (): Promise<void> => {
    for await (const chunk of stdin) await writer.write(chunk as Uint8Array);
    await writer.close();
  };
  void give().catch(() => undefined);
  return () => {
    raw?.release();
    stdin.destroy();
  };
}
