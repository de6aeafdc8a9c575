/** One piece of a suite, run natively or under Culm in the same surroundings: both keep to their folder. */
import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CULM = fileURLToPath(new URL('../../../bin/culm', import.meta.url));
export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface Place {
  /** As it was unpacked; each run gets a copy of it at `work`. */
  readonly pristine: string;
  readonly work: string;
  /** Whom the copy belongs to, if not root. */
  readonly owner?: number;
}

export interface Piece {
  readonly name: string;
  readonly argv: readonly string[];
  /** Below the place. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Outcome {
  /** -1: it has taken too long. */
  readonly status: number;
  readonly output: string;
}

export type System = 'native' | 'culm';

export const exec = promisify(execFile);

export async function run(system: System, place: Place, piece: Piece, limitMs: number): Promise<Outcome> {
  await rm(place.work, { recursive: true, force: true });
  await cp(place.pristine, place.work, {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
  });
  if (place.owner !== undefined) await exec('chown', ['-R', `${place.owner}:${place.owner}`, place.work]);
  const cwd = `${place.work}/${piece.folder}`;
  const settings = Object.entries({ PATH, HOME: '/root', ...piece.env }).flatMap(([k, v]) => [
    '-e',
    `${k}=${v}`,
  ]);
  if (system === 'native') {
    // In a session of its own, as under Culm.
    const variables = settings.filter((text) => text !== '-e');
    return collect('setsid', ['--wait', 'env', '-i', ...variables, ...piece.argv], cwd, limitMs);
  }
  // What it writes stays in memory; the name is the one that /etc/hosts knows.
  const options = ['--rootfs', '/', '--hostname', hostname(), '-w', cwd, ...settings];
  return collect(process.execPath, [CULM, 'run', ...options, '--', ...piece.argv], cwd, limitMs);
}

/** Both streams as one text; when time is up, the whole process group ends. */
function collect(file: string, args: readonly string[], cwd: string, limitMs: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const nothing = openSync('/dev/null', 'r');
    const child = spawn(file, args, { cwd, stdio: [nothing, 'pipe', 'pipe'], detached: true });
    closeSync(nothing);
    let output = '';
    let late = false;
    const end = (): void => {
      late = true;
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const timer = setTimeout(end, limitMs);
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (bytes: Buffer) => (output += bytes.toString('latin1')));
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status: late ? -1 : (status ?? 255), output });
    });
  });
}
