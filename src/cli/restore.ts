/** `culm restore`: goes on with a snapshot's sandbox, its first program's streams joined to the host's. */
import { Sandbox, type RestoreOptions, type SandboxProcess } from '../index.js';
import { attend, windowSize } from './attend.js';
import { FORWARDED, refuse, restoreOptionsOf, type RunOptions } from './job.js';
import { outputTo } from './output.js';
import { attended, checkTerminal, openLogs } from './session.js';
import { readSnapshot } from './snapshot-file.js';

const SIGKILL = 9;

/** Options of `culm run` that have a meaning for a sandbox that is there already. */
export type RestoreCommandOptions = Partial<RunOptions> & {
  /** Snapshots on which the file builds, the oldest first. */
  readonly parent?: readonly string[];
};

export async function restore(file: string, options: RestoreCommandOptions): Promise<number> {
  checkTerminal(options);
  const tty = options.tty === true;
  const interactive = options.interactive === true;
  const chain = [...(options.parent ?? []), file].map(readSnapshot);
  const logs = openLogs(options, options.logFile, false);
  const bindings: RestoreOptions = { logLevel: 'error', ...restoreOptionsOf(options), ...logs.options };
  const sandbox = await Sandbox.restore(chain, bindings);
  return attended(sandbox, options, logs, async () => {
    const [guest, ...others] = sandbox.processes();
    if (guest === undefined) refuse('no program runs in the snapshot');
    if (tty && !guest.hasTerminal) refuse('the program in the snapshot has no terminal: leave -t out');
    for (const other of others)
      for (const stream of [1, 2] as const) void other.drain(stream, outputTo(stream));
    if (tty) redraw(guest);
    const cancel = limit(guest, options.timeout);
    const status = await attend(guest, { forwarded: FORWARDED, interactive, tty });
    cancel();
    return status;
  });
}

/** The window is another one, perhaps of the same size: a change of size has the program draw all of it. */
function redraw(guest: SandboxProcess): void {
  const { columns, rows } = windowSize();
  void guest.resize(columns, Math.max(1, rows - 1)).then(() => guest.resize(columns, rows));
}

function limit(guest: SandboxProcess, seconds: number | undefined): () => void {
  if (seconds === undefined) return () => undefined;
  const timer = setTimeout(() => void guest.kill(SIGKILL), seconds * 1000);
  return () => clearTimeout(timer);
}
