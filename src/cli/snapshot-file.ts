/** A snapshot's file: written whole or not at all. */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { CulmError } from '../index.js';

/** Memory of programs is in it: only the user reads it. */
const MODE = 0o600;

/** Puts a stream into a file beside `path` and gives that its name at the end; returns the number of bytes. */
export async function writeSnapshot(path: string, content: AsyncIterable<Uint8Array>): Promise<number> {
  const folder = dirname(path);
  const unfinished = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  let fd = -1;
  try {
    fd = openSync(unfinished, 'wx', MODE);
    const size = await writeAll(fd, content);
    fsyncSync(fd);
    closeSync(fd);
    fd = -1;
    renameSync(unfinished, path);
    syncFolder(folder);
    return size;
  } catch (error) {
    if (fd >= 0) closeSync(fd);
    rmSync(unfinished, { force: true });
    throw error;
  }
}

async function writeAll(fd: number, content: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  for await (const piece of content) {
    for (let at = 0; at < piece.length;) at += writeSync(fd, piece, at);
    size += piece.length;
  }
  return size;
}

/** The new name is on the disk, too, where folders can be synced. */
function syncFolder(folder: string): void {
  try {
    const fd = openSync(folder, 'r');
    fsyncSync(fd);
    closeSync(fd);
  } catch {
    // Windows opens no folders.
  }
}

export function readSnapshot(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
    throw new CulmError('snapshot', `the snapshot ${path} cannot be read: ${code}`);
  }
}
