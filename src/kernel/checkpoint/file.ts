/**
 * A checkpoint's file: a mark, the format's version, how the rest is compressed; the rest; SHA-256 of all that. So what was
 * cut, damaged, made by something else or by a later Culm is found before anything of it is used.
 */
import type { HostCrypto } from '../host.js';
import { Writer } from './bytes.js';
import { Damaged, Refused } from './damaged.js';

/** What a file has, by the mark with which it begins. */
const MARKS = { snapshot: 'CULMSNAP', processes: 'CULMMOVE' };
export type FileType = keyof typeof MARKS;
const NAMES = { snapshot: 'it is no snapshot', processes: 'it is no file of processes' };
const MARK = 8;

/** Of the format and of what is in it: another number for each release that changes a kind. */
export const VERSION = 3;
export const PLAIN = 0;
export const GZIP = 1;
const HEADER = MARK + 5;
/** Bytes of the digest at the end. */
export const DIGEST = 32;

export function fileHeader(compression: number, type: FileType): Uint8Array {
  const out = new Writer();
  for (const letter of MARKS[type]) out.u8(letter.charCodeAt(0));
  out.u32(VERSION);
  out.u8(compression);
  return out.done();
}

export function digestOf(crypto: HostCrypto, pieces: readonly Uint8Array[]): Uint8Array {
  const hash = crypto.sha256();
  for (const piece of pieces) hash.update(piece, piece.length);
  return hash.digest();
}

/** In place of a digest: the file does not leave the host process. */
export const NO_DIGEST = new Uint8Array(DIGEST);

/** Checks a file; what is in it may still not fit. Without `crypto`, one of this host process, whose digest is none. */
export function openFile(
  crypto: HostCrypto | null,
  bytes: Uint8Array,
  type: FileType = 'snapshot',
): { readonly compression: number; readonly content: Uint8Array } {
  if (String.fromCharCode(...bytes.subarray(0, MARK)) !== MARKS[type]) throw new Refused(NAMES[type]);
  if (bytes.length < HEADER + DIGEST) throw new Damaged('it ends too early');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(MARK, true);
  if (version !== VERSION)
    throw new Refused(`it has version ${version} of the format, this is Culm for version ${VERSION}`);
  const end = bytes.length - DIGEST;
  const digest = crypto === null ? NO_DIGEST : digestOf(crypto, [bytes.subarray(0, end)]);
  if (digest.some((byte, i) => byte !== bytes[end + i])) throw new Damaged('its digest does not fit');
  const compression = bytes[HEADER - 1] as number;
  if (compression > GZIP) throw new Damaged('it is compressed in an unknown way');
  return { compression, content: bytes.subarray(HEADER, end) };
}
