/**
 * Listing a directory of a pseudo-filesystem. A position says what comes next, whatever has come and gone since: 0 and 1
 * for '.' and '..', then one for each fixed name, there or not; then a range for each family, in which a name stands at
 * its `order`.
 */
import { constant } from '../../checkpoint/registry.js';
import { DT_DIR, direntType } from '../../abi/stat.js';
import { EISDIR, ENOENT } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { DirEntry, Handle, HandleOperations } from '../types.js';
import { inoOf, typeOf } from './inode.js';
import type { PseudoInode } from './inode.js';
import type { Node } from './nodes.js';

type Emit = (entry: DirEntry) => boolean;

const FIRST_NAME = 2;
/** What a family's names may take of the positions; fixed names lie below the first. */
const FAMILY = 2 ** 44;

/** Lent to `emit`, which copies what it wants. */
const $entry: DirEntry = { ino: 0, offset: 0, type: 0, name: '' };

function emitAt(handle: Handle, emit: Emit, at: number, ino: number, type: number, name: string): boolean {
  $entry.ino = ino;
  $entry.type = type;
  $entry.name = name;
  $entry.offset = at + 1;
  if (!emit($entry)) return false;
  handle.position = at + 1;
  return true;
}

/** Names of families without an order, as they were when their listing began: what such a handle's `data` is. */
type Kept = Map<number, readonly string[]>;

function keptNames(
  handle: Handle,
  number: number,
  list: () => readonly string[],
  fresh: boolean,
): readonly string[] {
  const kept = (handle.data ??= new Map()) as Kept;
  const known = kept.get(number);
  if (known !== undefined && !fresh) return known;
  const names = list();
  kept.set(number, names);
  return names;
}

function emitDots(handle: Handle, emit: Emit): boolean {
  const parent = handle.location?.dentry.parent?.inode ?? handle.inode;
  if (handle.position === 0 && !emitAt(handle, emit, 0, handle.inode.ino, DT_DIR, '.')) return false;
  return handle.position > 1 || emitAt(handle, emit, 1, parent.ino, DT_DIR, '..');
}

function emitFixed(handle: Handle, dir: PseudoInode, emit: Emit): boolean {
  let at = FIRST_NAME;
  for (const [name, node] of dir.data.named) {
    const skip = at < handle.position || node.row.exists?.(dir.subject) === false;
    const type = direntType(typeOf(node.row));
    if (!skip && !emitAt(handle, emit, at, inoOf(node, dir, name), type, name)) return false;
    at++;
  }
  return true;
}

function emitFamily(handle: Handle, dir: PseudoInode, node: Node, base: number, emit: Emit): boolean {
  const { family } = node;
  const list = family?.list;
  if (family === null || list === undefined) return true;
  const { order } = family;
  const current = (): readonly string[] => list(dir.subject);
  const names =
    order === undefined ? keptNames(handle, node.number, current, handle.position <= base) : current();
  const type = direntType(typeOf(node.row));
  for (const [index, name] of names.entries()) {
    const at = base + (order?.(name) ?? index);
    if (at < handle.position || dir.data.named.has(name)) continue;
    const subject = family.find(dir.subject, name);
    if (subject === null || node.row.exists?.(subject) === false) continue;
    if (!emitAt(handle, emit, at, inoOf(node, dir, name), type, name)) return false;
  }
  return true;
}

function readdir(handle: Handle, emit: Emit): 0 | Errno {
  const dir = handle.inode as PseudoInode;
  if (!dir.alive) return ENOENT;
  if (handle.position === 0) handle.data = null;
  if (!emitDots(handle, emit) || !emitFixed(handle, dir, emit)) return 0;
  for (const [index, node] of dir.data.families.entries()) {
    if (!emitFamily(handle, dir, node, (index + 1) * FAMILY, emit)) return 0;
  }
  return 0;
}

export const directoryOperations: HandleOperations = {
  seekable: true,
  read: () => EISDIR,
  write: () => EISDIR,
  readdir,
  fsync: () => 0,
};

constant('pseudo.directory', directoryOperations);
