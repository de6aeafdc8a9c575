/** Runs one command natively and under Culm, in equal surroundings. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CorpusCommand } from './commands.js';
import { FIXTURE } from './fixture.js';

export const CULM = fileURLToPath(new URL('../../../bin/culm', import.meta.url));

export const ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
  TZ: 'UTC',
};

export interface Outcome {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

const LIMIT_MS = 60_000;

function outcome(
  file: string,
  args: readonly string[],
  stdin: string,
  env: NodeJS.ProcessEnv,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: FIXTURE,
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
    child.on('error', reject);
    child.on('close', (status, signal) =>
      resolve({ status, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) }),
    );
  });
}

export function runNative(command: CorpusCommand): Promise<Outcome> {
  const [file = '', ...args] = command.argv;
  return outcome(file, args, command.stdin ?? '', { ...ENVIRONMENT, ...command.env });
}

/** `extra`: options of `culm run`. The user is this one; only root's files are readable to root in the guest too. */
export function runCulm(command: CorpusCommand, extra: readonly string[] = []): Promise<Outcome> {
  const env = Object.entries({ ...ENVIRONMENT, ...command.env }).flatMap(([k, v]) => ['-e', `${k}=${v}`]);
  const user = ['-u', `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`];
  const options = ['--rootfs', '/', '-i', '-w', FIXTURE, ...user, ...env, ...extra];
  return outcome(
    process.execPath,
    [CULM, 'run', ...options, '--', ...command.argv],
    command.stdin ?? '',
    process.env,
  );
}
