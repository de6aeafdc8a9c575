/** Trusted files as a manifest lists them, to single files with their sums. */
import { createHash } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readSync,
  readdirSync,
  statSync,
} from 'node:fs';
import { absolutePath, PlanError } from '../manifest/plan.js';
import type { TrustedEntry } from '../manifest/values.js';

export interface TrustedFile {
  /** As in the manifest: relative if the entry was. */
  readonly uri: string;
  /** Absolute. */
  readonly path: string;
  readonly sha256: string;
}

const PIECE = 1 << 20;

/** The SHA-256 of a host file, in hexadecimal digits. */
export function sha256Of(path: string): string {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(PIECE);
  const fd = openSync(path, 'r');
  try {
    for (;;) {
      const count = readSync(fd, buffer, 0, PIECE, null);
      if (count === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
}

/** All files of a directory, below it too: not what is neither file nor directory or cannot be read, and no links to directories. */
function* filesBelow(directory: string): Generator<string> {
  for (const name of readdirSync(directory).sort()) {
    const path = `${directory}/${name}`;
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory() === true) {
      if (!lstatSync(path).isSymbolicLink() && isReadable(path)) yield* filesBelow(path);
    } else if (stat?.isFile() === true && isReadable(path)) yield path;
  }
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function* expand({ uri, sha256 }: TrustedEntry, cwd: string): Generator<TrustedFile> {
  const path = absolutePath(uri.path, cwd);
  const stat = statSync(path, { throwIfNoEntry: false });
  const isDirectory = stat?.isDirectory() === true;
  if (sha256 !== null) return yield { uri: `file:${uri.path}`, path, sha256 };
  if (uri.path.endsWith('/') !== isDirectory && stat !== undefined)
    throw new PlanError(
      isDirectory
        ? `sgx.trusted_files: file:${uri.path} is a directory: it must end with "/"`
        : `sgx.trusted_files: file:${uri.path} ends with "/" and is no directory`,
    );
  if (stat === undefined) throw new PlanError(`sgx.trusted_files: file:${uri.path} does not exist`);
  if (!isDirectory) return yield { uri: `file:${uri.path}`, path, sha256: sha256Of(path) };
  for (const file of filesBelow(path)) {
    const written = `${uri.path.replace(/\/+$/, '')}${file.slice(path === '/' ? 0 : path.length)}`;
    yield { uri: `file:${written}`, path: file, sha256: sha256Of(file) };
  }
}

/** Each file once; a sum that the manifest gives goes before one that is taken now. */
export function expandTrusted(entries: readonly TrustedEntry[], cwd: string): TrustedFile[] {
  const files = new Map<string, TrustedFile>();
  const given = entries.filter(({ sha256 }) => sha256 !== null);
  const others = entries.filter(({ sha256 }) => sha256 === null);
  for (const entry of [...given, ...others])
    for (const file of expand(entry, cwd)) if (!files.has(file.path)) files.set(file.path, file);
  return [...files.values()];
}
