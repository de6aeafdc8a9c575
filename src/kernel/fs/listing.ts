import { DT_DIR } from '../abi/stat.js';
import type { DirEntry, Handle } from './types.js';

/** A name found in a directory. */
export interface Listed {
  readonly name: string;
  /** As d_type. */
  readonly type: number;
}

type Emit = (entry: DirEntry) => boolean;

/** Lent to `emit`, which copies what it wants. */
const $entry: DirEntry = { ino: 0, offset: 0, type: 0, name: '' };

function emitOne(handle: Handle, emit: Emit, ino: number, type: number, name: string): boolean {
  $entry.ino = ino;
  $entry.type = type;
  $entry.name = name;
  $entry.offset = handle.position + 1;
  if (!emit($entry)) return false;
  handle.position++;
  return true;
}

/** The number that '..' shows: the parent's, or the directory's own at a filesystem's root. */
function parentIno(handle: Handle): number {
  const parent = handle.location?.dentry.parent;
  return parent?.inode?.ino ?? handle.inode.ino;
}

/**
 * Emits '.', '..' and `entries` from handle.position on, where position n stands for entry n - 2. `ino` gives an entry's
 * number, or null for one that has gone since the list was made.
 */
export function emitListing<Entry extends Listed>(
  handle: Handle,
  entries: readonly Entry[],
  emit: Emit,
  ino: (entry: Entry) => number | null,
): 0 {
  if (handle.position === 0 && !emitOne(handle, emit, handle.inode.ino, DT_DIR, '.')) return 0;
  if (handle.position === 1 && !emitOne(handle, emit, parentIno(handle), DT_DIR, '..')) return 0;
  while (handle.position - 2 < entries.length) {
    const entry = entries[handle.position - 2];
    if (entry === undefined) return 0;
    const number = ino(entry);
    if (number === null) handle.position++;
    else if (!emitOne(handle, emit, number, entry.type, entry.name)) return 0;
  }
  return 0;
}
