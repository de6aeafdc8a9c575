/**
 * Path walking, as Linux's fs/namei.c does it (path_resolution(7)).
 *
 * A Walk stands at a place in the tree and goes on name by name. `prefix` goes to where the last name of a path is to be
 * looked up; what is done with that name depends on the operation. The text of a symbolic link on the way is put in front
 * of what is left of the path, and the walk goes on with that.
 */
import { kind } from '../checkpoint/registry.js';
import { MAXSYMLINKS } from '../abi/limits.js';
import { MS_NOSYMFOLLOW } from '../abi/mount.js';
import {
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from '../abi/fcntl.js';
import { ELOOP, ENOENT, ENOTDIR, EXDEV, EINVAL, type Errno } from '../errno.js';
import { lookupDentry, sweepDentries } from './dentry.js';
import { isDirectory, isSymlink } from './inode.js';
import { mountedOn } from './mount.js';
import { MAY_EXEC, inodePermission, mayFollow } from './permission.js';
import type { Dentry, Inode, Location, Mount, PathContext } from './types.js';

/** Follow the last name if it is a symbolic link. */
export const LOOKUP_FOLLOW = 1;
/** The result must be a directory. */
export const LOOKUP_DIRECTORY = 2;
/** An empty path means where the walk starts (AT_EMPTY_PATH). */
export const LOOKUP_EMPTY = 4;

/** What a path's last name is. */
export const LAST_NORM = 0;
export const LAST_DOT = 1;
export const LAST_DOTDOT = 2;
/** There is no name: the path is nothing but slashes. */
export const LAST_ROOT = 3;

const SLASH = 0x2f;
const SCOPED = RESOLVE_BENEATH | RESOLVE_IN_ROOT;

export class Walk implements Location {
  mount: Mount;
  dentry: Dentry;
  last = '';
  lastType = LAST_ROOT;
  trailingSlash = false;
  private links = 0;
  private readonly root: Location;

  constructor(
    private readonly context: PathContext,
    start: Location,
    private readonly resolve = 0,
  ) {
    this.mount = start.mount;
    this.dentry = start.dentry;
    this.root = (resolve & SCOPED) !== 0 ? start : context.root;
    sweepDentries(start.mount.vfs);
  }

  /** Goes to where `path` begins, and along it to the directory of its last name. The path is not empty. */
  begin(path: string): 0 | Errno {
    if (path.charCodeAt(0) !== SLASH) {
      const { inode } = this.dentry;
      return inode !== null && isDirectory(inode) ? this.prefix(path) : ENOTDIR;
    }
    if ((this.resolve & RESOLVE_BENEATH) !== 0) return EXDEV;
    this.goTo(this.root);
    return this.prefix(path);
  }

  /** Walks all of `path` but its last name, which it leaves in `last`. */
  prefix(path: string): 0 | Errno {
    this.last = '';
    this.lastType = LAST_ROOT;
    this.trailingSlash = false;
    let at = skipSlashes(path, 0);
    while (at < path.length) {
      const denied = this.maySearch();
      if (denied !== 0) return denied;
      const end = nameEnd(path, at);
      const next = skipSlashes(path, end);
      const name = path.slice(at, end);
      if (next === path.length) {
        this.last = name;
        this.lastType = typeOfName(name);
        this.trailingSlash = end < next;
        return 0;
      }
      const result = this.step(name, typeOfName(name), true);
      if (typeof result === 'string') {
        path = `${result}/${path.slice(next)}`;
        at = skipSlashes(path, 0);
        continue;
      }
      if (result !== 0) return result;
      if (!this.isAtDirectory()) return ENOTDIR;
      at = next;
    }
    return 0;
  }

  /** Takes the last name too; a symbolic link that is to be followed gives its text, which is then to be walked. */
  takeLast(follow: boolean): string | 0 | Errno {
    return this.step(this.last, this.lastType, follow);
  }

  /** Whether the place where the walk stands can be searched. */
  private maySearch(): 0 | Errno {
    const { inode } = this.dentry;
    return inode === null ? ENOENT : inodePermission(inode, MAY_EXEC, this.context.cred);
  }

  isAtDirectory(): boolean {
    const { inode } = this.dentry;
    return inode !== null && isDirectory(inode);
  }

  private step(name: string, type: number, follow: boolean): string | 0 | Errno {
    if (type === LAST_DOTDOT) return this.up();
    if (type !== LAST_NORM) return 0;
    const dentry = lookupDentry(this.mount.vfs, this.dentry, name);
    return typeof dentry === 'number' ? dentry : this.enter(dentry, follow);
  }

  /** Goes to a dentry of the directory where the walk stands, into what is mounted there, or gives a link's text. */
  enter(dentry: Dentry, follow: boolean): string | 0 | Errno {
    if (dentry.inode === null) return ENOENT;
    const from = this.mount;
    const directory = this.dentry;
    this.dentry = dentry;
    const crossed = this.crossMounts();
    if (crossed !== 0) return crossed;
    const { inode } = this.dentry;
    if (!follow || inode === null || !isSymlink(inode)) return 0;
    const link = this.mount;
    this.mount = from;
    this.dentry = directory;
    const dir = directory.inode;
    const refused = dir === null ? 0 : mayFollow(inode, dir, this.context.cred, from.vfs.settings);
    return refused !== 0 ? refused : this.follow(inode, link);
  }

  private crossMounts(): 0 | Errno {
    for (;;) {
      if (this.dentry.mounts.length === 0) return 0;
      const mount = mountedOn(this.mount, this.dentry);
      if (mount === null) return 0;
      if ((this.resolve & RESOLVE_NO_XDEV) !== 0) return EXDEV;
      this.mount = mount;
      this.dentry = mount.root;
    }
  }

  /** `..`: through the roots of mounts, but never above the process's root. */
  private up(): 0 | Errno {
    for (;;) {
      if (this.dentry === this.root.dentry && this.mount === this.root.mount) {
        if ((this.resolve & RESOLVE_BENEATH) !== 0) return EXDEV;
        break;
      }
      const { parent } = this.mount;
      if (this.dentry !== this.mount.root) {
        this.dentry = this.dentry.parent ?? this.dentry;
        break;
      }
      if (parent === null) break;
      if ((this.resolve & RESOLVE_NO_XDEV) !== 0) return EXDEV;
      this.goTo(parent);
    }
    return this.crossMounts();
  }

  private goTo(place: Location): void {
    this.mount = place.mount;
    this.dentry = place.dentry;
  }

  private follow(inode: Inode, mount: Mount): string | 0 | Errno {
    if (++this.links > MAXSYMLINKS) return ELOOP;
    if ((this.resolve & RESOLVE_NO_SYMLINKS) !== 0 || (mount.flags & MS_NOSYMFOLLOW) !== 0) return ELOOP;
    const target = inode.fs.readlink?.(inode) ?? EINVAL;
    if (typeof target === 'number') return target;
    if (typeof target === 'object') return this.jump(target);
    if (target === '') return ENOENT;
    if (target.charCodeAt(0) !== SLASH) return target;
    if ((this.resolve & RESOLVE_BENEATH) !== 0) return EXDEV;
    if ((this.resolve & RESOLVE_NO_XDEV) !== 0 && this.root.mount !== this.mount) return EXDEV;
    this.goTo(this.root);
    return target;
  }

  /** A magic link leads to a place without walking a path. */
  private jump(target: Location): 0 | Errno {
    if ((this.resolve & RESOLVE_NO_MAGICLINKS) !== 0) return ELOOP;
    if ((this.resolve & SCOPED) !== 0) return EXDEV;
    if ((this.resolve & RESOLVE_NO_XDEV) !== 0 && target.mount !== this.mount) return EXDEV;
    this.goTo(target);
    return 0;
  }
}

/** Where a path leads, starting at `start` unless it is absolute. `flags` of LOOKUP_*, `resolve` of RESOLVE_*. */
export function walk(
  context: PathContext,
  start: Location,
  path: string,
  flags: number,
  resolve = 0,
): Location | Errno {
  if (path === '') return (flags & LOOKUP_EMPTY) !== 0 ? start : ENOENT;
  const place = new Walk(context, start, resolve);
  let error = place.begin(path);
  while (error === 0) {
    const text = place.takeLast((flags & LOOKUP_FOLLOW) !== 0 || place.trailingSlash);
    if (text === 0) break;
    if (typeof text === 'number') return text;
    error = place.prefix(place.trailingSlash ? `${text}/` : text);
  }
  if (error !== 0) return error;
  const mustBeDirectory = (flags & LOOKUP_DIRECTORY) !== 0 || place.trailingSlash;
  if (mustBeDirectory && !place.isAtDirectory()) return ENOTDIR;
  return { mount: place.mount, dentry: place.dentry };
}

/** Goes to the directory of a path's last name, for making, removing or renaming that name. */
export function walkParent(context: PathContext, start: Location, path: string): Walk | Errno {
  if (path === '') return ENOENT;
  const place = new Walk(context, start);
  const error = place.begin(path);
  return error === 0 ? place : error;
}

function typeOfName(name: string): number {
  if (name === '.') return LAST_DOT;
  return name === '..' ? LAST_DOTDOT : LAST_NORM;
}

function skipSlashes(path: string, at: number): number {
  while (path.charCodeAt(at) === SLASH) at++;
  return at;
}

function nameEnd(path: string, at: number): number {
  const end = path.indexOf('/', at);
  return end < 0 ? path.length : end;
}

kind('Walk', Walk);
