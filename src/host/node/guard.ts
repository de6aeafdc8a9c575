/**
 * A folder of Culm's own that lies where a guest's mounts may reach: no guest enters it, and none moves it or what it lies
 * in, to put another in its place.
 */
import fs from 'node:fs';
import { basename, dirname } from 'node:path';
import { attempt } from './errors.js';

/** What node:fs takes as a path. */
type HostPath = string | Buffer;

/** The guarded folders' names, and which folders these and those above them are. */
const $names = new Set<string>();
const $closed = new Set<string>();
const $held = new Set<string>();

function identity(path: HostPath): string {
  const stat = attempt(() => fs.lstatSync(path, { bigint: true }));
  return typeof stat === 'number' ? '' : `${stat.dev}:${stat.ino}`;
}

/** Guards a folder that is there, given by its real path. */
export function guardFolder(path: string): void {
  if ($closed.has(identity(path))) return;
  $names.add(Buffer.from(basename(path)).toString('latin1'));
  $closed.add(identity(path));
  for (let at = path; at !== dirname(at); at = dirname(at)) $held.add(identity(at));
}

/** Whether an entry of this name, at this path, is a guarded folder. */
export function isClosed(name: string, path: HostPath): boolean {
  return $names.has(name) && $closed.has(identity(path));
}

/** Whether what is at `path` must stay there. */
export function isHeld(path: HostPath): boolean {
  return $held.size > 0 && $held.has(identity(path));
}

/** Whether a folder, given by its real path, is a guarded one or lies in one. */
export function isWithinClosed(path: string): boolean {
  if ($closed.size === 0) return false;
  for (let at = path; at !== dirname(at); at = dirname(at)) if ($closed.has(identity(at))) return true;
  return false;
}
