import fs from 'node:fs';
import { EBUSY, EINVAL, ENOENT, ENXIO, EOPNOTSUPP } from '../../kernel/errno.js';
import type { Errno } from '../../kernel/errno.js';
import type { HostEntry, HostFile, HostFolder, HostStat, HostStatfs, Timespec } from '../../kernel/host.js';
import { attempt, attemptVoid } from './errors.js';
import { NodeFile, seconds } from './file.js';
import { isHeld } from './guard.js';
import { hostPath, openPlace } from './place.js';
import type { HostPath, Place } from './place.js';
import { hostStat } from './stat.js';

const { O_CREAT, O_EXCL, O_NOCTTY, O_NONBLOCK, O_NOFOLLOW, O_RDONLY, O_RDWR, O_WRONLY } = fs.constants;
/** Not among Node's constants; Linux's value, and only used there. */
const O_PATH = 0o10000000;

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

const WITHOUT_THROWING = { bigint: true, throwIfNoEntry: false } as const;

/** Nothing that is not a plain file gets past this, should the host have swapped the entry since it was looked at. */
function plainFile(fd: number): NodeFile | Errno {
  const stat = attempt(() => hostStat(fs.fstatSync(fd, { bigint: true })));
  if (typeof stat !== 'number' && (stat.mode & S_IFMT) === S_IFREG) return new NodeFile(fd, stat);
  fs.closeSync(fd);
  return ENXIO;
}

function direntType(entry: fs.Dirent): number {
  if (entry.isFile()) return 8;
  if (entry.isDirectory()) return 4;
  if (entry.isSymbolicLink()) return 10;
  if (entry.isCharacterDevice()) return 2;
  if (entry.isBlockDevice()) return 6;
  if (entry.isFIFO()) return 1;
  return entry.isSocket() ? 12 : 0;
}

/** An open folder of the host. */
/** A folder's entries in the order in which the host has them; readdirSync would sort them. */
function readInOrder(path: HostPath): HostEntry[] {
  const folder = fs.opendirSync(path as string, { encoding: 'latin1' as BufferEncoding, bufferSize: 1024 });
  const entries: HostEntry[] = [];
  for (let entry = folder.readSync(); entry !== null; entry = folder.readSync())
    entries.push({ name: entry.name, type: direntType(entry) });
  folder.closeSync();
  return entries;
}

export class NodeFolder implements HostFolder {
  constructor(private readonly place: Place) {}

  /** Runs a call on the path of an entry. */
  #at<T>(name: string, call: (path: HostPath) => T): T | Errno {
    const path = this.place.entry(name);
    return typeof path === 'number' ? path : attempt(() => call(path));
  }

  #change(name: string, call: (path: HostPath) => void): number {
    const path = this.place.entry(name);
    return typeof path === 'number' ? path : attemptVoid(() => call(path));
  }

  #open(name: string, flags: number, mode = 0): number {
    return this.#at(name, (path) => fs.openSync(path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode));
  }

  stat(): HostStat | number {
    const stat = this.place.stat();
    return typeof stat === 'number' ? stat : hostStat(stat);
  }

  lookup(name: string): HostStat | number {
    const stat = this.#at(name, (path) => fs.lstatSync(path, WITHOUT_THROWING));
    if (stat === undefined) return ENOENT;
    return typeof stat === 'number' ? stat : hostStat(stat);
  }

  list(): readonly HostEntry[] | number {
    const path = this.place.self();
    if (typeof path === 'number') return path;
    return attempt(() => readInOrder(path));
  }

  openFolder(name: string): HostFolder | number {
    const place = this.place.child(name);
    return typeof place === 'number' ? place : new NodeFolder(place);
  }

  openFile(name: string, write: boolean): HostFile | number {
    const fd = this.#open(name, write ? O_RDWR : O_RDONLY);
    return fd < 0 ? fd : plainFile(fd);
  }

  openWriteOnly(name: string): HostFile | number {
    const fd = this.#open(name, O_WRONLY);
    return fd < 0 ? fd : plainFile(fd);
  }

  create(name: string, mode: number): HostFile | number {
    const fd = this.#open(name, O_RDWR | O_CREAT | O_EXCL, mode & 0o777);
    if (fd < 0) return fd;
    attemptVoid(() => fs.fchmodSync(fd, mode & 0o7777));
    return plainFile(fd);
  }

  mkdir(name: string, mode: number): number {
    const made = this.#change(name, (path) => fs.mkdirSync(path, mode & 0o777));
    return made < 0 ? made : this.chmod(name, mode);
  }

  symlink(name: string, target: string): number {
    return this.#change(name, (path) => fs.symlinkSync(hostPath(target), path));
  }

  readlink(name: string): string | number {
    return this.#at(name, (path) => fs.readlinkSync(path, 'latin1'));
  }

  link(from: HostFolder, fromName: string, name: string): number {
    if (!(from instanceof NodeFolder)) return EINVAL;
    const source = from.place.entry(fromName);
    if (typeof source === 'number') return source;
    return this.#change(name, (path) => fs.linkSync(source, path));
  }

  unlink(name: string): number {
    return this.#change(name, (path) => fs.unlinkSync(path));
  }

  rmdir(name: string): number {
    const path = this.place.entry(name);
    if (typeof path === 'number') return path;
    return isHeld(path) ? EBUSY : attemptVoid(() => fs.rmdirSync(path));
  }

  rename(name: string, to: HostFolder, toName: string): number {
    if (!(to instanceof NodeFolder)) return EINVAL;
    const target = to.place.entry(toName);
    const path = this.place.entry(name);
    if (typeof path === 'number') return path;
    if (typeof target === 'number') return target;
    if (isHeld(path) || isHeld(target)) return EBUSY;
    return attemptVoid(() => fs.renameSync(path, target));
  }

  /** chmod(2) follows links and Linux had no other for long: the entry is opened as O_PATH and changed through that. */
  chmod(name: string, mode: number): number {
    if (process.platform !== 'linux') return this.#chmodByPath(name, mode);
    const fd = this.#at(name, (path) => fs.openSync(path, O_PATH | O_NOFOLLOW));
    if (fd < 0) return fd;
    const link = attempt(() => fs.fstatSync(fd).isSymbolicLink());
    const changed = link ? EOPNOTSUPP : attemptVoid(() => fs.chmodSync(`/proc/self/fd/${fd}`, mode & 0o7777));
    fs.closeSync(fd);
    return changed;
  }

  #chmodByPath(name: string, mode: number): number {
    const stat = this.#at(name, (path) => fs.lstatSync(path));
    if (typeof stat === 'number') return stat;
    if (stat.isSymbolicLink()) return EOPNOTSUPP;
    return this.#change(name, (path) => fs.chmodSync(path, mode & 0o7777));
  }

  chown(name: string, uid: number, gid: number): number {
    return this.#change(name, (path) => fs.lchownSync(path, uid, gid));
  }

  utimes(name: string, atime: Timespec, mtime: Timespec): number {
    return this.#change(name, (path) => fs.lutimesSync(path, seconds(atime), seconds(mtime)));
  }

  statfs(): HostStatfs | number {
    const path = this.place.self();
    if (typeof path === 'number') return path;
    return attempt(() => {
      const { type, bsize, blocks, bfree, bavail, files, ffree } = fs.statfsSync(path);
      return { type, bsize, blocks, bfree, bavail, files, ffree };
    });
  }

  close(): void {
    this.place.close();
  }
}

export function openRoot(path: string): HostFolder | number {
  const place = openPlace(path);
  return typeof place === 'number' ? place : new NodeFolder(place);
}
