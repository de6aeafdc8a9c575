/**
 * How `culm snapshot` reaches a running `culm run`: it puts a request into a folder that only the user can enter and sends
 * SIGUSR2; the answer is a file in the same place. A run pays nothing for it before it is asked.
 *
 *   PID.ID.request    what is wanted; the run renames it to PID.ID.taken, so that a request is answered once
 *   PID.ID.answer     what came of it
 */
import { lstatSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sandbox } from '../index.js';

export interface SnapshotRequest {
  /** Absolute. */
  readonly file: string;
  readonly compress: boolean;
  readonly keys: boolean;
  readonly hostPages: boolean;
  readonly parents: readonly string[];
}

export type SnapshotAnswer = { readonly bytes: number } | { readonly error: string };

export function controlFolder(): string {
  const own = process.getuid?.() ?? 0;
  const { XDG_RUNTIME_DIR: runtime } = process.env;
  return runtime === undefined || runtime === '' ? join(tmpdir(), `culm-${own}`) : join(runtime, 'culm');
}

/** Nobody else can have put anything there. */
export function isOwnFolder(folder: string): boolean {
  try {
    const stat = lstatSync(folder);
    return stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o077) === 0;
  } catch {
    return false;
  }
}

export function makeControlFolder(folder: string): boolean {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return isOwnFolder(folder);
}

/** From now on requests to this process are answered; returns how to end that. */
export function answerSnapshots(sandbox: Sandbox): () => void {
  if (process.platform === 'win32') return () => undefined;
  let last = Promise.resolve();
  const asked = (): void => {
    last = last.then(() => answerAll(sandbox));
  };
  process.on('SIGUSR2', asked);
  return () => process.off('SIGUSR2', asked);
}

async function answerAll(sandbox: Sandbox): Promise<void> {
  const folder = controlFolder();
  if (!isOwnFolder(folder)) return;
  const suffix = '.request';
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${process.pid}.`) || !name.endsWith(suffix)) continue;
    const base = join(folder, name.slice(0, -suffix.length));
    try {
      renameSync(`${base}.request`, `${base}.taken`);
    } catch {
      // Whoever asked has given up.
      continue;
    }
    const answer = await answerOne(sandbox, `${base}.taken`);
    giveAnswer(base, answer);
  }
}

async function answerOne(sandbox: Sandbox, file: string): Promise<SnapshotAnswer> {
  try {
    const request = JSON.parse(readFileSync(file, 'utf8')) as SnapshotRequest;
    const { readSnapshot, writeSnapshot } = await import('./snapshot-file.js');
    const { compress, keys, hostPages } = request;
    const parent = request.parents.map(readSnapshot);
    const stream = sandbox.snapshot({ compress, keys, hostPages, ...(parent.length > 0 ? { parent } : {}) });
    return { bytes: await writeSnapshot(request.file, stream) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function giveAnswer(base: string, answer: SnapshotAnswer): void {
  try {
    rmSync(`${base}.taken`);
    writeFileSync(`${base}.part`, JSON.stringify(answer), { mode: 0o600, flag: 'wx' });
    renameSync(`${base}.part`, `${base}.answer`);
  } catch {
    // Whoever asked has given up and taken the request away.
  }
}
