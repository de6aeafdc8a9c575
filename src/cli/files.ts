/** `culm files`: protected files outside of a sandbox. */
import { readFileSync } from 'node:fs';
import { CulmError, decryptFiles, encryptFiles, verifyFiles, type ProtectedFilesOptions } from '../index.js';

export interface FilesOptions {
  readonly key?: string;
  readonly keyFile?: string;
  readonly path?: string;
  readonly anyPath?: boolean;
}

const KEY_SIZE = 16;

function keyOf({ key, keyFile }: FilesOptions): Uint8Array {
  if ((key === undefined) === (keyFile === undefined))
    throw new CulmError('option', 'give either --key or --key-file');
  const bytes = key === undefined ? readFileSync(keyFile ?? '') : Buffer.from(key, 'hex');
  if (bytes.length !== KEY_SIZE || (key !== undefined && key.length !== 2 * KEY_SIZE))
    throw new CulmError('option', 'a key has 16 bytes: 32 hexadecimal digits, or a file of that length');
  return bytes;
}

function filesOptions(options: FilesOptions): ProtectedFilesOptions {
  const path =
    options.anyPath === true ? { path: null } : options.path === undefined ? {} : { path: options.path };
  return { key: keyOf(options), ...path };
}

export function encrypt(from: string, to: string, options: FilesOptions): number {
  encryptFiles(from, to, filesOptions(options));
  return 0;
}

export function decrypt(from: string, to: string, options: FilesOptions): number {
  decryptFiles(from, to, filesOptions(options));
  return 0;
}

/** A line for each file; 1 if any is not good. */
export function verify(path: string, options: FilesOptions): number {
  const results = verifyFiles(path, filesOptions(options));
  for (const { file, problem } of results) process.stdout.write(`${file}: ${problem ?? 'good'}\n`);
  return results.every(({ problem }) => problem === null) ? 0 : 1;
}
