/** `culm run`: a sandbox in this thread, its streams joined to the host's. */
import { Sandbox } from '../index.js';
import { attend, windowSize } from './attend.js';
import { manifestJob, plainJob, type RunOptions } from './job.js';
import { attended, checkTerminal, openLogs } from './session.js';

/** Runs `argv` and returns the status for the shell. */
export async function run(argv: readonly string[], options: RunOptions): Promise<number> {
  checkTerminal(options);
  const { manifest } = options;
  const job = manifest === undefined ? plainJob(argv, options) : await manifestJob(manifest, argv, options);
  const logs = openLogs(options, job.logFile, job.trace);
  const sandbox = await Sandbox.create({ logLevel: 'error', ...job.options, ...logs.options });
  return attended(sandbox, options, logs, async () => {
    const guest = await sandbox.spawn(job.argv, {
      ...job.spawn,
      ...(options.tty === true ? { terminal: windowSize() } : {}),
      ...(options.timeout === undefined ? {} : { timeout: options.timeout * 1000 }),
    });
    return attend(guest, { ...job, tty: options.tty === true });
  });
}
