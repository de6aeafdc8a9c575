/** `culm snapshot`: asks a running `culm run` to write its sandbox down. */
import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CulmError } from '../index.js';
import { controlFolder, makeControlFolder, type SnapshotAnswer, type SnapshotRequest } from './control.js';

export interface SnapshotCommandOptions {
  readonly compress: boolean;
  readonly keys?: boolean;
  readonly hostPages: boolean;
  readonly parent?: readonly string[];
  readonly timeout: number;
}

const POLL_MS = 10;
const SIGUSR2_BIT = 1n << 11n;

function fail(message: string): never {
  throw new CulmError('snapshot', message);
}

/** A signal ends a process that does not expect it: it is sent to nothing but a run that does. */
function mustBeRun(pid: number): void {
  const foreign = `process ${pid} is no \`culm run\` of this user`;
  let status: string;
  let argv: string[];
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8');
    argv = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
    if (basename(readlinkSync(`/proc/${pid}/exe`)) !== basename(process.execPath)) fail(foreign);
  } catch (error) {
    if (error instanceof CulmError) throw error;
    return fail(process.platform === 'linux' ? foreign : 'running programs can be found on Linux only');
  }
  const uid = Number(/^Uid:\s*\d+\s+(\d+)/m.exec(status)?.[1]);
  const caught = BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const isCulm = argv.slice(0, 8).some((word) => basename(word) === 'culm');
  if (uid !== process.getuid?.() || !isCulm || (caught & SIGUSR2_BIT) === 0n) fail(foreign);
}

function answerIn(file: string): SnapshotAnswer | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as SnapshotAnswer;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export async function snapshot(pid: number, file: string, options: SnapshotCommandOptions): Promise<number> {
  mustBeRun(pid);
  const folder = controlFolder();
  if (!makeControlFolder(folder)) fail(`${folder} must be a folder that only this user can enter`);
  const base = join(folder, `${pid}.${randomBytes(8).toString('hex')}`);
  const request: SnapshotRequest = {
    file: resolve(file),
    compress: options.compress,
    keys: options.keys === true,
    hostPages: options.hostPages,
    parents: (options.parent ?? []).map((path) => resolve(path)),
  };
  try {
    writeFileSync(`${base}.new`, JSON.stringify(request), { mode: 0o600, flag: 'wx' });
    renameSync(`${base}.new`, `${base}.request`);
    process.kill(pid, 'SIGUSR2');
    const answer = await waitFor(`${base}.answer`, pid, options.timeout * 1000);
    if ('error' in answer) fail(answer.error);
    return 0;
  } finally {
    for (const suffix of ['new', 'request', 'taken', 'answer']) rmSync(`${base}.${suffix}`, { force: true });
  }
}

async function waitFor(file: string, pid: number, limitMs: number): Promise<SnapshotAnswer> {
  const until = Date.now() + limitMs;
  for (;;) {
    const alive = isAlive(pid);
    const answer = answerIn(file);
    if (answer !== null) return answer;
    if (!alive) fail(`process ${pid} has ended`);
    if (Date.now() >= until) fail(`process ${pid} has not answered in ${limitMs / 1000} s`);
    await sleep(POLL_MS);
  }
}
