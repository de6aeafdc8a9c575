/** `culm run`: a sandbox in this thread, its streams joined to the host's. */
import { Sandbox, type SandboxProcess } from '../index.js';
import { FORWARDED, lineWriter, manifestJob, plainJob, refuse, type Job, type RunOptions } from './job.js';
import { outputTo } from './output.js';
import { RawMode, followWindow } from './terminal.js';

/** Runs `argv` and returns the status for the shell. */
export async function run(argv: readonly string[], options: RunOptions): Promise<number> {
  if (options.tty === true && options.interactive === true && !process.stdin.isTTY)
    refuse('the input device is not a terminal: leave -t out');
  const { manifest } = options;
  const job = manifest === undefined ? plainJob(argv, options) : await manifestJob(manifest, argv, options);
  const log = lineWriter(job.logFile, 'a');
  const strace = options.straceOutput === undefined ? log : lineWriter(options.straceOutput, 'w');
  const traced = options.strace === true || options.straceOutput !== undefined || job.trace;
  const sandbox = await Sandbox.create({
    logLevel: 'error',
    ...job.options,
    log: (line) => log.write(`culm: ${line}`),
    ...(traced ? { strace: strace.write } : {}),
  });
  try {
    const guest = await sandbox.spawn(job.argv, {
      ...job.spawn,
      ...(options.tty === true ? { terminal: windowSize() } : {}),
      ...(options.timeout === undefined ? {} : { timeout: options.timeout * 1000 }),
    });
    const status = await attend(guest, job, options.tty === true);
    if (options.stats === true)
      for (const [name, value] of Object.entries(await sandbox.statistics()))
        process.stderr.write(`${name.padEnd(18)} ${value}\n`);
    return status;
  } finally {
    await sandbox.dispose();
    if (strace !== log) strace.close();
    log.close();
  }
}

function windowSize(): { columns: number; rows: number } {
  const { columns = 80, rows = 24 } = process.stdout;
  return { columns, rows };
}

/** Joins the program's streams, signals and window size to the host's until it ends. */
async function attend(guest: SandboxProcess, job: Job, tty: boolean): Promise<number> {
  const undo: (() => void)[] = [];
  for (const [name, signal] of Object.entries(job.forwarded)) {
    const forward = (): void => void guest.kill(signal);
    // A manifest lets one SIGTERM in; the next one is the host's own.
    if (job.forwarded === FORWARDED) process.on(name, forward);
    else process.once(name, forward);
    undo.push(() => process.off(name, forward));
  }
  if (tty) undo.push(followWindow(guest));
  if (job.interactive) undo.push(feedInput(guest, tty));
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
