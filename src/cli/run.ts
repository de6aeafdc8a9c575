/** `culm run`: a sandbox in this thread, its streams joined to the host's. */
import { Sandbox } from '../index.js';
import { attend, windowSize } from './attend.js';
import { answerSnapshots } from './control.js';
import { lineWriter, manifestJob, plainJob, refuse, type RunOptions } from './job.js';

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
  const deaf = answerSnapshots(sandbox);
  try {
    const guest = await sandbox.spawn(job.argv, {
      ...job.spawn,
      ...(options.tty === true ? { terminal: windowSize() } : {}),
      ...(options.timeout === undefined ? {} : { timeout: options.timeout * 1000 }),
    });
    const status = await attend(guest, { ...job, tty: options.tty === true });
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
