/** `culm restore`: goes on with a snapshot's sandbox, its first program's streams joined to the host's. */
import { Sandbox, type RestoreOptions, type SandboxProcess } from '../index.js';
import { attend, windowSize } from './attend.js';
import { answerSnapshots } from './control.js';
import { FORWARDED, lineWriter, refuse, restoreOptionsOf, type RunOptions } from './job.js';
import { outputTo } from './output.js';
import { readSnapshot } from './snapshot-file.js';

const SIGKILL = 9;

/** Options of `culm run` that have a meaning for a sandbox that is there already. */
export type RestoreCommandOptions = Partial<RunOptions> & {
  /** Snapshots on which the file builds, the oldest first. */
  readonly parent?: readonly string[];
};

export async function restore(file: string, options: RestoreCommandOptions): Promise<number> {
  const tty = options.tty === true;
  const interactive = options.interactive === true;
  if (tty && interactive && !process.stdin.isTTY) refuse('the input device is not a terminal: leave -t out');
  const chain = [...(options.parent ?? []), file].map(readSnapshot);
  const log = lineWriter(options.logFile, 'a');
  const strace = options.straceOutput === undefined ? log : lineWriter(options.straceOutput, 'w');
  const traced = options.strace === true || options.straceOutput !== undefined;
  const bindings: RestoreOptions = {
    logLevel: 'error',
    ...restoreOptionsOf(options),
    log: (line) => log.write(`culm: ${line}`),
    ...(traced ? { strace: strace.write } : {}),
  };
  const sandbox = await Sandbox.restore(chain, bindings);
  const deaf = answerSnapshots(sandbox);
  try {
    const [guest, ...others] = sandbox.processes();
    if (guest === undefined) refuse('no program runs in the snapshot');
    if (tty && !guest.hasTerminal) refuse('the program in the snapshot has no terminal: leave -t out');
    for (const other of others)
      for (const stream of [1, 2] as const) void other.drain(stream, outputTo(stream));
    if (tty) redraw(guest);
    const cancel = limit(guest, options.timeout);
    const status = await attend(guest, { forwarded: FORWARDED, interactive, tty });
    cancel();
    if (options.stats === true)
      for (const [name, value] of Object.entries(await sandbox.statistics()))
        process.stderr.write(`${name.padEnd(18)} ${value}\n`);
    return status;
  } finally {
    deaf();
    await sandbox.dispose();
    if (strace !== log) strace.close();
    log.close();
  }
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
