/** What `culm run` and `culm restore` do alike around a program: logs, snapshots on request, statistics at the end. */
import { writeFileSync } from 'node:fs';
import { profileFile, profileTable, type Sandbox, type SandboxOptions } from '../index.js';
import { answerSnapshots } from './control.js';
import { lineWriter, refuse, type RunOptions } from './job.js';

export type SessionOptions = Pick<
  Partial<RunOptions>,
  'tty' | 'interactive' | 'strace' | 'straceOutput' | 'stats' | 'profile'
>;

export function checkTerminal({ tty, interactive }: SessionOptions): void {
  if (tty === true && interactive === true && !process.stdin.isTTY)
    refuse('the input device is not a terminal: leave -t out');
}

export interface Logs {
  readonly options: Pick<SandboxOptions, 'log' | 'strace'>;
  close(): void;
}

/** `isTraced`: whatever the options say. */
export function openLogs(
  { strace, straceOutput }: SessionOptions,
  logFile: string | undefined,
  isTraced: boolean,
): Logs {
  const log = lineWriter(logFile, 'a');
  const trace = straceOutput === undefined ? log : lineWriter(straceOutput, 'w');
  const traced = strace === true || straceOutput !== undefined || isTraced;
  return {
    options: {
      log: (line) => log.write(`culm: ${line}`),
      ...(traced ? { strace: trace.write } : {}),
    },
    close() {
      if (trace !== log) trace.close();
      log.close();
    },
  };
}

/** Has `program` run in the sandbox, and disposes of that; returns the program's status. */
export async function attended(
  sandbox: Sandbox,
  { stats, profile }: SessionOptions,
  logs: Logs,
  program: () => Promise<number>,
): Promise<number> {
  const deaf = answerSnapshots(sandbox);
  try {
    const status = await program();
    if (stats === true)
      for (const [name, value] of Object.entries(await sandbox.statistics()))
        process.stderr.write(`${name.padEnd(18)} ${value}\n`);
    if (profile !== undefined) await writeProfile(sandbox, profile);
    return status;
  } finally {
    deaf();
    await sandbox.dispose();
    logs.close();
  }
}

/** The table to standard error, and the whole to a file if one is named. */
async function writeProfile(sandbox: Sandbox, file: string): Promise<void> {
  const profile = await sandbox.profile();
  process.stderr.write(profileTable(profile));
  if (file !== '')
    writeFileSync(file, profileFile(profile, file.endsWith('.cpuprofile') ? 'cpuprofile' : 'speedscope'));
}
