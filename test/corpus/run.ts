/** Runs one command natively and under Culm, in equal surroundings. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CorpusCommand } from './command.js';
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

const LIMIT_MS = Number(process.env['CULM_TEST_LIMIT_MS'] ?? 60_000);

let inputs = 0;

/** Standard input comes from a file: Node's own pipes are sockets, which bash takes for a remote shell's. */
function inputFile(text: string): number {
  const path = join(tmpdir(), `culm-input-${process.pid}-${inputs++}`);
  writeFileSync(path, text);
  const fd = openSync(path, 'r');
  unlinkSync(path);
  return fd;
}

function outcome(
  file: string,
  args: readonly string[],
  stdin: string,
  env: NodeJS.ProcessEnv,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const input = inputFile(stdin);
    const options = { cwd: FIXTURE, env, timeout: LIMIT_MS };
    const child = spawn(file, args, { ...options, stdio: [input, 'pipe', 'pipe'] });
    closeSync(input);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
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
