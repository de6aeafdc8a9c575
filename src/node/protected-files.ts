/** Protected files outside of a sandbox: made from plain ones, turned into them, looked at. */
import { randomFillSync } from 'node:crypto';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { nodeCrypto } from '../host/node/crypto.js';
import { openRoot } from '../host/node/folder.js';
import { errnoName } from '../kernel/abi/errno-names.js';
import { EEXIST } from '../kernel/errno.js';
import { Refused } from '../kernel/fs/encrypted/metadata.js';
import { ProtectedFile, fitsPath } from '../kernel/fs/encrypted/protected.js';
import type { HostFile } from '../kernel/host.js';
import { CulmError } from '../sandbox/types.js';

export interface ProtectedFilesOptions {
  /** 16 bytes. */
  readonly key: Uint8Array;
  /**
   * The path that the protected file, or the files of the protected folder, are bound to: what the manifest's mount will
   * call them. By default as it is named here. Null, when reading: any.
   */
  readonly path?: string | null;
}

const PIECE = 1 << 18;
const toBytes = (path: string): string => Buffer.from(path, 'utf8').toString('latin1');

function refuse(path: string, why: string): never {
  throw new CulmError('option', `${path}: ${why}`);
}

/** An open file of the host: to read, or to be made or overwritten. */
function hostFile(path: string, use: 'read' | 'make'): HostFile {
  const folder = openRoot(toBytes(dirname(path)));
  if (typeof folder === 'number') return refuse(path, errnoName(folder));
  const name = toBytes(basename(path));
  let file = use === 'read' ? folder.openFile(name, false) : folder.create(name, 0o644);
  if (file === EEXIST) file = folder.openFile(name, true);
  folder.close();
  if (typeof file === 'number') return refuse(path, errnoName(file));
  if (use === 'make') file.truncate(0);
  return file;
}

interface Target {
  write(from: Uint8Array, start: number, length: number, position: number): number;
}

/** Copies `size` bytes; a failure names the file. */
function copy(from: { read: HostFile['read'] }, size: number, to: Target | null, path: string): void {
  const buffer = new Uint8Array(PIECE);
  for (let at = 0; at < size;) {
    const count = from.read(buffer, 0, Math.min(PIECE, size - at), at);
    if (count <= 0) refuse(path, count === 0 ? 'it ends too early' : errnoName(count));
    for (let done = 0; to !== null && done < count;) {
      const written = to.write(buffer, done, count - done, at + done);
      if (written < 0) refuse(path, errnoName(written));
      done += written;
    }
    at += count;
  }
}

function openProtected(
  path: string,
  { key, path: bound }: ProtectedFilesOptions,
): { file: ProtectedFile; storage: HostFile } {
  const storage = hostFile(path, 'read');
  const file = ProtectedFile.open({
    storage,
    crypto: nodeCrypto,
    random: (into) => void randomFillSync(into),
    key,
    path: bound === null ? null : toBytes(bound ?? normalize(path)),
    recovery: null,
  });
  if (!(file instanceof Refused)) return { file, storage };
  storage.close();
  return refuse(path, file.why);
}

function encryptOne(from: string, to: string, { key, path }: ProtectedFilesOptions): void {
  const bound = toBytes(path ?? normalize(to));
  if (!fitsPath(bound)) refuse(to, 'its path is too long for a protected file');
  const source = hostFile(from, 'read');
  const storage = hostFile(to, 'make');
  const random = (into: Uint8Array): void => void randomFillSync(into);
  const file = ProtectedFile.create({
    storage,
    crypto: nodeCrypto,
    random,
    key,
    path: bound,
    recovery: null,
  });
  if (typeof file === 'number') return refuse(to, errnoName(file));
  copy(source, source.opened.size, file, from);
  const error = file.flush() || storage.sync();
  source.close();
  storage.close();
  if (error !== 0) refuse(to, errnoName(error));
}

function decryptOne(from: string, to: string, options: ProtectedFilesOptions): void {
  const { file, storage } = openProtected(from, options);
  const target = hostFile(to, 'make');
  copy(file, file.size, target, from);
  target.close();
  storage.close();
}

function verifyOne(path: string, options: ProtectedFilesOptions): void {
  const { file, storage } = openProtected(path, options);
  copy(file, file.size, null, path);
  storage.close();
}

/** Runs `one` for a file, or for all files of a folder with the place below it. */
function each(path: string, one: (file: string, below: string) => void, below = ''): void {
  const stat = statSync(join(path, below), { throwIfNoEntry: false });
  if (stat === undefined) refuse(path, 'it does not exist');
  if (!stat.isDirectory()) return one(join(path, below), below);
  for (const name of readdirSync(join(path, below)).sort()) each(path, one, join(below, name));
}

function boundBelow(options: ProtectedFilesOptions, below: string): ProtectedFilesOptions {
  const { path } = options;
  return path === null || path === undefined || below === ''
    ? options
    : { ...options, path: join(path, below) };
}

function transform(
  from: string,
  to: string,
  options: ProtectedFilesOptions,
  one: (from: string, to: string, options: ProtectedFilesOptions) => void,
): void {
  each(from, (file, below) => {
    const target = below === '' ? to : join(to, below);
    mkdirSync(dirname(target), { recursive: true });
    one(file, target, boundBelow(options, below));
  });
}

/** Makes protected files from plain ones: a file, or all of a folder. */
export function encryptFiles(from: string, to: string, options: ProtectedFilesOptions): void {
  transform(from, to, options, encryptOne);
}

/** Makes plain files from protected ones; throws CulmError at the first that is not good. */
export function decryptFiles(from: string, to: string, options: ProtectedFilesOptions): void {
  transform(from, to, options, decryptOne);
}

/** Reads protected files to their ends: those that are not good, and why. */
export function verifyFiles(
  path: string,
  options: ProtectedFilesOptions,
): { file: string; problem: string | null }[] {
  const results: { file: string; problem: string | null }[] = [];
  each(path, (file, below) => {
    let problem: string | null = null;
    try {
      verifyOne(file, boundBelow(options, below));
    } catch (error) {
      if (!(error instanceof CulmError)) throw error;
      problem = error.message.slice(file.length + 2);
    }
    results.push({ file, problem });
  });
  return results;
}
