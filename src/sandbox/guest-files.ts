/** `sandbox.fs`, answered from the VFS with the kernel's own rights. */
import { O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY } from '../kernel/abi/fcntl.js';
import { errnoName } from '../kernel/abi/errno-names.js';
import { IN_ACCESS, IN_MODIFY } from '../kernel/abi/inotify.js';
import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../kernel/abi/stat.js';
import { EEXIST, EINVAL, ENOENT, type Errno } from '../kernel/errno.js';
import { mkdir, symlink } from '../kernel/fs/create.js';
import { releaseHandle } from '../kernel/fs/handle.js';
import { isDirectory } from '../kernel/fs/inode.js';
import { notifyHandle } from '../kernel/fs/notify.js';
import { open } from '../kernel/fs/open.js';
import { rename } from '../kernel/fs/rename.js';
import { rmdir, unlink } from '../kernel/fs/remove.js';
import { readDirectory } from '../kernel/fs/synthetic.js';
import type { Handle, Inode, Sink, Source } from '../kernel/fs/types.js';
import type { Vfs } from '../kernel/fs/vfs.js';
import { LOOKUP_FOLLOW, walk } from '../kernel/fs/walk.js';
import type { FileReply, FileRequest } from './backend.js';
import { fromByteString, toByteString } from './text.js';
import type { Tree } from './tree-watch.js';
import { CulmError, type FileStat } from './types.js';

const CHUNK = 1 << 16;

/** Collects what a handle's read puts. */
class Buffer implements Sink {
  bytes = new Uint8Array(CHUNK);
  length = 0;
  remaining = CHUNK;

  private room(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const bigger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
    bigger.set(this.bytes.subarray(0, this.length));
    this.bytes = bigger;
  }

  put(source: Uint8Array, start: number, end: number): number {
    const count = Math.min(end - start, this.remaining);
    this.room(count);
    this.bytes.set(source.subarray(start, start + count), this.length);
    return this.moved(count);
  }

  zero(count: number): number {
    const some = Math.min(count, this.remaining);
    this.room(some);
    return this.moved(some);
  }

  private moved(count: number): number {
    this.length += count;
    this.remaining -= count;
    return count;
  }
}

class Bytes implements Source {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get remaining(): number {
    return this.bytes.length - this.at;
  }

  take(target: Uint8Array, start: number, end: number): number {
    const count = Math.min(end - start, this.remaining);
    target.set(this.bytes.subarray(this.at, this.at + count), start);
    this.at += count;
    return count;
  }
}

function readAll(handle: Handle): Uint8Array | Errno {
  const buffer = new Buffer();
  for (;;) {
    buffer.remaining = CHUNK;
    const count = handle.ops.read(handle, buffer, buffer.length);
    if (count < 0) return count as Errno;
    notifyHandle(handle, count > 0 ? IN_ACCESS : 0);
    if (count === 0) return buffer.bytes.slice(0, buffer.length);
  }
}

/** A whole file, by a byte string's path. */
export function readFile(vfs: Vfs, path: string): Uint8Array | Errno {
  const handle = open(vfs.context(), vfs.root, path, { flags: O_RDONLY, mode: 0 });
  if (typeof handle === 'number') return handle;
  const content = readAll(handle);
  releaseHandle(handle);
  return content;
}

const TYPES: Readonly<Record<number, FileStat['type']>> = {
  [S_IFREG]: 'file',
  [S_IFDIR]: 'directory',
  [S_IFLNK]: 'symlink',
  [S_IFIFO]: 'fifo',
  [S_IFSOCK]: 'socket',
  [S_IFCHR]: 'character',
  [S_IFBLK]: 'block',
};

function statOf(inode: Inode): FileStat {
  inode.fs.refresh?.(inode);
  const { mode, size, uid, gid, mtime } = inode;
  const type = TYPES[mode & S_IFMT] ?? 'file';
  return { type, mode: mode & 0o7777, size, uid, gid, mtime: mtime.sec * 1000 + mtime.nsec / 1e6 };
}

/** A file operation's error, with the errno's name as its code. */
export function fileError(op: string, path: string, errno: number): CulmError {
  return new CulmError(errnoName(errno) as `E${string}`, `${op} ${path}: ${errnoName(errno)}`);
}

export class GuestFiles implements Tree {
  constructor(private readonly vfs: Vfs) {}

