/** Names of AF_UNIX sockets (unix(7)): paths, abstract names, and what bind and connect do with them. */
import { kind } from '../../checkpoint/registry.js';
import { S_IFMT, S_IFSOCK } from '../../abi/stat.js';
import { AF_UNIX } from '../../abi/socket.js';
import { EACCES, EADDRINUSE, ECONNREFUSED, EEXIST, EINVAL, ENOENT, type Errno } from '../../errno.js';
import { mknod } from '../../fs/create.js';
import { pinDentry, unpinDentry } from '../../fs/dentry.js';
import { touchAccessed } from '../../fs/inode.js';
import { MAY_WRITE, inodePermission } from '../../fs/permission.js';
import type { Inode, Location } from '../../fs/types.js';
import { LOOKUP_FOLLOW, walk } from '../../fs/walk.js';
import type { Caller } from '../../types.js';
import type { UnixSocket } from './socket.js';

/** sizeof(sa_family_t), and of struct sockaddr_un. */
const FAMILY_SIZE = 2;
const ADDRESS_SIZE = 110;
const AUTOBIND_NAMES = 1 << 20;

/**
 * The name in a struct sockaddr_un: a path, or a NUL and an abstract name; '' for none. Names are strings of bytes; a
 * path's ends before its NUL.
 */
export function unixName(address: Uint8Array): string | Errno {
  if (address.length < FAMILY_SIZE || address.length > ADDRESS_SIZE) return EINVAL;
  if (address[0] !== AF_UNIX || address[1] !== 0) return EINVAL;
  const text = String.fromCharCode(...address.subarray(FAMILY_SIZE));
  const nul = text.indexOf('\0');
  return nul > 0 ? text.slice(0, nul) : text;
}

/** The other way round; null for a socket without a name. */
export function unixAddress(name: string | null): Uint8Array {
  const isPath = name !== null && name.charCodeAt(0) !== 0;
  const bytes = new Uint8Array(FAMILY_SIZE + (name?.length ?? 0) + Number(isPath));
  bytes[0] = AF_UNIX;
  for (let i = 0; i < (name?.length ?? 0); i++) bytes[FAMILY_SIZE + i] = name?.charCodeAt(i) ?? 0;
  return bytes;
}

/** Which socket has which name. An abstract name belongs to a type of socket. */
export class UnixNames {
  private readonly byInode = new Map<Inode, UnixSocket>();
  private readonly abstract = new Map<string, UnixSocket>();

  bind(caller: Caller, socket: UnixSocket, name: string): 0 | Errno {
    return name.charCodeAt(0) === 0 ? this.bindAbstract(socket, name) : this.bindPath(caller, socket, name);
  }

  private bindAbstract(socket: UnixSocket, name: string): 0 | Errno {
    if (socket.address !== null) return EINVAL;
    const key = abstractKey(socket, name);
    if (this.abstract.has(key)) return EADDRINUSE;
    this.abstract.set(key, socket);
    socket.address = name;
    return 0;
  }

  private bindPath(caller: Caller, socket: UnixSocket, path: string): 0 | Errno {
    const { fs } = caller.process;
    if (socket.address !== null) {
      const there = walk(fs, fs.cwd, path, 0);
      return typeof there === 'number' && there !== ENOENT
        ? there
        : typeof there === 'number'
          ? EINVAL
          : EADDRINUSE;
    }
    const made = mknod(fs, fs.cwd, path, S_IFSOCK | (socket.mode & 0o7777), 0);
    if (made !== 0) return made === EEXIST ? EADDRINUSE : made;
    const place = walk(fs, fs.cwd, path, 0);
    if (typeof place === 'number') return place;
    if (place.dentry.inode === null) return EACCES;
    pinDentry(place.dentry);
    socket.place = place;
    socket.address = path;
    this.byInode.set(place.dentry.inode, socket);
    return 0;
  }

  /** Gives a socket without a name an abstract one of five digits. */
  autobind(socket: UnixSocket): 0 | Errno {
    if (socket.address !== null) return 0;
    const first = socket.net.randomBelow(AUTOBIND_NAMES);
    for (let i = 0; i < AUTOBIND_NAMES; i++) {
      const number = (first + i) % AUTOBIND_NAMES;
      if (this.bindAbstract(socket, `\0${number.toString(16).padStart(5, '0')}`) === 0) return 0;
    }
    return EADDRINUSE;
  }

  /** The socket that a name leads to. */
  find(caller: Caller | null, from: UnixSocket, name: string): UnixSocket | Errno {
    if (name.charCodeAt(0) === 0) return this.abstract.get(abstractKey(from, name)) ?? ECONNREFUSED;
    if (caller === null) return ECONNREFUSED;
    const { fs } = caller.process;
    const place = walk(fs, fs.cwd, name, LOOKUP_FOLLOW);
    if (typeof place === 'number') return place;
    const { inode } = place.dentry;
    if (inode === null) return ENOENT;
    const denied = inodePermission(inode, MAY_WRITE, fs.cred);
    if (denied !== 0) return denied;
    if ((inode.mode & S_IFMT) !== S_IFSOCK) return ECONNREFUSED;
    const socket = this.byInode.get(inode);
    if (socket === undefined) return ECONNREFUSED;
    touchAccessed(inode, from.net.clock);
    return socket;
  }

  /** Whether the socket has its abstract name here: one that was accepted only shares its listener's. */
  holds(socket: UnixSocket): boolean {
    const { address } = socket;
    return address !== null && this.abstract.get(abstractKey(socket, address)) === socket;
  }

  /** Whether nobody has the abstract name of a socket that is another kernel's. */
  isFree(socket: UnixSocket): boolean {
    return socket.address !== null && !this.abstract.has(abstractKey(socket, socket.address));
  }

  /** Enters that name. */
  adopt(socket: UnixSocket): void {
    if (socket.address !== null) this.abstract.set(abstractKey(socket, socket.address), socket);
  }

  /** The socket goes; its path stays, without a socket behind it. */
  forget(socket: UnixSocket): void {
    const { address, place } = socket;
    if (place !== null) {
      const { inode } = place.dentry;
      if (inode !== null && this.byInode.get(inode) === socket) this.byInode.delete(inode);
      release(place);
      socket.place = null;
    } else if (address !== null) {
      const key = abstractKey(socket, address);
      if (this.abstract.get(key) === socket) this.abstract.delete(key);
    }
  }
}

/** A socket that is to be accepted has its listener's name, and keeps its place. */
export function shareName(from: UnixSocket, to: UnixSocket): void {
  to.address = from.address;
  if (from.place === null) return;
  pinDentry(from.place.dentry);
  to.place = from.place;
}

function release(place: Location): void {
  unpinDentry(place.dentry);
}

function abstractKey({ type }: UnixSocket, name: string): string {
  return `${type}${name}`;
}

kind('UnixNames', UnixNames);
