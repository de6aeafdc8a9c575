/**
 * How an entry of an open folder is addressed, since Node has no openat(2).
 *
 *   OpenPlace  Linux: the folder is an open descriptor, an entry is /proc/self/fd/<fd>/<name>. The kernel goes from the
 *              descriptor straight to that folder, wherever it is by now, so nothing before the name can be swapped.
 *   PathPlace  elsewhere: a path, whose folders below the root are checked by lstat before each use. A host program that
 *              swaps a folder for a symbolic link in the moment between is not seen; the guest itself cannot do so, as it
 *              does nothing while a call runs.
 *
 * The name itself is never followed: every user passes O_NOFOLLOW or uses a call of the l- family.
 */
import fs from 'node:fs';
import { EACCES, EINVAL, ENOENT } from '../../kernel/errno.js';
import type { Errno } from '../../kernel/errno.js';
import { attempt } from './errors.js';
import { isClosed, isWithinClosed } from './guard.js';

/** What node:fs takes as a path. */
export type HostPath = string | Buffer;

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = fs.constants;

export interface Place {
  /** The path of an entry, good for one call right away. */
  entry(name: string): HostPath | Errno;
  /** The path of the folder itself. */
  self(): HostPath | Errno;
  stat(): fs.BigIntStats | Errno;
  child(name: string): Place | Errno;
  close(): void;
}

/** A byte string as a path: plain ASCII may stay a string, anything else must not be turned into UTF-8. */
export function hostPath(bytes: string): HostPath {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes.charCodeAt(i) > 0x7f) return Buffer.from(bytes, 'latin1');
  }
  return bytes;
}

/** The last line against names that are more than a name; the kernel has split paths long before. */
function isEntry(name: string): boolean {
  return name !== '' && name !== '..' && !name.includes('/') && !name.includes('\0');
}

class OpenPlace implements Place {
  readonly #prefix: string;

  constructor(readonly fd: number) {
    this.#prefix = `/proc/self/fd/${fd}`;
  }

  entry(name: string): HostPath | Errno {
    return isEntry(name) ? hostPath(`${this.#prefix}/${name}`) : EINVAL;
  }

  self(): HostPath {
    return this.#prefix;
  }

  stat(): fs.BigIntStats | Errno {
    return attempt(() => fs.fstatSync(this.fd, { bigint: true }));
  }

  child(name: string): Place | Errno {
    const path = this.entry(name);
    if (typeof path === 'number') return path;
    if (isClosed(name, path)) return EACCES;
    const fd = attempt(() => fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    return fd < 0 ? (fd as Errno) : new OpenPlace(fd);
  }

  close(): void {
    fs.closeSync(this.fd);
  }
}

class PathPlace implements Place {
  readonly #ino: bigint;
  readonly #dev: bigint;

  constructor(
    readonly path: string,
    readonly parent: PathPlace | null,
    stat: fs.BigIntStats,
  ) {
    this.#ino = stat.ino;
    this.#dev = stat.dev;
  }

  #isWhatItWas(): boolean {
    const stat = this.stat();
    if (typeof stat === 'number' || stat.ino !== this.#ino || stat.dev !== this.#dev) return false;
    return this.parent === null || this.parent.#isWhatItWas();
  }

  entry(name: string): HostPath | Errno {
    if (!isEntry(name)) return EINVAL;
    return this.#isWhatItWas() ? hostPath(`${this.path}/${name}`) : ENOENT;
  }

  self(): HostPath | Errno {
    return this.#isWhatItWas() ? hostPath(this.path) : ENOENT;
  }

  stat(): fs.BigIntStats | Errno {
    return attempt(() => fs.lstatSync(hostPath(this.path), { bigint: true }));
  }

  child(name: string): Place | Errno {
    const path = this.entry(name);
    if (typeof path === 'number') return path;
    if (isClosed(name, path)) return EACCES;
    const stat = attempt(() => fs.lstatSync(path, { bigint: true }));
    if (typeof stat === 'number') return stat;
    return stat.isDirectory() ? new PathPlace(`${this.path}/${name}`, this, stat) : ENOENT;
  }

  close(): void {
    // A path holds nothing open.
  }
}

/** Whether entries can be reached through descriptors: Linux with /proc. */
function hasDescriptorPaths(fd: number): boolean {
  if (process.platform !== 'linux') return false;
  const through = attempt(() => fs.statSync(`/proc/self/fd/${fd}/.`, { bigint: true }));
  const direct = attempt(() => fs.fstatSync(fd, { bigint: true }));
  if (typeof through === 'number' || typeof direct === 'number') return false;
  return through.ino === direct.ino && through.dev === direct.dev;
}

/** The root of a folder given by an ordinary path of the host, in which symbolic links are followed. */
export function openPlace(path: string): Place | Errno {
  const real = attempt(() => fs.realpathSync.native(hostPath(path), 'latin1'));
  if (typeof real === 'number') return real;
  if (isWithinClosed(real)) return EACCES;
  const fd = attempt(() => fs.openSync(hostPath(real), O_RDONLY | (O_DIRECTORY ?? 0)));
  if (fd >= 0 && hasDescriptorPaths(fd)) return new OpenPlace(fd);
  if (fd >= 0) fs.closeSync(fd);
  const stat = attempt(() => fs.lstatSync(hostPath(real), { bigint: true }));
  if (typeof stat === 'number') return stat;
  return stat.isDirectory() ? new PathPlace(real, null, stat) : (fd as Errno);
}