  /** Does what is asked; throws CulmError with the errno's name. */
  answer(request: FileRequest): FileReply {
    const path = toByteString(request.path);
    const result = this.run(request, path);
    if (typeof result === 'number' && result < 0) throw fileError(request.op, request.path, result);
    return typeof result === 'number' ? null : result;
  }

  private run(request: FileRequest, path: string): FileReply | 0 | Errno {
    const context = this.vfs.context();
    const { root } = this.vfs;
    switch (request.op) {
      case 'read':
        return readFile(this.vfs, path);
      case 'write':
        return this.write(path, request.content, request.mode);
      case 'list':
        return this.list(path);
      case 'stat':
        return this.stat(path, LOOKUP_FOLLOW);
      case 'lstat':
        return this.stat(path, 0);
      case 'readlink':
        return this.readlink(path);
      case 'mkdir':
        return request.recursive
          ? this.mkdirAll(path, request.mode)
          : mkdir(context, root, path, request.mode);
      case 'rename':
        return rename(context, { start: root, path }, { start: root, path: toByteString(request.to) }, 0);
      case 'symlink':
        return symlink(context, toByteString(request.to), root, path);
      case 'remove':
        return this.remove(path);
      case 'removeAll':
        return this.removeAll(path);
    }
  }

  inode(path: string, follow: boolean): Inode | Errno {
    return this.inodeAt(path, follow ? LOOKUP_FOLLOW : 0);
  }

  private inodeAt(path: string, flags: number): Inode | Errno {
    const place = walk(this.vfs.context(), this.vfs.root, path, flags);
    if (typeof place === 'number') return place;
    return place.dentry.inode ?? ENOENT;
  }

  private stat(path: string, flags: number): FileStat | Errno {
    const inode = this.inodeAt(path, flags);
    return typeof inode === 'number' ? inode : statOf(inode);
  }

  private readlink(path: string): string | Errno {
    const inode = this.inodeAt(path, 0);
    if (typeof inode === 'number') return inode;
    if ((inode.mode & S_IFMT) !== S_IFLNK) return EINVAL;
    const target = inode.fs.readlink?.(inode) ?? EINVAL;
    if (typeof target === 'number') return target;
    return typeof target === 'string' ? fromByteString(target) : EINVAL;
  }

  private write(path: string, content: Uint8Array, mode: number): 0 | Errno {
    const how = { flags: O_WRONLY | O_CREAT | O_TRUNC, mode };
    const handle = open(this.vfs.context(), this.vfs.root, path, how);
    if (typeof handle === 'number') return handle;
    const source = new Bytes(content);
    let done = 0;
    while (source.remaining > 0) {
      const count = handle.ops.write(handle, source, done);
      if (count < 0) {
        releaseHandle(handle);
        return count as Errno;
      }
      done += count;
      notifyHandle(handle, IN_MODIFY);
    }
    releaseHandle(handle);
    return 0;
  }

  names(path: string): string[] | Errno {
    const handle = open(this.vfs.context(), this.vfs.root, path, { flags: O_RDONLY, mode: 0 });
    if (typeof handle === 'number') return handle;
    const names: string[] = [];
    const error = readDirectory(handle, ({ name }) => {
      if (name !== '.' && name !== '..') names.push(name);
      return true;
    });
    releaseHandle(handle);
    return error === 0 ? names : error;
  }

  private list(path: string): string[] | Errno {
    const names = this.names(path);
    return typeof names === 'number' ? names : names.map(fromByteString).sort();
  }

  private mkdirAll(path: string, mode: number): 0 | Errno {
    const names = path.split('/').filter((name) => name !== '');
    for (let i = 1; i <= names.length; i++) {
      const error = mkdir(this.vfs.context(), this.vfs.root, `/${names.slice(0, i).join('/')}`, mode);
      if (error !== 0 && error !== EEXIST) return error;
    }
    return 0;
  }

  private remove(path: string): 0 | Errno {
    const inode = this.inodeAt(path, 0);
    if (typeof inode === 'number') return inode;
    return (isDirectory(inode) ? rmdir : unlink)(this.vfs.context(), this.vfs.root, path);
  }

  private removeAll(path: string): 0 | Errno {
    const inode = this.inodeAt(path, 0);
    if (typeof inode === 'number') return inode === ENOENT ? 0 : inode;
    if (!isDirectory(inode)) return this.remove(path);
    const names = this.names(path);
    if (typeof names === 'number') return names;
    for (const name of names) {
      const error = this.removeAll(`${path}/${name}`);
      if (error !== 0) return error;
    }
    return this.remove(path);
  }
}
